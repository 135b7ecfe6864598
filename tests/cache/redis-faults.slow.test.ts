import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import { RedisCache } from "asimov-agents/redis";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, inject, it } from "vitest";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { removeKeys } from "../support/redis-cleanup.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";

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

  it("goes on waiting when the blocking connection is cut, and receives what came", async () => {
    const cut = proxy.cutReplyTo("blmove");
    const received = cache.getMessage("box");
    await expect.poll(async () => raw.call("client", "list")).toContain("cmd=blmove");
    await raw.rpush(`${prefix}:@box`, "1");
    await cut;
    expect(await received).toBe(1);
    expect(await raw.llen(`${prefix}:@box`)).toBe(0);
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
    await cache.close();
    expect(await raw.keys("*")).toEqual(["@box"]);
    await raw.quit();
  });

  it("shows nothing of a command that the server does not know", async () => {
    const server = await start(undefined, ["--rename-command", "set", ""]);
    const cache = new RedisCache({ url: server.url });
    const error = await cache.set("key", "value-canary").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "cache-refused", message: expect.stringContaining("unknown command") });
    expect(inspect(error, { depth: 9 })).not.toContain("canary");
    await cache.close();
  });

  it("shows no password in any error", async () => {
    const server = await start(undefined, ["--requirepass", "right"]);
    const wrong = "secret-canary";
    const { port } = new URL(server.url);
    for (const cache of [
      new RedisCache({ port: Number(port), password: wrong }),
      new RedisCache({ url: `redis://user:${wrong}@127.0.0.1:${port}` }),
    ]) {
      const error = await cache.set("key", "value-canary").catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "cache-refused", message: expect.stringContaining("WRONGPASS") });
      expect(inspect(error, { depth: 9 }) + JSON.stringify(error)).not.toContain("canary");
      await cache.close();
      expect(inspect(cache, { depth: 9 })).not.toContain("canary");
    }
    const right = new RedisCache({ port: Number(port), password: "right" });
    await right.set("key", 1);
    expect(await right.get("key")).toBe(1);
    await right.close();
  });
});
