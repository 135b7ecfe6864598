/** A stored run goes on in this process: claimed, made of what was stored, and begun when its caller had the time to listen. */
import { errorDetailsOf, shownMessageOf } from "#contract/base/error-details";
import { SnapshotError } from "#contract/base/errors";
import { afterThisTurn } from "#contract/base/turns";
import type { StoredRun } from "#contract/store/run-record";
import { misused } from "#contract/store/store-errors";
import { processesGone } from "#keep/owner";
import type { PersistedAgent } from "#keep/persisted";
import type { KeeperState } from "#keep/run-keeper";
import type { AgentHost, Launched } from "./agent-host.ts";
import type { AgentRun } from "./agent-run.ts";
import { type ClaimedRun, claimRun } from "./claim-run.ts";
import { EffectLimits } from "./effect-limits.ts";
import { graphHashOf } from "./graph-hash.ts";
import type { Keeping, Kept } from "./kept-run.ts";
import type { KeepingOf, WhenWaiting } from "./run-host.ts";
import { KEEPING } from "./run-logic.ts";
import { firstValues, requireSameSpace } from "./values-place.ts";

export interface ResumeOptions {
  /** Cancels the run. */
  signal?: AbortSignal;
  /** Takes the run from an owner that lives, which then stops with `run-fenced`. Default false. */
  takeOver?: boolean;
  /** See `RunOptions`. Default `"hold"`. */
  whenWaiting?: WhenWaiting;
}

export interface ResumeAllOptions {
  /** Cancels all of them. */
  signal?: AbortSignal;
  /** See `RunOptions`. Default `"hold"`. */
  whenWaiting?: WhenWaiting;
  /**
   * Told of each that could not be taken up and stays as it is, such as one that is damaged. Of runs whose graph does not fit, it is told
   * of the first of each graph: this agent tries no other of the same graph again.
   */
  onRefused?: (error: Error, taskId: string) => void;
}

/** Where a run goes on from: a run, by default in its newest whole generation, or a place that its store knows, such as a directory. */
export type From = string | { taskId: string; generation?: number | undefined };

/** How a run goes on: where another place for its values is asked for it is refused. */
export interface GoOnOptions extends ResumeOptions {
  cachePrefix?: string;
  values?: Record<string, unknown>;
}

export async function resumeRun(host: AgentHost, from: From, options: GoOnOptions): Promise<AgentRun> {
  if (typeof from !== "string" && (typeof from !== "object" || from === null)) {
    throw misused("A snapshot", "a task's id, a folder, or { taskId, generation }", from);
  }
  const unknown = typeof from === "string" ? undefined : Object.keys(from).find((key) => key !== "taskId" && key !== "generation");
  if (unknown !== undefined) throw misused("A snapshot", "a task's id, a folder, or { taskId, generation }", `an object with "${unknown}"`);
  const { clock, effectTimeoutMs: limitMs, abortGraceMs: graceMs } = host.services;
  const limits = new EffectLimits(clock, { limitMs, graceMs });
  const unfollow = limits.follow(options.signal);
  try {
    const keeping = host.keeping();
    const owned = await limits.run("loading the run", async () => {
      const { taskId, generation } =
        typeof from === "string" ? ((await keeping.store.locate(from)) ?? { taskId: from, generation: undefined }) : from;
      return await claimRun(keeping, taskId, { takeOver: options.takeOver, generation });
    });
    return await goOn(host, keeping, { ...owned, state: { ...owned.state, ...codeOf(host, owned.run) } }, options, limits);
  } finally {
    unfollow();
  }
}

/** What a store is told of the code that goes on with a run, where it is another one. */
export function codeOf(host: AgentHost, { graphHash, version }: StoredRun): Pick<KeeperState, "code"> {
  const code = { graphHash: graphHashOf(host.graph()), version: host.services.version };
  return code.graphHash === graphHash && code.version === version ? {} : { code };
}

/** Gives the lease back where the state cannot be restored. */
export async function goOn(
  host: AgentHost,
  keeping: Keeping,
  { persisted, state, graphs, generation, passedOver, stale, run: stored }: ClaimedRun,
  { signal, cachePrefix, values, whenWaiting }: GoOnOptions,
  limits?: EffectLimits,
): Promise<AgentRun> {
  try {
    requireSameSpace((persisted as unknown as PersistedAgent).context.cachePrefix, cachePrefix);
    const first = firstValues(values);
    const kept: KeepingOf = { how: () => keeping, isKept: true, whenWaiting, ...(graphs === undefined ? {} : { stored: graphs }) };
    const launched = host.relaunch(Object.assign(persisted, { [KEEPING]: kept }));
    const { run, scope } = launched;
    if (stale.length > 0) scope.run.asking.closeStored(stale);
    (scope.run.kept as Kept).goOn(state, stored.inbox.count);
    try {
      if (first !== undefined)
        await (limits?.run("setting the run's values", () => run.values.setMany(first)) ?? run.values.setMany(first));
    } catch (error) {
      scope.run.finish(shownMessageOf(error), errorDetailsOf(error));
      throw error;
    }
    return beginLater(launched, { generation, passedOver }, signal);
  } catch (error) {
    await keeping.store.renew(state.lease, 0);
    throw error;
  }
}

/** In a turn of its own: the caller's subscription comes some microtasks later. */
export function beginLater(
  { run, scope, begin }: Launched,
  { generation, passedOver = [] }: { generation: number; passedOver?: readonly string[] },
  signal?: AbortSignal,
): AgentRun {
  afterThisTurn(() => {
    scope.work.tell({ type: "run.restored", runId: run.id, generation, ...(passedOver.length === 0 ? {} : { passedOver }) });
    scope.run.listen(signal);
    begin();
  });
  return run;
}

const PAGE = 50;

/** Graphs of runs that did not fit the agent's own. */
const unfit = new WeakMap<object, Set<string>>();

/** Each that is READY, newest first. */
export async function* resumeAllRuns(host: AgentHost, { onRefused, ...options }: ResumeAllOptions): AsyncGenerator<AgentRun, undefined> {
  const { store } = host.keeping();
  const refused = unfit.get(host) ?? new Set<string>();
  unfit.set(host, refused);
  const query = { agent: host.services.name, statuses: ["READY"] as const, limit: PAGE };
  let after: StoredRun | undefined;
  do {
    const page = await store.find({ ...query, isGone: processesGone(), ...(after === undefined ? {} : { after }) });
    for (const row of page) {
      const pair = `${row.graphHash} ${graphHashOf(host.graph())}`;
      if (refused.has(pair)) continue;
      try {
        yield await resumeRun(host, row.taskId, options);
      } catch (error) {
        if (error instanceof SnapshotError && error.code === "snapshot-other-graph") refused.add(pair);
        onRefused?.(error as Error, row.taskId);
      }
    }
    after = page.length < PAGE ? undefined : page.at(-1);
  } while (after !== undefined);
}
