/** Waits for what is told of one run: hints that come while nobody waits are not lost. */
import type { Clock } from "#contract/base/services";
import type { RunStore } from "#contract/store/run-store";

export class Changes {
  readonly #clock: Clock;
  readonly #leave: () => void;
  readonly #signal: AbortSignal | undefined;
  #hasChanged = false;
  #isPausing = false;
  #wake: (() => void) | undefined;
  readonly #abort = (): void => this.#wake?.();

  /** @param subscribe calls back when there may be something to look at; gives the end of it */
  constructor(subscribe: (hint: () => void) => () => void, clock: Clock, signal?: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
    this.#leave = subscribe(() => this.hint());
    signal?.addEventListener("abort", this.#abort);
  }

  get isOver(): boolean {
    return this.#signal?.aborted === true;
  }

  /** What changes from here on is news. */
  look(): void {
    this.#hasChanged = false;
  }

  /** There is something to look at. */
  hint(): void {
    this.#hasChanged = true;
    if (!this.#isPausing) this.#wake?.();
  }

  /** Settles at the next hint since `look`, after so many milliseconds, or when the signal is aborted. */
  async next(ms?: number): Promise<void> {
    if (!this.#hasChanged) await this.#sleep(ms);
  }

  /** Hints do not shorten it. */
  async pause(ms: number): Promise<void> {
    this.#isPausing = true;
    await this.#sleep(ms);
    this.#isPausing = false;
  }

  async #sleep(ms: number | undefined): Promise<void> {
    if (this.isOver) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = ms === undefined ? undefined : this.#clock.setTimeout(resolve, ms);
    this.#wake = resolve;
    await promise;
    this.#wake = undefined;
    if (timer !== undefined) this.#clock.clearTimeout(timer);
  }

  end(): void {
    this.#leave();
    this.#signal?.removeEventListener("abort", this.#abort);
  }
}

/** Of a stored run. */
export const changesOf = (store: RunStore, taskId: string, clock: Clock, signal?: AbortSignal): Changes =>
  new Changes((hint) => store.subscribe((changed) => (changed === null || changed === taskId ? hint() : undefined)), clock, signal);
