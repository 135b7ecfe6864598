/** For how long the event loop is held: the time between two of its turns, garbage collection apart. */
import { PerformanceObserver } from "node:perf_hooks";

/** Shorter ones are not kept. */
const LEAST_MS = 1;

interface Gap<Phase> {
  phase: Phase;
  from: number;
  to: number;
  /** Of the thread's own work, without what the machine did meanwhile; the collector's part in it is counted. */
  cpuMs: number;
}

interface Collection {
  startTime: number;
  duration: number;
}

/** A hold, and what the thread worked in it: a busy machine makes the first longer, and so does a disk that is waited for. */
export interface Hold<Phase> {
  phase: Phase;
  ms: number;
  cpuMs: number;
}

export class LoopProbe<Phase> {
  phase: Phase;
  readonly #gaps: Gap<Phase>[] = [];
  readonly #collections: Collection[] = [];
  readonly #observer = new PerformanceObserver((list) => this.#collections.push(...list.getEntries()));
  #isStopped = false;

  constructor(phase: Phase) {
    this.phase = phase;
    this.#observer.observe({ entryTypes: ["gc"] });
  }

  /** Asks for a turn after each turn. */
  start(): void {
    let from = performance.now();
    let cpu = process.threadCpuUsage();
    let { phase } = this;
    const tick = (): void => {
      const to = performance.now();
      if (to - from >= LEAST_MS) {
        const { user, system } = process.threadCpuUsage(cpu);
        this.#gaps.push({ phase, from, to, cpuMs: (user + system) / 1_000 });
      }
      cpu = process.threadCpuUsage();
      ({ phase } = this);
      from = performance.now();
      if (!this.#isStopped) setImmediate(tick);
    };
    setImmediate(tick);
  }

  async stop(): Promise<Hold<Phase>[]> {
    this.#isStopped = true;
    // The observer is told of collections after a while.
    await new Promise((resolve) => setTimeout(resolve, 200));
    this.#observer.disconnect();
    return this.#gaps.map(({ phase, from, to, cpuMs }) => ({ phase, ms: to - from - this.#collected(from, to), cpuMs }));
  }

  #collected(from: number, to: number): number {
    const within = ({ startTime, duration }: Collection): number =>
      Math.max(0, Math.min(to, startTime + duration) - Math.max(from, startTime));
    return this.#collections.reduce((total, collection) => total + within(collection), 0);
  }
}
