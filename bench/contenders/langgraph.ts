/** LangGraph.js, typed as the part that is used: its package is in `bench/` alone, and the project's own checks do without it. */
import { branchesOf, chain, type GraphShape, type GraphSpec, graphOf, nameOf, Tally } from "../shapes/graph-shape.ts";
import type { Trial } from "../trial.ts";

interface RunConfig {
  recursionLimit: number;
  configurable?: { thread_id: string };
}

interface Compiled {
  invoke(input: Record<string, unknown>, config: RunConfig): Promise<Record<string, unknown>>;
  getStateHistory(config: { configurable: { thread_id: string } }): AsyncIterable<unknown>;
}

interface Builder {
  addNode(name: string, work: (state: { count: number }) => Promise<Record<string, unknown>>): unknown;
  addEdge(from: string | string[], to: string): unknown;
  addConditionalEdges(from: string, decide: (state: { count: number }) => string, targets: string[]): unknown;
  compile(options?: { checkpointer: MemorySaver }): Compiled;
}

interface MemorySaver {
  deleteThread(threadId: string): Promise<void>;
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

/** A checkpoint after every node, in memory. */
export function savingTrial(size: number): Trial {
  const shape = chain(size);
  const tally = new Tally(shape);
  const checkpointer = new MemorySaver();
  const graph = build(shape, tally).compile({ checkpointer });
  let threads = 0;
  const configOf = (): RunConfig & { configurable: { thread_id: string } } => ({
    recursionLimit: size + 10,
    configurable: { thread_id: `thread-${threads}` },
  });
  return {
    run: () => graph.invoke({}, configOf()),
    async settle() {
      tally.settle();
      let checkpoints = 0;
      for await (const _ of graph.getStateHistory(configOf())) checkpoints++;
      await checkpointer.deleteThread(configOf().configurable.thread_id);
      threads++;
      if (checkpoints < size) throw new Error(`Of ${size} nodes ${checkpoints} checkpoints were kept.`);
    },
  };
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
