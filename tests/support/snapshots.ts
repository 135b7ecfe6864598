/** What a store holds of a run, as tests look at it: the generations that somebody asked for, and what is in one. */

import { MemoryStore, type RunStore, type SnapshotRef } from "asimov-agents";
import { decoded, openGeneration, PartsSum, sealGeneration } from "#contract/store/seal";
import type { GenerationNote } from "#keep/kept";

export interface Loaded extends GenerationNote {
  generation: number;
  parts: Map<string, string>;
}

const ALL = 1_000_000;

/** Every generation that is kept, oldest first. */
export async function generationsOf(store: RunStore, taskId: string): Promise<SnapshotRef[]> {
  const entries = await store.generations(taskId, { limit: ALL });
  return entries.map(({ generation }) => ({ taskId, generation })).reverse();
}

/** Those before a node's visit, and those that were asked for by hand, oldest first. */
export async function snapshotsOf(store: RunStore, taskId: string): Promise<SnapshotRef[]> {
  const refs: SnapshotRef[] = [];
  for (const ref of await generationsOf(store, taskId)) {
    const { why } = await loadedFrom(store, ref);
    if (why === "step" || why === "manual") refs.push(ref);
  }
  return refs;
}

/** The newest generation of all. */
export const lastOf = async (store: RunStore, taskId: string): Promise<SnapshotRef> =>
  (await generationsOf(store, taskId)).at(-1) as SnapshotRef;

export async function newestOf(store: RunStore, taskId: string): Promise<SnapshotRef> {
  const ref = (await snapshotsOf(store, taskId)).at(-1);
  if (ref === undefined) throw new Error("nothing was stored");
  return ref;
}

/** A store that never answers. */
export class SilentStore extends MemoryStore {}
for (const name of ["create", "claim", "renew", "commit", "read", "load"] as const) {
  SilentStore.prototype[name] = () => new Promise<never>(() => {});
}

export async function loadedFrom(store: RunStore, ref: SnapshotRef | undefined): Promise<Loaded> {
  const { taskId, generation } = ref ?? { taskId: "", generation: 0 };
  const stored = await store.load(taskId, generation);
  if (stored === undefined) throw new Error(`generation ${generation} of task "${taskId}" is not stored`);
  const note = JSON.parse(openGeneration(taskId, stored)) as GenerationNote;
  const { codec } = store.settings;
  const parts = new Map([...stored.parts].map(([name, sealed]) => [name, decoded(codec, sealed, name)]));
  return { ...note, generation, parts };
}

/** A store that gives other parts than it was given, under a seal that fits them. */
export class AlteredStore extends MemoryStore {
  alter: ((parts: Map<string, string>) => void) | undefined;

  override async load(taskId: string, generation?: number) {
    const stored = await super.load(taskId, generation);
    if (stored === undefined || this.alter === undefined) return stored;
    const note = openGeneration(taskId, stored);
    const parts = stored.parts as Map<string, string>;
    this.alter(parts);
    return { ...stored, parts, info: sealGeneration(taskId, stored.generation, new PartsSum(taskId, parts), note) };
  }
}
