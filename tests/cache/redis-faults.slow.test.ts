import { randomUUID } from "node:crypto";
import { RedisCache } from "asimov-agents/redis";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, inject, it } from "vitest";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { removeKeys } from "../support/redis-cleanup.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";

/** The key under which a cache keeps these messages until their arrival is acknowledged. */
async function takenFrom(raw: Redis, texts: string): Promise<string> {
  for (const key of await raw.keys("%taken-*")) {
    if ((await raw.hvals(key)).includes(texts)) return key;
  }
  throw new Error(`No cache keeps ${texts}.`);
}

describe("redis cache behind a connection that is cut in place of the reply", () => {
  let proxy: FaultProxy;
  let cache: RedisCache;
  let raw: Redis;
  let prefix: string;

  beforeEach(async () => {
    prefix = `faults-${randomUUID()}`;
    proxy = await startFaultProxy(inject("redisUrl"));
    cache = new RedisCache({ url: proxy.url, defaultPrefix: prefix });
    raw = new Redis(inject("redisUrl"));
  });
  afterEach(async () => {
    await cache.close();
    await proxy.close();
    await removeKeys(raw, prefix);
    await raw.quit();
  });

  it("publishes once", async () => {
    await cache.publishToMailbox("box", "first");
    const cut = proxy.cutReplyTo("marked");
    await cache.publishToMailbox("box", "marked");
    await cut;
    await cache.publishToMailbox("box", "last");
    expect(await cache.peekMailbox("box")).toEqual(["first", "marked", "last"]);
  });

  it("publishes once, and in order, when many are on the way", async () => {
    const cut = proxy.cutReplyTo('"n-50"');
    const published = Array.from({ length: 100 }, (_, index) => `n-${index}`);
    await Promise.all(published.map((message) => cache.publishToMailbox("box", message)));
    await cut;
    expect(await cache.peekMailbox("box")).toEqual(published);
  });

  it("increments, updates and deletes once", async () => {
    await cache.setMany({ count: 1, total: 1, gone: 1 });
    const cuts = [proxy.cutReplyTo("0.125")];
    expect(await cache.increment("count", 0.125)).toBe(1.125);
    cuts.push(proxy.cutReplyTo("KEEPTTL"));
    expect(await cache.update<number>("total", (current) => (current ?? 0) + 1)).toBe(2);
    cuts.push(proxy.cutReplyTo("UNLINK"));
    expect(await cache.delete("gone")).toBe(true);
    await Promise.all(cuts);
    expect(await cache.getAll()).toEqual({ count: 1.125, total: 2 });
  });

  it("receives what was taken, and nothing twice", async () => {
    await raw.rpush(`${prefix}:@box`, "1", "2");
    const cut = proxy.cutReplyTo("LPOP");
    expect(await cache.getMessage("box")).toBe(1);
    await cut;
    expect(await cache.getMessage("box")).toBe(2);
    expect(await cache.getMessage("box", { timeoutMs: 0 })).toBeNull();
  });

  it("puts back what a receive took whose reply is lost in an outage that it does not outlive", async () => {
    const box = `${prefix}:@box`;
    await raw.rpush(box, "1", "2");
    const cut = proxy.cutReplyTo("LPOP");
    const received = expect(cache.getMessage("box")).rejects.toMatchObject({ code: "cache-unavailable", retryable: true });
    await cut;
    proxy.down();
    await received;
    expect(await raw.lrange(box, 0, -1)).toEqual(["2"]);
    const taken = await takenFrom(raw, '["1"]');
    // However long it takes: what is kept does not expire.
    expect(await raw.pttl(taken)).toBe(-1);
    proxy.recover();
    await expect.poll(() => raw.lrange(box, 0, -1), { timeout: 10_000 }).toEqual(["1", "2"]);
    await expect.poll(() => raw.exists(taken), { timeout: 10_000 }).toBe(0);
    expect([await cache.getMessage("box"), await cache.getMessage("box")]).toEqual([1, 2]);
  });

  it("keeps what a receiver left behind while its mailbox is something else, and puts it back once it is one again", async () => {
    const box = `${prefix}:@box`;
    await raw.rpush(box, "1");
    const cut = proxy.cutReplyTo("LPOP");
    const controller = new AbortController();
    const received = cache.getMessage("box", { signal: controller.signal });
    await cut;
    controller.abort(new Error("stop"));
    proxy.down();
    await expect(received).rejects.toThrow("stop");
    await raw.set(box, "text");
    const tried = proxy.sees("LPUSH");
    proxy.recover();
    await tried;
    await expect(cache.getMessage("box")).rejects.toMatchObject({ code: "cache-refused", message: expect.stringContaining("WRONGTYPE") });
    await raw.del(box);
    await expect.poll(() => raw.lrange(box, 0, -1), { timeout: 10_000 }).toEqual(["1"]);
    expect(await cache.getMessage("box")).toBe(1);
  });

  it("gives what a lost receive took to the next one, before what is younger", async () => {
    const box = `${prefix}:@box`;
    await raw.rpush(box, "1");
    const cut = proxy.cutReplyTo("LPOP");
    const lost = expect(cache.getMessage("box")).rejects.toMatchObject({ code: "cache-unavailable" });
    await cut;
    proxy.down();
    await raw.rpush(box, "2");
    await lost;
    proxy.recover();
    const next = async (): Promise<unknown> => cache.getMessage("box").catch(next);
    expect([await next(), await next()]).toEqual([1, 2]);
  });

  it("loses no message, and keeps the order, when a receiver left while its message was on the way", async () => {
    await raw.rpush(`${prefix}:@box`, "1", "2");
    const controller = new AbortController();
    const cut = proxy.cutReplyTo("LPOP");
    const received = cache.getMessage("box", { signal: controller.signal });
    await cut;
    controller.abort(new Error("stop"));
    await expect(received).rejects.toThrow("stop");
    expect([await cache.getMessage("box"), await cache.getMessage("box")]).toEqual([1, 2]);
  });

  it("puts a message back before it is closed", async () => {
    await raw.rpush(`${prefix}:@box`, "1", "2");
    const cut = proxy.cutReplyTo("LPOP");
    const received = expect(cache.getMessage("box")).rejects.toMatchObject({ code: "cache-closed" });
    await cut;
    await cache.close();
    await received;
    expect(await raw.lrange(`${prefix}:@box`, 0, -1)).toEqual(["1", "2"]);
  });

  it("delivers each message once while connections are cut again and again and receivers come and go", async () => {
    const receiver = new RedisCache({ url: proxy.url, defaultPrefix: prefix });
    const count = 200;
    const received: number[] = [];
    const receive = async (): Promise<void> => {
      while (received.length < count) {
        const controller = new AbortController();
        const message = receiver.getMessage<number>("box", { signal: controller.signal, timeoutMs: 200 }).catch(() => null);
        if (received.length % 3 === 0) setImmediate(() => controller.abort(new Error("stop")));
        const number = await message;
        if (number !== null) received.push(number);
      }
    };
    const receivers = [receive(), receive(), receive()];
    for (let number = 0; number < count; number += 10) {
      const published = Array.from({ length: 10 }, (_, index) => cache.publishToMailbox("box", number + index));
      const counted = cache.increment("sum", 1);
      if (number % 40 === 0) proxy.cutAll();
      await Promise.all([...published, counted]);
    }
    await Promise.all(receivers);
    expect(received.sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index));
    expect(await cache.peekMailbox("box")).toEqual([]);
    expect(await cache.get("sum")).toBe(count / 10);
    await receiver.close();
  });

  it("rejects with cache-unavailable, and does not hang, when nothing arrives any more", async () => {
    await cache.set("key", 1);
    proxy.blackHole();
    await expect(cache.get("key")).rejects.toMatchObject({ code: "cache-unavailable", retryable: true });
    proxy.recover();
    expect(await cache.get("key")).toBe(1);
  });

  it("ends every operation, and then its close, within the same few seconds when nothing arrives any more", async () => {
    await cache.set("key", 1);
    const waiting = cache.getMessage("waits").catch((error: { code?: string }) => error.code);
    await cache.publishToMailbox("waits", 1);
    expect(await waiting).toBe(1);
    proxy.blackHole();
    const start = performance.now();
    const operations: Record<string, Promise<unknown>> = {
      get: cache.get("key"),
      getMany: cache.getMany(["key", "other"]),
      getAll: cache.getAll(),
      keys: cache.keys(),
      set: cache.set("key", 2),
      setMany: cache.setMany({ a: 1, b: 2 }),
      delete: cache.delete("key"),
      clear: cache.clear(),
      increment: cache.increment("count"),
      publishToMailbox: cache.publishToMailbox("box", 1),
      getMessage: cache.getMessage("box"),
      peekMailbox: cache.peekMailbox("box"),
      mailboxes: cache.mailboxes(),
      ...Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`update ${index}`, cache.update("total", () => index)])),
    };
    const codes = Object.entries(operations).map(async ([name, operation]) => [
      name,
      await operation.catch((error: { code?: string }) => error.code),
    ]);
    expect(Object.fromEntries(await Promise.all(codes))).toEqual(
      Object.fromEntries(Object.keys(operations).map((name) => [name, "cache-unavailable"])),
    );
    expect(performance.now() - start).toBeLessThan(8_000);
    await cache.close();
    expect(performance.now() - start).toBeLessThan(16_000);
  });

  it("is closed within a few seconds, and rejects what is not finished, when nothing arrives any more", async () => {
    await cache.set("key", 1);
    proxy.blackHole();
    const start = performance.now();
    const unfinished = [cache.get("key"), cache.getMessage("box"), cache.increment("n")].map((operation) =>
      operation.catch((error: { code?: string }) => error.code),
    );
    await cache.close();
    expect(performance.now() - start).toBeLessThan(8_000);
    for (const code of await Promise.all(unfinished)) expect(code).toMatch(/^cache-(closed|unavailable)$/);
  });
});

