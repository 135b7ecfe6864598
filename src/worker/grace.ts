/** Until when what works may go on; whoever asks for less time shortens it. */
import type { Clock } from "#contract/base/services";

export class Grace {
  readonly #clock: Clock;
  readonly #over = Promise.withResolvers<void>();
  readonly #timers: unknown[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** At most so many milliseconds from now on. */
  limit(ms: number): void {
    this.#timers.push(this.#clock.setTimeout(() => this.#over.resolve(), ms));
  }

  end(): void {
    for (const timer of this.#timers) this.#clock.clearTimeout(timer);
  }
}
