/** How many runs a worker has at a time: what it may, and fewer after its loop was held; halved at once, and back step by step. */

/** Of what it may have, so much comes back with each calm stretch. */
const STEP = 0.1;

export class RunLimit {
  readonly most: number;
  readonly #calmMs: number;
  #left: number;
  #since = 0;

  /** @param calmMs milliseconds without a hold after which it has one step more */
  constructor(most: number, calmMs: number) {
    this.most = most;
    this.#calmMs = calmMs;
    this.#left = most;
  }

  at(now: number): number {
    const steps = Math.floor((now - this.#since) / this.#calmMs);
    return Math.min(this.most, this.#left + steps * Math.ceil(this.most * STEP));
  }

  /** Half of what is there is left, and never less than one: with it somebody goes on, whatever holds the loop. */
  halve(size: number, now: number): void {
    this.#left = Math.max(1, Math.floor(Math.min(size, this.at(now)) / 2));
    this.#since = now;
  }
}
