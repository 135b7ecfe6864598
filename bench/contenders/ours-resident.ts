/** Bytes of heap for a run that waits in the middle of its graph. */
import { Agent, defineModule, MemoryStore, Node } from "../../src/index.ts";
import { nameOf } from "../shapes/graph-shape.ts";
import { newTask, UNLIMITED } from "./ours.ts";
import { settledHeap } from "./ours-heap.ts";

const NODES = 20;

/** Of each of so many runs. @param isStored in a MemoryStore, each node before the next; what the store holds is counted */
export async function bytesOfRun(runs: number, isStored: boolean): Promise<number> {
  const gate = Promise.withResolvers<void>();
  const allWait = Promise.withResolvers<void>();
  let waiting = 0;
  const work = defineModule({ name: "work", process: async () => ({ status: "success" }) });
  const wait = defineModule({
    name: "wait",
    config: { timeoutMs: Number.POSITIVE_INFINITY },
    async process() {
      if (++waiting === runs) allWait.resolve();
      await gate.promise;
      return { status: "success" };
    },
  });
  const nodes = Array.from(
    { length: NODES },
    (_, index) =>
      new Node({
        name: nameOf(index),
        modules: [index === NODES / 2 ? wait : work],
        dependencies: index === 0 ? [] : [nameOf(index - 1)],
      }),
  );
  const agent = new Agent({ nodes, ...UNLIMITED, ...(isStored ? { store: new MemoryStore() } : {}) });
  const before = await settledHeap();
  const outcomes = Array.from({ length: runs }, () => agent.runTask(newTask()));
  await allWait.promise;
  const bytes = ((await settledHeap()) - before) / runs;
  gate.resolve();
  for (const { status } of await Promise.all(outcomes)) if (status !== "COMPLETE") throw new Error(`A run ended as ${status}.`);
  return bytes;
}
