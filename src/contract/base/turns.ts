/** Turns of the event loop: work that never waits for timers or I/O asks here whether they are due. */

/** Milliseconds for which work may go on before timers and I/O get a turn: promises alone never give them one. */
const LONGEST_TURN_MS = 20;

/** Node's way takes microseconds; a timer, for browsers, a millisecond or more. */
function afterThisTurn(work: () => void): void {
  const { setImmediate } = globalThis as { setImmediate?: (work: () => void) => unknown };
  if (setImmediate === undefined) setTimeout(work, 0);
  else setImmediate(work);
}

/** The first to ask in a turn starts its time; whatever holds the thread meanwhile counts, whoever it is. */
export class Turns {
  #startedAt: number | undefined;
  #waiting: (() => void)[] = [];

  /** Whether this turn has taken so long that what can wait should. */
  isOver(): boolean {
    if (this.#startedAt !== undefined) return performance.now() - this.#startedAt > LONGEST_TURN_MS;
    this.#startedAt = performance.now();
    afterThisTurn(() => {
      this.#startedAt = undefined;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const work of waiting) work();
    });
    return false;
  }

  /** Calls back in the next turn. Only after `isOver` has said so. */
  next(work: () => void): void {
    this.#waiting.push(work);
  }
}
