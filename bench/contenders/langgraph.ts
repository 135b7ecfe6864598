/** LangGraph.js, typed as the part that is used: its package is in `bench/` alone, and the project's own checks do without it. */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { bytesIn } from "../on-disk.ts";
import { branchesOf, chain, type GraphShape, type GraphSpec, graphOf, nameOf, Tally } from "../shapes/graph-shape.ts";
import type { Trial } from "../trial.ts";

interface RunConfig {
  recursionLimit: number;
  configurable?: { thread_id: string };
  durability?: "sync";
}

interface Compiled {
  invoke(input: Record<string, unknown>, config: RunConfig): Promise<Record<string, unknown>>;
  getStateHistory(config: { configurable: { thread_id: string } }): AsyncIterable<unknown>;
}

interface Builder {
  addNode(name: string, work: (state: { count: number }) => Promise<Record<string, unknown>>): unknown;
  addEdge(from: string | string[], to: string): unknown;
  addConditionalEdges(from: string, decide: (state: { count: number }) => string, targets: string[]): unknown;
  compile(options?: { checkpointer: Saver }): Compiled;
}

/** What keeps a thread's checkpoints. */
export interface Saver {
  deleteThread(threadId: string): Promise<void>;
}

interface MemorySaver extends Saver {
  /** By thread, by namespace, by checkpoint: its contents, and its parent's id. */
  storage: Record<string, Record<string, Record<string, [checkpoint: Uint8Array, metadata: Uint8Array, parent?: string]>>>;
  /** By checkpoint, by write. */
  writes: Record<string, Record<string, [taskId: string, channel: string, value: Uint8Array]>>;
}

interface LangGraph {
  Annotation: {
    (channel: { reducer: (left: number, right: number) => number; default: () => number }): unknown;
    Root(channels: Record<string, unknown>): unknown;
  };
  StateGraph: new (state: unknown) => Builder;
  MemorySaver: new () => MemorySaver;
  START: string;
  END: string;
}

// A name that is no literal keeps compilers from looking for the package.
const packageName: string = "@langchain/langgraph";
const { Annotation, StateGraph, MemorySaver, START, END } = (await import(packageName)) as LangGraph;

function newBuilder(): Builder {
  return new StateGraph(Annotation.Root({ count: Annotation({ reducer: (_, next) => next, default: () => 0 }) }));
}

function build({ dependencies }: GraphShape, tally: Tally): Builder {
  const builder = newBuilder();
  const last = new Set(dependencies.keys());
  for (const index of dependencies.keys()) {
    builder.addNode(nameOf(index), async () => {
      tally.visit(index);
      return {};
    });
  }
  for (const [index, before] of dependencies.entries()) {
    const [only, ...more] = before;
    for (const dependency of before) last.delete(dependency);
    if (only === undefined) builder.addEdge(START, nameOf(index));
    else builder.addEdge(more.length === 0 ? nameOf(only) : before.map(nameOf), nameOf(index));
  }
  for (const index of last) builder.addEdge(nameOf(index), END);
  return builder;
}

export function graphTrial(spec: GraphSpec, runs = 1): Trial {
  const shape = graphOf(spec);
  const tally = new Tally(shape);
  const graph = build(shape, tally).compile();
  const recursionLimit = shape.dependencies.length + 10;
  return {
    run: () => Promise.all(Array.from({ length: runs }, () => graph.invoke({}, { recursionLimit }))),
    settle: () => tally.settle(runs),
  };
}

export type SaverName = "MemorySaver" | "SqliteSaver";

/** What the saver gives, and the bytes of what it holds. */
async function openSaver(name: SaverName, folder: string): Promise<{ saver: Saver; bytes(): number }> {
  if (name === "SqliteSaver") {
    const place = mkdtempSync(join(folder, `${name}-`));
    const { saver, close } = (await import("./langgraph-sqlite.ts")).sqliteSaver(join(place, "checkpoints.db"));
    const bytes = (): number => {
      close();
      return bytesIn(place);
    };
    return { saver, bytes };
  }
  const saver = new MemorySaver();
  const bytes = (): number => {
    const checkpoints = Object.values(saver.storage).flatMap((spaces) => Object.values(spaces).flatMap(Object.values));
    const writes = Object.values(saver.writes).flatMap((each) => Object.values(each));
    const ofCheckpoints = checkpoints.reduce((sum, [checkpoint, metadata]) => sum + checkpoint.length + metadata.length, 0);
    return writes.reduce((sum, [, , value]) => sum + value.length, ofCheckpoints);
  };
  return { saver, bytes };
}

async function savingOn(size: number, name: SaverName, folder: string) {
  const shape = chain(size);
  const tally = new Tally(shape);
  const { saver, bytes } = await openSaver(name, folder);
  const graph = build(shape, tally).compile({ checkpointer: saver });
  const configOf = (thread: string) => ({ configurable: { thread_id: thread } });
  // What is stored is stored before the next node starts, as ours is.
  const run = (thread: string) => graph.invoke({}, { ...configOf(thread), recursionLimit: size + 10, durability: "sync" });
  async function settle(thread: string): Promise<void> {
    tally.settle();
    let checkpoints = 0;
    for await (const _ of graph.getStateHistory(configOf(thread))) checkpoints++;
    if (checkpoints < size) throw new Error(`Of ${size} nodes ${checkpoints} checkpoints were kept.`);
  }
  return { saver, bytes, run, settle };
}

/** A checkpoint after every node. */
export async function savingTrial(size: number, name: SaverName, folder: string): Promise<Trial> {
  const { saver, run, settle } = await savingOn(size, name, folder);
  let threads = 0;
  return {
    run: () => run(`thread-${threads}`),
    async settle() {
      await settle(`thread-${threads}`);
      await saver.deleteThread(`thread-${threads}`);
      threads++;
    },
  };
}

/** Bytes that a run leaves for a node: in memory those of checkpoints and writes, on the disk those of the database. */
export async function savedBytes(size: number, name: SaverName, folder: string): Promise<number> {
  const { bytes, run, settle } = await savingOn(size, name, folder);
  await run("thread");
  await settle("thread");
  return bytes() / size;
}

/** Branches of nodes that each take their time. */
export function branchesTrial(draw: number): Trial {
  const builder = newBuilder() as unknown as {
    addNode(name: string, work: () => Promise<object>): void;
    addEdge(from: string, to: string): void;
    compile(): ReturnType<ReturnType<typeof newBuilder>["compile"]>;
  };
  for (const [at, branch] of branchesOf(draw).entries()) {
    for (const [place, ms] of branch.entries()) {
      builder.addNode(`${at}.${place}`, async () => {
        await new Promise((resolve) => setTimeout(resolve, ms));
        return {};
      });
      builder.addEdge(place === 0 ? START : `${at}.${place - 1}`, `${at}.${place}`);
    }
    builder.addEdge(`${at}.${branch.length - 1}`, END);
  }
  const graph = builder.compile();
  return { run: () => graph.invoke({ count: 0 }, { recursionLimit: 100 }) };
}

/** One node that counts, and an edge that decides in JavaScript. */
export function loopTrial(iterations: number): Trial {
  const builder = newBuilder();
  builder.addNode("increment", async ({ count }) => ({ count: count + 1 }));
  builder.addEdge(START, "increment");
  builder.addConditionalEdges("increment", ({ count }) => (count < iterations ? "increment" : END), ["increment", END]);
  const graph = builder.compile();
  return {
    async run() {
      const { count } = await graph.invoke({}, { recursionLimit: iterations + 10 });
      if (count !== iterations) throw new Error(`The loop counted to ${count}, expected ${iterations}.`);
    },
  };
}
