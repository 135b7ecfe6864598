/** A parent whose only node runs a child, for the tests of `agentModule`. */
import {
  Agent,
  type AgentOptions,
  agentModule,
  type ChildRunInit,
  defineModule,
  defineQuestion,
  MemoryStore,
  type ModuleContext,
  Node,
  type NodeConfig,
  type RunStore,
  Runs,
  Task,
} from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { z } from "zod";

export const HOUR = 3_600_000;
export const taskOf = (id = "t") => new Task({ id, type: "test", objective: "All of it" });
export const moduleOf = (name: string, work: (context: ModuleContext) => unknown) =>
  defineModule({ name, process: async (context) => ({ status: "success", result: (await work(context)) ?? null }) });
export const nodeOf = (name: string, work: (context: ModuleContext) => unknown, nodeConfig: NodeConfig = {}) =>
  new Node({ name, modules: [moduleOf(name, work)], nodeConfig });

interface Pair {
  store?: RunStore;
  clock?: SimulatedClock;
  /** Of the child. */
  nodes: Node[];
  child?: Partial<ChildRunInit>;
  config?: NodeConfig;
  agent?: Partial<AgentOptions>;
  childStore?: RunStore;
}

/** A parent with one node, which runs the child. */
export function pairOf({ store, clock, nodes, child = {}, config = {}, agent = {}, childStore = store as RunStore }: Pair) {
  const clocked = clock === undefined ? {} : { clock };
  const inner = new Agent({ name: "child", ...clocked, ...(childStore === undefined ? {} : { store: childStore }), nodes });
  const research = agentModule(inner, {
    name: "research",
    task: ({ task }) => ({ objective: `Part of: ${task.objective}`, params: { n: 1 } }),
    ...child,
  });
  const outer = new Agent({
    name: "parent",
    ...clocked,
    ...(store === undefined ? {} : { store }),
    nodes: [new Node({ name: "research", modules: [research], nodeConfig: config })],
    ...agent,
  });
  return { outer, inner };
}

export const approve = () =>
  new Node({ name: "approve", modules: [defineQuestion({ name: "approve", answer: z.object({ ok: z.boolean() }) })] });

/** On one simulated clock, in one store. */
export function inStore(make: (options: { clock: SimulatedClock }) => RunStore) {
  const clock = new SimulatedClock();
  const store = make({ clock });
  return { clock, store, runs: new Runs(store, { clock }) };
}

export const inMemory = () => inStore((options) => new MemoryStore(options));

/** The child's task of the parent `t`. */
export const childOf = async (runs: Runs): Promise<string> => (await runs.get("t")).nodes.research?.childTaskId ?? "";
