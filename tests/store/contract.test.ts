import { join } from "node:path";
import type { Cluster } from "ioredis";
import { afterAll, beforeAll, describe, inject, it } from "vitest";
import type { RunStoreOptions } from "#contract/store/run-options";
import type { RunStore } from "#contract/store/run-store";
import { FileStore } from "#store/file/store";
import { MemoryStore } from "#store/memory/store";
import { PostgresStore } from "#store/postgres/store";
import { RedisStore } from "#store/redis/store";
import { SqliteStore } from "#store/sqlite/store";
import { runStoreLaws } from "#testing/run-store-suite";
import { postgresUrl } from "../support/postgres-server.ts";
import { type RedisCluster, startRedisCluster } from "../support/redis-cluster.ts";
import { newPlace } from "./place.ts";

describe("memory store", () => {
  const laws = runStoreLaws({ make: (options) => new MemoryStore(options), reopen: (store) => store });
  for (const { name, run } of laws) it(name, run);
});

/** Laws of stores each of which is found again by the name of its place. */
function lawsOf(place: () => string, open: (place: string, options: RunStoreOptions) => RunStore) {
  const places = new WeakMap<RunStore, string>();
  const openAt = (at: string, options: RunStoreOptions): RunStore => {
    const store = open(at, options);
    places.set(store, at);
    return store;
  };
  return runStoreLaws({
    make: (options) => openAt(place(), options),
    reopen: (store, options) => openAt(places.get(store) as string, options),
  });
}

const newPrefix = (): string => `${crypto.randomUUID()}:`;

describe("SQLite store", () => {
  const place = newPlace();
  const laws = lawsOf(
    () => join(place(), "runs.db"),
    (file, options) => new SqliteStore({ file, ...options }),
  );
  for (const { name, run } of laws) it(name, run);
});

describe("file store", () => {
  for (const { name, run } of lawsOf(newPlace(), (dir, options) => new FileStore({ dir, fsync: false, ...options }))) it(name, run);
});

describe("Redis store", () => {
  const laws = lawsOf(newPrefix, (prefix, options) => new RedisStore({ url: inject("redisUrl"), prefix, ...options }));
  for (const { name, run } of laws) it(name, run);
});

describe("Redis store on a cluster", () => {
  let cluster: RedisCluster;
  let client: Cluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
    client = cluster.client();
  });
  afterAll(async () => {
    client.disconnect();
    await cluster.stop();
  });
  for (const { name, run } of lawsOf(newPrefix, (prefix, options) => new RedisStore({ client, prefix, ...options }))) it(name, run);
});

describe("Postgres store", () => {
  let connectionString: string;
  beforeAll(async () => {
    connectionString = await postgresUrl();
  }, 60_000);
  const laws = lawsOf(
    () => `laws_${crypto.randomUUID().replaceAll("-", "_")}`,
    (schema, options) => new PostgresStore({ connectionString, schema, ...options }),
  );
  // One of them makes a thousand transactions, each on the disk before the next.
  for (const { name, run } of laws) it(name, run, 120_000);
});
