/** A long chain that was stopped at its last node, and goes on. */
import { Agent, type AgentRun, defineModule, Node, type RunStore } from "../../src/index.ts";
import { chain, nameOf, Tally } from "../shapes/graph-shape.ts";
import { newTask, noOpNodes, UNLIMITED } from "./ours.ts";
import { type OnDisk, storeIn } from "./ours-stores.ts";

/** As many generations as are kept by default. */
const STORED = 100;

/** A chain whose last node says that it has begun, and never ends; each of the last hundred is stored before its visit. */
function chainOf(size: number) {
  const shape = chain(size - 1);
  const tally = new Tally(shape);
  const begun = Promise.withResolvers<void>();
  const waits = defineModule({
    name: "waits",
    config: { timeoutMs: Number.POSITIVE_INFINITY },
    process({ signal }) {
      begun.resolve();
      return new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    },
  });
  const nodes = [
    ...noOpNodes(shape, tally, "NEVER").slice(0, -STORED),
    ...noOpNodes(shape, tally, "ALWAYS").slice(-STORED),
    new Node({ name: nameOf(size - 1), modules: [waits], dependencies: [nameOf(size - 2)], snapshot: "ALWAYS" }),
  ];
  return { nodes, tally, begun: begun.promise };
}

async function parked(run: AgentRun): Promise<void> {
  const stopped = run.outcome.then(
    ({ status }) => status,
    (error: { code?: string }) => error.code,
  );
  await run.park();
  const why = await stopped;
  if (why !== "run-parked") throw new Error(`The run ended as ${why}, expected it to be parked.`);
}

async function storeParked(store: RunStore, size: number): Promise<string> {
  const { nodes, tally, begun } = chainOf(size);
  const run = new Agent({ nodes, ...UNLIMITED, store }).start(newTask());
  await begun;
  await parked(run);
  tally.settle();
  return run.task.id;
}

/** Milliseconds until the last node works again. */
async function restoredMs(store: RunStore, size: number, taskId: string): Promise<number> {
  const { nodes, tally, begun } = chainOf(size);
  const agent = new Agent({ nodes, ...UNLIMITED, store });
  const startedAt = performance.now();
  const run = await agent.resume(taskId);
  await begun;
  const ms = performance.now() - startedAt;
  const done = Object.values(run.view().nodes).filter(({ status }) => status === "COMPLETE").length;
  await parked(run);
  if (done !== size - 1) throw new Error(`The run was restored with ${done} of ${size - 1} nodes done.`);
  tally.settle(0);
  return ms;
}

/** Stores a run of that length, and leaves it to nobody. */
export async function storeRun(kind: OnDisk, folder: string, size: number): Promise<string> {
  const store = storeIn(kind, folder);
  const taskId = await storeParked(store, size);
  await store.close();
  return taskId;
}

/** In a process in which nothing ran before. */
export async function restoreRun(kind: OnDisk, folder: string, size: number, taskId: string): Promise<number> {
  const store = storeIn(kind, folder);
  const ms = await restoredMs(store, size, taskId);
  await store.close();
  return ms;
}

/** The process that restores is the one that has stored. */
export async function restoreFromMemory(size: number): Promise<number> {
  const store = storeIn("MemoryStore", "");
  return await restoredMs(store, size, await storeParked(store, size));
}
