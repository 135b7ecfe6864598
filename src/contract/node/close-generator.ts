/** Closes a generator of the user's: it ends, or it is left behind after the grace time. */
import { setLongTimeout } from "#contract/base/long-timer";
import type { Clock } from "#contract/base/services";

/** What the generator throws while it closes has nowhere to go: its visit has ended. Never rejects. */
export function closeGenerator(generator: AsyncGenerator, graceMs: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cancel = setLongTimeout(graceMs, resolve, clock);
    const end = (): void => {
      cancel();
      resolve();
    };
    // In a function of its own: an iterator of the user's may have no `return`, or one that throws.
    (async () => generator.return(undefined))().then(end, end);
  });
}
