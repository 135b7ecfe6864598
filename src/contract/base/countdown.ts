/** A time limit that can stand still: only the time while it runs counts. */
import { setLongTimeout } from "./long-timer.ts";
import { type Clock, monotonicOf } from "./services.ts";

export class Countdown {
  readonly #clock: Clock;
  readonly #fire: () => void;
  #leftMs: number;
  #startedAt: number | undefined;
  #clear: () => void = () => {};

  /** Stands still until `run`. `Infinity` never fires. */
  constructor(clock: Clock, ms: number, fire: () => void) {
    this.#clock = clock;
    this.#leftMs = ms;
    this.#fire = fire;
  }

  /** Milliseconds that are left. */
  get leftMs(): number {
    return this.#startedAt === undefined ? this.#leftMs : Math.max(0, this.#leftMs - (monotonicOf(this.#clock) - this.#startedAt));
  }

  run(): void {
    if (this.#startedAt !== undefined || this.#leftMs === Number.POSITIVE_INFINITY) return;
    this.#startedAt = monotonicOf(this.#clock);
    this.#clear = setLongTimeout(this.#leftMs, this.#fire, this.#clock);
  }

  pause(): void {
    this.#leftMs = this.leftMs;
    this.#startedAt = undefined;
    this.#clear();
  }
}
