/**
 * Whose run is next where several agents have some: none of them waits for another's backlog.
 *
 * What a lost owner has left is first. Of the rest, room goes to the agent that has the fewest runs here, and of those to the one that had its turn longest ago.
 */
import type { Clock } from "#contract/base/services";
import type { StoredRun } from "#contract/store/run-record";
import { byTurn } from "./take-order.ts";

/** Milliseconds for which room is kept for an agent whose turn it is, until it takes it. */
const KEPT_MS = 1_000;

interface Agents {
  clock: Clock;
  sizeOf(agent: string): number;
  /** Room was kept in vain. */
  freed(): void;
}

export class AgentTurns {
  readonly #of: Agents;
  /** The number of the last turn of each. */
  readonly #turns = new Map<string, number>();
  #count = 0;
  /** Those for whom there was no room when they came, with the timer until when it is kept for them. */
  readonly #turnedAway = new Map<string, unknown>();

  constructor(of: Agents) {
    this.#of = of;
  }

  /** Each when it is asked for, by what was taken until then. */
  *inTurn(runs: readonly StoredRun[]): Generator<StoredRun, undefined> {
    const sorted = runs.toSorted(byTurn);
    yield* sorted.filter(({ lease }) => lease !== null);
    const lines = Map.groupBy(
      sorted.filter(({ lease }) => lease === null),
      ({ agent }) => agent,
    );
    while (lines.size > 0) {
      const agent = this.#first(lines.keys());
      const line = lines.get(agent) as StoredRun[];
      yield line.shift() as StoredRun;
      if (line.length === 0) lines.delete(agent);
    }
  }

  /** It has had its turn. */
  took(agent: string): void {
    this.#turns.set(agent, this.#count++);
    this.#forget(agent);
  }

  /** A queue gave a run of that agent its turn, and there was no room. */
  turnedAway(agent: string): void {
    if (this.#turnedAway.has(agent)) return;
    const inVain = (): void => {
      this.#forget(agent);
      this.#of.freed();
    };
    this.#turnedAway.set(agent, this.#of.clock.setTimeout(inVain, KEPT_MS));
  }

  end(): void {
    for (const agent of [...this.#turnedAway.keys()]) this.#forget(agent);
  }

  /** How many others are to have room before that agent has more. */
  before(agent: string): number {
    if (this.#turnedAway.size === 0) return 0;
    return [...this.#turnedAway.keys()].filter((other) => other !== agent && this.#compare(other, agent) < 0).length;
  }

  #forget(agent: string): void {
    this.#of.clock.clearTimeout(this.#turnedAway.get(agent));
    this.#turnedAway.delete(agent);
  }

  #first(agents: Iterable<string>): string {
    return [...agents].reduce((first, agent) => (this.#compare(agent, first) < 0 ? agent : first));
  }

  #compare(a: string, b: string): number {
    return this.#of.sizeOf(a) - this.#of.sizeOf(b) || (this.#turns.get(a) ?? -1) - (this.#turns.get(b) ?? -1);
  }
}
