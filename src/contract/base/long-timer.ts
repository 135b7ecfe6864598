/** A timer that keeps its time for any duration: the platform's own fires at once past 24.8 days. */
import type { Clock } from "./services.ts";

/** The longest delay that `setTimeout` honours: 2^31 - 1 milliseconds. */
export const LONGEST_STEP_MS = 2_147_483_647;

/**
 * Calls `fire` once, after `ms` milliseconds; `Infinity` never fires. Keeps a Node process alive, as `setTimeout` does.
 *
 * @returns a function that cancels the timer; harmless after it fired
 * @example
 * const cancel = setLongTimeout(30 * 24 * 3_600_000, () => remind(), clock);
 */
export function setLongTimeout(ms: number, fire: () => void, clock: Clock): () => void {
  let left = ms;
  let timer: unknown;
  const arm = (): void => {
    const step = Math.min(left, LONGEST_STEP_MS);
    left -= step;
    timer = clock.setTimeout(() => (left > 0 ? arm() : fire()), step);
  };
  arm();
  return () => clock.clearTimeout(timer);
}
