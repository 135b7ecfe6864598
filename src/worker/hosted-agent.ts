/** An agent as a worker hosts it: its runs live in the worker's store, under the worker's leases. */
import { AsimovError } from "#contract/base/errors";
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { newOwner } from "#keep/owner";
import { type AgentHost, hostOf } from "#runtime/agent-host";
import { graphHashOf } from "#runtime/graph-hash";
import { requireNamed } from "#runtime/start-or-attach";

export interface Hosting {
  store: RunStore;
  /** As its runs write to it. */
  told: RunStore;
  leaseMs: number;
}

/** @throws AsimovError `invalid-options`, `agent-unnamed`, `worker-other-store` */
export function hostedBy(agent: object, { store, told, leaseMs }: Hosting): AgentHost {
  const host = hostOf(agent);
  if (host === undefined) throw new AsimovError("AgentWorker: `agents` expected Agents.", { code: "invalid-options" });
  requireNamed(host, "AgentWorker");
  if (host.adopt(store) !== store) {
    throw new AsimovError(
      `AgentWorker: agent "${host.services.name}" has another store than this worker, its own or that of the worker that hosted it first. Give both the same, or make the agent anew, without one.`,
      { code: "worker-other-store" },
    );
  }
  const { ids } = host.services;
  return { ...host, keeping: () => ({ ...host.keeping(), store: told, owner: newOwner(ids(), leaseMs) }) };
}

/** A run's graph and that of the code that would go on with it. */
export const pairOf = (host: AgentHost, { agent, graphHash }: StoredRun): string => `${agent} ${graphHash} ${graphHashOf(host.graph())}`;
