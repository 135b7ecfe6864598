/** Takes a stored run: its lease, and what it was in one of its generations. */

import type { Snapshot } from "xstate";
import { asimovErrorOf, RunError, SnapshotError } from "#contract/base/errors";
import type { ClaimOptions, ClaimResult, StoredGeneration } from "#contract/store/run-commit";
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { decoded, openGeneration, PartsSum } from "#contract/store/seal";
import { isOwnerGone } from "#keep/owner";
import { type Parts, readParts } from "#keep/read-parts";
import type { KeeperState } from "#keep/run-keeper";
import { requireFormat } from "#keep/state-format";
import { readStoredView } from "#keep/stored-view";
import { notFound } from "#runs/run-errors";
import { isValuePart } from "#values/value-parts";
import { type Keeping, ownedError } from "./kept-run.ts";

export interface OwnedRun extends ReadGeneration {
  /** Where the run does not go on from what its store holds as the newest, nothing of it is stored as it is. */
  graphs: ReadonlyMap<string, Parts> | undefined;
  state: KeeperState;
}

/** With the row as it was found. */
export interface ClaimedRun extends OwnedRun {
  run: StoredRun;
  /** The newest event that it knows of. */
  seen: number;
}

interface ReadGeneration {
  persisted: Snapshot<unknown>;
  generation: number;
  /** A sentence for each newer one that is damaged. */
  passedOver: readonly string[];
}

interface Wanted {
  takeOver?: boolean | undefined;
  /** Default the newest whole one. */
  generation?: number | undefined;
  /** Whether an ended run is taken, too. */
  ended?: boolean;
}

/** @throws RunError `run-not-found`, `run-ended`, `run-owned`; SnapshotError `snapshot-not-found`, `snapshot-damaged`, `snapshot-codec` */
export async function claimRun(keeping: Keeping, taskId: string, { takeOver, generation, ended = false }: Wanted): Promise<ClaimedRun> {
  const { store } = keeping;
  const found = await store.read(taskId);
  if (found === undefined) throw notFound(taskId);
  const isOlder = generation !== undefined && generation !== found.generation;
  const over = found.lease !== null && (takeOver === true || isOwnerGone(found)) ? { over: found.lease.token } : {};
  const claimed = await claimedBy(keeping, taskId, { ...over, ended: ended || isOlder });
  if (!claimed.ok) {
    if (claimed.why === "not-found") throw notFound(taskId);
    if (claimed.why === "owned") throw ownedError(claimed.run);
    throw new RunError(
      `Run ${taskId} has ended as ${claimed.run.status}: there is nothing to go on with. To go on from before its end, name a generation.`,
      { code: "run-ended", taskId },
    );
  }
  const { lease, run } = claimed;
  try {
    const read = await readRun(store, taskId, generation);
    const { persisted, passedOver, sum, graphs } = read;
    const isWhole = read.generation !== run.generation;
    const seen = seqOf(persisted);
    return {
      seen,
      persisted: numbered(persisted, run),
      generation: read.generation,
      passedOver,
      graphs: isWhole ? undefined : graphs,
      run,
      state: {
        lease,
        generation: run.generation,
        sum: isWhole ? new PartsSum(taskId) : sum,
        lastSeq: run.lastSeq,
        isWhole,
        reopens: run.status !== "open",
      },
    };
  } catch (error) {
    await store.renew(lease, 0);
    throw error;
  }
}

/** Where the answer was lost, the store is asked who owns the run. */
async function claimedBy({ store, owner }: Keeping, taskId: string, options: ClaimOptions): Promise<ClaimResult> {
  try {
    return await store.claim(taskId, owner, options);
  } catch (error) {
    const run = await store.read(taskId);
    if (run?.lease?.owner.id !== owner.id) throw error;
    return { ok: true, lease: run.lease, run };
  }
}

const seqOf = (persisted: Snapshot<unknown>): number => (persisted as unknown as { view: { seq: number } }).view.seq;

/** What is told from now on follows all that ever was, also where the run goes on from before that. */
function numbered(persisted: Snapshot<unknown>, { lastSeq }: StoredRun): Snapshot<unknown> {
  const { view } = persisted as unknown as { view: { seq: number } };
  return Object.assign(persisted, { view: { ...view, seq: lastSeq } });
}

type ReadParts = ReadGeneration & { sum: PartsSum; graphs: ReadonlyMap<string, Parts> };

/** Generations that are looked at together when those before are damaged. */
const LOOK_AT = 20;

/** @param generation default the newest that is whole */
export const readRun = (store: RunStore, taskId: string, generation?: number): Promise<ReadParts> =>
  generation === undefined ? readNewest(store, taskId) : readGeneration(store, taskId, generation);

async function readNewest(store: RunStore, taskId: string): Promise<ReadParts> {
  const first = await store.load(taskId);
  if (first === undefined) throw new SnapshotError(`Run ${taskId} holds no generation.`, { code: "snapshot-not-found" });
  const passedOver = [...first.passedOver];
  let fault: unknown;
  for await (const stored of from(store, taskId, first)) {
    try {
      return { ...readStored(store, taskId, stored), passedOver };
    } catch (error) {
      if (!isDamage(error)) throw error;
      fault ??= error;
      passedOver.push(error.message);
    }
  }
  throw fault;
}

/** A generation and those before it, newest first; what the store itself sees as damaged is left out. */
async function* from(store: RunStore, taskId: string, first: StoredGeneration): AsyncIterable<StoredGeneration> {
  yield first;
  for (let before = first.generation; ; ) {
    const older = await store.generations(taskId, { before, limit: LOOK_AT });
    for (const { generation } of older) {
      const stored = await store.load(taskId, generation).catch((error: unknown) => {
        if (!isDamage(error)) throw error;
      });
      if (stored !== undefined) yield stored;
      before = generation;
    }
    if (older.length === 0) return;
  }
}

const isDamage = (error: unknown): error is SnapshotError => asimovErrorOf(error)?.code === "snapshot-damaged";

async function readGeneration(store: RunStore, taskId: string, generation: number): Promise<ReadParts> {
  const stored = await store.load(taskId, generation);
  if (stored !== undefined) return { ...readStored(store, taskId, stored), passedOver: [] };
  const [newest] = await store.generations(taskId, { limit: 1 });
  throw new SnapshotError(
    `Run ${taskId} holds no generation ${generation}; its newest is ${newest?.generation ?? "none"}, and its store keeps the newest ${store.settings.keep}.`,
    { code: "snapshot-not-found" },
  );
}

function readStored(store: RunStore, taskId: string, stored: StoredGeneration): Omit<ReadParts, "passedOver"> {
  requireFormat(taskId, stored.generation, openGeneration(taskId, stored));
  const { codec } = store.settings;
  const parts = new Map([...stored.parts].map(([name, sealed]) => [name, decoded(codec, sealed, `Part "${name}"`)] as const));
  const { agent, graphs } = readParts(parts);
  const values = [...parts].filter(([name]) => isValuePart(name));
  if (values.length > 0) agent.values = Object.fromEntries(values);
  agent.view = readStoredView(parts);
  const persisted = agent as unknown as Snapshot<unknown>;
  return { persisted, generation: stored.generation, graphs, sum: new PartsSum(taskId, stored.parts) };
}
