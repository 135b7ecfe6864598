import { join } from "node:path";
import type { Cluster } from "ioredis";
import { afterAll, beforeAll, describe, inject, it } from "vitest";
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

describe("SQLite store", () => {
  const place = newPlace();
  const files = new WeakMap<object, string>();
  const open = (file: string, options: object): SqliteStore => {
    const store = new SqliteStore({ file, ...options });
    files.set(store, file);
    return store;
  };
  const laws = runStoreLaws({
    make: (options) => open(join(place(), "runs.db"), options),
    reopen: (store, options) => open(files.get(store) as string, options),
  });
  for (const { name, run } of laws) it(name, run);
});

describe("file store", () => {
  const place = newPlace();
  const folders = new WeakMap<object, string>();
  const open = (dir: string, options: object): FileStore => {
    const store = new FileStore({ dir, fsync: false, ...options });
    folders.set(store, dir);
    return store;
  };
  const laws = runStoreLaws({
    make: (options) => open(place(), options),
    reopen: (store, options) => open(folders.get(store) as string, options),
  });
  for (const { name, run } of laws) it(name, run);
});

describe("Redis store", () => {
  const prefixes = new WeakMap<object, string>();
  const open = (prefix: string, options: object): RedisStore => {
    const store = new RedisStore({ url: inject("redisUrl"), prefix, ...options });
    prefixes.set(store, prefix);
    return store;
  };
  const laws = runStoreLaws({
    make: (options) => open(`${crypto.randomUUID()}:`, options),
    reopen: (store, options) => open(prefixes.get(store) as string, options),
  });
  for (const { name, run } of laws) it(name, run);
});

describe("Redis store on a cluster", () => {
  const prefixes = new WeakMap<object, string>();
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
  const open = (prefix: string, options: object): RedisStore => {
    const store = new RedisStore({ client, prefix, ...options });
    prefixes.set(store, prefix);
    return store;
  };
  const laws = runStoreLaws({
    make: (options) => open(`${crypto.randomUUID()}:`, options),
    reopen: (store, options) => open(prefixes.get(store) as string, options),
  });
  for (const { name, run } of laws) it(name, run);
});

describe("Postgres store", () => {
  const schemas = new WeakMap<object, string>();
  let connectionString: string;
  beforeAll(async () => {
    connectionString = await postgresUrl();
  }, 60_000);
  const open = (schema: string, options: object): PostgresStore => {
    const store = new PostgresStore({ connectionString, schema, ...options });
    schemas.set(store, schema);
    return store;
  };
  const laws = runStoreLaws({
    make: (options) => open(`laws_${crypto.randomUUID().replaceAll("-", "_")}`, options),
    reopen: (store, options) => open(schemas.get(store) as string, options),
  });
  // One of them makes a thousand transactions, each on the disk before the next.
  for (const { name, run } of laws) it(name, run, 120_000);
});
