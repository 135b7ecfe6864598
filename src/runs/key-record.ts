/** What a store keeps of a key: a small run of the library's own, whose lease is held by whoever decides which run of the key begins. */
import * as z from "zod/mini";
import { messageOf } from "#contract/base/errors";
import { digestOf } from "#contract/store/digest";
import { rowDamaged } from "#contract/store/run-errors";
import type { Lease, StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { decoded, encoded, openInfo, sealInfo } from "#contract/store/seal";
import { commitOfPart } from "#keep/one-part";
import { newOwner, overGone } from "#keep/owner";
import { schemaShape } from "#keep/part-texts";
import type { KeyLimit } from "./key-options.ts";
import { SCHEDULES } from "./schedules.ts";

/** As a label of a run, its key; and what the ids of all that is kept of keys begin with. */
export const KEY = "asimov.key";
/** The type of a key's record: by its agent it is found with the schedules, in one look. */
export const KEY_TYPE = "key";
/** On the row of a run that was held up by its key: the id of the key's record. */
export const GATE = "asimov.gate";

/** Whose starts are meant. */
export interface KeyPlace {
  agent: string;
  key: string;
}

/** A run that may begin, has begun, and is not known to have ended. */
export interface OpenRun {
  taskId: string;
  /** No later than this it began, in milliseconds since 1970; null where it has not, as far as is known. */
  begunAt: number | null;
}

export interface KeyState extends KeyPlace {
  limit: KeyLimit | null;
  open: OpenRun[];
  /** When the runs of the last minute began, oldest first; empty where that is not limited. */
  starts: number[];
  /** The run that stands for all that are submitted as `singleton`. */
  holder: string | null;
  /** When all that is open was looked at. */
  lookedAt: number;
  /** Milliseconds until it is looked at again though nobody waits. */
  restMs: number;
}

const shape = schemaShape(() =>
  z.looseObject({
    agent: z.string(),
    key: z.string(),
    limit: z.nullable(z.looseObject({ concurrent: z.optional(z.number()), perMinute: z.optional(z.number()) })),
    open: z.array(z.looseObject({ taskId: z.string(), begunAt: z.nullable(z.number()) })),
    starts: z.array(z.number()),
    holder: z.nullable(z.string()),
    lookedAt: z.number(),
    restMs: z.number(),
  }),
);

export const gateOf = ({ agent, key }: KeyPlace): string => `${KEY}/${digestOf(JSON.stringify([agent, key]))}`;

/** Whether a run is the library's own: a schedule, a key's record, or one of those that wait for it. */
export const isOwnAgent = (agent: string): boolean => agent === SCHEDULES || agent.startsWith(`${KEY}/`);

const fresh = ({ agent, key }: KeyPlace): KeyState => ({
  ...{ agent, key, limit: null, open: [], starts: [], holder: null, lookedAt: 0, restMs: 0 },
});

/** It stands in the row, so that a look at the row is enough. */
function sealed(store: RunStore, gate: string, state: KeyState): ReturnType<typeof encoded> {
  const info = { objective: `The starts of key ${JSON.stringify(state.key)}`, params: {}, state };
  return encoded(store.settings.codec, sealInfo(gate, JSON.stringify(info)));
}

/** @throws SnapshotError `snapshot-damaged`, `snapshot-codec` */
function stateIn(store: RunStore, { taskId, info }: StoredRun): KeyState {
  try {
    const { state } = JSON.parse(openInfo(taskId, decoded(store.settings.codec, info, "The info"))) as { state: KeyState };
    shape(state);
    return state;
  } catch (error) {
    throw rowDamaged(taskId, messageOf(error), error);
  }
}

const firstOf = (store: RunStore, gate: string, generation: number) =>
  commitOfPart(store, gate, { generation, name: "key", value: { generation } });

/** A key's record, owned. */
export interface HeldKey {
  lease: Lease;
  generation: number;
  state: KeyState;
}

/** Long for what is done with it, and short for those who wait where its owner is lost. */
const LEASE_MS = 10_000;

/** Undefined where somebody else has it. @param place makes it, where there is none */
export async function claimKey(
  store: RunStore,
  gate: string,
  ids: () => string,
  place?: KeyPlace,
): Promise<HeldKey | "owned" | "not-found"> {
  const owner = newOwner(ids(), LEASE_MS);
  const claimed = await store.claim(gate, owner, { ended: true });
  if (claimed.ok) return await openedIn(store, claimed);
  if (claimed.why === "owned") {
    const over = overGone(claimed.run);
    const again = over.over === undefined ? claimed : await store.claim(gate, owner, { ...over, ended: true });
    return again.ok ? await openedIn(store, again) : "owned";
  }
  if (place === undefined) return "not-found";
  const state = fresh(place);
  const row = { taskId: gate, agent: SCHEDULES, version: "", type: KEY_TYPE, labels: {}, graphHash: KEY };
  const created = await store.create({ ...row, info: sealed(store, gate, state), dueAt: null, first: firstOf(store, gate, 1) }, owner);
  // Somebody was faster.
  if (!created.ok || created.lease === undefined) return "owned";
  return { lease: created.lease, generation: 1, state };
}

/** One that was over is open again before anything else, so that whoever comes looks at it where its owner is lost. */
async function openedIn(store: RunStore, claimed: { lease: Lease; run: StoredRun }): Promise<HeldKey | "owned"> {
  const held = await heldIn(store, claimed);
  return claimed.run.status === "open" || (await writeKey(store, held)) ? held : "owned";
}

async function heldIn(store: RunStore, { lease, run }: { lease: Lease; run: StoredRun }): Promise<HeldKey> {
  try {
    return { lease, generation: run.generation, state: stateIn(store, run) };
  } catch (error) {
    await store.renew(lease, 0).catch(() => {});
    throw error;
  }
}

/** False where somebody else has it by now: nothing of what was decided counts. @param until gives it back, to be looked at then; null: it is over */
export async function writeKey(store: RunStore, held: HeldKey, until?: { dueAt: number | null }): Promise<boolean> {
  const { lease, state } = held;
  const gate = lease.taskId;
  const isOver = until?.dueAt === null;
  const result = await store.commit(lease, {
    ...firstOf(store, gate, held.generation + 1),
    whole: true,
    // Until it is given back it is due: for whoever comes once its owner is lost.
    run: { info: sealed(store, gate, state), status: isOver ? "COMPLETE" : "open", dueAt: until === undefined ? 0 : until.dueAt },
    ...(until === undefined || isOver ? {} : { release: { seen: Number.MAX_SAFE_INTEGER } }),
  });
  held.generation++;
  return result.ok;
}
