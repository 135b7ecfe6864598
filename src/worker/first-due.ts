/** What is due longest, past what is left alone: however much of that there is, it hides nothing. */
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { processesGone } from "#keep/owner";

/** @param most so many are looked at together, and about as many are given */
export async function firstDue(store: RunStore, agent: string, most: number, isLeft: (run: StoredRun) => boolean): Promise<StoredRun[]> {
  const found: StoredRun[] = [];
  let page: StoredRun[] = [];
  do {
    const after = page.at(-1);
    const query = { agent, statuses: ["READY"], order: "due", limit: most, isGone: processesGone() } as const;
    page = await store.find({ ...query, ...(after === undefined ? {} : { after }) });
    found.push(...page.filter((run) => !isLeft(run)));
  } while (page.length === most && found.length < most);
  return found;
}
