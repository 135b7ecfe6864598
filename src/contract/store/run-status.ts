/** Where a run stands, from its row and the time alone. */
import type { RunStatus, StoredRun } from "./run-record.ts";

/** Whether somebody owns the run. */
export const isOwned = ({ lease }: Pick<StoredRun, "lease">, now: number): boolean => lease !== null && lease.until > now;

/** An end, or whether the run is owned, can go on, or waits. */
export function statusOf(run: Pick<StoredRun, "status" | "lease" | "dueAt">, now: number): RunStatus {
  if (run.status !== "open") return run.status;
  if (isOwned(run, now)) return "RUNNING";
  return run.dueAt !== null && run.dueAt <= now ? "READY" : "PARKED";
}

/** Whether the run has ended so long ago that it is no longer kept. */
export const isPast = ({ endedAt }: Pick<StoredRun, "endedAt">, retainMs: number, now: number): boolean =>
  endedAt !== null && endedAt + retainMs <= now;
