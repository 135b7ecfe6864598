/** What the tests of stored runs share: the stores that they go over, each made anew and closed, a task, and all that an iteration gives. */
import { join } from "node:path";
import { type Clock, FileStore, MemoryStore, type RunStore, type RunStoreOptions, Task } from "asimov-agents";
import { PostgresStore } from "asimov-agents/postgres";
import { RedisStore } from "asimov-agents/redis";
import { SqliteStore } from "asimov-agents/sqlite";
import { afterEach, beforeAll, inject } from "vitest";
import { newPlace } from "../store/place.ts";
import { postgresUrl } from "../support/postgres-server.ts";

export type Make = (options?: RunStoreOptions & { clock?: Clock }) => RunStore;

/** Of one machine, whose time may be simulated. */
export function storesOf(): [name: string, make: Make][] {
  const place = newPlace();
  return [
    ["memory", (options = {}) => new MemoryStore(options)],
    ["file", (options = {}) => new FileStore({ dir: join(place(), "runs"), fsync: false, ...options })],
    ["SQLite", (options = {}) => new SqliteStore({ file: join(place(), "runs.db"), ...options })],
  ];
}

export function allStores(): [name: string, make: Make][] {
  return [...storesOf(), ...serverStores()];
}

/** Those have a clock of their own. */
export function serverStores(): [name: string, make: Make][] {
  const redis: Make = ({ clock, ...options } = {}) => {
    if (clock !== undefined) throw new Error("Redis has a clock of its own.");
    return new RedisStore({ url: inject("redisUrl"), prefix: `${crypto.randomUUID()}:`, ...options });
  };
  let connectionString: string;
  beforeAll(async () => {
    connectionString = await postgresUrl();
  }, 60_000);
  const postgres: Make = ({ clock, ...options } = {}) => {
    if (clock !== undefined) throw new Error("PostgreSQL has a clock of its own.");
    return new PostgresStore({ connectionString, schema: `runs_${crypto.randomUUID().replaceAll("-", "_")}`, ...options });
  };
  return [
    ["Redis", redis],
    ["Postgres", postgres],
  ];
}

/** Makes stores for the tests of a block, and closes each when its test is over. @param given what each has besides */
export function opening(make: Make, given: RunStoreOptions = {}): Make {
  const opened: RunStore[] = [];
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
  });
  return (options) => {
    const store = make({ ...given, ...options });
    opened.push(store);
    return store;
  };
}

export const taskOf = (id = "t", more: { type?: string; labels?: Record<string, string>; params?: Record<string, unknown> } = {}): Task =>
  new Task({ id, type: "test", objective: "Be stored", ...more });

/** All that an iteration gives. */
export async function all<T>(given: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of given) found.push(each);
  return found;
}
