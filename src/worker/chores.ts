/** What a worker does beside its runs: one after the other, and no run waits for it for long. */
import type { Clock } from "#contract/base/services";

/** Milliseconds for which what a worker looks for next waits. */
const LONGEST_MS = 1_000;

export class Chores {
  readonly #clock: Clock;
  readonly #failedLate: (error: unknown) => void;
  #going: Promise<void> | undefined;

  /** @param failedLate told of what failed when nobody waited for it any more */
  constructor(clock: Clock, failedLate: (error: unknown) => void) {
    this.#clock = clock;
    this.#failedLate = failedLate;
  }

  get areDone(): boolean {
    return this.#going === undefined;
  }

  /** Does them, unless they are being done; settles with them, or after a while. */
  async do(work: () => Promise<void>): Promise<void> {
    this.#going ??= work().finally(() => {
      this.#going = undefined;
    });
    let isWaitedFor = true;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.setTimeout(resolve, LONGEST_MS);
    this.#going.catch((error) => {
      if (!isWaitedFor) this.#failedLate(error);
    });
    try {
      await Promise.race([this.#going, late]);
    } finally {
      isWaitedFor = false;
      this.#clock.clearTimeout(timer);
    }
  }
}
