/** The Redis that a queue is given: one that does not keep what it is given, or is another than was named, is refused before BullMQ uses it. */
import { inspect } from "node:util";
import { Agent, Runs, Task } from "asimov-agents";
import { RedisStore } from "asimov-agents/redis";
import { AgentWorker, type BullQueueOptions, bullQueue } from "asimov-agents/worker";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, inject, it, vi } from "vitest";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { ownRedis } from "../support/own-redis.ts";
import { startRedisServer } from "../support/redis-server.ts";
import { nodeOf } from "../waiting/pair.ts";

const PATIENT = { timeout: 20_000 };

describe("the Redis of a queue on BullMQ", () => {
  const own = ownRedis();
  const closing: (() => Promise<unknown>)[] = [];
  beforeEach(async () => {
    await own.raw.config("SET", "maxmemory-policy", "noeviction");
    await own.raw.flushall();
  });
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
    vi.restoreAllMocks();
  });

  function hosting(connection: BullQueueOptions["connection"]) {
    const store = new RedisStore({ url: inject("redisUrl"), prefix: `${crypto.randomUUID()}:` });
    closing.push(() => store.close());
    const queueOf = () => {
      const queue = bullQueue({ connection, sweepMs: 50 });
      closing.push(() => queue.close());
      return queue;
    };
    const queue = queueOf();
    const runs = new Runs(store, { queue });
    const told: { code?: string; message: string }[] = [];
    const agents = [new Agent({ name: "report", nodes: [nodeOf("work", () => "done")] })];
    const worker = new AgentWorker({ agents, store, queue: queueOf(), onRefused: (error) => void told.push(error) });
    closing.push(() => worker.stop({ graceMs: 0 }));
    const submit = () => runs.submit(new Task({ id: "t", type: "test", objective: "Work" }), { agent: "report" });
    const ends = async (): Promise<string> => {
      for await (const { status } of runs.watch("t")) if (status === "COMPLETE") return status;
      return (await runs.get("t")).status;
    };
    return { runs, queue, worker, told, submit, ends };
  }
  it("is of one store: a worker that is given turns of another one's runs says so, once", async () => {
    const { worker, told, queue, submit, ends } = hosting(own.server.url);
    const other = new RedisStore({ url: inject("redisUrl"), prefix: `${crypto.randomUUID()}:` });
    closing.push(() => other.close());
    const others = new Runs(other, { queue });
    for (const id of ["a", "b"]) await others.submit(new Task({ id, type: "test", objective: "Work" }), { agent: "report" });
    await worker.start();
    await expect.poll(() => told, PATIENT).toEqual([expect.objectContaining({ code: "queue-other-store" })]);
    await submit();
    expect(await ends()).toBe("COMPLETE");
    expect(told).toHaveLength(1);
  });

  const evicting = /^Redis at \S+ may throw away what is stored: expected `maxmemory-policy noeviction`, found allkeys-lru\. Set it: /;

  it("is refused while it may throw jobs away, and used once it does not", async () => {
    await own.raw.config("SET", "maxmemory-policy", "allkeys-lru");
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const { runs, worker, told, submit, ends } = hosting(own.server.url);
    await submit();
    await worker.start();
    await expect.poll(() => told, PATIENT).toEqual([expect.objectContaining({ code: "queue-refused", retryable: false })]);
    expect(told[0]?.message).toMatch(evicting);
    expect((await runs.get("t")).status).toBe("READY");
    // Whoever submits is told once, too.
    await runs.submit(new Task({ id: "u", type: "test", objective: "Work" }), { agent: "report" });
    expect(warn.mock.calls.filter(([text]) => String(text).startsWith("The queue is not told what is ready; it is stored"))).toHaveLength(
      1,
    );
    expect(warn.mock.calls[0]?.[0]).toMatch(/may throw away what is stored/);
    expect(worker.health().lastError).toMatchObject({ code: "queue-refused" });
    expect(await own.raw.dbsize()).toBe(0);
    await own.raw.config("SET", "maxmemory-policy", "noeviction");
    expect(await ends()).toBe("COMPLETE");
  });

  it("is refused in the words in which a store refuses it", async () => {
    await own.raw.config("SET", "maxmemory-policy", "allkeys-lru");
    const { worker, told } = hosting(own.server.url);
    await worker.start();
    await expect.poll(() => told.length, PATIENT).toBe(1);
    const store = new RedisStore({ url: own.server.url });
    closing.push(() => store.close());
    await expect(store.read("t")).rejects.toMatchObject({ code: "store-evicts", message: told[0]?.message });
  });

  it("is asked by a client that it was given, too", async () => {
    await own.raw.config("SET", "maxmemory-policy", "allkeys-lru");
    const client = new Redis(own.server.url, { maxRetriesPerRequest: null });
    closing.push(async () => client.disconnect());
    const { worker, told, submit, ends } = hosting(client);
    await worker.start();
    await expect.poll(() => told.map(({ message }) => message), PATIENT).toEqual([expect.stringContaining("found allkeys-lru")]);
    await own.raw.config("SET", "maxmemory-policy", "noeviction");
    await submit();
    expect(await ends()).toBe("COMPLETE");
    expect(await client.ping()).toBe("PONG");
  });

  it("is no other one than that of who submits, where a run was submitted while it was away", async () => {
    const proxy = await startFaultProxy(own.server.url);
    closing.push(() => proxy.close());
    const { worker, told, submit, queue, ends } = hosting(proxy.url);
    await worker.start();
    proxy.down();
    await expect.poll(() => told.map(({ code }) => code), PATIENT).toContain("queue-away");
    await submit();
    // What it still held is lost with it.
    await queue.close();
    proxy.recover();
    expect(await ends()).toBe("COMPLETE");
    expect(told.map(({ code }) => code)).not.toContain("queue-untold");
  });

  it.each<[string, (url: string) => BullQueueOptions["connection"]]>([
    ["a URL", (url) => url],
    ["a client", (url) => new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 50 }).on("error", () => {})],
  ])("is waited for by nobody who closes his queue (%s)", async (_, connectionOf) => {
    const away = await startRedisServer();
    await away.stop();
    const connection = connectionOf(away.url);
    closing.push(async () => void (connection instanceof Redis && connection.disconnect()));
    const { runs, submit, queue } = hosting(connection);
    await submit();
    await queue.close();
    expect((await runs.get("t")).status).toBe("READY");
  });

  it.each<[string, (url: string) => BullQueueOptions["connection"]]>([
    ["at the end of its URL", (url) => `${url}/99`],
    ["in the query of its URL", (url) => `${url}?db=99`],
    ["by `db`", (url) => ({ host: new URL(url).hostname, port: Number(new URL(url).port), db: 99 })],
    ["in the URL of its options", (url) => ({ url: `${url}/99` })],
  ])("says that there is no database of that number (%s), and writes into no other", async (_, connectionOf) => {
    const { runs, worker, told, submit } = hosting(connectionOf(own.server.url));
    await submit();
    await worker.start();
    await expect.poll(() => told, PATIENT).toEqual([expect.objectContaining({ code: "queue-refused" })]);
    expect(told[0]?.message).toMatch(/no database of that number\. Name another one at the end of the `url`.*It replied: ERR/);
    expect((await runs.get("t")).status).toBe("READY");
    expect(await own.raw.dbsize()).toBe(0);
  });

  it.each<[string, (url: string) => BullQueueOptions["connection"]]>([
    ["at the end of its URL", (url) => `${url}/3`],
    ["by `db`", (url) => ({ host: new URL(url).hostname, port: Number(new URL(url).port), db: 3 })],
  ])("keeps jobs in the database that was named (%s)", async (_, connectionOf) => {
    const { worker, told, submit, ends } = hosting(connectionOf(own.server.url));
    await submit();
    await worker.start();
    expect(await ends()).toBe("COMPLETE");
    expect(await own.raw.dbsize()).toBe(0);
    expect(told).toEqual([]);
  });

  it.each([[`redis://127.0.0.1/abc`], [{ url: "redis://127.0.0.1/abc" }]])(
    "must be named with the number of its database, if with any (%j)",
    (connection) => {
      const make = () => bullQueue({ connection });
      expect(make).toThrow(
        expect.objectContaining({
          code: "invalid-options",
          message: expect.stringMatching(/connection: expected the number of a database/),
        }),
      );
    },
  );

  it("says that it wants another password, once, without the one that it was given", async () => {
    const { worker, told } = hosting(own.server.url.replace("redis://", "redis://nobody:hunter2@"));
    await worker.start();
    await expect.poll(() => told, PATIENT).toEqual([expect.objectContaining({ code: "queue-refused" })]);
    expect(told[0]?.message).toMatch(/wants another user name or password, or any\. Write them into the `url`\. It replied: WRONGPASS/);
    expect(inspect(told, { depth: 9 })).not.toContain("hunter2");
  });

  it.each<[string, () => BullQueueOptions["connection"], RegExp]>([
    ["a `keyPrefix`", () => ({ host: "127.0.0.1", keyPrefix: "x:" }), /must have no `keyPrefix`; use `prefix` of the queue/],
    [
      "a client with a `keyPrefix`",
      () => new Redis({ lazyConnect: true, keyPrefix: "x:", maxRetriesPerRequest: null }),
      /must have no `keyPrefix`; use `prefix` of the queue/,
    ],
    ["a client that gives up", () => new Redis({ lazyConnect: true }), /expected a client with `maxRetriesPerRequest: null`/],
  ])("is not spoken to through %s", (_, connectionOf, says) => {
    const make = () => bullQueue({ connection: connectionOf() });
    expect(make).toThrow(expect.objectContaining({ code: "invalid-options", message: expect.stringMatching(says) }));
  });

  it("leaves no connection behind when a worker stops that could not use it", async () => {
    await own.raw.config("SET", "maxmemory-policy", "allkeys-lru");
    const { worker, told } = hosting(own.server.url);
    await worker.start();
    await expect.poll(() => told.length, PATIENT).toBe(1);
    await worker.stop();
    const clients = async () =>
      String(await own.raw.client("LIST"))
        .trim()
        .split("\n").length;
    await expect.poll(clients, PATIENT).toBe(1);
  });
});
