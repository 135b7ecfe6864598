import { randomUUID } from "node:crypto";
import { RedisCache } from "asimov-agents/redis";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RedisConnection } from "#cache/redis/connection";
import { RedisWatch } from "#cache/redis/watch";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";

// One of its own: connections are counted, ended and limited here.
let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.stop());

describe("receivers of a redis cache", () => {
  let proxy: FaultProxy;
  let cache: RedisCache;
  let raw: Redis;
  let prefix: string;

  beforeEach(async () => {
    prefix = `receivers-${randomUUID()}`;
    proxy = await startFaultProxy(server.url);
    cache = new RedisCache({ url: proxy.url, defaultPrefix: prefix });
    raw = new Redis(server.url);
  });
  afterEach(async () => {
    await cache.close();
    await proxy.close();
    await raw.quit();
  });

  it("have no connection before the first operation, and one for all views", async () => {
    const view = cache.withPrefix(`${prefix}-view`);
    expect(proxy.connections).toBe(0);
    await Promise.all([cache.set("a", 1), view.set("b", 2), cache.getAll(), cache.getMessage("box", { timeoutMs: 0 })]);
    expect(proxy.connections).toBe(1);
  });

  it("take two connections more, at however many mailboxes they wait, and hold up nothing else", async () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `box-${index}`);
    const received = names.map((name) => cache.getMessage<number>(name));
    await expect.poll(() => proxy.connections).toBe(3);
    await cache.set("key", 1);
    expect(await cache.get("key")).toBe(1);
    expect(proxy.connections).toBe(3);
    for (const [index, name] of names.entries()) void raw.rpush(`${prefix}:@${name}`, index);
    expect(await Promise.all(received)).toEqual([...names.keys()]);
    expect(proxy.connections).toBe(3);
  });

  it("are woken by any client, one message each, in the order in which they came", async () => {
    const asked = proxy.sees("llen");
    const received = Array.from({ length: 6 }, () => cache.getMessage("box"));
    await asked;
    await raw.rpush(`${prefix}:@box`, "1", "2");
    expect(await Promise.all(received.slice(0, 2))).toEqual([1, 2]);
    await raw.lpush(`${prefix}:@box`, "3");
    await raw.rpush(`${prefix}:@other`, "4", "5");
    await raw.rename(`${prefix}:@other`, `${prefix}:@box`);
    expect((await Promise.all(received.slice(2, 4))).length).toBe(2);
    await cache.publishToMailbox("box", 6);
    await cache.publishToMailbox("box", 7);
    expect((await Promise.all(received)).length).toBe(6);
  });

  it("go on waiting when their connections are cut, and receive what came meanwhile", async () => {
    const asked = proxy.sees("llen");
    const received = cache.getMessage("box");
    await asked;
    proxy.down();
    await raw.rpush(`${prefix}:@box`, "1");
    proxy.recover();
    expect(await received).toBe(1);
    expect(await raw.llen(`${prefix}:@box`)).toBe(0);
  });

  it("go on waiting when one of their connections alone is ended by the server", async () => {
    for (const which of ["cmd=llen", "cmd=subscribe"]) {
      const received = cache.getMessage("box");
      const find = async (): Promise<string | undefined> =>
        /^id=(\d+)/.exec(
          String(await raw.client("LIST"))
            .split("\n")
            .find((line) => line.includes(which)) ?? "",
        )?.[1];
      await expect.poll(find).toBeDefined();
      await raw.client("KILL", "ID", Number(await find()));
      await raw.rpush(`${prefix}:@box`, "1");
      expect(await received).toBe(1);
    }
  });

  it("wait on when their message is gone before they may go on, before those who came later", async () => {
    const granted = Promise.withResolvers<void>();
    const asked = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const paused = Promise.withResolvers<void>();
    let times = 0;
    const permit = {
      resume: () => {
        asked[times++]?.resolve();
        return granted.promise;
      },
      pause: () => paused.resolve(),
    };
    const first = cache.getMessage("box", { permit });
    const second = cache.getMessage("box");
    await cache.publishToMailbox("box", "gone");
    await asked[0]?.promise;
    await raw.del(`${prefix}:@box`);
    granted.resolve();
    await paused.promise;
    await cache.publishToMailbox("box", 1);
    expect(await first).toBe(1);
    await cache.publishToMailbox("box", 2);
    expect(await second).toBe(2);
  });

  it("give up when their time is over and their message is gone", async () => {
    const granted = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const permit = {
      resume: () => {
        asked.resolve();
        return granted.promise;
      },
      pause: () => undefined,
    };
    await cache.publishToMailbox("box", "gone");
    const received = cache.getMessage("box", { permit, timeoutMs: 20 });
    await asked.promise;
    // Whoever came later, and waits as long, leaves what is there to the first, and gives up after it.
    expect(await cache.getMessage("box", { timeoutMs: 20 })).toBeNull();
    await raw.del(`${prefix}:@box`);
    granted.resolve();
    expect(await received).toBeNull();
  });

  it.each(["flushdb", "flushall"])("hear of the next message also after %s, which makes the server forget whom to tell", async (flush) => {
    const names = ["a", "b", "c"];
    const asked = proxy.sees("llen");
    const received = names.map((name) => cache.getMessage(name, { timeoutMs: 5_000 }));
    await asked;
    await expect.poll(async () => /tracking_total_keys:(\d+)/.exec(await raw.info("stats"))?.[1]).toBe("3");
    const again = proxy.sees("llen");
    await raw.call(flush);
    await again;
    for (const name of names) await raw.rpush(`${prefix}:@${name}`, "1");
    expect(await Promise.all(received)).toEqual([1, 1, 1]);
  });

  it("wait while no further connection can be made, and receive all the same", async () => {
    const [, before = ""] = (await raw.config("GET", "maxclients")) as string[];
    await cache.set("key", 1);
    const open = String(await raw.client("LIST"))
      .trim()
      .split("\n").length;
    await raw.config("SET", "maxclients", String(open));
    const received = cache.getMessage("box");
    await raw.rpush(`${prefix}:@box`, "1");
    expect(await received).toBe(1);
    await raw.config("SET", "maxclients", before);
  });

  it("are gone with their connections after close", async () => {
    const asked = proxy.sees("llen");
    const received = expect(cache.getMessage("box")).rejects.toMatchObject({ code: "cache-closed" });
    await asked;
    await cache.close();
    await received;
    await expect.poll(() => proxy.connections).toBe(0);
  });
});

describe("redis watch", () => {
  it("looks again after a while, in case that the server's word was lost", async () => {
    const proxy = await startFaultProxy(server.url);
    const raw = new Redis(server.url);
    const name = `watch-${randomUUID()}`;
    const connection = new RedisConnection({ url: proxy.url });
    const watch = new RedisWatch(connection, 20);
    proxy.dropRepliesWith("__redis__:invalidate\r\n*1");
    const asked = proxy.sees("llen");
    const woken = new Promise<unknown>((resolve) => watch.wait(name, resolve));
    await asked;
    await raw.rpush(name, "1");
    expect(await woken).toBeUndefined();
    watch.close();
    await connection.close();
    await raw.quit();
    await proxy.close();
  });
});
