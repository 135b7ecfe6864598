/** Stored runs that a query finds, newest first, each with its place in that order. */
import type { RunView } from "#contract/run/run-view";
import type { FindQuery } from "#contract/store/run-commit";
import type { RunStore } from "#contract/store/run-store";
import { processesGone } from "#keep/owner";
import { isOwnAgent } from "./key-record.ts";
import { readFound } from "./read-run.ts";
import type { FindRuns } from "./run-queries.ts";

/** Where a run stands among others: the later it began, the earlier it comes. */
export type RunPlace = NonNullable<FindQuery["after"]>;

export interface FoundRun {
  place: RunPlace;
  view: RunView;
}

/** What is asked of runs, and where to go on. */
export interface FindFrom extends Omit<FindRuns, "after"> {
  after: RunPlace | undefined;
}

const PAGE = 50;

export async function* findRuns(
  store: RunStore,
  { after, limit = Number.POSITIVE_INFINITY, ...asked }: FindFrom,
): AsyncGenerator<FoundRun, undefined> {
  const query = toQuery(asked);
  let last = after;
  for (let left = limit; left > 0; ) {
    const size = Math.min(PAGE, left);
    const page = await store.find({ ...query, isGone: processesGone(), limit: size, ...(last === undefined ? {} : { after: last }) });
    for (const run of page) {
      // The library's own, unless somebody asks for them.
      if (isOwnAgent(run.agent) && query.agent !== run.agent) continue;
      const view = await readFound(store, run);
      // It may have gone on, or be gone, since it was found.
      if (view === undefined || query.statuses?.includes(view.status) === false) continue;
      left--;
      yield { place: run, view };
    }
    last = page.at(-1);
    if (page.length < size) return;
  }
}

function toQuery({ status: asked, updatedBefore, ...same }: Omit<FindRuns, "after" | "limit">): Omit<FindQuery, "limit" | "after"> {
  const statuses = asked === undefined ? undefined : typeof asked === "string" ? [asked] : asked;
  return {
    ...same,
    ...(statuses === undefined ? {} : { statuses }),
    ...(updatedBefore === undefined ? {} : { updatedBefore: updatedBefore.getTime() }),
  };
}
