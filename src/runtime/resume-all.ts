/** After a restart: what an agent's processes have left is taken up, and what they have not told is told. */
import { asimovErrorOf, SnapshotError } from "#contract/base/errors";
import type { FindQuery } from "#contract/store/run-commit";
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { processesGone } from "#keep/owner";
import { type AgentHost, askedBy } from "./agent-host.ts";
import type { AgentRun } from "./agent-run.ts";
import { resumeRun } from "./go-on.ts";
import { graphHashOf } from "./graph-hash.ts";
import type { WhenWaiting } from "./keeping.ts";
import { tellStoredEnd } from "./take-run.ts";

export interface ResumeAllOptions {
  /** Cancels all of them. */
  signal?: AbortSignal;
  /** See `RunOptions`. Default `"hold"`. */
  whenWaiting?: WhenWaiting;
  /**
   * Told of each that could not be taken up and stays as it is, such as one that is damaged, and not of one that somebody else took, ended
   * or removed meanwhile. Of runs whose graph does not fit, it is told of the first of each graph: this agent tries no other of the same graph again.
   */
  onRefused?: (error: Error, taskId: string) => void;
}

const PAGE = 50;

/** What was READY as it was found, and is somebody's, or over, by now. */
const GONE_ON: readonly unknown[] = ["run-owned", "run-ended", "run-not-found"];

/** Graphs of runs that did not fit the agent's own. */
const unfit = new WeakMap<object, Set<string>>();

/** All that a query finds, as it is when its page is asked for. */
async function* pages(store: RunStore, query: Omit<FindQuery, "limit" | "after">): AsyncGenerator<StoredRun, undefined> {
  let after: StoredRun | undefined;
  do {
    const page = await store.find({ ...query, isGone: processesGone(), limit: PAGE, ...(after === undefined ? {} : { after }) });
    yield* page;
    after = page.length < PAGE ? undefined : page.at(-1);
  } while (after !== undefined);
}

/** Of runs of this agent that have ended elsewhere, what nobody has told yet. */
export async function tellEnds(host: AgentHost, onRefused?: (error: Error, taskId: string) => void): Promise<void> {
  const { limits, asked } = askedBy(host);
  const { store } = asked;
  for await (const row of pages(store, { agent: host.services.name, untold: true })) {
    try {
      await limits.run(`telling the end of run ${row.taskId}`, () => tellStoredEnd(host, store, row));
    } catch (error) {
      onRefused?.(error as Error, row.taskId);
    }
  }
}

/** Each that is READY, newest first, after the ends that are still to be told. */
export async function* resumeAllRuns(host: AgentHost, { onRefused, ...options }: ResumeAllOptions): AsyncGenerator<AgentRun, undefined> {
  const { store } = askedBy(host).asked;
  const agent = host.services.name;
  await tellEnds(host, onRefused);
  const refused = unfit.get(host) ?? new Set<string>();
  unfit.set(host, refused);
  for await (const row of pages(store, { agent, statuses: ["READY"] })) {
    const pair = `${row.graphHash} ${graphHashOf(host.graph())}`;
    if (refused.has(pair)) continue;
    try {
      yield await resumeRun(host, row.taskId, options);
    } catch (error) {
      if (GONE_ON.includes(asimovErrorOf(error)?.code)) continue;
      if (error instanceof SnapshotError && error.code === "snapshot-other-graph") refused.add(pair);
      onRefused?.(error as Error, row.taskId);
    }
  }
}
