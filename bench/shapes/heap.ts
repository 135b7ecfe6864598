/** Bytes of heap for a node that waits: its actor, its definition and its place in the plan, but not the `Node` that the user made. */

import { Agent, defineModule, Node } from "../../src/index.ts";
import { newTask, OURS, UNLIMITED } from "../contenders/ours.ts";
import type { Benchmark } from "../figure.ts";
import { collectGarbage, spreadOf } from "../measure.ts";

const IDLE = 10_000;

async function settledHeap(): Promise<number> {
  // Finished timers and promises are let go of first.
  await new Promise((resolve) => setTimeout(resolve, 20));
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** A gate, and so many nodes that wait for it. */
async function bytesPerIdleNode(): Promise<number> {
  const started = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  let ran = 0;
  const wait = defineModule({
    name: "wait",
    async process() {
      started.resolve();
      await gate.promise;
      return { status: "success" };
    },
  });
  const follow = defineModule({
    name: "follow",
    async process() {
      ran++;
      return { status: "success" };
    },
  });
  const idle = Array.from({ length: IDLE }, (_, index) => new Node({ name: `n${index}`, modules: [follow], dependencies: ["gate"] }));
  const agent = new Agent({ nodes: [new Node({ name: "gate", modules: [wait] }), ...idle], ...UNLIMITED });
  const before = await settledHeap();
  const outcome = agent.runTask(newTask());
  await started.promise;
  const waiting = await settledHeap();
  gate.resolve();
  const { status } = await outcome;
  if (status !== "COMPLETE" || ran !== IDLE) throw new Error(`${ran} of ${IDLE} nodes ran, the task ended as ${status}.`);
  return (waiting - before) / IDLE;
}

export const heapBenchmark: Benchmark = {
  name: "heap",
  title: "Heap of a node that waits, in a graph of 10,000",
  async run({ quick }) {
    const bytes: number[] = [];
    await bytesPerIdleNode();
    for (let round = 0; round < (quick ? 1 : 5); round++) bytes.push(await bytesPerIdleNode());
    return [{ group: "heap", shape: "idle node", contender: OURS, unit: "bytes", spread: spreadOf(bytes) }];
  },
};
