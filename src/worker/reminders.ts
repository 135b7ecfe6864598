/** Tells a queue once more of runs that have been READY for a while: their wake-up may be lost, or whoever made them ready knows of no queue. */
import type { Clock } from "#contract/base/services";
import type { StoredRun } from "#contract/store/run-record";
import { priorityOf, type WorkQueue } from "#contract/store/work-queue";

/** Milliseconds after which a queue should have heard of a run by itself. */
const LATE_MS = 1_000;
/** Milliseconds until a queue is told again of a run that waits for its turn. */
const AGAIN_MS = 30_000;

export class Reminders {
  readonly #queue: WorkQueue;
  readonly #clock: Clock;
  /** When the queue was last told of a run. */
  readonly #told = new Map<string, number>();

  constructor(queue: WorkQueue, clock: Clock) {
    this.#queue = queue;
    this.#clock = clock;
  }

  /** @param now by the store's clock */
  async remind(runs: readonly StoredRun[], now: number): Promise<void> {
    const at = this.#clock.now();
    for (const [taskId, told] of this.#told) if (at - told >= AGAIN_MS) this.#told.delete(taskId);
    for (const run of runs) {
      const { taskId, lease, dueAt } = run;
      if (lease !== null || dueAt === null || now - dueAt < LATE_MS || this.#told.has(taskId)) continue;
      this.#told.set(taskId, at);
      await this.tell(run, now);
    }
  }

  /** A queue that is away is told at the next look. */
  async tell(run: StoredRun, now: number): Promise<void> {
    const { taskId, agent, dueAt } = run;
    const delayMs = Math.max(0, (dueAt ?? now) - now);
    try {
      await this.#queue.tell?.({ taskId, agent, delayMs, priority: priorityOf(run) });
    } catch {
      this.#told.delete(taskId);
    }
  }
}
