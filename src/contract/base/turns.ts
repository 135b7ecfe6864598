/** Turns of the event loop: work that never waits for timers or I/O asks here whether they are due. */

/** Milliseconds for which work may go on before timers and I/O get a turn: promises alone never give them one. */
const LONGEST_TURN_MS = 20;

/** Node's way takes microseconds; a timer, for browsers, a millisecond or more. */
export function afterThisTurn(work: () => void): void {
  const { setImmediate } = globalThis as { setImmediate?: (work: () => void) => unknown };
  if (setImmediate === undefined) setTimeout(work, 0);
  else setImmediate(work);
}

/** Microtasks after which what was called back has done what it does at once, through the promises that lead to it. */
const HOPS = 20;

/** The first to ask in a turn starts its time; whatever holds the thread meanwhile counts, whoever it is. */
export class Turns {
  #startedAt: number | undefined;
  #waiting: (() => void)[] = [];
  readonly #line: (() => void)[] = [];
  #isServing = false;

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

  /** Settles at once, or in another turn when this one is over: what walks over much waits for it now and then. */
  async pause(): Promise<void> {
    while (this.isOver()) await new Promise<void>((resolve) => this.next(resolve));
  }

  /** Calls back in a microtask, or in another turn when this one is over. */
  soon(work: () => void): void {
    if (this.isOver()) this.next(work);
    else queueMicrotask(work);
  }

  /** Calls back at once, or when those before have done what they do at once; in another turn when this one is over. */
  inLine(work: () => void): void {
    this.#line.push(work);
    if (!this.#isServing) void this.#serve();
  }

  async #serve(): Promise<void> {
    this.#isServing = true;
    for (let work = this.#line.shift(); work !== undefined; work = this.#line.shift()) {
      await this.pause();
      work();
      for (let hop = 0; hop < HOPS; hop++) await undefined;
    }
    this.#isServing = false;
  }
}

/** Of the thread that all agents of a process share. */
export const threadTurns = new Turns();
