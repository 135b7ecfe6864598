/** What ends a call from outside: the caller's signal, the run's and the time limit, whichever comes first. */
import { setLongTimeout } from "#contract/base/long-timer";
import { type Clock, systemClock } from "#contract/base/services";
import { WireFault } from "#contract/chat/wire-fault";

/** @returns takes the timer and the listeners away */
export function endsOf(
  timeoutMs: number,
  signals: readonly (AbortSignal | undefined)[],
  stop: (reason: unknown) => void,
  clock: Clock = systemClock,
): () => void {
  const sources = signals.filter((signal) => signal !== undefined);
  const ended = sources.find(({ aborted }) => aborted);
  if (ended !== undefined) {
    stop(ended.reason);
    return () => {};
  }
  const fire = (): void => {
    const detail = `the call took longer than timeoutMs (${timeoutMs})`;
    stop(new WireFault({ kind: "retryable", code: "timeout", detail, isOwnDetail: true }));
  };
  const cancelTimer = setLongTimeout(timeoutMs, fire, clock);
  const links = sources.map((source) => {
    const end = (): void => stop(source.reason);
    source.addEventListener("abort", end, { once: true });
    return () => source.removeEventListener("abort", end);
  });
  return () => {
    cancelTimer();
    for (const unlink of links) unlink();
  };
}
