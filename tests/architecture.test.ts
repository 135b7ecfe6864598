/** Who may import whom holds for every file, and the check that says so finds each kind of fault. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { architectureFaults } from "./support/architecture.ts";
import { scanSource } from "./support/source-scan.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

function sourcesUnder(folders: readonly string[]): Map<string, string> {
  return new Map(
    folders.flatMap((folder) =>
      readdirSync(`${root}${folder}`, { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".ts"))
        .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
        .map((path): [string, string] => [path, readFileSync(root + path, "utf8")]),
    ),
  );
}

describe("architecture", () => {
  it("holds: each file imports only what its room may", () => {
    const sources = sourcesUnder(["src", "machines", "actors", "examples"]);
    expect(sources.size).toBeGreaterThan(20);
    expect(sources.has("src/index.ts")).toBe(true);
    expect(architectureFaults(sources)).toEqual([]);
  });

  it("has no room outside of the plan", () => {
    const known = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root, encoding: "utf8" });
    const folders = new Set(known.split("\n").flatMap((path) => (path.includes("/") ? path.split("/", 1) : [])));
    expect([...folders].sort()).toEqual([".ci", "actors", "bench", "build", "docs", "examples", "machines", "src", "tests"]);
  });
});

const base = { "src/contract/base/a.ts": "export const a = 1;" };

describe("architecture check", () => {
  it.each<[string, Record<string, string>, string]>([
    [
      "the contract that imports a driver",
      { "src/contract/base/b.ts": 'import "#cache/c";', "src/cache/c.ts": "" },
      "must not import src/cache/c.ts",
    ],
    ["the contract that imports xstate", { "src/contract/run/b.ts": 'import { setup } from "xstate";' }, "must not import xstate"],
    [
      "a domain that imports the one above it",
      { "src/contract/graph/b.ts": 'import type { N } from "#contract/node/n";', "src/contract/node/n.ts": "" },
      "src/contract/graph/b.ts must not import src/contract/node/n.ts",
    ],
    [
      "a machine that imports an actor",
      { "machines/m.ts": 'import { a } from "#actors/a";', "actors/a.ts": "" },
      "must not import actors/a.ts",
    ],
    ["a machine that imports zod", { "machines/m.ts": 'import { z } from "zod";' }, "machines/m.ts must not import zod"],
    ["a machine that reads the clock", { "machines/m.ts": "const at = () => Date.now();" }, "not pure: Date.now"],
    ["a machine that makes a date", { "machines/m.ts": "const at = new Date();" }, "not pure: new Date("],
    ["a machine that draws", { "machines/m.ts": "const id = crypto.randomUUID();" }, "not pure: crypto."],
    ["an actor that has a timer of its own", { "actors/a.ts": "setTimeout(fire, 1);" }, "actors/a.ts takes setTimeout( from the platform"],
    ["a client that reads the clock", { "src/clients/c.ts": "const at = Date.now();" }, "takes Date.now from the platform"],
    ["a chain that draws an id", { "src/chain/c.ts": "const id = crypto.randomUUID();" }, "takes randomUUID from the platform"],
    ["a driver that makes a date", { "src/cache/c.ts": "const at = new Date();" }, "takes new Date() from the platform"],
    ["a machine that provides itself", { "machines/m.ts": "export const n = m.provide({});" }, "machines/m.ts provides a machine"],
    ["an actor that starts one", { "actors/a.ts": "createActor(m);" }, "actors/a.ts starts an actor"],
    ["a driver that imports a driver", { "src/cache/c.ts": 'import "#store/s";', "src/store/s.ts": "" }, "must not import src/store/s.ts"],
    ["a driver that imports xstate", { "src/cache/c.ts": 'import type { Actor } from "xstate";' }, "must not import types of xstate"],
    ["a driver with a stranger's client", { "src/cache/c.ts": 'import { L } from "ws";' }, "must not import ws"],
    [
      "a provider that imports another",
      { "src/inference/openai/o.ts": 'import "#inference/vertex/v";', "src/inference/vertex/v.ts": "" },
      "must not import src/inference/vertex/v.ts",
    ],
    [
      "a call that imports the chain",
      { "src/inference/call/c.ts": 'import "#chain/h";', "src/chain/h.ts": "" },
      "must not import src/chain/h.ts",
    ],
    ["the bridge that loads xstate", { "src/inspect/i.ts": 'import { toObserver } from "xstate";' }, "must not import xstate"],
    [
      "an example that reaches inside",
      { "examples/01-a.ts": 'import { a } from "../src/contract/base/a.ts";' },
      "must not import src/contract/base/a.ts",
    ],
    ["a path that climbs", { "src/cache/c.ts": 'import { a } from "../contract/base/a.ts";' }, "climbs by ../contract/base/a.ts"],
    ["a file that is not there", { "src/index.ts": 'export * from "./gone.ts";' }, "which is no file of ours"],
    ["a file in no room", { "src/utils/u.ts": "" }, "in no room"],
    ["a file of the contract in no domain", { "src/contract/b.ts": "" }, "in no room"],
    [
      "a circle",
      { "src/contract/base/b.ts": 'import "./c.ts";', "src/contract/base/c.ts": 'export { b } from "./b.ts";' },
      "circle: src/contract/base/b.ts → src/contract/base/c.ts",
    ],
    [
      "a circle of types",
      { "src/contract/base/b.ts": 'import type { C } from "./c.ts";', "src/contract/base/c.ts": 'import { b } from "#contract/base/b";' },
      "circle: src/contract/base/b.ts → src/contract/base/c.ts",
    ],
    [
      "a core that loads Redis",
      { "src/index.ts": 'export * from "./cache/r.ts";', "src/cache/r.ts": 'import { Redis } from "ioredis";' },
      "src/index.ts → src/cache/r.ts loads ioredis at once",
    ],
    [
      "a core that loads all of zod",
      { "src/index.ts": 'import "./contract/base/b.ts";', "src/contract/base/b.ts": 'import { z } from "zod";' },
      "src/index.ts → src/contract/base/b.ts loads zod at once",
    ],
    [
      "a core that loads Node",
      { "src/index.ts": 'export * from "./agent.ts";', "src/agent.ts": 'import fs from "node:fs";' },
      "src/index.ts → src/agent.ts loads node:fs at once",
    ],
    [
      "an import of types that stays at run time",
      { "src/contract/base/b.ts": 'import { type ActorRef } from "xstate";' },
      "must not import xstate",
    ],
  ])("finds %s", (_, files, fault) => {
    expect(architectureFaults(new Map(Object.entries({ ...base, ...files })))).toContainEqual(expect.stringContaining(fault));
  });

  it("finds nothing in what is right", () => {
    const files = {
      ...base,
      "src/contract/base/b.ts": 'import type { Snapshot } from "xstate";\nimport * as z from "zod/mini";\nimport { a } from "./a.ts";',
      "src/contract/run/c.ts": 'import { b } from "#contract/base/b";',
      "machines/m.ts": 'import { setup } from "xstate";\nimport { a } from "#contract/base/a"; // Date.now()',
      "actors/node-pool.ts": "createActor(logic, { parent });",
      "src/cache/r.ts": 'const load = () => import("ioredis");',
      "src/agent.ts": 'import { m } from "#machines/m";\nimport "./cache/r.ts";\ncreateActor(m.provide({}));',
      "src/index.ts": 'export { Agent } from "./agent.ts";',
      "examples/01-a.ts": 'import { Agent } from "asimov-agents/machines";\nimport "./demo/b.ts";',
      "examples/demo/b.ts": 'import "../demo/c.ts";',
      "examples/demo/c.ts": "",
    };
    expect(architectureFaults(new Map(Object.entries(files)))).toEqual([]);
  });
});

describe("source scan", () => {
  it("finds every form of import, and none in comments, strings, templates and regular expressions", () => {
    const { imports, code } = scanSource(`
      import a from "a"; import { b, type B } from 'b';
      import * as c from "c"; import "d";
      import type { E } from "e"; export type { F } from "f"; export * from "g"; export { h } from "h";
      import {
        i, // import x from "x1"
      } from "i";
      const j = await import("j"); const k = () => import( /* why */ "k");
      // import x from "x2"
      /* import x from "x3" */
      const text = 'import x from "x4"' + \`import x from "x5" \${(() => { return \`}\${import("l")}\`; })()} import "x6"\`;
      const pattern = /["'\`/*]/.test("// no comment") ? 4 / 2 / 1 : /[/"]/; import m from "m";
    `);
    const found = (kind: string) => imports.filter((entry) => entry.kind === kind).map((entry) => entry.specifier);
    expect(found("static")).toEqual(["a", "b", "c", "d", "g", "h", "i", "m"]);
    expect(found("type")).toEqual(["e", "f"]);
    expect(found("dynamic")).toEqual(["j", "k", "l"]);
    expect(code).not.toMatch(/x\d/);
  });
});
