/** What lost owners have left comes before whatever is due: it is looked for whenever a worker looks, and soon before room is given to anything else. */
import { type Clock, monotonicOf } from "#contract/base/services";
import type { StoredRun } from "#contract/store/run-record";

/** Milliseconds for which nobody looks again by itself. */
const AGAIN_MS = 250;

interface Losing {
  clock: Clock;
  find(): Promise<StoredRun[]>;
  /** By the store's clock. */
  now(): Promise<number>;
  hasRoom(agent: string): boolean;
  take(run: StoredRun, now: number): void;
}

export class LostRuns {
  readonly #of: Losing;
  /** More than there was room for. */
  #isLeft = false;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(of: Losing) {
    this.#of = of;
  }

  /** @param isAsked by the worker's queue; else by one of its own runs that is over, or a turn */
  async takeAll(isAsked: boolean): Promise<void> {
    const { clock, hasRoom, take } = this.#of;
    const at = monotonicOf(clock);
    if (!isAsked && !this.#isLeft && at - this.#lookedAt < AGAIN_MS) return;
    this.#lookedAt = at;
    const [found, now] = await Promise.all([this.#of.find(), this.#of.now()]);
    this.#isLeft = false;
    for (const run of found) {
      if (hasRoom(run.agent)) take(run, now);
      else this.#isLeft = true;
    }
  }
}
