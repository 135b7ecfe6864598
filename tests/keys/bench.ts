/** A store, whoever submits, and workers whose one node says when it begins and ends. */
import { Agent, defineModule, type KeyLimit, Node, type RunStore, Runs, Task } from "asimov-agents";
import type { SimulatedClock } from "asimov-agents/testing";
import { AgentWorker, type AgentWorkerOptions, localQueue } from "asimov-agents/worker";
import { afterEach } from "vitest";
import type { Make } from "../runs/stores.ts";

const HOUR = 3_600_000;

export const taskOf = (id: string): Task => new Task({ id, type: "test", objective: "Work" });

export const limited = (limit: KeyLimit, key = "k") => ({ agent: "report", key, limit });

export class Bench {
  readonly store: RunStore;
  readonly runs: Runs;
  readonly clock: SimulatedClock | undefined;
  /** In the order in which they began. */
  readonly begun: { taskId: string; at: number }[] = [];
  /** By key, how many work now, and the most that ever did. */
  readonly working = new Map<string, { now: number; most: number }>();
  readonly #workers: AgentWorker[] = [];
  /** What a run does once it has begun; its key is what stands before the hyphen of its task's id. */
  work: (taskId: string) => Promise<unknown> = async () => {};

  constructor(store: RunStore, clock?: SimulatedClock) {
    this.store = store;
    this.clock = clock;
    this.runs = this.client();
  }

  client(): Runs {
    return new Runs(this.store, this.clock === undefined ? {} : { clock: this.clock });
  }

  agent(): Agent {
    const work = defineModule({
      name: "work",
      process: async ({ task }) => {
        const key = task.id.split("-")[0] as string;
        const count = this.working.get(key) ?? { now: 0, most: 0 };
        this.working.set(key, count);
        this.begun.push({ taskId: task.id, at: this.clock?.now() ?? Date.now() });
        count.most = Math.max(count.most, ++count.now);
        try {
          await this.work(task.id);
        } finally {
          count.now--;
        }
        return { status: "success" };
      },
    });
    const clock = this.clock === undefined ? {} : { clock: this.clock };
    return new Agent({ name: "report", nodes: [new Node({ name: "work", modules: [work] })], ...clock });
  }

  async worker(options: Partial<AgentWorkerOptions> = {}): Promise<AgentWorker> {
    // Simulated, each look and each renewal is a real one.
    const clock = this.clock === undefined ? {} : { clock: this.clock, queue: localQueue({ pollMs: HOUR }), leaseMs: HOUR };
    const worker = new AgentWorker({ agents: [this.agent()], store: this.store, ...clock, ...options });
    this.#workers.push(worker);
    await worker.start();
    return worker;
  }

  /** Settles when the run has ended, with its status. */
  async end(taskId: string): Promise<string> {
    for await (const { status, endedAt } of this.runs.watch(taskId)) if (endedAt !== undefined) return status;
    return "gone";
  }

  async statuses(...ids: string[]): Promise<string[]> {
    return await Promise.all(ids.map(async (id) => (await this.runs.get(id)).status));
  }

  /** Puts down what its workers have in hand. */
  async stop(): Promise<void> {
    const stopped = Promise.all(this.#workers.splice(0).map((worker) => worker.stop({ graceMs: 0 })));
    await (this.clock?.runUntil(stopped) ?? stopped);
  }

  async close(): Promise<void> {
    await this.stop();
    await this.store.close();
  }
}

/** Makes benches for the tests of a block, and ends what is theirs when the test is over. */
export function benches(make: Make): (clock?: SimulatedClock) => Bench {
  const made: Bench[] = [];
  afterEach(async () => {
    for (const bench of made.splice(0)) await bench.close();
  });
  return (clock) => {
    const bench = new Bench(make(clock === undefined ? {} : { clock }), clock);
    made.push(bench);
    return bench;
  };
}
