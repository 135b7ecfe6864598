/** A stored run that this agent may have: one of its name, of whose ends nothing is left to tell. */
import { RunError } from "#contract/base/errors";
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import type { PersistedAgent } from "#keep/persisted";
import { storedEndMessage, unbegunEndMessage } from "#keep/stored-end";
import { isSubmitted, readSubmission } from "#keep/submission";
import { endRelated } from "#runs/orders";
import type { AgentHost } from "./agent-host.ts";
import { type ClaimedRun, claimRun, readRun, type Wanted } from "./claim-run.ts";
import type { Keeping } from "./keeping.ts";

/** @throws RunError `run-other-agent` */
export function requireOwnName({ services: { name }, isNamed }: AgentHost, { taskId, agent }: StoredRun): void {
  if (agent === name) return;
  const own = isNamed ? `"${name}"` : `"${name}", the name of those that were given none`;
  throw new RunError(
    `Run ${taskId} is of agent "${agent}", and this agent is ${own}: only an agent of its name goes on with a run. Give this one the name, or use that one.`,
    { code: "run-other-agent", taskId },
  );
}

/** What follows from an end that its own process did not tell, at least once: for the runs that belong to it, and the message. */
export async function tellStoredEnd(host: AgentHost, store: RunStore, run: StoredRun): Promise<void> {
  if (!run.untold) return;
  // Whoever cancelled it may have come no further.
  if (run.status === "CANCELLED") await endRelated(store, run.taskId);
  const { outputMailbox, cache } = host.services;
  if (outputMailbox !== null) {
    await cache.publishToMailbox(outputMailbox, await endMessageOf(host, store, run));
  }
  await store.endTold(run.taskId, run.ends);
}

async function endMessageOf(host: AgentHost, store: RunStore, run: StoredRun): Promise<unknown> {
  if (isSubmitted(run)) return unbegunEndMessage((await readSubmission(store, run)).task, run);
  const { persisted } = await readRun(store, run, { graph: () => host.graph() });
  return storedEndMessage(persisted as unknown as PersistedAgent, run);
}

/** @throws RunError `run-other-agent`, and as `claimRun` */
export async function takeRun(host: AgentHost, keeping: Keeping, found: StoredRun, wanted: Omit<Wanted, "graph">): Promise<ClaimedRun> {
  const { store } = keeping;
  requireOwnName(host, found);
  await tellStoredEnd(host, store, found);
  const claimed = await claimRun(keeping, found, { ...wanted, graph: () => host.graph() });
  try {
    // It may have ended since.
    await tellStoredEnd(host, store, claimed.run);
  } catch (error) {
    await store.renew(claimed.state.lease, 0).catch(() => {});
    throw error;
  }
  return claimed;
}
