/** Time limits of what is asked of a store or a cache, so that one that never answers ends no promise in silence. */
import { setAnswerTimeout } from "./answer-timer.ts";
import { AsimovError } from "./errors.ts";
import type { Clock } from "./services.ts";

export class EffectLimits {
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #pending = new Set<(ms: number) => void>();
  #limitMs: number;

  /** @param limits milliseconds for one effect; `graceMs` once the run is cancelled */
  constructor(clock: Clock, limits: { limitMs: number; graceMs: number }) {
    this.#clock = clock;
    this.#limitMs = limits.limitMs;
    this.#graceMs = Math.min(limits.graceMs, limits.limitMs);
  }

  /** The work's result, or a rejection when it takes too long; what it does later is nobody's. @throws AsimovError `effect-timeout` */
  run<T>(what: string, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let clear: () => void = () => {};
      const arm = (ms: number): void => {
        clear();
        clear = setAnswerTimeout(
          ms,
          () => {
            this.#pending.delete(arm);
            reject(
              new AsimovError(`There was no answer to ${what} within ${ms} ms. See that the store is there, or raise effectTimeoutMs.`, {
                code: "effect-timeout",
                retryable: true,
              }),
            );
          },
          this.#clock,
        );
      };
      const settle = (): void => {
        clear();
        this.#pending.delete(arm);
      };
      arm(this.#limitMs);
      this.#pending.add(arm);
      // In a function of its own: a cache of the user's may throw at once.
      (async () => work())().then(
        (value) => {
          settle();
          resolve(value);
        },
        (error: unknown) => {
          settle();
          reject(error);
        },
      );
    });
  }

  /** Hastens once the signal is aborted. @returns what stops listening */
  follow(signal: AbortSignal | undefined): () => void {
    const hasten = (): void => this.hasten();
    if (signal?.aborted === true) hasten();
    else signal?.addEventListener("abort", hasten, { once: true });
    return () => signal?.removeEventListener("abort", hasten);
  }

  /** The run was cancelled: nothing is waited for any longer than a module would be. */
  hasten(): void {
    if (this.#limitMs === this.#graceMs) return;
    this.#limitMs = this.#graceMs;
    for (const arm of this.#pending) arm(this.#graceMs);
  }
}
