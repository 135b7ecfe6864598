/** A queue on BullMQ that is away, refuses, or is another one than that of who submits: it is told, and every run ends all the same. */
import { createServer } from "node:net";
import { Agent, Runs, Task } from "asimov-agents";
import { RedisStore } from "asimov-agents/redis";
import { AgentWorker, type BullQueueOptions, bullQueue } from "asimov-agents/worker";
import { Pool } from "pg";
import { afterEach, describe, expect, inject, it } from "vitest";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { goodBye } from "../support/postgres-good-bye.ts";
import { postgresUrl } from "../support/postgres-server.ts";
import { startRedisServer } from "../support/redis-server.ts";
import { nodeOf } from "../waiting/pair.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const storeOf = (): RedisStore => {
  const store = new RedisStore({ url: inject("redisUrl"), prefix: `${crypto.randomUUID()}:` });
  closing.push(() => store.close());
  return store;
};
const queueOf = (options: BullQueueOptions) => {
  const queue = bullQueue({ sweepMs: 50, ...options });
  closing.push(() => queue.close());
  return queue;
};
const taskOf = (id: string) => new Task({ id, type: "test", objective: "Work" });

function hosting(store: RedisStore, options: BullQueueOptions, name = "report") {
  const told: string[] = [];
  const agent = new Agent({ name, nodes: [nodeOf("work", () => "done")] });
  const worker = new AgentWorker({
    ...{ agents: [agent], store, queue: queueOf(options) },
    onRefused: (error) => void told.push((error as { code?: string }).code ?? error.message),
  });
  closing.push(() => worker.stop({ graceMs: 0 }));
  return { worker, told };
}
const ends = async (store: RedisStore, id: string): Promise<string> => {
  for await (const { status } of new Runs(store).watch(id)) if (status === "COMPLETE") return status;
  return (await new Runs(store).get(id)).status;
};

const proxied = (url: string, port: number): string => Object.assign(new URL(url), { port: String(port) }).href;

/** A port that nobody listens on. */
const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

describe("a queue on BullMQ that is away", () => {
  it("stores what is submitted, says so to the worker, and goes on when Redis is there", { timeout: 60_000 }, async () => {
    const store = storeOf();
    const port = await freePort();
    const options = { connection: `redis://127.0.0.1:${port}` };
    await new Runs(store, { queue: queueOf(options) }).submit(taskOf("t"), { agent: "report" });
    const { worker, told } = hosting(store, options);
    await worker.start();
    await expect.poll(() => new Set(told), { timeout: 20_000 }).toEqual(new Set(["queue-away"]));
    expect((await new Runs(store).get("t")).status).toBe("READY");
    const server = await startRedisServer(port);
    closing.unshift(() => server.stop());
    expect(await ends(store, "t")).toBe("COMPLETE");
  });

  it("stops in time though Redis is away", { timeout: 60_000 }, async () => {
    const store = storeOf();
    const { worker } = hosting(store, { connection: `redis://127.0.0.1:${await freePort()}` });
    await worker.start();
    await worker.stop();
    await store.close();
  });

  it("opens PostgreSQL again where its first connections were cut", { timeout: 60_000 }, async () => {
    const store = storeOf();
    const proxy = await startFaultProxy(await postgresUrl());
    closing.push(() => proxy.close());
    proxy.down();
    const { worker, told } = hosting(store, {
      backend: "postgres",
      connection: { connectionString: proxied(await postgresUrl(), proxy.port), schema: `away_${crypto.randomUUID().replaceAll("-", "")}` },
    });
    await worker.start();
    await new Runs(store).submit(taskOf("t"), { agent: "report" });
    await expect.poll(() => new Set(told), { timeout: 20_000 }).toEqual(new Set(["queue-away"]));
    proxy.recover();
    expect(await ends(store, "t")).toBe("COMPLETE");
  });

  it("outlives PostgreSQL that says good-bye to the connection by which BullMQ listens in the breath that made it", {
    timeout: 60_000,
  }, async () => {
    const store = storeOf();
    const proxy = await startFaultProxy(await postgresUrl());
    closing.push(() => proxy.close());
    const name = crypto.randomUUID();
    const { worker } = hosting(
      store,
      {
        backend: "postgres",
        connection: { connectionString: proxied(await postgresUrl(), proxy.port), schema: `bye_${name.replaceAll("-", "")}` },
      },
      name,
    );
    await worker.start();
    const raw = new Pool({ connectionString: await postgresUrl() });
    closing.push(() => raw.end());
    const listeners = `from pg_stat_activity where application_name = 'asimov.${name}'`;
    await expect.poll(async () => (await raw.query(`select pid ${listeners}`)).rowCount, { timeout: 20_000 }).toBe(1);
    let said = proxy.addTo("server_version", goodBye());
    await raw.query(`select pg_terminate_backend(pid) ${listeners}`);
    // Also those of its pool come anew.
    for (let connection = 1; connection < 6; connection++) {
      await said;
      said = proxy.addTo("server_version", goodBye());
    }
    await said;
    await new Runs(store).submit(taskOf("t"), { agent: name });
    expect(await ends(store, "t")).toBe("COMPLETE");
  });

  it("ends what was told to a queue of another prefix, and says so", async () => {
    const store = storeOf();
    const connection = inject("redisUrl");
    await new Runs(store, { queue: queueOf({ connection, prefix: crypto.randomUUID() }) }).submit(taskOf("t"), { agent: "report" });
    const { worker, told } = hosting(store, { connection, prefix: crypto.randomUUID() });
    await worker.start();
    expect(await ends(store, "t")).toBe("COMPLETE");
    expect(told).toEqual(["queue-untold"]);
  });

  it.each<[string, unknown, RegExp]>([
    ["no connection", {}, /connection: expected a URL, or an object/],
    ["another protocol", { connection: "http://127.0.0.1" }, /connection: expected a URL that starts with redis/],
    [
      "Redis for Postgres",
      { connection: "redis://127.0.0.1", backend: "postgres" },
      /connection: expected a URL that starts with redis.*postgres/,
    ],
    ["a prefix on Postgres", { connection: "postgres://127.0.0.1/x", backend: "postgres", prefix: "a" }, /prefix: is of Redis alone/],
    ["no number", { connection: "redis://127.0.0.1", limiter: { max: 0, duration: 1 } }, /limiter\.max/],
    ["an option that there is not", { connection: "redis://127.0.0.1", concurency: 1 }, /concurency/],
  ])("refuses %s by name, without its value", (_, options, message) => {
    const make = () => bullQueue(options as BullQueueOptions);
    expect(make).toThrow(expect.objectContaining({ code: "invalid-options", message: expect.stringMatching(message) }));
  });
});
