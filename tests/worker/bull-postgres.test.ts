/** The PostgreSQL that a queue is given: its tables are made, and one that no moment mends is refused by name. */
import { Agent, Runs, Task } from "asimov-agents";
import { RedisStore } from "asimov-agents/redis";
import { AgentWorker, bullQueue } from "asimov-agents/worker";
import { Pool } from "pg";
import { afterEach, describe, expect, inject, it } from "vitest";
import { postgresUrl } from "../support/postgres-server.ts";
import { nodeOf } from "../waiting/pair.ts";

const PATIENT = { timeout: 20_000 };

describe("the PostgreSQL of a queue on BullMQ", { timeout: 60_000 }, () => {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  /** A database of its own: BullMQ's tables are in a schema of one name. */
  async function newDatabase(): Promise<string> {
    const raw = new Pool({ connectionString: await postgresUrl() });
    closing.push(() => raw.end());
    const name = `queue_${crypto.randomUUID().replaceAll("-", "")}`;
    await raw.query(`create database ${name}`);
    closing.push(() => raw.query(`drop database ${name} with (force)`));
    return Object.assign(new URL(await postgresUrl()), { pathname: `/${name}` }).href;
  }
  const poolOf = (connectionString: string, options?: string): Pool => {
    const pool = new Pool({ connectionString, options, max: 10 });
    pool.on("error", () => {});
    closing.push(async () => pool.ended || (await pool.end()));
    return pool;
  };

  function hosting(connection: string | object) {
    const store = new RedisStore({ url: inject("redisUrl"), prefix: `${crypto.randomUUID()}:` });
    closing.push(() => store.close());
    const queue = bullQueue({ backend: "postgres", connection, sweepMs: 50 });
    closing.push(() => queue.close());
    const told: { code?: string; message: string }[] = [];
    const agents = [new Agent({ name: "report", nodes: [nodeOf("work", () => "done")] })];
    const worker = new AgentWorker({ agents, store, queue, onRefused: (error) => void told.push(error) });
    closing.push(() => worker.stop({ graceMs: 0 }));
    const runs = new Runs(store, { queue });
    const submit = () => runs.submit(new Task({ id: "t", type: "test", objective: "Work" }), { agent: "report" });
    const ends = async (): Promise<string> => {
      for await (const { status } of runs.watch("t")) if (status === "COMPLETE") return status;
      return (await runs.get("t")).status;
    };
    return { worker, told, submit, ends };
  }

  it("has BullMQ's tables made through a pool of one's own", async () => {
    const { worker, told, submit, ends } = hosting(poolOf(await newDatabase(), "-c search_path=bullmq"));
    await submit();
    await worker.start();
    expect([await ends(), told]).toEqual(["COMPLETE", []]);
  });

  it.each<[string, () => Promise<string | object>, RegExp]>([
    ["a pool that looks elsewhere", async () => poolOf(await newDatabase()), /does not look into the schema "bullmq".*search_path=bullmq/],
    [
      "a pool that was ended",
      async () => {
        const pool = poolOf(await postgresUrl());
        await pool.end();
        return pool;
      },
      /the given pool.*after calling end.*End the pool after the queue is closed/,
    ],
    [
      "a database that there is not",
      async () => Object.assign(new URL(await postgresUrl()), { pathname: "/none", password: "secret-word" }).href,
      /PostgreSQL at \S+:\d+, where the queue is, refused: database "none" does not exist\. Make the database/,
    ],
    [
      "a user that there is not",
      async () => Object.assign(new URL(await postgresUrl()), { username: "nobody" }).href,
      /"nobody" does not exist\. Write its user name/,
    ],
    ["a server without encryption", async () => `${await postgresUrl()}?sslmode=require`, /does not support SSL.*Set `ssl` to on there/],
  ])("is refused where it is %s", async (_, connection, says) => {
    const { worker, told } = hosting(await connection());
    await worker.start();
    await expect.poll(() => told, PATIENT).toEqual([expect.objectContaining({ code: "queue-refused", retryable: false })]);
    expect(told[0]?.message).toMatch(says);
    expect(told[0]?.message).not.toContain("secret-word");
  });
});
