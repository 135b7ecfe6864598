import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { afterAll, describe, inject, it } from "vitest";
import { MemoryCache } from "../../src/cache/memory.ts";
import { RedisCache } from "../../src/redis.ts";
import { cacheLaws } from "../../src/testing/cache-suite.ts";
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

describe("redis cache", () => {
  const make = (): RedisCache => new RedisCache({ url: inject("redisUrl"), defaultPrefix: `${stem}-${randomUUID()}` });
  for (const { name, run } of cacheLaws({ make })) it(name, run);
});

describe("redis cache with a colon in its prefix and a suffix", () => {
  const make = (): RedisCache =>
    new RedisCache({ url: inject("redisUrl"), defaultPrefix: `${stem}:${randomUUID()}`, defaultSuffix: "s:t" });
  for (const { name, run } of cacheLaws({ make })) it(name, run);
});
