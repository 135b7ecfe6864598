/** Takes a stored run: its lease, and what it was when it was stored last. */

import type { Snapshot } from "xstate";
import { RunError, SnapshotError } from "#contract/base/errors";
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { decoded, openGeneration, PartsSum } from "#contract/store/seal";
import { isOwnerGone } from "#keep/owner";
import { type Parts, readParts } from "#keep/read-parts";
import type { KeeperState } from "#keep/run-keeper";
import { readStoredView } from "#keep/stored-view";
import { notFound } from "#runs/run-errors";
import { isValuePart } from "#values/value-parts";
import { type Keeping, ownedError } from "./kept-run.ts";

export interface OwnedRun {
  persisted: Snapshot<unknown>;
  /** What a store holds of each graph; absent where nothing that it holds is as it stands now. */
  graphs?: ReadonlyMap<string, Parts>;
  state: KeeperState;
}

/** With the row as it was found. */
export interface ClaimedRun extends OwnedRun {
  run: StoredRun;
}

/** @throws RunError `run-not-found`, `run-ended`, `run-owned`; SnapshotError `snapshot-damaged` */
export async function claimRun(
  { store, owner }: Keeping,
  taskId: string,
  { takeOver = false, ended = false }: { takeOver?: boolean; ended?: boolean } = {},
): Promise<ClaimedRun> {
  const found = await store.read(taskId);
  if (found === undefined) throw notFound(taskId);
  const over = found.lease !== null && (takeOver || isOwnerGone(found)) ? { over: found.lease.token } : {};
  const claimed = await store.claim(taskId, owner, { ...over, ended });
  if (!claimed.ok) {
    if (claimed.why === "not-found") throw notFound(taskId);
    if (claimed.why === "owned") throw ownedError(claimed.run);
    throw new RunError(`Run ${taskId} has ended as ${claimed.run.status}: there is nothing to go on with.`, { code: "run-ended", taskId });
  }
  const { lease, run } = claimed;
  try {
    const read = await readGeneration(store, run);
    // What is newer than the newest whole generation is passed over: commits go on behind it.
    return { ...read, run, state: { lease, generation: run.generation, sum: read.sum, lastSeq: run.lastSeq } };
  } catch (error) {
    await store.renew(lease, 0);
    throw error;
  }
}

export interface ReadGeneration extends Omit<OwnedRun, "state"> {
  generation: number;
  sum: PartsSum;
}

/** @param generation default the newest that is whole */
export async function readGeneration(store: RunStore, { taskId }: StoredRun, generation?: number): Promise<ReadGeneration> {
  const stored = await store.load(taskId, generation);
  if (stored === undefined) {
    throw new SnapshotError(`Run ${taskId} holds no generation${generation === undefined ? "" : ` ${generation}; see \`runs.history\``}.`, {
      code: "snapshot-not-found",
    });
  }
  openGeneration(taskId, stored);
  const { codec } = store.settings;
  const parts = new Map([...stored.parts].map(([name, sealed]) => [name, decoded(codec, sealed, `Part "${name}"`)] as const));
  const { agent, graphs } = readParts(parts);
  const values = [...parts].filter(([name]) => isValuePart(name));
  if (values.length > 0) agent.values = Object.fromEntries(values);
  agent.view = readStoredView(parts);
  return {
    persisted: agent as unknown as Snapshot<unknown>,
    graphs,
    generation: stored.generation,
    sum: new PartsSum(taskId, stored.parts),
  };
}
