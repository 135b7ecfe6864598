/** A counting semaphore, first come first served, that lets the event loop turn; its limit is read whenever somebody wants in. */

/** Milliseconds for which modules may follow each other before timers and I/O get a turn: promises alone never give them one. */
const LONGEST_TURN_MS = 20;

/** Node's way takes microseconds; a timer, for browsers, a millisecond or more. */
function nextTurn(work: () => void): void {
  const { setImmediate } = globalThis as { setImmediate?: (work: () => void) => unknown };
  if (setImmediate === undefined) setTimeout(work, 0);
  else setImmediate(work);
}

export class Permits {
  readonly #limit: () => number;
  #used = 0;
  readonly #waiting = new Set<() => void>();
  #turnStartedAt = 0;
  #enteredAt = Number.NEGATIVE_INFINITY;
  #isYielding = false;

  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** Calls `enter` once there is room, maybe at once; whoever entered calls `release`. Returns how to stop waiting. */
  acquire(enter: () => void): () => void {
    if (this.#waiting.size === 0 && this.#hasRoom()) {
      this.#used++;
      enter();
      return () => {};
    }
    this.#waiting.add(enter);
    return () => this.#waiting.delete(enter);
  }

  release(): void {
    this.#used--;
    this.admit();
  }

  /** Lets in whom there is room for, also after the limit was raised. */
  admit(): void {
    for (const enter of this.#waiting) {
      if (!this.#hasRoom()) return;
      this.#waiting.delete(enter);
      this.#used++;
      enter();
    }
  }

  #hasRoom(): boolean {
    return this.#used < this.#limit() && !this.#isTurnOver();
  }

  #isTurnOver(): boolean {
    if (this.#isYielding) return true;
    const now = performance.now();
    // Nobody came for so long that the loop has turned by itself.
    if (now - this.#enteredAt > LONGEST_TURN_MS) this.#turnStartedAt = now;
    this.#enteredAt = now;
    if (now - this.#turnStartedAt <= LONGEST_TURN_MS) return false;
    this.#isYielding = true;
    nextTurn(() => {
      this.#isYielding = false;
      this.#turnStartedAt = performance.now();
      this.#enteredAt = this.#turnStartedAt;
      this.admit();
    });
    return true;
  }
}
