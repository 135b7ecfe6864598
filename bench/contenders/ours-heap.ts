/** Bytes of heap for a node that waits: its actor, its definition and its place in the plan, but not the `Node` that the user made. */
import { Agent, defineModule, Node } from "../../src/index.ts";
import { collectGarbage } from "../trial.ts";
import { newTask, UNLIMITED } from "./ours.ts";

const IDLE = 10_000;

export async function settledHeap(): Promise<number> {
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

/** Of each round. */
export async function idleNodeBytes(rounds: number): Promise<number[]> {
  const bytes: number[] = [];
  await bytesPerIdleNode();
  for (let round = 0; round < rounds; round++) bytes.push(await bytesPerIdleNode());
  return bytes;
}
