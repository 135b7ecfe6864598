/** How many runs of an agent could go on, and are nobody's. */
import type { RunStore } from "#contract/store/run-store";
import { processesGone } from "#keep/owner";

/** More is as much as nobody needs to know. */
const MOST = 1_000;

export async function countReady(store: RunStore, agent: string): Promise<number> {
  return (await store.find({ agent, statuses: ["READY"], order: "due", isGone: processesGone(), limit: MOST })).length;
}
