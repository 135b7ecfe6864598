/** Time limits on others' answers: nobody is blamed for an answer that has come, and that this process was too busy to read. */
import { setLongTimeout } from "./long-timer.ts";
import { type Clock, monotonicOf, systemClock } from "./services.ts";
import { afterThisTurn } from "./turns.ts";

/** A timer that is later, in milliseconds, says that the event loop was held. */
const LATE_MS = 100;
/** Milliseconds in which what came meanwhile is read, and what was to be asked next is asked. */
const AFTER_HOLD_MS = 2_000;
/** A loop that is held each time after as many is this process's own affair. */
const MOST_HOLDS = 5;

/**
 * Calls `late` once, after `ms` milliseconds, when all is read that had come by then; later where the event loop was held: timers fire before
 * sockets are read.
 *
 * @returns what cancels it; harmless after `late` was called
 */
export function setAnswerTimeout(ms: number, late: () => void, clock: Clock = systemClock): () => void {
  let isOver = false;
  let cancel: () => void = () => {};
  const read = (then: () => void): void => afterThisTurn(() => afterThisTurn(then));
  const judge = (): void => {
    if (!isOver) late();
  };
  const arm = (left: number, holds: number): void => {
    const due = monotonicOf(clock) + left;
    const isHeld = (): boolean => monotonicOf(clock) - due > LATE_MS && holds < MOST_HOLDS;
    cancel = setLongTimeout(left, () => (isHeld() ? arm(AFTER_HOLD_MS, holds + 1) : read(judge)), clock);
  };
  arm(ms, 0);
  return () => {
    isOver = true;
    cancel();
  };
}

/** Until when a call is waited for that asks several things, one after the other; by the platform's clock. */
export class AnswerLimit {
  #until: number;
  #isRenewed = false;

  constructor(ms: number) {
    this.#until = monotonicOf(systemClock) + ms;
  }

  get leftMs(): number {
    return Math.max(0, this.#until - monotonicOf(systemClock));
  }

  /** What came too late and was not refused for that has waited for this process: what is asked next has its time. */
  answered(): void {
    if (this.leftMs > 0) return;
    this.#until = monotonicOf(systemClock) + AFTER_HOLD_MS;
    this.#isRenewed = true;
  }

  /** Whether there is time for another try that there was none for before; says so once. */
  takeRenewed(): boolean {
    const isRenewed = this.#isRenewed;
    this.#isRenewed = false;
    return isRenewed;
  }
}
