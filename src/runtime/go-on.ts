/** A stored run goes on in this process: claimed, made of what was stored, and begun when its caller had the time to listen. */
import { SnapshotError } from "#contract/base/errors";
import { afterThisTurn } from "#contract/base/turns";
import type { RunView } from "#contract/run/run-view";
import type { StoredRun } from "#contract/store/run-record";
import { isOwnerGone } from "#keep/owner";
import type { AgentHost, Launched } from "./agent-host.ts";
import type { AgentRun } from "./agent-run.ts";
import { claimRun, type OwnedRun } from "./claim-run.ts";
import { graphHashOf } from "./graph-hash.ts";
import type { Keeping, Kept } from "./kept-run.ts";
import { KEEPING } from "./run-logic.ts";

export interface ResumeOptions {
  /** Cancels the run. */
  signal?: AbortSignal;
  /** Takes the run from an owner that lives, which then stops with `run-fenced`. Default false. */
  takeOver?: boolean;
}

export interface ResumeAllOptions {
  /** Cancels all of them. */
  signal?: AbortSignal;
  /** Told of each that could not be taken up and stays as it is, such as one of another graph or one that is damaged. */
  onRefused?: (error: Error, taskId: string) => void;
}

export async function resumeRun(host: AgentHost, taskId: string, { signal, takeOver = false }: ResumeOptions): Promise<AgentRun> {
  const keeping = host.keeping();
  const { run, ...owned } = await claimRun(keeping, taskId, { takeOver });
  const own = ownGraph(host);
  const isSame = own.graphHash === run.graphHash && own.version === run.version;
  const state = isSame ? owned.state : { ...owned.state, anew: { run: own } };
  return await goOn(host, keeping, { ...owned, state }, signal);
}

/** What a store is told of the code that a run goes on with. */
export const ownGraph = (host: AgentHost): { graphHash: string; version: string } => ({
  graphHash: graphHashOf(host.graph()),
  version: host.services.version,
});

/** Gives the lease back where the state cannot be restored. */
export async function goOn(host: AgentHost, keeping: Keeping, owned: OwnedRun, signal: AbortSignal | undefined): Promise<AgentRun> {
  const { state, graphs, persisted } = owned;
  const { view } = persisted as unknown as { view: RunView };
  // Numbers go on behind those that were given out, though what they told is passed over.
  Object.assign(persisted, { view: { ...view, seq: state.lastSeq } });
  try {
    const launched = host.relaunch(
      Object.assign(persisted, { [KEEPING]: { ...keeping, ...(graphs === undefined ? {} : { stored: graphs }) } }),
    );
    (launched.scope.run.kept as Kept).goOn(state);
    return beginLater(launched, state.generation, signal);
  } catch (error) {
    await keeping.store.renew(state.lease, 0);
    throw error;
  }
}

/** In a turn of its own: the caller's subscription comes some microtasks later. */
export function beginLater({ run, scope, begin }: Launched, generation: number, signal?: AbortSignal): AgentRun {
  afterThisTurn(() => {
    scope.work.tell({ type: "run.restored", runId: run.id, generation });
    scope.run.listen(signal);
    begin();
  });
  return run;
}

const PAGE = 50;

/** Graphs of runs that did not fit the agent's own. */
const unfit = new WeakMap<object, Set<string>>();

/** Each that nobody owns, or whose owner is gone, newest first. */
export async function* resumeAllRuns(host: AgentHost, { signal, onRefused }: ResumeAllOptions): AsyncGenerator<AgentRun, undefined> {
  const { store } = host.keeping();
  const refused = unfit.get(host) ?? new Set<string>();
  unfit.set(host, refused);
  const query = { agent: host.services.name, statuses: ["READY", "RUNNING"] as const, limit: PAGE };
  let after: StoredRun | undefined;
  do {
    const page = await store.find({ ...query, ...(after === undefined ? {} : { after }) });
    for (const row of page) {
      const pair = `${row.graphHash} ${graphHashOf(host.graph())}`;
      if (refused.has(pair) || !(await isFree(store.now(), row))) continue;
      try {
        yield await resumeRun(host, row.taskId, signal === undefined ? {} : { signal });
      } catch (error) {
        if (error instanceof SnapshotError && error.code === "snapshot-other-graph") refused.add(pair);
        onRefused?.(error as Error, row.taskId);
      }
    }
    after = page.length < PAGE ? undefined : page.at(-1);
  } while (after !== undefined);
}

const isFree = async (now: Promise<number>, row: StoredRun): Promise<boolean> =>
  row.lease === null || row.lease.until <= (await now) || isOwnerGone(row);
