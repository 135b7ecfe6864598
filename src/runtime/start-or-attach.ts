/** Starts a task, or takes up the run that a store holds of it already. */
import { AsimovError, asimovErrorOf, RunError } from "#contract/base/errors";
import type { Task } from "#contract/base/task";
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { hasEnded, type PersistedAgent } from "#keep/persisted";
import { requireSound } from "#keep/sound-row";
import { isSubmitted } from "#keep/submission";
import { readInfo, requireRun } from "#runs/read-run";
import { requireSame } from "#runs/same-task";
import { type AgentHost, askedBy, type Launched } from "./agent-host.ts";
import type { AgentRun } from "./agent-run.ts";
import { AttachedRun } from "./attach-run.ts";
import { readRun } from "./claim-run.ts";
import { earlierOf } from "./earlier-events.ts";
import { beginLater, resumeRun } from "./go-on.ts";
import type { GraphScope } from "./graph-scope.ts";
import { leaveTask } from "./run-logic.ts";
import { requireOwnName, tellStoredEnd } from "./take-run.ts";

/** @throws AsimovError `agent-unnamed` */
export function requireNamed({ isNamed }: AgentHost, what: string): void {
  if (isNamed) return;
  throw new AsimovError(
    `${what}: this agent has no name of its own, by which its runs could be told from others. Give it the option \`name\`.`,
    {
      code: "agent-unnamed",
    },
  );
}

/** The run that this process has of the task; of another task of its id one whose outcome rejects with `run-differs`, as where the store has it. */
export function attachHere(run: AgentRun, task: Task<unknown>): AgentRun {
  try {
    requireSame(run.id, run.task, task);
    return run;
  } catch (error) {
    return new AttachedRun(run, Promise.reject(error));
  }
}

/** @param fresh the run as it begins where the store holds none */
export function attachRun(host: AgentHost, fresh: Launched, signal?: AbortSignal): AgentRun {
  const found = findRun(host, fresh, signal);
  const attached = new AttachedRun(fresh.run, found);
  host.own.replace(fresh.run, attached, found);
  return attached;
}

async function findRun(host: AgentHost, fresh: Launched, signal: AbortSignal | undefined): Promise<AgentRun> {
  const { run, scope } = fresh;
  const { store } = askedBy(host).asked;
  try {
    const row = await store.read(run.id);
    if (row === undefined && (await isBegun(fresh))) return run;
    const there = row === undefined ? await requireRun(store, run.id) : requireSound(run.id, row);
    // What is there is another run of the same task, and this one never goes on.
    discard(scope);
    return await takeUp(host, store, there, run.task, signal);
  } catch (error) {
    discard(scope);
    throw error;
  }
}

function discard({ run }: GraphScope): void {
  run.finish("the task has a run already");
  leaveTask(run);
}

/** Begins it; false where somebody was faster. */
async function isBegun({ run, scope, begin }: Launched): Promise<boolean> {
  begin();
  const { kept } = scope.run;
  if (kept === undefined) return true;
  const isThere = run.outcome.then(
    () => false,
    (error: unknown) => asimovErrorOf(error)?.code === "run-exists",
  );
  return !(await Promise.race([kept.opened.then(() => false), isThere]));
}

/** The run that is there of the task: resumed, or its outcome once more. */
async function takeUp(
  host: AgentHost,
  store: RunStore,
  row: StoredRun,
  task: Task<unknown>,
  signal: AbortSignal | undefined,
): Promise<AgentRun> {
  requireOwnName(host, row);
  requireSame(task.id, { type: row.type, ...readInfo(store, row) }, task);
  if (row.status === "open") return await resumeRun(host, task.id, signal === undefined ? {} : { signal });
  const ended = await replayRun(host, store, row);
  if (ended === undefined) {
    throw new RunError(`Run ${task.id} was cancelled while nobody owned it, so that it has no outcome. Go on with it by \`retry\`.`, {
      code: "run-ended",
      taskId: task.id,
    });
  }
  return ended;
}

/** An ended run gives its outcome once more; undefined where it was cancelled while nobody owned it, and has none. */
export async function replayRun(host: AgentHost, store: RunStore, row: StoredRun): Promise<AgentRun | undefined> {
  await tellStoredEnd(host, store, row);
  if (isSubmitted(row)) return undefined;
  const { persisted } = await readRun(store, row, { graph: () => host.graph() });
  if (!hasEnded(persisted as unknown as PersistedAgent)) return undefined;
  const ended = host.relaunch(persisted);
  ended.scope.run.replay();
  ended.scope.run.events.storedIn(earlierOf(store, row.taskId));
  return beginLater(ended, { generation: row.generation, isTold: true });
}
