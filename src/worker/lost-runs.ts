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
  #looking: Promise<void> | undefined;

  constructor(of: Losing) {
    this.#of = of;
  }

  /** @param isAsked by the worker's queue; else by one of its own runs that is over, or a turn, which waits for a look that is under way */
  async takeAll(isAsked: boolean): Promise<void> {
    if (!isAsked && this.#looking !== undefined) return await this.#looking;
    const at = monotonicOf(this.#of.clock);
    if (!isAsked && !this.#isLeft && at - this.#lookedAt < AGAIN_MS) return;
    this.#lookedAt = at;
    const looking = this.#look().finally(() => {
      if (this.#looking === looking) this.#looking = undefined;
    });
    this.#looking = looking;
    await looking;
  }

  async #look(): Promise<void> {
    const { find, now: ask, hasRoom, take } = this.#of;
    const [found, now] = await Promise.all([find(), ask()]);
    this.#isLeft = false;
    for (const run of found) {
      if (hasRoom(run.agent)) take(run, now);
      else this.#isLeft = true;
    }
  }
}
