/** What the store in Redis says of a server, and what it keeps of what a server lost. */
import { mkdirSync } from "node:fs";
import { inspect } from "node:util";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bucketOf } from "#store/redis/keys";
import type { RedisStoreOptions } from "#store/redis/options";
import { RedisStore } from "#store/redis/store";
import { commitOf, newRun, owned, owner, past } from "#testing/run-law";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { freePort } from "../support/postgres-server.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { newPlace } from "./place.ts";

const SECRET = "secret-word";

/** Neither it, nor what was sent with it. */
function expectNoSecret(given: unknown): void {
  expect(inspect(given, { depth: 9 })).not.toMatch(/secret-word|evalsha/);
}

const refusalOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => expect.fail("It took it."),
    (error: unknown) => error,
  );

describe("Redis store", () => {
  const place = newPlace();
  let server: RedisServer;
  let raw: Redis;
  const opened: { close(): Promise<void> }[] = [];
  const open = (options: RedisStoreOptions = {}): RedisStore => {
    const store = new RedisStore(options.client === undefined ? { url: server.url, ...options } : options);
    opened.push(store);
    return store;
  };
  const proxied = async (): Promise<FaultProxy> => {
    const proxy = await startFaultProxy(server.url);
    opened.push(proxy);
    return proxy;
  };
  const start = async (...extra: string[]): Promise<void> => {
    server = await startRedisServer(undefined, extra);
    raw = new Redis(server.url, { lazyConnect: true });
    raw.on("error", () => {});
  };
  const restart = async (...extra: string[]): Promise<void> => {
    raw.disconnect();
    await server.stop();
    await start(...extra);
  };

  beforeEach(() => start());
  afterEach(async () => {
    for (const each of opened.splice(0).reverse()) await each.close();
    raw.disconnect();
    await server.stop();
  });

  it("refuses wrong options without a word of their values", () => {
    const wrong: [RedisStoreOptions | object, string][] = [
      [{ urls: "x" }, "urls"],
      [{ url: `http://user:${SECRET}@localhost` }, "redis://"],
      [{ url: `${server.url}/runs` }, "number of a database"],
      [{ url: server.url, client: raw }, "name the server once"],
      [{ client: {} }, "new Redis()"],
      [{ client: new Redis(server.url, { lazyConnect: true, keyPrefix: "x" }) }, "keyPrefix"],
      [{ client: new Redis(server.url, { lazyConnect: true, replyMapping: "resp3" } as object) }, "replyMapping"],
      [{ prefix: "{x}" }, "braces"],
      [{ keep: 0 }, "keep"],
    ];
    for (const [options, says] of wrong) {
      const made = (): RedisStore => new RedisStore(options as RedisStoreOptions);
      expect(made).toThrow(expect.objectContaining({ code: "invalid-options", message: expect.stringContaining(says) }));
      expect(made).not.toThrow(SECRET);
    }
  });

  it("speaks through a client of the user's, which it leaves open", async () => {
    const store = open({ client: raw });
    await owned(store);
    await store.close();
    await store.close();
    expect(await raw.ping()).toBe("PONG");
    await expect(store.read("a")).rejects.toMatchObject({ code: "store-closed" });
  });

  it.each(["/3", "?db=3"])("keeps its runs in the database that its address names (%s)", async (at) => {
    await owned(open({ url: `${server.url}${at}` }));
    expect(await raw.dbsize()).toBe(0);
    await raw.select(3);
    expect(await raw.exists("asimov:format")).toBe(1);
  });

  it("writes nothing where the server has no database of that number", async () => {
    const store = open({ url: `${server.url}/99` });
    for (const call of [() => store.create(newRun("a")), () => store.read("a")]) {
      await expect(call()).rejects.toMatchObject({ code: "store-refused", message: expect.stringContaining("no database of that number") });
    }
    expect(await raw.dbsize()).toBe(0);
  });

  it("keeps all keys of a run, and the lists that it stands in, in one slot, under the prefix", async () => {
    const store = open({ prefix: "mine:", retainMs: 60_000 });
    const lease = await owned(store, "a", owner(), { labels: { team: "x" } });
    await store.post("a", { kind: "message", id: "m", mailbox: "box", body: "1" });
    const asked = { id: "0.a", askedAt: 1, deadline: null, to: null, body: "?" };
    const questions = { put: [asked], close: [] };
    await store.commit(lease, commitOf(2, { b: "1" }, { questions, events: [{ seq: 1, at: 1, body: "e" }] }));
    const keys = await raw.keys("*");
    const shared = keys.filter((key) => !key.includes("{"));
    expect(shared).toEqual(["mine:format"]);
    expect(keys.filter((key) => key.startsWith(`mine:{mine:${bucketOf("a")}}`)).length).toBe(keys.length - 1);
    await store.commit(lease, commitOf(3, {}, { run: { status: "COMPLETE" } }));
    // All that is the run's goes by itself.
    for (const key of keys.filter((each) => each.endsWith(":a"))) {
      if (await raw.exists(key)) expect(await raw.pttl(key), key).toBeGreaterThan(60_000);
    }
    await store.remove("a");
    expect(await raw.keys("*")).toEqual(["mine:format"]);
  });

  it("removes from its lists what the server let go", async () => {
    const store = open({ retainMs: 1 });
    const lease = await owned(store, "a", owner(), { labels: { team: "x" } });
    const ended = await store.commit(lease, commitOf(2, {}, { run: { status: "FAILED", untold: true } }));
    if (!ended.ok) throw new Error("the end must be stored");
    await past(store, ended.at + 1);
    await raw.del(...(await raw.keys("*:a")));
    const lists = async () => (await raw.keys("*")).filter((key) => key.includes("{"));
    for (const query of [{}, { untold: true }, { labels: { team: "x" } }] as const)
      expect(await store.find({ ...query, limit: 9 })).toEqual([]);
    await expect.poll(lists).toEqual([]);
  });

  it.each([
    ["store-evicts", /noeviction`, found allkeys-lru/, async () => void (await raw.config("SET", "maxmemory-policy", "allkeys-lru"))],
    ["store-format", /expected format 1, found 9/, async () => void (await raw.set("asimov:format", "9"))],
    ["store-format", /another type/, async () => void (await raw.lpush("asimov:format", "x"))],
    ["store-refused", /another user name or password/, async () => void (await raw.config("SET", "requirepass", "x"))],
  ])("says %s at the first call where %s", async (code, says, spoil) => {
    await spoil();
    const store = open();
    for (const call of [() => store.read("a"), () => store.create(newRun("a")), () => store.find({ limit: 1 })]) {
      await expect(call()).rejects.toMatchObject({ code, retryable: false, message: expect.stringMatching(says) });
    }
  });

  it("names the version that it needs of a server that is older", async () => {
    const old = new Proxy(raw, {
      get(target, name) {
        const found: unknown = Reflect.get(target, name);
        if (typeof found !== "function") return found;
        if (name !== "callBuffer") return found.bind(target);
        return async (command: string, ...args: string[]) => {
          const reply = String(await target.callBuffer(command, ...args));
          return command === "info" ? reply.replace(/redis_version:\S+/, "redis_version:6.0.16") : reply;
        };
      },
    });
    await expect(open({ client: old }).read("a")).rejects.toMatchObject({
      code: "store-format",
      message: expect.stringContaining("is version 6.0.16; expected 6.2 or later"),
    });
  });

  it("refuses writes of a full or a read-only server, and goes on when it takes them", async () => {
    const store = open();
    const lease = await owned(store);
    await raw.config("SET", "maxmemory", "1");
    await expect(store.commit(lease, commitOf(2))).rejects.toMatchObject({ code: "store-full", retryable: true });
    expect((await store.read("a"))?.generation).toBe(1);
    await raw.config("SET", "maxmemory", "0");
    expect((await store.commit(lease, commitOf(2))).ok).toBe(true);
    await raw.replicaof("127.0.0.1", 1);
    await expect(store.commit(lease, commitOf(3))).rejects.toMatchObject({ code: "store-read-only", retryable: true });
    await raw.replicaof("NO", "ONE");
    expect((await store.commit(lease, commitOf(3))).ok).toBe(true);
  });

  it("says in time that a server is away, without the password, and goes on when it is back", async () => {
    await restart("--requirepass", SECRET);
    const proxy = await proxied();
    const store = open({ url: proxy.url.replace("//", `//:${SECRET}@`) });
    const lease = await owned(store);
    proxy.blackHole();
    const gone = `127.0.0.1:${await freePort()}`;
    const calls = [store.commit(lease, commitOf(2)), open({ url: `redis://:${SECRET}@${gone}` }).read("a")];
    const errors = await Promise.all(calls.map((call) => refusalOf(call)));
    for (const [at, host] of [new URL(proxy.url).host, gone].entries()) {
      expect(errors[at]).toMatchObject({ code: "store-unavailable", retryable: true, message: expect.stringContaining(host) });
      expectNoSecret(errors[at]);
    }
    proxy.recover();
    // What was on its way may have arrived since: either is the one generation 2.
    await store.commit(lease, commitOf(2));
    expect((await store.read("a"))?.generation).toBe(2);
    expect((await store.commit(lease, commitOf(3))).ok).toBe(true);
  });

  it.each(["", "nobody"])("is refused by a server that wants another user name or password, without a word of it (%j)", async (user) => {
    await restart("--requirepass", "right");
    const store = open({ url: server.url.replace("//", `//${user}:${SECRET}@`) });
    const error = await refusalOf(store.read("a"));
    expect(error).toMatchObject({ code: "store-refused", retryable: false, message: expect.stringContaining("WRONGPASS") });
    expectNoSecret(error);
    expectNoSecret(store);
  });

  it("takes a step once whose answer a broken connection swallowed", async () => {
    const proxy = await proxied();
    const store = open({ url: proxy.url });
    const lease = await owned(store);
    const cut = proxy.cutReplyTo("generation 2");
    const made = store.commit(lease, { ...commitOf(2), info: "generation 2" });
    await cut;
    expect((await made).ok).toBe(true);
    const posted = proxy.cutReplyTo("message-1");
    const sent = store.post("a", { kind: "message", id: "message-1", mailbox: "box", body: "1" });
    await posted;
    expect(["stored", "duplicate"]).toContain(await sent);
    expect((await store.inbox("a", 0)).length).toBe(1);
  });

  it("loads its scripts again where the server has forgotten them", async () => {
    const store = open();
    const lease = await owned(store);
    await raw.script("FLUSH");
    expect((await store.commit(lease, commitOf(2))).ok).toBe(true);
  });

  it("takes one round trip for a commit of its owner", async () => {
    const store = open();
    const lease = await owned(store);
    const asked = async (): Promise<number> => Number(/(?<=total_commands_processed:)\d+/.exec(await raw.info("stats"))?.[0]);
    const calls = async (): Promise<number> => Number(/(?<=cmdstat_evalsha:calls=)\d+/.exec(await raw.info("commandstats"))?.[0] ?? 0);
    const before = await calls();
    for (let generation = 2; generation < 12; generation++) await store.commit(lease, commitOf(generation, { part: String(generation) }));
    expect((await calls()) - before).toBe(10);
    expect(await asked()).toBeGreaterThan(0);
  });

  it("hears on over what another program publishes on its channel", async () => {
    const [mine, other] = [open(), open()];
    const told: (string | null)[] = [];
    other.subscribe((taskId) => told.push(taskId));
    await expect.poll(() => told).toEqual([null]);
    for (const text of ["junk", "null", "[]", "5", '{"taskId":5}']) expect(await raw.publish("asimov:changes", text)).toBe(1);
    await owned(mine, "a");
    await expect.poll(() => told).toEqual([null, "a"]);
  });

  it("tells another process of what it did, also after its connection broke", async () => {
    const proxy = await proxied();
    const [mine, other] = [open(), open({ url: proxy.url })];
    const told: (string | null)[] = [];
    const stop = other.subscribe((taskId) => told.push(taskId));
    await expect.poll(() => told).toContain(null);
    await owned(mine, "a");
    await expect.poll(() => told).toContain("a");
    proxy.cutAll();
    told.length = 0;
    await expect.poll(() => told).toContain(null);
    await owned(mine, "b");
    await expect.poll(() => told).toContain("b");
    stop();
  });

  it("holds what it acknowledged over a kill of a server that writes an append-only file", async () => {
    const settings = ["--dir", place(), "--appendonly", "yes", "--appendfsync", "always"];
    mkdirSync(settings[1] as string, { recursive: true });
    await restart(...settings);
    const store = open();
    const lease = await owned(store);
    let acknowledged = 1;
    const commits = (async () => {
      for (let generation = 2; ; generation++) {
        if (!(await store.commit(lease, commitOf(generation, { part: String(generation) }))).ok) return;
        acknowledged = generation;
      }
    })();
    await expect.poll(() => acknowledged, { timeout: 20_000 }).toBeGreaterThan(50);
    await server.stop();
    await commits.catch(() => {});
    server = await startRedisServer(Number(new URL(server.url).port), settings);
    const after = open();
    const loaded = await after.load("a");
    expect(loaded?.generation).toBeGreaterThanOrEqual(acknowledged);
    expect(loaded?.parts.get("part")).toBe(String(loaded?.generation));
  });
});
