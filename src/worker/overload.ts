/**
 * Gives runs up before they are lost: where the event loop was held for more than a third of a lease, half of the runs are put down for other workers,
 * those first that were taken last, and fewer are taken until it is calm.
 *
 * All of them would be too many: what holds the loop does so wherever it runs, and what was put down is repeated. The leases of all are renewed first.
 */
import { dropping } from "#contract/base/dropping";
import { type Clock, monotonicOf } from "#contract/base/services";
import { afterThisTurn } from "#contract/base/turns";
import { LoopWatch } from "./loop-watch.ts";
import { RunLimit } from "./run-limit.ts";
import type { Work } from "./work.ts";

/** A hold of a worker's event loop, and what it did. */
export interface LoopHeld {
  /** For how long, in milliseconds, to a sixtieth of the lease. */
  heldMs: number;
  /** The tasks whose runs are put down: READY, for any worker. */
  putDown: string[];
}

interface Loaded {
  clock: Clock;
  leaseMs: number;
  concurrency: number;
  work: Work;
  onHeld: ((held: LoopHeld) => void) | undefined;
}

export class Overload {
  readonly #of: Loaded;
  readonly #watch: LoopWatch;
  readonly #limit: RunLimit;
  #isOver = false;

  constructor(of: Loaded) {
    this.#of = of;
    this.#limit = new RunLimit(of.concurrency, of.leaseMs / 3);
    this.#watch = new LoopWatch({ clock: of.clock, everyMs: of.leaseMs / 60, held: (ms) => this.#held(ms) });
  }

  /** How many runs there may be now. */
  get limit(): number {
    return this.#limit.at(monotonicOf(this.#of.clock));
  }

  /** The longest hold of the last minute, in milliseconds. */
  get heldMs(): number {
    return this.#watch.longestMs;
  }

  /** There are runs, or none any more: without any, a hold endangers nothing, and no timer is set. */
  worked(): void {
    if (this.#of.work.size > 0 && !this.#isOver) this.#watch.start();
    else this.#watch.stop();
  }

  /** For good, also where the worker has let go of runs that have not ended. */
  end(): void {
    this.#isOver = true;
    this.#watch.stop();
  }

  #held(ms: number): void {
    if (ms <= this.#of.leaseMs / 3 || this.#isOver) return;
    // Each lease is due to be renewed by now, by timers of this same turn.
    afterThisTurn(() => this.#giveUp(Math.round(ms)));
  }

  #giveUp(heldMs: number): void {
    const { clock, work, onHeld } = this.#of;
    this.#limit.halve(work.size, monotonicOf(clock));
    const held = { heldMs, putDown: work.putDown(this.limit) };
    if (onHeld === undefined) this.#warn(held);
    else dropping(() => onHeld(held));
  }

  #warn({ heldMs, putDown }: LoopHeld): void {
    const { leaseMs } = this.#of;
    const third = `more than a third of leaseMs (${leaseMs})`;
    const mend =
      "What computes for so long belongs in a worker thread or another process, and results of many megabytes in a place of their own; or give longer leases.";
    // biome-ignore lint/suspicious/noConsole: whoever loses runs by it must hear why
    console.warn(`AgentWorker: the event loop was held for ${heldMs} ms, ${third}: ${putDown.length} runs were put down. ${mend}`);
  }
}
