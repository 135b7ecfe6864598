/** Where a run stands, from its row and the time alone. */
import type { OwnerProcess, RunStatus, StoredRun } from "./run-record.ts";

/** Whether a process is known to be gone. */
export type IsGone = (process: OwnerProcess) => boolean;

/** The run without its lease where that is of a process that is gone: nobody need wait for it to run out. */
export function withoutGone<Run extends Pick<StoredRun, "lease">>(run: Run, isGone: IsGone): Run {
  const process = run.lease?.owner.process;
  return process !== undefined && isGone(process) ? { ...run, lease: null } : run;
}

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
