/** The package installed into an empty project without any optional peer, and used there. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ENTRIES, manifest, project, ROOT, runModule } from "./installed.ts";

const optionalPeers = Object.keys(manifest.peerDependenciesMeta);

async function sizeOf(folder: string): Promise<number> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(file.parentPath, file.name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** As a library's that tells no JSON Schema by itself. */
const missingExporter = (vendor: string): string => `const { defineTool } = await import("asimov-agents");
  const input = { "~standard": { version: 1, vendor: "${vendor}", validate: (value) => ({ value }) } };
  await defineTool({ name: "tool", description: "", input, run: () => null }).ready();`;

describe("package in an empty project", () => {
  it("installs no optional peer, and little else", async () => {
    const folders = await readdir(join(project, "node_modules"));
    expect(folders).toEqual(expect.arrayContaining(["asimov-agents", "xstate", "zod"]));
    for (const peer of optionalPeers) expect(folders).not.toContain(peer.split("/")[0]);
    expect(await sizeOf(join(project, "node_modules"))).toBeLessThan(20_000_000);
  });

  it("holds what it promises, and no tests", async () => {
    const files = await readdir(join(project, "node_modules", manifest.name), { recursive: true });
    expect(files).toEqual(expect.arrayContaining(["LICENSE", "README.md", "package.json", "docs/runs.md", "examples/demo.ts"]));
    const code = files.filter((file) => !file.startsWith("docs/"));
    expect(code.filter((file) => /test|bench|\.tsbuildinfo/.test(file.replace(/(?:src|dist\/(?:src|node))\/testing/, "")))).toEqual([]);
  });

  it("names whose code is within, with the licence", async () => {
    const folder = join(project, "node_modules", manifest.name, "dist/node");
    const files = (await readdir(folder)).filter((file) => file.endsWith(".js"));
    const text = (await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")))).join("");
    const within = [...text.matchAll(/^\/\/ (?:.*\/)?node_modules\/([^/]+)\//gm)].map(([, name]) => name as string);
    expect([...new Set(within)].sort()).toEqual(["eventsource-parser", "zod"]);
    for (const name of within) expect(text).toMatch(new RegExp(`Of ${name}:[\\s*]*MIT License[\\s*]*Copyright`));
    expect(text).not.toContain(ROOT);
  });

  it.each(ENTRIES)("imports %s", async (entry) => {
    const names = await runModule("import", `console.log(JSON.stringify(Object.keys(await import("${entry}"))));`);
    expect(names).not.toEqual([]);
  });

  it.each([
    ["ioredis", `const { RedisStore } = await import("asimov-agents/redis"); await new RedisStore().read("a");`],
    [
      "pg",
      `const { PostgresStore } = await import("asimov-agents/postgres"); await new PostgresStore({ connectionString: "postgres://localhost" }).read("a");`,
    ],
    [
      "bullmq",
      `const { MemoryStore, Runs, Task } = await import("asimov-agents");
      const { bullQueue } = await import("asimov-agents/worker");
      const runs = new Runs(new MemoryStore(), { queue: bullQueue({ connection: "redis://localhost" }) });
      await runs.submit(new Task({ type: "test", objective: "Work" }), { agent: "report" });`,
    ],
  ])("says that %s is to be installed, to who needs it", async (name, use) => {
    const told = `try { ${use} } catch ({ code, message }) { console.log(JSON.stringify({ code, message })); }`;
    expect(await runModule(`without-${name}`, told)).toEqual({
      code: "missing-package",
      message: expect.stringMatching(new RegExp(`npm install .*${name}`)),
    });
  });

  it("keeps what is inside to itself", async () => {
    const inside = `await import("asimov-agents/dist/src/index.js").catch((error) => console.log(JSON.stringify(error.code)));`;
    expect(await runModule("inside", inside)).toBe("ERR_PACKAGE_PATH_NOT_EXPORTED");
  });

  it("runs a graph", async () => {
    const outcome = await runModule(
      "graph",
      `import { Agent, defineModule, Node, Task } from "asimov-agents";
      const step = (name, work) => defineModule({ name, process: async (context) => ({ status: "success", result: await work(context) }) });
      const agent = new Agent({
        nodes: [
          new Node({ name: "plan", modules: [step("plan", ({ values }) => values.increment("planned", 2))] }),
          new Node({
            name: "write",
            dependencies: ["plan"],
            nodeConfig: { condition: "planned == 2 and task.params.ready" },
            modules: [step("write", ({ task }) => task.objective.length)],
          }),
        ],
      });
      const { status, nodes: results } = await agent.runTask(new Task({ type: "demo", objective: "four", params: { ready: true } }));
      console.log(JSON.stringify({ status, written: results.write.results[0].result }));`,
    );
    expect(outcome).toEqual({ status: "COMPLETE", written: 4 });
  });

  /** What an import loads: each module, and the one that asked for it. */
  async function loadedBy(source: string): Promise<{ url: string; from: string }[]> {
    const hooks = `import { registerHooks } from "node:module";
      const loaded = [];
      registerHooks({
        resolve(specifier, context, next) {
          const found = next(specifier, context);
          loaded.push({ url: found.url, from: context.parentURL });
          return found;
        },
      });`;
    return (await runModule("loaded", `${hooks}\n${source}\nconsole.log(JSON.stringify(loaded));`)) as { url: string; from: string }[];
  }

  it("loads few files with the core: no zod, no validator, no client library, no Lua engine and no built-in module", async () => {
    const loaded = await loadedBy('await import("asimov-agents");');
    const urls = loaded.map(({ url }) => url);
    expect(urls.some((url) => url.includes("/asimov-agents/dist/node/index.js"))).toBe(true);
    expect(urls.filter((url) => /\/(?:condition\/engine-text\.js|ioredis|pg\/|@statelyai|zod|@cfworker|@opentelemetry)/.test(url))).toEqual(
      [],
    );
    expect(loaded.filter(({ url, from }) => url.startsWith("node:") && from.includes("/asimov-agents/"))).toEqual([]);
    expect(new Set(urls.filter((url) => url.includes("/asimov-agents/"))).size).toBeLessThan(6);
  });

  it("loads each part of itself once, whatever entries are imported, and what is late beside them", async () => {
    const importing = ENTRIES.map((entry) => `await import("${entry}");`).join("\n");
    const using = `const { Agent, defineModule, defineTool, Node, Task } = await import("asimov-agents");
      const modules = [defineModule({ name: "work", process: async () => ({ status: "success" }) })];
      const agent = new Agent({ nodes: [new Node({ name: "work", modules, nodeConfig: { condition: "true" } })] });
      await agent.runTask(new Task({ type: "demo", objective: "Load" }));
      await defineTool({ name: "tool", description: "", input: { type: "object" }, run: () => null }).check({});`;
    const ours = (await loadedBy(`${importing}\n${using}`)).flatMap(({ url }) => /\/asimov-agents\/dist\/(.*)$/.exec(url)?.[1] ?? []);
    const late = new Set(ours.filter((path) => !path.startsWith("node/")));
    expect([...late].sort()).toEqual([
      "src/condition/engine-module.js",
      "src/condition/engine-text.js",
      "src/contract/chat/json-schema.js",
    ]);
  });

  it("tells and checks schemas of the zod that the user has, with what is noted of them there", async () => {
    const told = await runModule(
      "schemas",
      `import { defineTool } from "asimov-agents";
      import * as z from "zod";
      import * as mini from "zod/mini";
      const run = () => null;
      const tools = [
        z.object({ city: z.string().meta({ title: "City" }).describe("Where"), days: z.int().min(1).default(2) }),
        mini.object({ city: mini.string().check(mini.meta({ title: "City" }), mini.describe("Where")), days: mini._default(mini.int().check(mini.gte(1)), 2) }),
      ].map((input) => defineTool({ name: "plan", description: "Plans", input, run }));
      const checks = await Promise.all(tools.flatMap((tool) => [tool.check({ city: "Oslo" }), tool.check({ city: 1 })]));
      console.log(JSON.stringify({ schemas: tools.map(({ inputSchema }) => inputSchema), checks }));`,
    );
    const days = { type: "integer", minimum: 1, maximum: Number.MAX_SAFE_INTEGER, default: 2 };
    const schema = {
      type: "object",
      properties: { city: { type: "string", title: "City", description: "Where" }, days },
      required: ["city"],
    };
    const checks = [{ value: { city: "Oslo", days: 2 } }, { faults: "city: Invalid input: expected string, received number" }];
    expect(told).toMatchObject({ schemas: [schema, schema], checks: [...checks, ...checks] });
  });

  it("keeps the names of classes and functions", async () => {
    const renamed = await runModule(
      "names",
      `const found = [];
      for (const entry of ${JSON.stringify(ENTRIES)}) {
        for (const [name, value] of Object.entries(await import(entry))) {
          if (typeof value === "function" && value.name !== name) found.push([entry, name, value.name]);
        }
      }
      console.log(JSON.stringify(found));`,
    );
    expect(renamed).toEqual([]);
  });

  it("maps what it throws to its sources, which it holds", async () => {
    const source = `try { new (await import("asimov-agents")).Task({}); } catch ({ stack }) { console.log(JSON.stringify(stack)); }`;
    const stack = await runModule("mapped", source, ["--enable-source-maps"]);
    const [, file] = /\((\S+\/asimov-agents\/src\/contract\/base\/options\.ts):\d+/.exec(stack as string) ?? [];
    expect(file).toBeDefined();
    expect((await stat(file as string)).isFile()).toBe(true);
  });

  it.each([
    ["Redis", "ioredis", `const { RedisCache } = await import("asimov-agents/redis"); await new RedisCache().get("key", null);`],
    [
      "PostgreSQL",
      "pg",
      `const { PostgresStore } = await import("asimov-agents/postgres"); await new PostgresStore({ connectionString: "postgres://localhost/x" }).now();`,
    ],
    ["zod 3's JSON Schema", "zod-to-json-schema", missingExporter("zod")],
    ["Valibot's JSON Schema", "@valibot/to-json-schema", missingExporter("valibot")],
    ["the inspector", "@statelyai/inspect", `const { statelyInspector } = await import("asimov-agents/inspect"); statelyInspector();`],
  ])("says what to install when %s is asked for", async (_, peer, source) => {
    const error = await runModule(
      "missing",
      `try { ${source} console.log("null"); } catch ({ name, code, message }) { console.log(JSON.stringify({ name, code, message })); }`,
    );
    expect(error).toMatchObject({ name: "AsimovError", code: "missing-package", message: expect.stringContaining(`npm install ${peer}`) });
  });
});
