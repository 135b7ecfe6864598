/** The examples in docstrings compile, as a user would write them: against the package's public names, or a file's own where it is internal. */
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { ROOT } from "../support/program.ts";
import { compile, userProject } from "./user-project.ts";

/** What examples leave out. */
const PRELUDE = `
import type { Agent, AgentModule, AgentNode, InferenceClient, ChatMessage, MemoryCache, Node, Task, Tool } from "asimov-agents";
import type { McpClient, McpTransport } from "asimov-agents/mcp";
declare global {
  const agent: Agent;
  const task: Task;
  const nodes: Node[];
  const node: Node;
  const draft: AgentModule;
  const check: AgentModule;
  const greet: AgentModule;
  const client: InferenceClient & McpClient;
  const model: InferenceClient;
  const transport: McpTransport;
  const messages: ChatMessage[];
  const tools: Tool[];
  const add: Tool;
  const cache: MemoryCache;
  const clock: NonNullable<import("asimov-agents").AgentOptions["clock"]>;
  const host: never;
  const machine: import("xstate").AnyStateMachine;
  const myActors: never;
  const myRunner: never;
  const input: never;
  const mistral: typeof import("@ai-sdk/anthropic").anthropic;
  function remind(): void;
  function showCycle(message: string): void;
  function topUp(provider: string): void;
  function newPlace(): string;
  const MyCache: typeof MemoryCache;
  class MyStore extends (null as unknown as typeof import("asimov-agents").MemoryStore) {
    constructor(options: object);
    place: string;
  }
}
`;

/** Names that are exported by a file, its own and those that it passes on. */
function exportsOf(source: string): string[] {
  const declared = [...source.matchAll(/^export (?:declare |abstract |async )*(?:class|function|const|interface|type) (\w+)/gm)];
  const passed = [...source.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, names = ""]) => names.split(","));
  return [...declared.map(([, name = ""]) => name), ...passed.map((name) => name.replace("type ", "").trim())].filter(
    (name) => name !== "",
  );
}

/** The public names, each with where it is imported from. */
async function publicNames(): Promise<Map<string, string>> {
  const names = new Map([
    ["z", "zod"],
    ["it", "vitest"],
    ["setup", "xstate"],
    ["createActor", "xstate"],
  ]);
  for (const [path, conditions] of Object.entries(manifest.exports)) {
    if (typeof conditions === "string") continue;
    const source = await readFile(join(ROOT, conditions["asimov-source"]), "utf8");
    for (const name of exportsOf(source)) if (!names.has(name)) names.set(name, path.replace(".", manifest.name));
  }
  return names;
}

interface Example {
  file: string;
  code: string;
}

async function examplesIn(folder: string): Promise<Example[]> {
  const files = (await readdir(join(ROOT, folder), { recursive: true })).filter((name) => name.endsWith(".ts"));
  const found = await Promise.all(
    files.map(async (name) => {
      const file = join(folder, name);
      const source = await readFile(join(ROOT, file), "utf8");
      return [...source.matchAll(/@example\n((?: *\*(?!\/| @).*\n)+)/g)].map(([, lines = ""]) => ({
        file,
        code: lines.replace(/^ *\* ?/gm, ""),
      }));
    }),
  );
  return found.flat();
}

describe("docstrings", () => {
  it("hold examples that compile", { timeout: 120_000 }, async () => {
    const examples = (await Promise.all(["src", "machines", "actors"].map(examplesIn))).flat();
    expect(examples.length).toBeGreaterThan(40);
    const names = await publicNames();
    const place = await userProject(PRELUDE, {
      noImplicitOverride: false,
      verbatimModuleSyntax: false,
      rewriteRelativeImportExtensions: false,
      allowImportingTsExtensions: true,
    });
    try {
      for (const [index, { file, code }] of examples.entries()) {
        const own = exportsOf(await readFile(join(ROOT, file), "utf8"));
        const used = new Set(code.replace(/"[^"\n]*"/g, "").match(/\b[A-Za-z]\w*\b/g));
        const imports = [...used].flatMap((name) => {
          if (new RegExp(`(?:const|class|function) ${name}\\b|import \\{[^}]*\\b${name}\\b`).test(code)) return [];
          const from = names.get(name) ?? (own.includes(name) ? join(ROOT, file) : undefined);
          return from === undefined ? [] : [`import { ${name} } from ${JSON.stringify(from)};`];
        });
        const name = `${file.replace(/\W/g, "-")}-${index}.ts`;
        await writeFile(join(place, name), `${imports.join("\n")}\n${code}\nexport {};\n`);
      }
      const { stdout, code } = await compile(place);
      expect({ stdout, code }).toEqual({ stdout: "", code: 0 });
    } finally {
      await rm(place, { recursive: true, force: true });
    }
  });
});
