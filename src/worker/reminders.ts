/** Tells a queue once more of runs that have been READY for a while: their wake-up may be lost, or whoever made them ready knows of no queue. */
import type { Clock } from "#contract/base/services";
import type { StoredRun } from "#contract/store/run-record";
import { priorityOf, type WakeUp, type WorkQueue } from "#contract/store/work-queue";

/** Milliseconds after which a queue should have heard of a run by itself. */
const LATE_MS = 1_000;
/** Milliseconds until a queue is told again of a run that waits for its turn. */
const AGAIN_MS = 5_000;

export class Reminders {
  readonly #queue: WorkQueue;
  readonly #clock: Clock;
  /** When the queue was last told of a run. */
  readonly #told = new Map<string, number>();

  constructor(queue: WorkQueue, clock: Clock) {
    this.#queue = queue;
    this.#clock = clock;
  }

  /** @param now by the store's clock. @returns those whose turn somebody has who has not begun it */
  async remind(runs: readonly StoredRun[], now: number): Promise<StoredRun[]> {
    const given: StoredRun[] = [];
    const at = this.#clock.now();
    for (const [taskId, told] of this.#told) if (at - told >= AGAIN_MS) this.#told.delete(taskId);
    for (const run of runs) {
      const { taskId, lease, dueAt } = run;
      if (lease !== null || dueAt === null || now - dueAt < LATE_MS || this.#told.has(taskId)) continue;
      this.#told.set(taskId, at);
      if (await this.#ask(run, now)) given.push(run);
    }
    return given;
  }

  async tell(run: StoredRun, now: number): Promise<void> {
    await this.#queue.tell?.(wakeUp(run, now)).catch(() => {});
  }

  /** A queue that is away is told at the next look. */
  async #ask(run: StoredRun, now: number): Promise<boolean> {
    try {
      return (await this.#queue.remind?.(wakeUp(run, now))) === true;
    } catch {
      this.#told.delete(run.taskId);
      return false;
    }
  }
}

const wakeUp = (run: StoredRun, now: number): WakeUp => ({
  taskId: run.taskId,
  agent: run.agent,
  delayMs: Math.max(0, (run.dueAt ?? now) - now),
  priority: priorityOf(run),
});
