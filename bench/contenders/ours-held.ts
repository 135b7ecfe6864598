/** For how long a run of ours holds the event loop: the longest time between two of its turns, garbage collection apart. */
import { setImmediate as turn } from "node:timers/promises";
import { Agent } from "../../src/index.ts";
import { LoopProbe } from "../loop-probe.ts";
import { type GraphSpec, graphOf, Tally } from "../shapes/graph-shape.ts";
import { newTask, noOpNodes, UNLIMITED } from "./ours.ts";

/** What a hold begins in: making the agent, starting a task until its first node runs, its nodes, and the end after the last. */
export const PHASES = ["new Agent", "start", "run", "end"] as const;
type Phase = (typeof PHASES)[number];

/** Milliseconds of the longest hold that began in each phase of one run, in a process in which nothing ran before. */
export async function heldTimes(graph: GraphSpec): Promise<Record<Phase, number>> {
  const shape = graphOf(graph);
  const tally = new Tally(shape);
  const probe = new LoopProbe<Phase>("new Agent");
  let left = shape.dependencies.length;
  const nodes = noOpNodes(shape, {
    visit(index) {
      probe.phase = --left === 0 ? "end" : "run";
      tally.visit(index);
    },
  });
  await turn();
  probe.start();
  await turn();
  const agent = new Agent({ nodes, ...UNLIMITED });
  await turn();
  probe.phase = "start";
  await turn();
  const { status, errors } = await agent.runTask(newTask());
  await turn();
  const holds = await probe.stop();
  if (status !== "COMPLETE") throw new Error(`The task ended as ${status}: ${errors[0]?.error}`);
  tally.settle();
  const longest = Object.fromEntries(PHASES.map((phase) => [phase, 0])) as Record<Phase, number>;
  // Nor is a hold longer than what the thread worked: a busy machine takes the thread off the processor.
  for (const { phase, ms, cpuMs } of holds) longest[phase] = Math.max(longest[phase], Math.min(ms, cpuMs));
  return longest;
}
