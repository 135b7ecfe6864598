/** A counting semaphore, first come first served; its limit is read whenever somebody wants in. */

export class Permits {
  readonly #limit: () => number;
  #used = 0;
  readonly #waiting = new Set<() => void>();

  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** Calls `enter` once there is room, maybe at once; whoever entered calls `release`. Returns how to stop waiting. */
  acquire(enter: () => void): () => void {
    if (this.#waiting.size === 0 && this.#used < this.#limit()) {
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
      if (this.#used >= this.#limit()) return;
      this.#waiting.delete(enter);
      this.#used++;
      enter();
    }
  }
}
