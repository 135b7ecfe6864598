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

  /** @param seq one that is kept, as for the others */
  body(seq: number): RunEventBody {
    return this.#bodies[this.#place(seq)] as RunEventBody;
  }

  moment(seq: number): number {
    return this.#moments[this.#place(seq)] as number;
  }

  graph(seq: number): readonly string[] {
    return this.#graphs[this.#place(seq)] as readonly string[];
  }

  get(seq: number): KeptEvent {
    return { seq, at: this.moment(seq), graph: this.graph(seq), body: this.body(seq) };
  }

  #place(seq: number): number {
    return (seq - 1 - this.#before) % this.#most;
  }
}
