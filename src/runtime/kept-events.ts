/** The newest events of a run, in rings of equal length: to keep one more costs three writes, whoever reads them or not. */
import type { RunEventBody } from "#contract/run/events";
import type { KeptEvent } from "./subscription.ts";

export class KeptEvents {
  readonly #most: number;
  readonly #bodies: RunEventBody[] = [];
  readonly #moments: number[] = [];
  readonly #graphs: (readonly string[])[] = [];
  /** Events that were told before the first that could be kept. */
  readonly #before: number;
  #last: number;

  constructor(most: number, before: number) {
    this.#most = most;
    this.#before = before;
    this.#last = before;
  }

  /** The number of the newest. */
  get last(): number {
    return this.#last;
  }

  /** The number of the oldest that is kept; one more than `last` where none is. */
  get first(): number {
    return Math.max(this.#before, this.#last - this.#most) + 1;
  }

  /** Whether the next one takes the place of the oldest. */
  get isFull(): boolean {
    return this.#last - this.#before >= this.#most;
  }

  push(body: RunEventBody, at: number, graph: readonly string[]): void {
    const place = (this.#last++ - this.#before) % this.#most;
    this.#bodies[place] = body;
    this.#moments[place] = at;
    this.#graphs[place] = graph;
  }

  /** @param seq one that is kept */
  get(seq: number): KeptEvent {
    const place = (seq - 1 - this.#before) % this.#most;
    return {
      seq,
      at: this.#moments[place] as number,
      graph: this.#graphs[place] as readonly string[],
      body: this.#bodies[place] as RunEventBody,
    };
  }
}
