/** What the store makes of each refusal of a Redis server: whose it is, what to do, whether it passes. When it has passed, work goes on. */
import { mkdirSync, rmSync } from "node:fs";
import { inspect } from "node:util";
import { Redis } from "ioredis";
import { afterEach, describe, expect, it } from "vitest";
import { RedisStore } from "#store/redis/store";
import { commitOf, newRun, owned } from "#testing/run-law";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";

const PATIENT = { timeout: 20_000 };

interface Refused {
  code: string;
  retryable: boolean;
  says: RegExp;
}

const FULL: Refused = { code: "store-full", retryable: true, says: /cannot save its data.*Free its disk.*MISCONF/ };
const AWAY = { code: "store-unavailable", retryable: true };
const DENIED: Refused = { code: "store-refused", retryable: false, says: /its user may not do this.*`\+info` and `\+time`/ };

describe("a Redis store whose server refuses", () => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });
  async function start(...extra: string[]): Promise<{ server: RedisServer; raw: Redis }> {
    const server = await startRedisServer(undefined, extra);
    const raw = new Redis(server.url);
    closing.push(server.stop, () => raw.disconnect());
    return { server, raw };
  }
  const open = (url: string): RedisStore => {
    const store = new RedisStore({ url });
    closing.push(() => store.close());
    return store;
  };
  async function expectRefused(call: Promise<unknown>, { code, retryable, says }: Refused): Promise<void> {
    const error: unknown = await call.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, retryable, message: expect.stringMatching(says) });
    expect(inspect(error, { depth: 9 })).not.toContain("value-canary");
  }
  const commit = (generation: number) => commitOf(generation, { part: "value-canary" });

  it("as its disk fails says that it is full, and goes on when it saves again", async () => {
    const { server, raw } = await start("--save", "3600 1", "--enable-protected-configs", "yes");
    const store = open(server.url);
    const lease = await owned(store);
    const [, folder = ""] = (await raw.config("GET", "dir")) as string[];
    rmSync(folder, { recursive: true });
    await raw.bgsave();
    await expect.poll(() => raw.info("persistence"), PATIENT).toContain("rdb_last_bgsave_status:err");
    await expectRefused(store.commit(lease, commit(2)), FULL);
    expect((await store.read("a"))?.generation).toBe(1);
    mkdirSync(folder);
    await raw.config("SET", "dir", folder);
    await raw.bgsave();
    await expect.poll(() => raw.info("persistence"), PATIENT).toContain("rdb_last_bgsave_status:ok");
    expect((await store.commit(lease, commit(2))).ok).toBe(true);
  });

  it.each([
    ["a command", ["-evalsha"]],
    ["what a script does", ["-hset", "-hget", "-hmget", "-hgetall"]],
    ["a key", ["resetkeys", "~other:*"]],
  ])("%s to its user says what to allow, and goes on when it is", async (_, rules) => {
    const { server, raw } = await start();
    const may = (...given: string[]) => raw.call("acl", "setuser", "limited", "on", ">pass", "&*", ...given);
    await may("+@all", "~*");
    const store = open(server.url.replace("//", "//limited:pass@"));
    const lease = await owned(store);
    await may(...rules);
    await expectRefused(store.commit(lease, commit(2)), DENIED);
    await expectRefused(open(server.url.replace("//", "//limited:pass@")).create(newRun("b")), DENIED);
    await may("+@all", "~*");
    expect((await store.commit(lease, commit(2))).ok).toBe(true);
  });

  it("one connection more says that it is away, and lets it in when it may have more", async () => {
    const { server, raw } = await start();
    await raw.config("SET", "maxclients", "1");
    const store = open(server.url);
    // ioredis writes before it reads why it was sent away.
    await expectRefused(store.create(newRun("a")), { ...AWAY, says: /is not available: .*Check that it runs and can be reached/ });
    await raw.config("SET", "maxclients", "100");
    expect((await owned(store)).taskId).toBe("a");
  });

  it("as its cluster has no owner of a slot says that it is not ready, and goes on when it has one", async () => {
    const { server, raw } = await start("--cluster-enabled", "yes");
    const store = open(server.url);
    await expectRefused(store.create(newRun("a")), { ...AWAY, says: /it is not ready.*CLUSTERDOWN/ });
    await raw.call("cluster", "addslotsrange", "0", "16383");
    await expect.poll(() => raw.call("cluster", "info"), PATIENT).toContain("cluster_state:ok");
    expect((await owned(store)).taskId).toBe("a");
  });

  it("as it loads its data says that it is not ready, and goes on when it is", async () => {
    const { server, raw } = await start("--enable-debug-command", "yes", "--loading-process-events-interval-bytes", "1024");
    const store = open(server.url);
    const lease = await owned(store);
    await raw.mset(Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`theirs:${at}`, crypto.randomUUID().repeat(9)])));
    const other = new Redis(server.url);
    closing.push(() => other.disconnect());
    await other.ping();
    await raw.config("SET", "key-load-delay", "10000");
    const reloaded = raw.call("debug", "reload");
    await expect.poll(() => other.get("theirs:0").catch(String)).toContain("LOADING");
    await expectRefused(store.commit(lease, commit(2)), { ...AWAY, says: /it is not ready.*LOADING/ });
    await reloaded;
    expect((await store.commit(lease, commit(2))).ok).toBe(true);
  });

  it("as it is busy with another's script says that it is not ready, and goes on when it is", async () => {
    const { server, raw } = await start("--lua-time-limit", "10");
    const store = open(server.url);
    const lease = await owned(store);
    const killer = new Redis(server.url);
    closing.push(() => killer.disconnect());
    await killer.ping();
    const looped = raw.eval("while true do end", 0).catch(String);
    await expect.poll(() => killer.ping().catch(String)).toContain("BUSY");
    await expectRefused(store.commit(lease, commit(2)), { ...AWAY, says: /it is not ready.*BUSY/ });
    await killer.script("KILL");
    expect(await looped).toContain("killed");
    expect((await store.commit(lease, commit(2))).ok).toBe(true);
  });
});
