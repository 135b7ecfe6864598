/** How long a store that is away is waited for: it is asked again, later and later, until it answers or nobody waits any more. */
import { asimovErrorOf } from "#contract/base/errors";
import type { Clock } from "#contract/base/services";

/** Milliseconds between two tries, from the first to the longest. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 2_000;

export class Patience {
  readonly #clock: Clock;
  #ms = FIRST_PAUSE_MS;
  #wake: (() => void) | undefined;
  #isOver = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Longer than the one before; over at once when it ends. */
  async pause(): Promise<void> {
    if (this.#isOver) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.setTimeout(resolve, this.#ms);
    this.#ms = Math.min(2 * this.#ms, LONGEST_PAUSE_MS);
    this.#wake = resolve;
    await promise;
    this.#wake = undefined;
    this.#clock.clearTimeout(timer);
  }

  /** It has answered. */
  renew(): void {
    this.#ms = FIRST_PAUSE_MS;
  }

  /** Nobody waits any more. */
  end(): void {
    this.#isOver = true;
    this.#wake?.();
  }
}

/** What no waiting mends: this process may not write there, or what is there is no place to write to; or it was waited for already. */
const FOR_GOOD: ReadonlySet<unknown> = new Set(["effect-timeout", "store-read-only", "EACCES", "EPERM", "EROFS", "ENOTDIR", "EISDIR"]);

/** Whether the same may succeed when it is asked again later, with nobody's help. */
export function isTransient(error: unknown): boolean {
  const known = asimovErrorOf(error);
  if (known?.retryable !== true) return false;
  return !FOR_GOOD.has(known.code) && !FOR_GOOD.has((known.cause as { code?: unknown } | null | undefined)?.code);
}

/**
 * Asks again until there is an answer.
 *
 * @param troubled told once of what the store said
 * @param isPassing whether the same may succeed when it is asked again
 * @throws what is not transient, and whatever came last when nobody waits any more
 */
export async function untilAnswered<T>(
  patience: Patience,
  troubled: (error: unknown) => void,
  ask: () => Promise<T>,
  isPassing = isTransient,
): Promise<T> {
  for (let isTold = false; ; isTold = true) {
    try {
      return await ask();
    } catch (error) {
      if (!isPassing(error) || patience.isOver) throw error;
      if (!isTold) troubled(error);
      await patience.pause();
      if (patience.isOver) throw error;
    }
  }
}
