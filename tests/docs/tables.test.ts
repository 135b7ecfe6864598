/** The tables of docs/errors.md and docs/options.md list what the source has, and nothing else. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../support/program.ts";

const textOf = (file: string): Promise<string> => readFile(join(ROOT, file), "utf8");

/** What a user's program may meet; the laws for tests have errors of their own. */
async function sourcesIn(folder: string): Promise<string[]> {
  const names = await readdir(join(ROOT, folder), { recursive: true });
  const files = names.filter((name) => name.endsWith(".ts") && !name.startsWith("testing"));
  return Promise.all(files.map((name) => textOf(join(folder, name))));
}

/** What stands as code in the first column. */
const namesIn = (table: string): string[] =>
  table
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .flatMap((row) => [...(row.split("|")[1] as string).matchAll(/`([\w-]+)`/g)].map(([, name]) => name as string));

describe("docs/errors.md", () => {
  it("lists the codes of the errors, all of them and no others", async () => {
    const listed = namesIn(await textOf("docs/errors.md"));
    expect(new Set(listed).size).toBe(listed.length);
    const source = (await Promise.all(["src", "machines", "actors"].map(sourcesIn))).flat().join("\n");
    const written = [...source.matchAll(/\bcode: (?:[^"\n]*\?\? )?"([a-z-]+)"/g)].map(([, code]) => code as string);
    // The word of zod for a rule of one's own.
    expect(written.filter((code) => !listed.includes(code) && code !== "custom")).toEqual([]);
    const isMade = (code: string): boolean => source.includes(`"${code}"`) || source.includes(`\`${code.split("-")[0]}-\${`);
    expect(listed.filter((code) => !isMade(code))).toEqual([]);
  });
});

/** The body of an interface. */
async function bodyOf(file: string, type: string): Promise<string> {
  return new RegExp(`^export interface ${type}\\b[^{]*\\{\\n([\\s\\S]*?)^\\}`, "m").exec(await textOf(file))?.[1] ?? "";
}

const allIn = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, name]) => name as string);

describe("what pages tell of", () => {
  const saysNot = async (page: string, names: readonly string[]): Promise<string[]> => {
    const text = await textOf(page);
    expect(names.length).toBeGreaterThan(5);
    return names.filter((name) => !new RegExp(`\`${name}\\b`).test(text));
  };

  it("is all of a module's context", async () => {
    const names = allIn(await bodyOf("src/contract/node/module.ts", "ModuleContext"), /^ {2}(?:readonly )?(\w+)[:(]/gm);
    expect(await saysNot("docs/graphs.md", names)).toEqual([]);
  });

  it("is every kind of event", async () => {
    const names = allIn(await textOf("src/contract/run/events.ts"), /\btype: "([a-z.]+)"/g);
    expect(await saysNot("docs/runs.md", names)).toEqual([]);
  });

  it("is every status of a run, and every method of Runs", async () => {
    const statuses = allIn(
      (await textOf("src/runs/run-queries.ts")).split("const status = z.enum(")[1]?.split(")")[0] ?? "",
      /"([A-Z]+)"/g,
    );
    expect(statuses).toHaveLength(7);
    const methods = allIn(await textOf("src/runs/runs.ts"), /^ {2}(?:async )?\*?([a-z]\w+)\(/gm).filter((name) => name !== "constructor");
    expect(await saysNot("docs/runs.md", [...statuses, ...methods])).toEqual([]);
  });
});

/** By heading, where its options are declared. */
const OPTIONS: Readonly<Record<string, readonly [file: string, type: string]>> = {
  Agent: ["src/agent.ts", "AgentOptions"],
  "Start and runTask": ["src/agent.ts", "RunOptions"],
  Resume: ["src/runtime/go-on.ts", "ResumeOptions"],
  ResumeAll: ["src/runtime/resume-all.ts", "ResumeAllOptions"],
  Retry: ["src/runtime/retry-run.ts", "RetryOptions"],
  Fork: ["src/runtime/fork-run.ts", "ForkOptions"],
  Events: ["src/runtime/agent-run.ts", "EventsOptions"],
  Node: ["src/contract/node/node.ts", "NodeInit"],
  nodeConfig: ["src/contract/node/node.ts", "NodeConfig"],
  config: ["src/contract/node/module.ts", "ModuleConfig"],
  Module: ["src/contract/node/module.ts", "AgentModuleInit"],
  agentModule: ["src/agent-module.ts", "ChildRunInit"],
  "Flow control": ["src/contract/node/flow-control.ts", "FlowControlConfig"],
  Votes: ["src/inference/votes/agent-directed-flow-control.ts", "AgentDirectedFlowInit"],
  "Every run store": ["src/contract/store/run-options.ts", "RunStoreOptions"],
  FileStore: ["src/store/file/store.ts", "FileStoreOptions"],
  SqliteStore: ["src/store/sqlite/store.ts", "SqliteStoreOptions"],
  RedisStore: ["src/store/redis/options.ts", "RedisStoreOptions"],
  PostgresStore: ["src/store/postgres/options.ts", "PostgresStoreOptions"],
  "Runs handle": ["src/runs/runs.ts", "RunsOptions"],
  Submit: ["src/runs/submit.ts", "SubmittedTask"],
  "Starts per key": ["src/runs/key-options.ts", "KeyedStart"],
  Schedule: ["src/runs/schedules.ts", "ScheduleOptions"],
  AgentWorker: ["src/worker/worker-options.ts", "AgentWorkerOptions"],
  localQueue: ["src/worker/local-queue.ts", "LocalQueueOptions"],
  bullQueue: ["src/worker/bull-options.ts", "BullQueueOptions"],
  MemoryCache: ["src/cache/memory/cache.ts", "MemoryCacheOptions"],
  RedisCache: ["src/cache/redis/options.ts", "RedisCacheOptions"],
  FallbackInferenceClient: ["src/clients/fallback.ts", "FallbackOptions"],
  "Every model client": ["src/inference/call/call-settings.ts", "ClientOptions"],
  "A call of a model": ["src/contract/chat/generation.ts", "GenerateOptions"],
  toolChain: ["src/contract/chat/tool-chain.ts", "ToolChainOptions"],
  MCP: ["src/mcp/mcp-tools.ts", "McpToolsOptions"],
  connectMcp: ["src/mcp/connect-mcp.ts", "McpConnectOptions"],
  serveMcp: ["src/mcp/serve-mcp.ts", "McpServeOptions"],
  toUiMessageStream: ["src/ai-sdk/to-ui-message-stream.ts", "UiMessageStreamOptions"],
  statelyInspector: ["src/inspect/stately-inspector.ts", "StatelyInspectorOptions"],
  redact: ["src/contract/base/redact.ts", "RedactOptions"],
};

describe("docs/options.md", async () => {
  const sections = (await textOf("docs/options.md")).split(/^## /m).slice(1);
  const tables = new Map(sections.map((section) => [section.slice(0, section.indexOf("\n")), namesIn(section)]));

  it("has a table for each kind of options", () => {
    expect([...tables.keys()]).toEqual(Object.keys(OPTIONS));
  });

  it.each(Object.entries(OPTIONS))("lists the options of %s, all of them and no others", async (heading, [file, type]) => {
    expect(tables.get(heading)?.toSorted()).toEqual(allIn(await bodyOf(file, type), /^ {2}(\w+)\??:/gm).toSorted());
  });
});
