import { randomUUID } from "node:crypto";
import { RedisCache } from "asimov-agents/redis";
import { Redis } from "ioredis";
import { afterAll, describe, inject, it } from "vitest";
import { MemoryCache } from "#cache/memory/cache";
import { systemClock } from "#contract/base/services";
import type { Cache } from "#contract/store/cache";
import { cacheLaws } from "#testing/cache-suite";
import { RunValues } from "#values/run-values";
import { removeKeys } from "../support/redis-cleanup.ts";

const stem = `contract-${randomUUID()}`;

afterAll(async () => {
  const client = new Redis(inject("redisUrl"));
  await removeKeys(client, stem);
  await client.quit();
});

describe("memory cache", () => {
  for (const { name, run } of cacheLaws({ make: () => new MemoryCache() })) it(name, run);
});

describe("memory cache with a prefix and a suffix", () => {
  for (const { name, run } of cacheLaws({ make: () => new MemoryCache({ defaultPrefix: "p", defaultSuffix: "s" }) })) it(name, run);
});

describe("a run's values", () => {
  const make = (): Cache => new RunValues(systemClock).cache;
  for (const { name, run } of cacheLaws({ make })) it(name, run);
});

describe("an attempt's view of a run's values", () => {
  const make = (): Cache => new RunValues(systemClock).open().cache;
  for (const { name, run } of cacheLaws({ make })) it(name, run);
});

describe("redis cache", () => {
  const make = (): RedisCache => new RedisCache({ url: inject("redisUrl"), defaultPrefix: `${stem}-${randomUUID()}` });
  for (const { name, run } of cacheLaws({ make })) it(name, run);
});

describe("redis cache with a colon in its prefix and a suffix", () => {
  const make = (): RedisCache =>
    new RedisCache({ url: inject("redisUrl"), defaultPrefix: `${stem}:${randomUUID()}`, defaultSuffix: "s:t" });
  for (const { name, run } of cacheLaws({ make })) it(name, run);
});
