/** A task that was submitted begins in this process: as one that is started, but stored already, and owned before its first node. */
import { AsimovError } from "#contract/base/errors";
import { Task } from "#contract/base/task";
import { afterThisTurn } from "#contract/base/turns";
import type { StoredRun } from "#contract/store/run-record";
import { PartsSum } from "#contract/store/seal";
import { isSubmitted, readSubmission } from "#keep/submission";
import { readInfo } from "#runs/read-run";
import type { AgentHost, Asking } from "./agent-host.ts";
import type { AgentRun } from "./agent-run.ts";
import { claimLease, unlessLost } from "./claim-run.ts";
import { codeOf } from "./code-of.ts";
import type { KeepingOf } from "./keeping.ts";
import type { Kept } from "./kept-run.ts";
import { KEEPING, takeTask } from "./run-logic.ts";
import { requireOwnName } from "./take-run.ts";

interface Begin extends Pick<KeepingOf, "whenWaiting" | "onQuestion" | "childQueue"> {
  signal?: AbortSignal;
  takeOver?: boolean;
}

/** Undefined where somebody else has begun it meanwhile. @throws RunError `run-owned`, `run-ended`, `run-other-agent` */
export async function beginSubmitted(
  host: AgentHost,
  { keeping, asked, limits }: Asking,
  found: StoredRun,
  { signal, takeOver, whenWaiting, onQuestion, childQueue }: Begin,
): Promise<AgentRun | undefined> {
  requireOwnName(host, found);
  const { taskId } = found;
  const { store } = asked;
  const { lease, run: stored, lostOwner } = await limits.run(`claiming run ${taskId}`, () => claimLease(asked, found, { takeOver }));
  try {
    const isBegun = !isSubmitted(stored);
    if (isBegun) {
      await store.renew(lease, 0);
      return undefined;
    }
    const { task: json, values, cachePrefix, deadline } = await limits.run(`loading run ${taskId}`, () => readSubmission(store, stored));
    if (json.id !== taskId) throw new AsimovError(`Run ${taskId} holds the task ${json.id}.`, { code: "snapshot-damaged" });
    const { parent } = readInfo(store, stored);
    const kept: KeepingOf = { how: () => keeping, isKept: true, whenWaiting, onQuestion, childQueue, parent, ends: stored.ends };
    const launched = host.launch({
      task: Task.fromJSON(json),
      [KEEPING]: kept,
      ...(values === undefined ? {} : { values }),
      ...(cachePrefix === undefined ? {} : { cachePrefix }),
      ...(deadline === undefined ? {} : { deadlineMs: Math.max(1, deadline - host.services.clock.now()) }),
    });
    const { run, scope, begin } = launched;
    takeTask(scope.run);
    const { generation, lastSeq } = stored;
    const state = { lease, generation, sum: new PartsSum(taskId), lastSeq, isWhole: true, lostOwner, ...codeOf(host, stored) };
    (scope.run.kept as Kept).begin(state, stored.inbox.count);
    afterThisTurn(() => {
      scope.run.listen(signal);
      begin();
    });
    return run;
  } catch (error) {
    throw await unlessLost(store, lease, error);
  }
}
