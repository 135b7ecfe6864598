import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { ROOT, runFile } from "../support/program.ts";
import { compile, userProject } from "./user-project.ts";

const documents = [
  "README.md",
  ...(await readdir(join(ROOT, "docs"))).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`),
];
const texts = new Map(
  await Promise.all(documents.map(async (name): Promise<[string, string]> => [name, await readFile(join(ROOT, name), "utf8")])),
);

function blocks(language: string): { name: string; code: string }[] {
  return [...texts].flatMap(([document, text]) =>
    [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(([, code = ""], index) => ({
      name: `${document.replace(/\W/g, "-")}-${index + 1}`,
      code,
    })),
  );
}

const snippets = blocks("ts");
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

describe("documents", () => {
  it("hold snippets that compile", async () => {
    expect(snippets.length).toBeGreaterThan(10);
    const { stdout, code } = await compile(place);
    expect({ stdout, code }).toEqual({ stdout: "", code: 0 });
  });

  it.each(runnable)("hold a snippet that prints what it says: $name", async ({ name, code }) => {
    const expected = [...code.matchAll(/\/\/ prints (.*)$/gm)].map(([, line]) => line).join("\n");
    expect(await runFile(join(place, `${name}.ts`))).toEqual({ stdout: `${expected}\n`, stderr: "", code: 0, signal: null });
  });

  it("name npm scripts that there are", () => {
    const named = [...texts.values()].flatMap((text) => [...text.matchAll(/npm (?:run )?([a-z]+)/g)].map(([, name]) => name as string));
    const commands = named.filter((name) => !["ci", "install", "pack", "registry"].includes(name));
    expect(commands).toContain("demo");
    for (const name of commands) expect(Object.keys(manifest.scripts)).toContain(name);
  });

  it("name programs that there are", async () => {
    const files = [...texts.values()].flatMap((text) =>
      [...text.matchAll(/node --conditions=asimov-source (\S+\.ts)/g)].map(([, name]) => name as string),
    );
    expect(files.length).toBeGreaterThan(0);
    for (const name of files) expect((await stat(join(ROOT, name))).isFile()).toBe(true);
  });

  it.each(documents)("link only to what is there: %s", async (document) => {
    const links = [...(texts.get(document) as string).matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)].map(
      ([, target]) => target as string,
    );
    const missing: string[] = [];
    for (const link of links) {
      await stat(resolve(ROOT, dirname(document), link)).catch(() => missing.push(link));
    }
    expect(missing).toEqual([]);
  });
});

describe("README", () => {
  const readme = texts.get("README.md") as string;

  it("links only to what is in the package, where its readers are", () => {
    const linked = [...readme.matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)].map(([, target]) => target as string);
    expect(linked).toContain("examples/demo.ts");
    expect(linked.filter((target) => !manifest.files.includes(target.split("/")[0] as string))).toEqual([]);
  });

  it("opens with what it is, a picture, the two commands and code that runs", () => {
    const opening = readme.slice(0, readme.indexOf("\n## "));
    expect(opening).toContain("```mermaid\nflowchart");
    expect(opening).toContain("npm ci && npm run demo");
    expect(opening).toContain("npm ci && npm test");
    expect(opening).toContain("// prints ");
  });

  it("lists every entry point of the package", () => {
    for (const path of Object.keys(manifest.exports)) {
      if (path !== "./package.json") expect(readme).toContain(`\`${path.replace(".", manifest.name)}\``);
    }
  });

  it("lists the codes of the errors, all of them and no others", async () => {
    const table = /## Errors\n([\s\S]*?)\n## /.exec(readme)?.[1] as string;
    const rows = table.split("\n").filter((line) => line.startsWith("| `"));
    const listed = rows.flatMap((row) => [...(row.split("|")[1] as string).matchAll(/`([a-z-]+)`/g)].map(([, code]) => code as string));
    expect(new Set(listed).size).toBe(listed.length);

    const source = (await Promise.all(["src", "machines", "actors"].map(sourcesIn))).flat().join("\n");
    const written = [...source.matchAll(/\bcode: (?:[^"\n]*\?\? )?"([a-z-]+)"/g)].map(([, code]) => code as string);
    // The word of zod for a rule of one's own.
    expect(written.filter((code) => !listed.includes(code) && code !== "custom")).toEqual([]);
    const isMade = (code: string): boolean => source.includes(`"${code}"`) || source.includes(`\`${code.split("-")[0]}-\${`);
    expect(listed.filter((code) => !isMade(code))).toEqual([]);
  });
});

/** What a user's program may meet; the laws for tests have errors of their own. */
async function sourcesIn(folder: string): Promise<string[]> {
  const names = await readdir(join(ROOT, folder), { recursive: true });
  const files = names.filter((name) => name.endsWith(".ts") && !name.startsWith("testing"));
  return Promise.all(files.map((name) => readFile(join(ROOT, folder, name), "utf8")));
}
