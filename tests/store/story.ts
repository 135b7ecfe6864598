/** A run whose every generation is known ahead, so that whoever finds it, however it got there, can tell what must be in it. */
import { expect } from "vitest";
import { digestOf } from "#contract/store/digest";
import type { Commit } from "#contract/store/run-commit";
import type { Lease } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { FileStore } from "#store/file/store";
import { PostgresStore } from "#store/postgres/store";
import { RedisStore } from "#store/redis/store";
import { SqliteStore } from "#store/sqlite/store";
import { chance, commitOf, newRun } from "#testing/run-law";
import { postgresOfTests } from "../support/postgres-of-tests.ts";
import { redisOfTests } from "../support/redis-of-tests.ts";

/** Stores that a place on the disk holds. */
export const ON_DISK = ["file", "sqlite"] as const;
/** Stores that processes share. */
export const SHARED = [...ON_DISK, "redis", "postgres"] as const;
export type Driver = (typeof SHARED)[number];

export function openStore(driver: string, place: string, options: object = {}): RunStore {
  switch (driver) {
    case "file":
      return new FileStore({ dir: place, ...options });
    case "sqlite":
      return new SqliteStore({ file: `${place}/runs.db`, ...options });
    case "postgres":
      return new PostgresStore({ connectionString: postgresOfTests(), schema: `at_${digestOf(place)}`, ...options });
    default:
      return new RedisStore({ url: redisOfTests(), prefix: `${place}:`, ...options });
  }
}

/** What one generation changes. */
export function chapter(generation: number): Commit {
  const random = chance(generation);
  const put = new Map([["agent", `{"generation":${generation}}`]]);
  for (let n = 0; n < 3; n++)
    put.set(`node/${Math.floor(random() * 12)}`, `"${generation}.${n}"`.padEnd(Math.floor(random() ** 4 * 20_000)));
  const gone = `node/${Math.floor(random() * 12)}`;
  const remove = random() < 0.3 && !put.has(gone) ? [gone] : [];
  return commitOf(
    generation,
    {},
    { put, remove, nodes: [`chapter ${generation}`], events: [{ seq: generation, at: 0, body: `event ${generation}` }] },
  );
}

/** All parts of a generation. */
function partsAt(generation: number): Map<string, unknown> {
  const parts = new Map<string, unknown>();
  for (let at = 1; at <= generation; at++) {
    const { put, remove } = chapter(at);
    for (const [name, content] of put) parts.set(name, content);
    for (const name of remove) parts.delete(name);
  }
  return parts;
}

/** Takes the run over, whoever had it, or begins it. */
export async function takeOver(store: RunStore, taskId: string, leaseMs = 3_600_000): Promise<{ lease: Lease; generation: number }> {
  const owner = { id: `process ${process.pid}`, leaseMs };
  const run = await store.read(taskId);
  if (run === undefined) {
    const created = await store.create(newRun(taskId, { first: chapter(1) }), owner);
    if (created.ok && created.lease !== undefined) return { lease: created.lease, generation: 1 };
    throw new Error("somebody else began the run");
  }
  const claim = await store.claim(taskId, owner, run.lease === null ? {} : { over: run.lease.token });
  if (!claim.ok) throw new Error(`the run cannot be taken over: ${claim.why}`);
  return { lease: claim.lease, generation: claim.run.generation };
}

/** The run stands at a generation that its story has, and all that is kept of it is as the story says. */
export async function expectStory(store: RunStore, taskId: string, least: number): Promise<number> {
  const run = await store.read(taskId);
  const generation = run?.generation ?? 0;
  expect(generation).toBeGreaterThanOrEqual(least);
  if (generation === 0) return 0;
  const newest = await store.load(taskId);
  expect([newest?.generation, newest?.passedOver]).toEqual([generation, []]);
  expect(newest?.parts).toEqual(partsAt(generation));
  const oldest = Math.max(1, generation - 99);
  for (const each of [oldest, Math.floor((oldest + generation) / 2)])
    expect((await store.load(taskId, each))?.parts).toEqual(partsAt(each));
  const events = await store.events(taskId, { from: 1, limit: 2_000 });
  const first = Math.max(1, generation - 999);
  expect(events.map(({ seq, body }) => [seq, body])).toEqual(
    Array.from({ length: generation - first + 1 }, (_, n) => [first + n, `event ${first + n}`]),
  );
  const inbox = await store.inbox(taskId, 0);
  expect(run?.inbox.count).toBe(inbox.length);
  return generation;
}
