/** What is said of a run that is not as somebody thought. */
import { shownMessageOf } from "#contract/base/error-details";
import { AsimovError, asimovErrorOf, RunError, SnapshotError } from "#contract/base/errors";
import type { StoredRun } from "./run-record.ts";

export const notFound = (taskId: string): RunError =>
  new RunError(`This store holds no run ${taskId}. See that it is the store that the run was started with.`, {
    code: "run-not-found",
    taskId,
  });

export const notStored = (taskId: string, what: string): RunError =>
  new RunError(
    `${what}: run ${taskId} is of this process alone, and no store holds it. Store it by \`snapshot\` of the agent, a node or the run, or look at it by \`get\`, \`events\` and \`watch\`.`,
    { code: "run-not-stored", taskId },
  );

export const hasEnded = (taskId: string, what: string): RunError =>
  new RunError(`${what}: run ${taskId} has ended, so that nobody takes it any more. Go on with it by \`retry\` or \`fork\`.`, {
    code: "run-ended",
    taskId,
  });

/** Who owns a run, and until when, for whoever may not have it. */
export const ownedError = ({ taskId, lease }: StoredRun): RunError =>
  new RunError(
    `Run ${taskId} is owned by ${lease?.owner.id ?? "somebody"} until ${new Date(lease?.until ?? 0).toISOString()}. Wait for that, or take it over by \`resume\` with \`takeOver: true\`.`,
    { code: "run-owned", taskId, retryable: true },
  );

/** What a store throws that is not of ours says neither what it is nor of which run. */
export function inOurs(what: string, error: unknown, taskId?: string): AsimovError {
  const known = asimovErrorOf(error);
  if (known !== undefined) return known;
  const message = `The store could not ${what}: ${shownMessageOf(error)}`;
  const options = { code: "store-failed", cause: error };
  return taskId === undefined ? new AsimovError(message, options) : new RunError(message, { ...options, taskId });
}
export const existsError = ({ taskId, agent, status }: StoredRun): RunError =>
  new RunError(
    `Run ${taskId} is stored already, of agent "${agent}", ${status === "open" ? "unfinished" : `as ${status}`}; a task runs once. Go on with it by \`resume\`, or give the task another id.`,
    { code: "run-exists", taskId },
  );

/** What its store says of a run does not fit. */
export const rowDamaged = (taskId: string, how: string, cause?: unknown): SnapshotError =>
  new SnapshotError(`The row of run "${taskId}" is damaged: ${how}. Put a copy of the store in its place.`, {
    code: "snapshot-damaged",
    ...(cause === undefined ? {} : { cause }),
  });
