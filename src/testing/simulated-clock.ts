/** Time that passes when a test says so: what waits for hours ends in milliseconds, and in the same order each time. */
import { brand } from "#contract/base/brand";
import { isLoading } from "#contract/base/loading";
import type { Clock } from "#contract/base/services";

interface Timer {
  readonly at: number;
  /** Of timers that are due at the same moment, the one that was set first fires first. */
  readonly order: number;
  readonly fire: () => void;
}

/** Turns of the event loop in which what was woken does all that it can without time passing. */
const TURNS = 5;

/** For so many real milliseconds files and the like are waited for before time goes on without them: a busy disk takes seconds. */
const WORK_MS = 5_000;

/** Whatever was resolved is told by then; turns are the platform's, since nobody waits for a moment in them. */
function turn(): Promise<void> {
  const { setImmediate } = globalThis as { setImmediate?: (work: () => void) => unknown };
  return new Promise((resolve) => {
    if (setImmediate === undefined) setTimeout(resolve, 0);
    else setImmediate(resolve);
  });
}

/** Whether the process waits for files, names, code or the like, which no clock of ours moves. */
function isAtWork(): boolean {
  const { process } = globalThis as { process?: { getActiveResourcesInfo?(): string[] } };
  if (isLoading()) return true;
  return process?.getActiveResourcesInfo?.().some((name) => /Req(?:Promise|Callback|Wrap)?$|Job$/.test(name)) ?? false;
}

/**
 * A clock for agents, caches and model clients that stands still until it is told to go on. With `ids` of your own, too, a run is the same
 * each time, moments included.
 *
 * @example
 * const HOUR = 3_600_000;
 * const flaky = defineModule({
 *   name: "flaky",
 *   process: async ({ node }) => (node.attempt < 3 ? { status: "error", error: "busy" } : { status: "success" }),
 * });
 * const clock = new SimulatedClock();
 * const nodes = [new Node({ name: "flaky", modules: [flaky], nodeConfig: { backoff: { initialMs: HOUR, maxMs: 8 * HOUR } } })];
 * const before = clock.now();
 * const { status } = await clock.runUntil(new Agent({ nodes, clock }).runTask(new Task({ type: "demo", objective: "Wait" })));
 * console.log(status, (clock.now() - before) / HOUR); // COMPLETE 3
 */
export class SimulatedClock implements Clock {
  #now: number;
  #set = 0;
  /** Soonest first. */
  readonly #timers: Timer[] = [];

  /** @param start milliseconds since 1970. Default the start of the year 2000, UTC. */
  constructor(start: number | Date = Date.UTC(2000, 0, 1)) {
    this.#now = Number(start);
  }

  /** Timers that are set and have not fired. */
  get pending(): number {
    return this.#timers.length;
  }

  now(): number {
    return this.#now;
  }

  setTimeout(fire: () => void, ms: number): object {
    const timer: Timer = { at: this.#now + Math.max(0, ms), order: this.#set++, fire };
    this.#timers.splice(this.#placeOf(timer), 0, timer);
    return timer;
  }

  clearTimeout(timer: unknown): void {
    if (timer === undefined) return;
    const place = this.#placeOf(timer as Timer);
    if (this.#timers[place] === timer) this.#timers.splice(place, 1);
  }

  /** Lets so many milliseconds pass: each timer fires at its own moment, and what it wakes is done before the next. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await this.#quiet();
    while (this.#fireNext(end)) await this.#quiet();
    this.#now = end;
  }

  /**
   * Lets time pass, from timer to timer, until the promise settles. Files are waited for; servers that answer in real time are not, so that
   * time limits on them strike. Where no timer is left, it waits for whoever else may settle the promise.
   *
   * @returns what the promise gives; rejects as it does
   */
  async runUntil<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    promise.then(settle, settle);
    for (;;) {
      await this.#quiet(() => isSettled);
      if (isSettled) return promise;
      this.#fireNext(Number.POSITIVE_INFINITY);
    }
  }

  #fireNext(end: number): boolean {
    const next = this.#timers[0];
    if (next === undefined || next.at > end) return false;
    this.#timers.shift();
    this.#now = Math.max(this.#now, next.at);
    next.fire();
    return true;
  }

  /** All that can be done without time passing is done. */
  async #quiet(isOver: () => boolean = () => false): Promise<void> {
    const startedAt = performance.now();
    for (let turns = 0; turns < TURNS && !isOver(); turns++) {
      await turn();
      if (isAtWork() && performance.now() - startedAt < WORK_MS) turns = 0;
    }
  }

  /** Where the timer stands, or would. */
  #placeOf({ at, order }: Timer): number {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const timer = this.#timers[middle] as Timer;
      if (timer.at < at || (timer.at === at && timer.order < order)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

brand(SimulatedClock, "SimulatedClock");
