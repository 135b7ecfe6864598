/** What a real server allows to users: the rules that NOPERM asks for are enough, and nothing less is; a refused password is no outage. */
import { readFileSync } from "node:fs";
import { RedisCache } from "asimov-agents/redis";
import { describe, expect, it } from "vitest";
import { REDIS_ACL } from "#cache/redis/refusals";
import { ownRedis } from "../support/own-redis.ts";
import { startRedisServer } from "../support/redis-server.ts";

const RULES = REDIS_ACL.split(" ");
/** For the checks of connections, which no operation waits for. */
const UNASKED = new Set(["+ping", "+info"]);

describe("the ACL of a redis cache", () => {
  const own = ownRedis();

  const whatever: readonly ((cache: RedisCache) => Promise<unknown>)[] = [
    (cache) => cache.set("k", 1),
    (cache) => cache.get("k", null),
    (cache) => cache.getMany(["k", "absent"]),
    (cache) => cache.setMany({ a: 1, b: 2 }, { ttlMs: 60_000 }),
    (cache) => cache.increment("n"),
    (cache) => cache.update("k", () => 2),
    (cache) => cache.delete("k"),
    (cache) => cache.getAll(),
    (cache) => cache.publishToMailbox("box", 1),
    (cache) => cache.peekMailbox("box"),
    (cache) => cache.getMessage("box", { timeoutMs: 0 }),
    async (cache) => {
      const received = cache.getMessage("waiting", { timeoutMs: 5_000 });
      const timer = setTimeout(() => own.raw.rpush("team-a:@waiting", "1"), 100);
      expect(await received.finally(() => clearTimeout(timer))).toBe(1);
    },
    // Taken for somebody who has left: put back.
    async (cache) => {
      await own.raw.rpush("team-a:@left", "1");
      const controller = new AbortController();
      const received = cache.getMessage("left", { signal: controller.signal }).catch((error: unknown) => error);
      const asked = cache.set("k", 1);
      controller.abort("left");
      expect(await received).toBe("left");
      await asked.catch(() => undefined);
      await expect.poll(() => own.raw.llen("team-a:@left")).toBe(1);
    },
    (cache) => cache.mailboxes(),
    (cache) => cache.setMany({ a: 1, b: 2 }),
    (cache) => cache.clear(),
  ];

  /** @returns the errors of what is refused */
  async function refusedUnder(rules: readonly string[]): Promise<Error[]> {
    await own.raw.flushall();
    await own.raw.call("acl", "setuser", "limited", "reset", "on", ">pass", "~team-a:*", ...rules);
    const { port } = new URL(own.server.url);
    const cache = new RedisCache({ port: Number(port), username: "limited", password: "pass", defaultPrefix: "team-a" });
    const refused: Error[] = [];
    for (const operation of whatever) await operation(cache).catch((error: Error) => refused.push(error));
    await cache.close();
    return refused;
  }

  it("allows whatever a cache does", async () => {
    expect(await refusedUnder(RULES)).toEqual([]);
    expect(readFileSync(new URL("../../docs/caches.md", import.meta.url), "utf8")).toContain(`\`${REDIS_ACL}\``);
  });

  it.each(RULES.filter((rule) => !UNASKED.has(rule)))("needs %s", async (rule) => {
    expect((await refusedUnder(RULES.filter((each) => each !== rule))).length).toBeGreaterThan(0);
  });
});

describe("a redis cache without the right password", () => {
  it("is refused, and no outage, each time, also when ioredis gives up for its many tries to connect", async () => {
    const server = await startRedisServer(undefined, ["--requirepass", "right"]);
    const port = Number(new URL(server.url).port);
    const refusedBy = async (password: string | undefined): Promise<void> => {
      const cache = new RedisCache({ port, ...(password === undefined ? {} : { password }) });
      for (let tries = 0; tries < 12; tries++) {
        const error = await cache.set("key", 1).catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({ code: "cache-refused", retryable: false, message: expect.stringMatching(/NOAUTH|WRONGPASS/) });
      }
      await cache.close();
    };
    await Promise.all([refusedBy(undefined), refusedBy("wrong")]);
    await server.stop();
  });
});
