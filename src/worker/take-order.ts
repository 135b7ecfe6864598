/** Which of the runs of an agent that can go on goes on first. */
import type { StoredRun } from "#contract/store/run-record";
import { priorityOf } from "#contract/store/work-queue";

/** Those that somebody has begun and lost come first, then those of a higher priority, then those that are due longest. */
export const byTurn = (a: StoredRun, b: StoredRun): number =>
  Number(b.lease !== null) - Number(a.lease !== null) || priorityOf(b) - priorityOf(a) || (a.dueAt ?? 0) - (b.dueAt ?? 0);
