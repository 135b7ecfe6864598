/** Knows for how long the event loop was held: a timer that is set again and again comes as late as that. */
import { type Clock, monotonicOf } from "#contract/base/services";

/** What was seen counts for so many milliseconds. */
const REMEMBERED_MS = 60_000;
const SOONEST_MS = 5;

interface Watched {
  readonly clock: Clock;
  /** Milliseconds between two looks: a hold is known to that. */
  readonly everyMs: number;
  /** Told of each hold, in the first timers after it, or when it stops. */
  held(ms: number): void;
}

export class LoopWatch {
  readonly #of: Watched;
  readonly #everyMs: number;
  #timer: unknown;
  #setAt = 0;
  /** Each shorter than the one before: what came before a longer one is not the longest any more. */
  #holds: { at: number; ms: number }[] = [];

  constructor(of: Watched) {
    this.#of = of;
    this.#everyMs = Math.max(SOONEST_MS, of.everyMs);
  }

  /** Does nothing where it is started already. */
  start(): void {
    if (this.#timer === undefined) this.#next();
  }

  #next(): void {
    this.#setAt = monotonicOf(this.#of.clock);
    this.#timer = this.#of.clock.setTimeout(() => {
      const late = this.#late;
      this.#next();
      this.#note(late);
    }, this.#everyMs);
  }

  /** What came before its timer after a hold may be why it stops: of that hold it tells all the same. */
  stop(): void {
    if (this.#timer === undefined) return;
    this.#of.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    const late = this.#late;
    if (late > 0) this.#note(late);
  }

  get #late(): number {
    return Math.max(0, monotonicOf(this.#of.clock) - this.#setAt - this.#everyMs);
  }

  #note(ms: number): void {
    const now = monotonicOf(this.#of.clock);
    this.#holds = [...this.#since(now).filter((hold) => hold.ms > ms), { at: now, ms }];
    this.#of.held(ms);
  }

  /** The longest of the last minute, in milliseconds. */
  get longestMs(): number {
    return Math.round(this.#since(monotonicOf(this.#of.clock))[0]?.ms ?? 0);
  }

  #since(now: number): readonly { at: number; ms: number }[] {
    return this.#holds.filter(({ at }) => now - at <= REMEMBERED_MS);
  }
}
