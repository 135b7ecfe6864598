/** For how long a run of ours holds the event loop: the longest time between two of its turns, garbage collection apart. */
import { PerformanceObserver } from "node:perf_hooks";
import { setImmediate as turn } from "node:timers/promises";
import { Agent } from "../../src/index.ts";
import { type GraphSpec, graphOf, Tally } from "../shapes/graph-shape.ts";
import { newTask, noOpNodes, UNLIMITED } from "./ours.ts";

/** What a hold begins in: making the agent, starting a task until its first node runs, its nodes, and the end after the last. */
export const PHASES = ["new Agent", "start", "run", "end"] as const;
type Phase = (typeof PHASES)[number];

/** Shorter ones are not kept. */
const LEAST_MS = 1;

interface Gap {
  phase: Phase;
  from: number;
  to: number;
  /** Of the thread's own work, without what the machine did meanwhile; the collector's part in it is counted. */
  cpuMs: number;
}

class LoopProbe {
  readonly gaps: Gap[] = [];
  phase: Phase = "new Agent";
  #isStopped = false;

  /** Asks for a turn after each turn. */
  start(): void {
    let from = performance.now();
    let cpu = process.threadCpuUsage();
    let { phase } = this;
    const tick = (): void => {
      const to = performance.now();
      if (to - from >= LEAST_MS) {
        const { user, system } = process.threadCpuUsage(cpu);
        this.gaps.push({ phase, from, to, cpuMs: (user + system) / 1_000 });
      }
      cpu = process.threadCpuUsage();
      ({ phase } = this);
      from = performance.now();
      if (!this.#isStopped) setImmediate(tick);
    };
    setImmediate(tick);
  }

  stop(): void {
    this.#isStopped = true;
  }
}

interface Collection {
  startTime: number;
  duration: number;
}

/** A hold cannot be longer than its time without the collector's, nor than what the thread worked: a busy machine makes the first longer. */
function heldMs({ from, to, cpuMs }: Gap, collections: readonly Collection[]): number {
  const within = ({ startTime, duration }: Collection): number =>
    Math.max(0, Math.min(to, startTime + duration) - Math.max(from, startTime));
  return Math.min(cpuMs, to - from - collections.reduce((total, collection) => total + within(collection), 0));
}

/** Milliseconds of the longest hold that began in each phase of one run, in a process in which nothing ran before. */
export async function heldTimes(graph: GraphSpec): Promise<Record<Phase, number>> {
  const shape = graphOf(graph);
  const tally = new Tally(shape);
  const collections: Collection[] = [];
  const observer = new PerformanceObserver((list) => collections.push(...list.getEntries()));
  observer.observe({ entryTypes: ["gc"] });
  const probe = new LoopProbe();
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
  probe.stop();
  if (status !== "COMPLETE") throw new Error(`The task ended as ${status}: ${errors[0]?.error}`);
  tally.settle();
  // The observer is told of collections after a while.
  await new Promise((resolve) => setTimeout(resolve, 200));
  observer.disconnect();
  const longest = Object.fromEntries(PHASES.map((phase) => [phase, 0])) as Record<Phase, number>;
  for (const gap of probe.gaps) longest[gap.phase] = Math.max(longest[gap.phase], heldMs(gap, collections));
  return longest;
}
