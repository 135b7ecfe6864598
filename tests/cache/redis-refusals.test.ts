import { rmSync } from "node:fs";
import { inspect } from "node:util";
import { RedisCache, type RedisCacheOptions } from "asimov-agents/redis";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";

interface Refused {
  code: string;
  retryable: boolean;
  message: string;
}

describe("redis cache whose server refuses a command", () => {
  let server: RedisServer;
  let raw: Redis;
  let cache: RedisCache;
  const caches: RedisCache[] = [];
  const start = async (...extra: string[]): Promise<void> => {
    server = await startRedisServer(undefined, extra);
    raw = new Redis(server.url);
    cache = open({ url: server.url });
  };
  const open = (options: RedisCacheOptions): RedisCache => {
    const made = new RedisCache(options);
    caches.push(made);
    return made;
  };
  const refusalOf = (operation: Promise<unknown>): Promise<Refused> =>
    operation.then(
      () => expect.fail("It took it."),
      (error: Refused) => error,
    );

  beforeEach(() => start());
  afterEach(async () => {
    await Promise.all(caches.splice(0).map((made) => made.close()));
    raw.disconnect();
    await server.stop();
  });

  /** Every write is refused in the same words, and nothing was written. */
  async function expectRefused(code: string, says: RegExp, retryable: boolean): Promise<void> {
    const writes = [
      () => cache.set("key", 2),
      () => cache.setMany({ key: 2, other: 2 }),
      () => cache.increment("count"),
      () => cache.update("key", () => 2),
      () => cache.publishToMailbox("box", 2),
    ];
    for (const write of writes) {
      const error = await refusalOf(write());
      expect(error).toMatchObject({ code: "cache-refused", retryable });
      expect(error.message).toMatch(says);
      expect(error.message).toContain(code);
      expect(error.message).toContain("Nothing was changed.");
      expect(error.message).not.toContain("not known");
    }
  }

  it("says of MISCONF that its disk fails, and what to do", async () => {
    await cache.set("key", 1);
    await raw.config("SET", "save", "3600 1");
    const [, folder] = (await raw.config("GET", "dir")) as string[];
    rmSync(folder ?? "", { recursive: true });
    await raw.bgsave();
    await expect.poll(() => raw.info("persistence")).toContain("rdb_last_bgsave_status:err");
    await expectRefused("MISCONF", /cannot save its data.*Free its disk/, true);
    expect(await cache.get("key")).toBe(1);
  });

  it("says of OOM that its memory is full, and still gives out messages", async () => {
    await cache.publishToMailbox("mail", "kept");
    await raw.config("SET", "maxmemory", "1");
    await expectRefused("OOM", /memory is full.*Raise `maxmemory`/, true);
    expect(await cache.getMessage("mail")).toBe("kept");
    await raw.config("SET", "maxmemory", "0");
    await cache.set("key", 1);
    expect(await cache.getAll()).toEqual({ key: 1 });
  });

  it("says of READONLY that it is a replica, and asks for the primary", async () => {
    await cache.set("key", 1);
    await raw.call("replicaof", "127.0.0.1", "1");
    await expectRefused("READONLY", /is a replica.*Connect to the primary/, true);
    expect(await cache.get("key")).toBe(1);
  });

  it("says of NOAUTH that it wants a password", async () => {
    await raw.config("SET", "requirepass", "right");
    const error = await refusalOf(open({ url: server.url }).set("key", 1));
    expect(error).toMatchObject({ code: "cache-refused", retryable: false, message: expect.stringContaining("NOAUTH") });
    expect(error.message).toContain("Give `username` and `password`");
    const right = open({ port: Number(new URL(server.url).port), password: "right" });
    await right.set("key", 1);
    expect(await right.get("key")).toBe(1);
  });

  it.each([
    ["url", (): RedisCache => open({ url: `${server.url}/99` })],
    ["db", (): RedisCache => open({ port: Number(new URL(server.url).port), db: 99 })],
  ])("says of a database that the server does not have that there is none, and writes nowhere (%s)", async (_, make) => {
    const none = make();
    for (const operation of [() => none.set("key", 1), () => none.get("key")]) {
      expect((await refusalOf(operation())).message).toContain("no database of that number");
    }
    expect(await raw.dbsize()).toBe(0);
  });

  it("says of NOPERM what its user must be allowed, to receivers too", async () => {
    await raw.call("acl", "setuser", "limited", "on", ">pass", "~*", "+@all", "-set", "-client|tracking");
    const limited = open({ port: Number(new URL(server.url).port), username: "limited", password: "pass" });
    for (const operation of [() => limited.set("key", 1), () => limited.getMessage("box")]) {
      const error = await refusalOf(operation());
      expect(error).toMatchObject({ code: "cache-refused", retryable: false, message: expect.stringContaining("NOPERM") });
      expect(error.message).toContain("+client|tracking");
    }
    await cache.publishToMailbox("box", 1);
    expect(await limited.getMessage("box")).toBe(1);
  });

  it("says of what a script may not do that it is the user's ACL, in whatever words the server says it", async () => {
    await raw.call("acl", "setuser", "limited", "on", ">pass", "~*", "+@all", "-@hash");
    const limited = open({ port: Number(new URL(server.url).port), username: "limited", password: "pass" });
    const error = await refusalOf(limited.increment("n"));
    expect(error).toMatchObject({ code: "cache-refused", message: expect.stringMatching(/"n": its user may not do this.*\+hset/) });
  });

  it("says of WRONGTYPE which name holds something else, whatever asks for it", async () => {
    await raw.rpush("list", "1");
    await raw.set("@text", "1");
    await cache.set("fine", 1);
    const operations: [about: string, operation: () => Promise<unknown>][] = [
      ["list", () => cache.get("list")],
      ["list", () => cache.getMany(["absent", "list", "fine"])],
      ["list", () => cache.increment("list")],
      ["list", () => cache.update("list", () => 1)],
      ["@text", () => cache.peekMailbox("text")],
      ["@text", () => cache.publishToMailbox("text", 1)],
      ["@text", () => cache.getMessage("text")],
    ];
    for (const [about, operation] of operations) {
      const error = await refusalOf(operation());
      expect(error).toMatchObject({ code: "cache-refused", retryable: false, message: expect.stringContaining("WRONGTYPE") });
      expect(error.message).toContain(` on "${about}": another client stored`);
      expect(error.message).toMatch(/Delete or rename it/);
    }
    expect(await cache.getMany(["absent", "fine"])).toEqual({ fine: 1 });
  });

  it("names the key that is refused, also among many", async () => {
    await raw.call("acl", "setuser", "limited", "on", ">pass", "~mine*", "~@mine*", "~%*", "+@all");
    const limited = open({ port: Number(new URL(server.url).port), username: "limited", password: "pass" });
    const operations: [about: string, operation: () => Promise<unknown>][] = [
      [' on "foreign":', () => limited.set("foreign", 1)],
      [' on "foreign":', () => limited.setMany({ mine: 1, foreign: 2 })],
      [' on "@alien":', () => limited.publishToMailbox("alien", 1)],
      [' on "foreign", "mine":', () => limited.getMany(["foreign", "mine"])],
      [' on "a", "b", "c" and 2 more:', () => limited.getMany(["a", "b", "c", "d", "mine"])],
    ];
    for (const [about, operation] of operations) {
      const error = await refusalOf(operation());
      expect(error).toMatchObject({ code: "cache-refused", message: expect.stringContaining("NOPERM") });
      expect(error.message).toContain(about);
    }
    expect(await raw.keys("*")).toEqual([]);
  });

  it("shows no password in any error", async () => {
    await raw.config("SET", "requirepass", "right");
    const wrong = "secret-canary";
    const { port } = new URL(server.url);
    for (const denied of [open({ port: Number(port), password: wrong }), open({ url: `redis://user:${wrong}@127.0.0.1:${port}` })]) {
      const error = await refusalOf(denied.set("key", "value-canary"));
      expect(error).toMatchObject({ code: "cache-refused", message: expect.stringContaining("WRONGPASS") });
      expect(inspect(error, { depth: 9 }) + JSON.stringify(error)).not.toContain("canary");
      expect(inspect(denied, { depth: 9 })).not.toContain("canary");
    }
  });
});

describe("redis cache whose server does not know a command", () => {
  it("shows nothing of its arguments", async () => {
    const server = await startRedisServer(undefined, ["--rename-command", "set", ""]);
    const cache = new RedisCache({ url: server.url });
    const error = await cache.set("key", "value-canary").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "cache-refused", message: expect.stringContaining("unknown command") });
    expect(inspect(error, { depth: 9 })).not.toContain("canary");
    await cache.close();
    await server.stop();
  });
});
