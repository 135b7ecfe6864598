/** A stored run goes on in this process: claimed, made of what was stored, and begun when its caller had the time to listen. */
import type { EffectLimits } from "#contract/base/effect-limits";
import { errorDetailsOf, shownMessageOf } from "#contract/base/error-details";
import type { AsimovError } from "#contract/base/errors";
import { afterThisTurn } from "#contract/base/turns";
import type { ChildQueue } from "#contract/run/child-queue";
import type { Question } from "#contract/run/question";
import type { RunStore } from "#contract/store/run-store";
import { misused } from "#contract/store/store-errors";
import type { PersistedAgent } from "#keep/persisted";
import { isSubmitted } from "#keep/submission";
import { readInfo, requireRun } from "#runs/read-run";
import { type AgentHost, askedBy, type Launched } from "./agent-host.ts";
import type { AgentRun } from "./agent-run.ts";
import { beginSubmitted } from "./begin-submitted.ts";
import type { ClaimedRun } from "./claim-run.ts";
import { codeOf } from "./code-of.ts";
import type { Keeping, KeepingOf, WhenWaiting } from "./keeping.ts";
import type { Kept } from "./kept-run.ts";
import { KEEPING } from "./run-logic.ts";
import { takeRun } from "./take-run.ts";
import { firstValues, requireSameSpace } from "./values-place.ts";

export interface ResumeOptions {
  /** Cancels the run. */
  signal?: AbortSignal;
  /** Takes the run from an owner that lives, which then stops with `run-fenced`. Default false. */
  takeOver?: boolean;
  /** See `RunOptions`. Default `"hold"`. */
  whenWaiting?: WhenWaiting;
}

/** Where a run goes on from: a run, by default in its newest whole generation, or a place that its store knows, such as a directory. */
export type From = string | { taskId: string; generation?: number | undefined };

/** How a run goes on: where another place for its values is asked for it is refused. */
export interface GoOnOptions extends ResumeOptions {
  cachePrefix?: string;
  values?: Record<string, unknown>;
  /** Told of its questions beside the agent's own. */
  onQuestion?: (question: Question) => void;
  /** See `KeepingOf`. */
  childQueue?: ChildQueue;
  /** Nothing of it starts here: it is given back, for whoever has it next. */
  isForOthers?: boolean;
}

const misnamed = (found: unknown): AsimovError => misused("A snapshot", "a task's id, a folder, or { taskId, generation }", found);

async function placeOf(from: From, store: RunStore): Promise<Exclude<From, string>> {
  if (typeof from === "string") return (await store.locate(from)) ?? { taskId: from };
  if (typeof from !== "object" || from === null) throw misnamed(from);
  const unknown = Object.keys(from).find((key) => key !== "taskId" && key !== "generation");
  if (unknown !== undefined) throw misnamed(`an object with "${unknown}"`);
  return from;
}

export async function resumeRun(host: AgentHost, from: From, options: GoOnOptions): Promise<AgentRun> {
  const asking = askedBy(host);
  const { limits, keeping, asked } = asking;
  const unfollow = limits.follow(options.signal);
  const what = `loading run ${typeof from === "string" ? from : from?.taskId}`;
  try {
    const { found, generation } = await limits.run(what, async () => {
      const { taskId, generation } = await placeOf(from, asked.store);
      return { found: await requireRun(asked.store, taskId), generation };
    });
    if (generation === undefined && found.status === "open" && isSubmitted(found)) {
      return (await beginSubmitted(host, asking, found, options)) ?? (await resumeRun(host, { taskId: found.taskId }, options));
    }
    const owned = await limits.run(what, () => takeRun(host, asked, found, { takeOver: options.takeOver, generation }));
    return await goOn(host, keeping, { ...owned, state: { ...owned.state, ...codeOf(host, owned.run) } }, options, limits);
  } finally {
    unfollow();
  }
}

/** Gives the lease back where the state cannot be restored. */
export async function goOn(
  host: AgentHost,
  keeping: Keeping,
  { persisted, state, graphs, generation, passedOver, isTold, stale, run: stored }: ClaimedRun,
  { signal, cachePrefix, values, whenWaiting, onQuestion, childQueue, isForOthers }: GoOnOptions,
  limits: EffectLimits,
): Promise<AgentRun> {
  try {
    requireSameSpace((persisted as unknown as PersistedAgent).context.cachePrefix, cachePrefix);
    const first = firstValues(values);
    const { parent } = readInfo(keeping.store, stored);
    const kept: KeepingOf = {
      how: () => keeping,
      isKept: true,
      whenWaiting,
      onQuestion,
      childQueue,
      parent,
      ends: stored.ends,
      ...(graphs === undefined ? {} : { stored: graphs }),
    };
    const launched = host.relaunch(Object.assign(persisted, { [KEEPING]: kept }));
    const { run, scope } = launched;
    if (stale.length > 0) scope.run.asking.closeStored(stale);
    const goesOn = scope.run.kept as Kept;
    goesOn.goOn(state, stored.inbox.count);
    if (isForOthers === true) void goesOn.park();
    try {
      if (first !== undefined) await limits.run("setting the run's values", () => run.values.setMany(first));
    } catch (error) {
      scope.run.finish(shownMessageOf(error), errorDetailsOf(error));
      throw error;
    }
    return beginLater(launched, { generation, passedOver, isTold }, signal);
  } catch (error) {
    await limits.run("giving the run back", () => keeping.store.renew(state.lease, 0)).catch(() => {});
    throw error;
  }
}

/** In a turn of its own: the caller's subscription comes some microtasks later. */
export function beginLater(
  { run, scope, begin }: Launched,
  { generation, passedOver = [], isTold }: { generation: number; passedOver?: readonly string[]; isTold: boolean },
  signal?: AbortSignal,
): AgentRun {
  afterThisTurn(() => {
    scope.run.tellRestored({ generation, passedOver, isTold });
    // What it takes is stored behind that, and told.
    void scope.run.kept?.caughtUp();
    scope.run.listen(signal);
    begin();
  });
  return run;
}
