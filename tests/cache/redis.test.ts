import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { RedisCache, type RedisCacheOptions } from "asimov-agents/redis";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { removeKeys } from "../support/redis-cleanup.ts";

describe("redis cache", () => {
  const url = inject("redisUrl");
  let raw: Redis;
  let prefix: string;
  const open: RedisCache[] = [];
  const make = (options: RedisCacheOptions = { url }): RedisCache => {
    const cache = new RedisCache({ ...options, defaultPrefix: prefix });
    open.push(cache);
    return cache;
  };

  beforeAll(() => {
    raw = new Redis(url);
  });
  afterAll(() => raw.quit());
  beforeEach(() => {
    prefix = `redis-${randomUUID()}`;
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((cache) => cache.close()));
    await removeKeys(raw, prefix);
  });

  it("stores plain JSON strings that any other client reads and writes", async () => {
    const cache = make();
    await cache.withSuffix("s").set("draft", { version: 1 });
    expect(await raw.get(`${prefix}:draft:s`)).toBe('{"version":1}');
    await raw.set(`${prefix}:from-outside`, ' { "a" : [1] } ');
    expect(await cache.get("from-outside")).toEqual({ a: [1] });
  });

  it("stores mailboxes as plain lists that any other client reads and writes", async () => {
    const cache = make();
    await cache.publishToMailbox("box", { n: 1 });
    expect(await raw.lrange(`${prefix}:@box`, 0, -1)).toEqual(['{"n":1}']);
    await raw.rpush(`${prefix}:@box`, '{"n":2}', '{\n"n":3}');
    expect([await cache.getMessage("box"), await cache.getMessage("box"), await cache.getMessage("box")]).toEqual([
      { n: 1 },
      { n: 2 },
      { n: 3 },
    ]);
    const waiting = raw.duplicate();
    const popped = waiting.blpop(`${prefix}:@box`, 0);
    await cache.publishToMailbox("box", { n: 4 });
    expect(await popped).toEqual([`${prefix}:@box`, '{"n":4}']);
    waiting.disconnect();
  });

  it("sees neither a longer prefix nor what a glob in its own would match", async () => {
    const cache = make();
    const globs = ["*", "?", "[ab]", "[^b]", "[a-c]", "\\*", "a\\"];
    for (const other of ["a", "b", "ab", "*x"]) await raw.set(`${prefix}${other}:key`, "1");
    for (const glob of globs) {
      const view = cache.withPrefix(prefix + glob);
      await view.set("own", glob);
      expect(await view.getAll()).toEqual({ own: glob });
      await view.clear();
      expect(await view.keys()).toEqual(new Set());
    }
    for (const other of ["a", "b", "ab", "*x"]) expect(await raw.get(`${prefix}${other}:key`)).toBe("1");
  });

  it("names the key of a value that is not JSON, and shows nothing of it", async () => {
    const cache = make();
    await raw.set(`${prefix}:broken`, "{secret-canary");
    await raw.rpush(`${prefix}:@box`, "secret-canary");
    const operations = [
      () => cache.get("broken"),
      () => cache.getAll(),
      () => cache.getMany(["broken"]),
      () => cache.update("broken", () => 1),
      () => cache.peekMailbox("box"),
      () => cache.getMessage("box"),
    ];
    for (const operation of operations) {
      const error = await operation().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "cache-value-not-json", message: expect.stringMatching(/:(broken|@box)"/) });
      expect(JSON.stringify(error) + String(error)).not.toContain("secret-canary");
    }
    await expect(cache.increment("broken")).rejects.toMatchObject({ code: "not-a-number" });
  });

  it("leaves a message that is not JSON at the front of its mailbox, and tells every receiver once", async () => {
    const cache = make();
    const box = `${prefix}:@box`;
    const waiting = Array.from({ length: 3 }, () => cache.getMessage("box").catch((error: { code?: string }) => error.code));
    await raw.rpush(box, "1", "oops", "2");
    expect(await Promise.all(waiting)).toEqual([1, "cache-value-not-json", "cache-value-not-json"]);
    expect(await raw.lrange(box, 0, -1)).toEqual(["oops", "2"]);
    await expect(cache.getMessage("box", { timeoutMs: 0 })).rejects.toMatchObject({ code: "cache-value-not-json" });
    expect(await raw.lpop(box)).toBe("oops");
    expect(await cache.getMessage("box")).toBe(2);
  });

  it("passes on what the server refuses, without the command's arguments", async () => {
    const cache = make();
    await raw.rpush(`${prefix}:list`, "1");
    await raw.set(`${prefix}:@text`, "1");
    for (const operation of [
      () => cache.get("list"),
      () => cache.update("list", () => "secret-canary"),
      () => cache.publishToMailbox("text", "secret-canary"),
      () => cache.getMessage("text"),
    ]) {
      const error = await operation().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "cache-refused", retryable: false, message: expect.stringContaining("WRONGTYPE") });
      expect((error as Error).message).toMatch(/on "redis-.*:(list|@text)": another client stored something of another type/);
      expect((error as Error).message).not.toContain("secret-canary");
      expect((error as Error).cause).toBeUndefined();
    }
  });

  it("shares updates and increments with other caches, each counted once", async () => {
    const caches = [make(), make(), make()];
    const work = caches.flatMap((cache) =>
      Array.from({ length: 20 }, () => [cache.update<number>("total", (current) => (current ?? 0) + 1), cache.increment("sum", 0.5)]),
    );
    await Promise.all(work.flat());
    expect(await caches[0]?.getMany(["total", "sum"])).toEqual({ total: 60, sum: 30 });
  });

  it("asks each of many racing updates of one process for one change", async () => {
    const cache = make();
    let changes = 0;
    const add = (current: number | undefined): number => {
      changes += 1;
      return (current ?? 0) + 1;
    };
    await Promise.all(Array.from({ length: 50 }, () => cache.update("total", add)));
    expect([changes, await cache.get("total")]).toEqual([50, 50]);
  });

  it("takes no list for a value, and no string for a mailbox", async () => {
    const cache = make();
    await raw.rpush(`${prefix}:list`, "1");
    await raw.set(`${prefix}:@text`, "1");
    await cache.set("value", 1);
    expect(await cache.keys()).toEqual(new Set(["value"]));
    expect(await cache.getAll()).toEqual({ value: 1 });
    expect(await cache.mailboxes()).toEqual(new Set());
    await cache.clear();
    expect(await raw.exists(`${prefix}:list`, `${prefix}:@text`)).toBe(2);
  });

  it("is made without ioredis, and asks to install it at the first operation", () => {
    const file = JSON.stringify(join(import.meta.dirname, "../../src/redis.ts"));
    const script = `
      import { registerHooks } from "node:module";
      registerHooks({ resolve(name, context, next) { if (name === "ioredis") throw new Error("not installed"); return next(name, context); } });
      const { RedisCache } = await import(${file});
      const cache = new RedisCache();
      const error = await cache.get("key").catch((thrown) => thrown);
      await cache.close();
      console.log(error.code, error.message);`;
    const run = spawnSync(process.execPath, ["--conditions=asimov-source", "--input-type=module", "-e", script], {
      encoding: "utf8",
      timeout: 20_000,
    });
    expect(run).toMatchObject({ stdout: "missing-package RedisCache needs the package ioredis: `npm install ioredis`.\n", status: 0 });
  });

  it("gives each message to one receiver of many caches and clients, and loses none", async () => {
    const caches = [make(), make()];
    const client = raw.duplicate();
    const received = caches.flatMap((cache) => Array.from({ length: 25 }, () => cache.getMessage<number>("box")));
    const popped = (async () => {
      const found: number[] = [];
      for (let index = 0; index < 10; index++) found.push(Number((await client.blpop(`${prefix}:@box`, 0))?.[1]));
      return found;
    })();
    const numbers = Array.from({ length: 60 }, (_, index) => index);
    for (const number of numbers) {
      if (number % 2 === 0) await raw.rpush(`${prefix}:@box`, number);
      else await caches[0]?.publishToMailbox("box", number);
    }
    const all = [...(await Promise.all(received)), ...(await popped)] as number[];
    expect(all.sort((a, b) => a - b)).toEqual(numbers);
    client.disconnect();
  });

  it("uses a given client, refuses one that does not fit, and leaves it open", async () => {
    const client = raw.duplicate();
    const cache = make({ client });
    await cache.set("key", 1);
    const received = cache.getMessage("box");
    await raw.rpush(`${prefix}:@box`, "2");
    expect(await received).toBe(2);
    await cache.close();
    expect(await client.get(`${prefix}:key`)).toBe("1");
    client.disconnect();
    const prefixed = new Redis({ keyPrefix: "p:", lazyConnect: true });
    expect(() => make({ client: prefixed })).toThrow(/keyPrefix/);
    prefixed.disconnect();
    expect(() => make({ client: {} as Redis })).toThrow(expect.objectContaining({ code: "invalid-options" }));
  });

  it("refuses options that contradict each other or do not exist, and shows no password", () => {
    const password = "secret-canary";
    const bad: object[] = [
      { url, host: "h" },
      { url: "http://localhost", password },
      { url: `not a url ${password}` },
      { prefix: "p" },
      { port: 0 },
      { port: "6379" },
      { db: -1 },
      { client: null, password },
    ];
    for (const options of bad) {
      const error = ((): unknown => {
        try {
          return new RedisCache(options);
        } catch (thrown) {
          return thrown;
        }
      })();
      expect(error).toMatchObject({ code: "invalid-options" });
      expect(String(error)).not.toContain(password);
    }
  });

  it("leaves nothing of its own in the database when it is closed", async () => {
    const cache = make();
    await cache.increment("n");
    await cache.delete("n");
    await cache.publishToMailbox("box", 1);
    await cache.getMessage("box");
    const own = async (): Promise<string[]> => (await raw.keys("*")).filter((key) => key.includes(prefix));
    expect(await own()).toEqual([]);
    await cache.close();
    expect(await own()).toEqual([]);
  });
});