describe("redis cache whose server comes and goes", () => {
  const servers: RedisServer[] = [];
  const start = async (...args: Parameters<typeof startRedisServer>): Promise<RedisServer> => {
    const server = await startRedisServer(...args);
    servers.push(server);
    return server;
  };
  afterEach(() => Promise.all(servers.splice(0).map((server) => server.stop())));

  it("rejects in bounded time with cache-unavailable when nothing listens", async () => {
    const server = await start();
    await server.stop();
    const cache = new RedisCache({ url: server.url });
    const received = expect(cache.getMessage("box")).rejects.toMatchObject({ code: "cache-unavailable", retryable: true });
    await expect(cache.set("key", 1)).rejects.toMatchObject({
      code: "cache-unavailable",
      message: expect.stringContaining("ECONNREFUSED"),
    });
    await received;
    await cache.close();
  });

  it("rides out a restart: waiting receivers and later operations go on", async () => {
    const first = await start();
    const port = Number(new URL(first.url).port);
    const cache = new RedisCache({ port });
    await cache.set("key", 1);
    const received = cache.getMessage("box");
    await cache.get("key");
    await first.stop();
    await start(port);
    await cache.publishToMailbox("box", "after");
    expect(await received).toBe("after");
    expect(await cache.get("key", "forgotten")).toBe("forgotten");
    await cache.close();
  });

  it("publishes in order after the server forgot its scripts", async () => {
    const server = await start();
    const raw = new Redis(server.url);
    const cache = new RedisCache({ url: server.url });
    await cache.publishToMailbox("box", 0);
    await raw.script("FLUSH");
    await Promise.all([1, 2, 3].map((number) => cache.publishToMailbox("box", number)));
    expect(await cache.peekMailbox("box")).toEqual([0, 1, 2, 3]);
    await cache.close();
    await raw.quit();
  });

  it("forgets the replies that have arrived", async () => {
    const server = await start();
    const raw = new Redis(server.url);
    const cache = new RedisCache({ url: server.url });
    for (let number = 0; number < 300; number++) await cache.publishToMailbox("box", number);
    const [replies] = await raw.keys("%replies-*");
    expect(await raw.hlen(replies ?? "")).toBe(1);
    expect(await raw.pttl(replies ?? "")).toBeGreaterThan(0);
    for (let number = 0; number < 299; number++) await cache.getMessage("box");
    const [taken] = await raw.keys("%taken-*");
    expect(await raw.hlen(taken ?? "")).toBe(1);
    // Also when no other receive tells of it.
    await expect.poll(() => raw.keys("%taken-*"), { timeout: 5_000 }).toEqual([]);
    await cache.close();
    expect(await raw.keys("*")).toEqual(["@box"]);
    await raw.quit();
  });
});
