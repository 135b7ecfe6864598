/** A run that failed goes on: what succeeded stands, what failed is tried again, and a limit that ended it is granted once more. */
import { AsimovError, RunError } from "#contract/base/errors";
import { TaskStatus } from "#contract/base/vocabulary";
import { NOTHING_SPENT } from "#contract/run/budget";
import type { RunView } from "#contract/run/run-view";
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { PartsSum } from "#contract/store/seal";
import type { PersistedAgent } from "#keep/persisted";
import { withoutOpenQuestions } from "#keep/rekey";
import { failedNodes, reopen, retryNodes } from "#keep/reopen";
import { withRunsOver } from "#replay/replay-log";
import { requireRun, withLastWords } from "#runs/read-run";
import { partOfKey } from "#values/value-parts";
import { type AgentHost, askedBy } from "./agent-host.ts";
import type { AgentRun } from "./agent-run.ts";
import type { ClaimedRun } from "./claim-run.ts";
import { codeOf } from "./code-of.ts";
import { type GoOnOptions, goOn } from "./go-on.ts";
import type { WhenWaiting } from "./keeping.ts";
import { takeRun } from "./take-run.ts";

export interface RetryOptions {
  /** Those of the failed nodes of the run's own graph that are tried again, each with what failed in the graphs within it. Default: all. */
  nodes?: readonly string[];
  /** `same`: their visits go on, under the same keys; `new`: other visits begin. Default `"same"`. */
  keys?: "same" | "new";
  /** Cancels the run. */
  signal?: AbortSignal;
  /** See `RunOptions`. Default `"hold"`. */
  whenWaiting?: WhenWaiting;
}

export async function retryRun(
  host: AgentHost,
  taskId: string,
  { nodes, keys = "same", signal, whenWaiting }: RetryOptions,
  as: Pick<GoOnOptions, "onQuestion" | "isForOthers"> = {},
): Promise<AgentRun> {
  const { limits, keeping, asked } = askedBy(host);
  const { store } = asked;
  const claimed = await limits.run(`loading run ${taskId}`, async () => {
    const found = await requireRun(store, taskId);
    requireFailed(found);
    return await takeRun(host, asked, found, { ended: true });
  });
  try {
    requireFailed(claimed.run);
    const persisted = await mended(host, store, claimed, { nodes, keys });
    // All of it is written anew: a state that was changed by hand shares nothing with what is stored.
    const state = { ...claimed.state, sum: new PartsSum(taskId), isWhole: true, reopens: true, ...codeOf(host, claimed.run) };
    const options = { ...as, ...(signal === undefined ? {} : { signal }), ...(whenWaiting === undefined ? {} : { whenWaiting }) };
    return await goOn(host, keeping, { ...claimed, persisted, state, graphs: undefined }, options, limits);
  } catch (error) {
    await store.renew(claimed.state.lease, 0).catch(() => {});
    throw error;
  }
}

function requireFailed({ taskId, status }: StoredRun): void {
  if (status === "open") {
    throw new RunError(`Run ${taskId} has not ended: there is nothing to retry yet. Go on with it by \`resume\`.`, {
      code: "run-not-ended",
      taskId,
    });
  }
  if (status === "COMPLETE") {
    throw new RunError(`Run ${taskId} is COMPLETE: nothing of it failed. Do it once more by \`fork\` with \`rerun\`.`, {
      code: "run-ended",
      taskId,
    });
  }
}

type Asked = { nodes: readonly string[] | undefined; keys: "same" | "new" };

async function mended(host: AgentHost, store: RunStore, claimed: ClaimedRun, { nodes, keys }: Asked): Promise<ClaimedRun["persisted"]> {
  const stored = claimed.persisted as unknown as PersistedAgent;
  const { failure } = stored.context as { failure?: { code: string } };
  const agent = reopen(stored);
  await addLastWords(store, claimed, agent);
  const task = { ...agent.context.task, status: TaskStatus.EXECUTING };
  if (agent.values !== undefined) agent.values[partOfKey("task")] = JSON.stringify({ value: task });
  const failed = failedNodes(agent);
  const strangers = nodes?.filter((name) => !failed.includes(name)) ?? [];
  if (strangers.length > 0) {
    throw new AsimovError(
      `retry: ${strangers.map((name) => `"${name}"`).join(", ")} did not fail in run ${claimed.run.taskId}; those that did: ${failed.join(", ") || "none"}.`,
      { code: "unknown-node" },
    );
  }
  agent.context.task = task;
  agent.replay = withRunsOver(withoutOpenQuestions(agent.replay));
  agent.view = { ...(agent.view as RunView), questions: [] };
  retryNodes(agent, { limitsOf: stored, names: nodes ?? failed, keys });
  if (failure?.code === "budget-exceeded") agent.context.spent = NOTHING_SPENT;
  const { deadline, deadlineMs } = agent.context;
  const now = host.services.clock.now();
  if (deadline !== undefined && deadline <= now) agent.context.deadline = now + (deadlineMs as number);
  return agent as unknown as ClaimedRun["persisted"];
}

/** What a cancel told of a run that nobody owned, the run itself does not know. */
async function addLastWords(store: RunStore, { run, seen }: ClaimedRun, agent: PersistedAgent): Promise<void> {
  if (run.status !== "CANCELLED" || seen >= run.lastSeq) return;
  const view = agent.view as RunView;
  const { errors } = view;
  agent.view = await withLastWords(store, run, { ...view, seq: seen });
  agent.context.reported += agent.view.errors.length - errors.length;
  agent.context.errors = agent.view.errors;
}
