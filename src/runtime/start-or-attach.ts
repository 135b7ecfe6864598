/** Starts a task, or takes up the run that a store holds of it already. */
import { AsimovError, asimovErrorOf, RunError } from "#contract/base/errors";
import type { Task } from "#contract/base/task";
import type { RunStore } from "#contract/store/run-store";
import { hasEnded, type PersistedAgent } from "#keep/persisted";
import { requireSound } from "#keep/sound-row";
import { readInfo } from "#runs/read-run";
import type { AgentHost, Launched } from "./agent-host.ts";
import type { AgentRun } from "./agent-run.ts";
import { AttachedRun, requireSame } from "./attach-run.ts";
import { readRun } from "./claim-run.ts";
import { beginLater, resumeRun } from "./go-on.ts";
import type { GraphScope } from "./graph-scope.ts";
import { leaveTask } from "./run-logic.ts";

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

/** @throws RunError `run-differs` */
export function requireSameTask(run: AgentRun, task: Task<unknown>): AgentRun {
  requireSame(run.id, run.task, task);
  return run;
}

/** @param fresh the run as it begins where the store holds none */
export function attachRun(host: AgentHost, fresh: Launched, store: RunStore, signal?: AbortSignal): AgentRun {
  const found = findRun(host, fresh, store, signal);
  const attached = new AttachedRun(fresh.run, found);
  host.own.replace(fresh.run, attached);
  return attached;
}

/** False where somebody was faster. */
async function isNew({ outcome }: AgentRun, { run: { kept } }: GraphScope): Promise<boolean> {
  if (kept === undefined) return true;
  const isThere = outcome.then(
    () => false,
    (error: unknown) => asimovErrorOf(error)?.code === "run-exists",
  );
  return !(await Promise.race([kept.opened.then(() => false), isThere]));
}

async function findRun(
  host: AgentHost,
  { run, scope, begin }: Launched,
  store: RunStore,
  signal: AbortSignal | undefined,
): Promise<AgentRun> {
  const { task } = run;
  const discard = (): void => {
    scope.run.finish("the task has a run already");
    leaveTask(scope.run);
  };
  try {
    const row = await store.read(task.id);
    if (row === undefined) {
      begin();
      if (await isNew(run, scope)) return run;
      return await findRun(host, { run, scope, begin }, store, signal);
    }
    requireSound(task.id, row);
    // What is there is another run of the same task, and this one never begins.
    discard();
    requireSame(task.id, { type: row.type, ...readInfo(store, row) }, task);
    if (row.status === "open") return await resumeRun(host, task.id, signal === undefined ? {} : { signal });
    const { persisted } = await readRun(store, row, { graph: () => host.graph() });
    if (!hasEnded(persisted as unknown as PersistedAgent)) {
      throw new RunError(`Run ${task.id} was cancelled while nobody owned it, so that it has no outcome. Go on with it by \`retry\`.`, {
        code: "run-ended",
        taskId: task.id,
      });
    }
    const ended = host.relaunch(persisted);
    ended.scope.run.replay();
    return beginLater(ended, { generation: row.generation });
  } catch (error) {
    discard();
    throw error;
  }
}
