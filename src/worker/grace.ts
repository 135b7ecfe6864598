/** Until when what works may go on; whoever asks for less time shortens it. */
import { setLongTimeout } from "#contract/base/long-timer";
import type { Clock } from "#contract/base/services";

export class Grace {
  readonly #clock: Clock;
  readonly #over = Promise.withResolvers<void>();
  readonly #cancels: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** At most so many milliseconds from now on. */
  limit(ms: number): void {
    this.#cancels.push(setLongTimeout(ms, this.#over.resolve, this.#clock));
  }

  end(): void {
    for (const cancel of this.#cancels) cancel();
  }
}
