/** Signals by which a process is asked to end: the first one stops a worker, and the next one at once. */
import { AsimovError } from "#contract/base/errors";

export const STOP_SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGBREAK"] as const;

export type StopSignal = (typeof STOP_SIGNALS)[number];

interface Process {
  on?(signal: string, heard: () => void): unknown;
  off?(signal: string, heard: () => void): unknown;
}

/** Returns the end of that: from then on a signal does what it does by default. @throws AsimovError `invalid-options` */
export function onSignals(signals: readonly StopSignal[], stop: (isSecond: boolean) => void): () => void {
  const { process } = globalThis as { process?: Process };
  if (signals.length > 0 && process?.on === undefined) {
    throw new AsimovError("AgentWorker: stopOn expected a process that signals come to, and there is none.", { code: "invalid-options" });
  }
  let isSecond = false;
  const heard = (): void => {
    stop(isSecond);
    isSecond = true;
  };
  for (const signal of signals) process?.on?.(signal, heard);
  return () => {
    for (const signal of signals) process?.off?.(signal, heard);
  };
}
