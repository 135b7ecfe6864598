/** What the laws of a run store have in common. */
import type { Commit, NewRun, StoredGeneration } from "#contract/store/run-commit";
import type { RunStoreOptions } from "#contract/store/run-options";
import type { Lease, Owner, Sealed, StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { requireEqual, requireTrue } from "./law.ts";

/** Where a law gets its stores. */
export interface RunPlace {
  /** A store over an empty place of its own. */
  make(options?: RunStoreOptions): Promise<RunStore>;
  /** Another store over the place of this one, as of another process. */
  reopen(store: RunStore): Promise<RunStore>;
}

/** Laws by name, each checked at fresh places. */
export type RunLaws = Record<string, (place: RunPlace) => Promise<void>>;

export const HOUR = 3_600_000;
export const owner = (id = "me", leaseMs = HOUR): Owner => ({ id, leaseMs });

export const commitOf = (generation: number, parts: Readonly<Record<string, Sealed>> = {}, rest: Partial<Commit> = {}): Commit => ({
  generation,
  info: `{"generation":${generation}}`,
  put: new Map(Object.entries(parts)),
  remove: [],
  events: [],
  consumed: [],
  ...rest,
});

export const newRun = (taskId: string, rest: Partial<NewRun> = {}): NewRun => ({
  taskId,
  agent: "writer",
  version: "1",
  type: "report",
  labels: {},
  graphHash: "abc",
  info: '{"objective":"write"}',
  dueAt: 0,
  first: commitOf(1, { agent: "{}" }),
  ...rest,
});

/** A run of the store that is owned. */
export async function owned(store: RunStore, taskId = "a", by = owner(), rest: Partial<NewRun> = {}): Promise<Lease> {
  const created = await store.create(newRun(taskId, rest), by);
  if (!created.ok || created.lease === undefined) throw new Error(`a new run must be stored and owned: ${JSON.stringify(created)}`);
  return created.lease;
}

export async function stored(store: RunStore, taskId = "a"): Promise<StoredRun> {
  const run = await store.read(taskId);
  if (run === undefined) throw new Error(`the store must hold the run "${taskId}"`);
  return run;
}

export async function loaded(store: RunStore, taskId: string, generation?: number): Promise<StoredGeneration> {
  const found = await store.load(taskId, generation);
  if (found === undefined) throw new Error(`the store must hold generation ${generation ?? "(newest)"} of "${taskId}"`);
  return found;
}

/** Waits until the store's clock says that the moment is over; each turn asks it again. */
export async function past(store: RunStore, moment: number): Promise<void> {
  while ((await store.now()) <= moment) await new Promise((resolve) => setTimeout(resolve, 1));
}

const shown = (sealed: Sealed | undefined): string =>
  typeof sealed === "string" ? sealed : sealed === undefined ? "nothing" : `bytes ${[...sealed].join(" ")}`;

export function requireSealed(found: Sealed | undefined, expected: Sealed, what: string): void {
  const same = typeof found === typeof expected && shown(found) === shown(expected);
  requireTrue(same, `${what}: expected ${shown(expected).slice(0, 200)}, found ${shown(found).slice(0, 200)}`);
}

export function requireParts(found: ReadonlyMap<string, Sealed>, expected: ReadonlyMap<string, Sealed>, what: string): void {
  requireEqual([...found.keys()].sort(), [...expected.keys()].sort(), `the names of the parts of ${what}`);
  for (const [name, content] of expected) requireSealed(found.get(name), content, `part ${JSON.stringify(name.slice(0, 60))} of ${what}`);
}

/** Numbers from 0 up to, not with, 1, the same for the same seed. */
export function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
