/** What README.md and docs/ show compiles as a user would write it, runs, and prints what is said. */
import { rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { ROOT, runFile } from "../support/program.ts";
import { blocksOf, readPages } from "./pages.ts";
import { compile, userProject } from "./user-project.ts";

const pages = await readPages();
const texts = pages.map(({ text }) => text);
const snippets = blocksOf(pages, "ts");
/** A snippet with `// prints TEXT` is run, and prints just that. */
const runnable = snippets.filter(({ code }) => code.includes("// prints "));

/** What snippets may leave out. */
const PRELUDE = `
import type { Agent, AgentModule, Node, Task } from "asimov-agents";
declare global {
  const agent: Agent;
  const task: Task;
  const nodes: Node[];
  const draft: AgentModule;
  const check: AgentModule;
}
`;

let place: string;

beforeAll(async () => {
  place = await userProject(PRELUDE);
  await Promise.all(snippets.map(({ name, code }) => writeFile(join(place, `${name}.ts`), `${code}\nexport {};\n`)));
});

afterAll(async () => {
  await rm(place, { recursive: true, force: true });
});

describe("snippets", () => {
  it("compile", async () => {
    expect(snippets.length).toBeGreaterThan(20);
    const { stdout, code } = await compile(place);
    expect({ stdout, code }).toEqual({ stdout: "", code: 0 });
  });

  it.each(runnable)("print what they say: $name", async ({ name, code }) => {
    const expected = [...code.matchAll(/\/\/ prints (.*)$/gm)].map(([, line]) => line).join("\n");
    expect(await runFile(join(place, `${name}.ts`))).toEqual({ stdout: `${expected}\n`, stderr: "", code: 0, signal: null });
  });
});

describe("commands of the pages", () => {
  it("name npm scripts that there are", () => {
    const named = texts.flatMap((text) => [...text.matchAll(/npm (?:run )?([a-z]+)/g)].map(([, name]) => name as string));
    const commands = named.filter((name) => !["ci", "init", "install", "pack", "pkg", "registry"].includes(name));
    expect(commands).toContain("demo");
    for (const name of commands) expect(Object.keys(manifest.scripts)).toContain(name);
  });

  it("name programs that there are", async () => {
    const files = texts.flatMap((text) =>
      [...text.matchAll(/node --conditions=asimov-source (\S+\.ts)/g)].map(([, name]) => name as string),
    );
    expect(files.length).toBeGreaterThan(0);
    for (const name of files) expect((await stat(join(ROOT, name))).isFile()).toBe(true);
  });
});
