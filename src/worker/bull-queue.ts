/** A queue on BullMQ: a job is the permission to take one run, and lasts for as long as that is in the worker. Who owns a run only the store says. */
import type { WakeUp, WorkQueue } from "#contract/store/work-queue";
import { BullJobs } from "./bull-jobs.ts";
import { type BullQueueOptions, takeBullOptions } from "./bull-options.ts";
import { BullTurns } from "./bull-turns.ts";
import { Soon } from "./queue-away.ts";

/** Milliseconds for which a queue that is away is waited for, once: while it does not answer, nobody else waits. */
const ADD_MS = 1_000;

export interface BullQueue extends WorkQueue {
  tell(run: WakeUp): Promise<void>;
  /** Gives back the connections by which it adds jobs; a worker that stops gives back its own, too. It is opened again where it is told of another run. */
  close(): Promise<void>;
}

/**
 * Wakes workers by BullMQ 6, whose dashboards show each agent as a queue and each turn of a run as a job: waiting, delayed, active, completed,
 * failed where a worker could not go on. Delays, priorities and the rate limit are BullMQ's. Each worker also looks for what lost owners have left,
 * and tells the queue of what it was not told. It needs the package `bullmq`.
 *
 * @throws AsimovError `invalid-options`; where it is used `missing-package`
 * @example
 * const queue = bullQueue({ connection: "redis://127.0.0.1:6379", limiter: { max: 100, duration: 1_000 } });
 * const runs = new Runs(new MemoryStore(), { queue });
 */
export function bullQueue(options: BullQueueOptions): BullQueue {
  const given = takeBullOptions(options);
  const jobs = new BullJobs(given);
  const soon = new Soon(ADD_MS);
  const ask = <T>(asked: () => Promise<T>): Promise<T> =>
    soon.run(asked).catch((error: unknown) => {
      jobs.troubled();
      throw error;
    });
  return {
    givesTurns: true,
    tell: async (run) => void (await ask(() => jobs.add(run))),
    remind: (run) => ask(() => jobs.remind(run)),
    consume: (consumer) => new BullTurns(consumer, jobs, given.sweepMs ?? 1_000),
    close: () => jobs.close(),
  };
}
