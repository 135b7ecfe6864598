/** A worker whose server takes no writes in the middle of a run: it says what is not stored, and the run ends whole when the server takes it. */
import { Agent, defineModule, Node, type RunStore, Runs, Task } from "asimov-agents";
import { PostgresStore } from "asimov-agents/postgres";
import { RedisStore } from "asimov-agents/redis";
import { AgentWorker } from "asimov-agents/worker";
import { Redis } from "ioredis";
import { Pool } from "pg";
import { expect, it, onTestFinished } from "vitest";
import { startPostgresServer } from "../support/postgres-server.ts";
import { startRedisServer } from "../support/redis-server.ts";

/** A server that turns, and comes back. */
interface Turning {
  store: RunStore;
  turn(): Promise<unknown>;
  back(): Promise<unknown>;
}

async function redisTurning(turn: (raw: Redis) => Promise<unknown>, back: (raw: Redis) => Promise<unknown>): Promise<Turning> {
  const server = await startRedisServer();
  onTestFinished(server.stop);
  const raw = new Redis(server.url);
  onTestFinished(() => raw.disconnect());
  return { store: new RedisStore({ url: server.url }), turn: () => turn(raw), back: () => back(raw) };
}

async function postgresTurning(): Promise<Turning> {
  const server = await startPostgresServer();
  onTestFinished(() => server.remove());
  const pool = new Pool({ connectionString: server.url, max: 1 });
  onTestFinished(() => pool.end());
  const set = async (value: "on" | "off"): Promise<void> => {
    await pool.query(`alter system set default_transaction_read_only = ${value}`);
    await pool.query("select pg_reload_conf()");
  };
  return { store: new PostgresStore({ connectionString: server.url }), turn: () => set("on"), back: () => set("off") };
}

const memory = (bytes: string) => (raw: Redis) => raw.config("SET", "maxmemory", bytes);

const SERVERS: [server: string, code: string, start: () => Promise<Turning>][] = [
  ["Redis is full", "store-full", () => redisTurning(memory("1"), memory("0"))],
  [
    "Redis is a replica",
    "store-read-only",
    () =>
      redisTurning(
        (raw) => raw.replicaof("127.0.0.1", 1),
        (raw) => raw.replicaof("NO", "ONE"),
      ),
  ],
  ["PostgreSQL is read-only", "store-read-only", postgresTurning],
];

it.each(SERVERS)("a worker whose %s in the middle of a run says so, and its run is COMPLETE when that is over", async (_, code, start) => {
  const { store, turn, back } = await start();
  const [begun, goes, refused] = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let starts = 0;
  const work = defineModule({
    name: "work",
    process: async () => {
      starts++;
      begun.resolve();
      await goes.promise;
      return { status: "success", result: "well" };
    },
  });
  const agent = new Agent({ name: "works", nodes: [new Node({ name: "work", modules: [work] })] });
  const told: unknown[] = [];
  const onRefused = (error: Error, taskId: string): void => {
    told.push([(error as { code?: string }).code, taskId]);
    refused.resolve();
  };
  const worker = new AgentWorker({ agents: [agent], store, onRefused });
  onTestFinished(async () => {
    await worker.stop({ graceMs: 0 });
    await store.close();
  });
  await worker.submit(new Task({ id: "a", type: "test", objective: "Work" }), { agent: "works" });
  await worker.start();
  await begun.promise;
  await turn();
  goes.resolve();
  await refused.promise;
  expect(worker.health()).toMatchObject({ running: 1, unstored: 1, isStoreReachable: true, lastError: { code } });
  const runs = new Runs(store);
  expect((await runs.get("a")).status).toBe("RUNNING");
  await back();
  await worker.drain();
  expect(worker.health()).toMatchObject({ running: 0, unstored: 0 });
  expect([(await runs.get("a")).status, await runs.value("a", ["nodes", "work", "result"]), starts]).toEqual(["COMPLETE", "well", 1]);
  expect(told).toEqual([[code, "a"]]);
});
