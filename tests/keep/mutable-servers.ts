/** Servers that hold two runs, whose keys and rows are changed behind the back of the store. */
import { PostgresStore } from "asimov-agents/postgres";
import { RedisStore } from "asimov-agents/redis";
import { Redis } from "ioredis";
import { Pool } from "pg";
import { afterAll } from "vitest";
import { OF_A_RUN } from "#store/postgres/tables";
import { postgresUrl } from "../support/postgres-server.ts";
import { redisOfTests } from "../support/redis-of-tests.ts";
import type { MutablePlace } from "./mutable-places.ts";
import { storeRuns, TASKS } from "./mutated-run.ts";
import { drawn, flipped, pick, type Random } from "./mutations.ts";

/** Bytes that are others: those of another place, or with a bit changed. */
const otherBytes = (random: Random, bytes: Buffer, others: () => Promise<Buffer> | Buffer): Promise<Buffer> | Buffer =>
  bytes.length === 0 || random() < 0.3 ? others() : Buffer.from(flipped(random, bytes));

/** What is in the hashes and lists of a run. */
async function redisPlace(): Promise<MutablePlace> {
  const prefix = `${crypto.randomUUID()}:`;
  const url = redisOfTests();
  const raw = new Redis(url);
  const all = (): Promise<string[]> => raw.keys(`${prefix}*`);
  const clear = async (): Promise<void> => void (await raw.unlink(...(await all())));
  afterAll(async () => {
    await clear();
    raw.disconnect();
  });
  const open = (): RedisStore => new RedisStore({ url, prefix });
  const stored = open();
  await storeRuns(stored);
  await stored.close();
  const kept = new Map<string, Buffer>();
  for (const key of await all()) kept.set(key, (await raw.dumpBuffer(key)) as Buffer);
  const own: { key: string; type: string }[] = [];
  for (const key of [...kept.keys()].filter((each) => each.endsWith(`:${TASKS[0]}`)).sort()) {
    const type = await raw.type(key);
    if (type === "hash" || type === "list") own.push({ key, type });
  }
  return {
    async mutate(random) {
      const { key, type } = pick(random, own);
      const name = key.slice(key.indexOf("}") + 1);
      if (type === "list") {
        const at = drawn(random, await raw.llen(key));
        const read = async (index: number): Promise<Buffer> => (await raw.lindexBuffer(key, index)) as Buffer;
        const length = await raw.llen(key);
        await raw.lset(key, at, await otherBytes(random, await read(at), () => read(drawn(random, length))));
        return `${name} ${at}`;
      }
      const fields = (await raw.hkeys(key)).sort();
      const field = pick(random, fields);
      // A revision may begin as bytes do.
      const others = fields.filter((each) => each !== "rev");
      if (random() < 0.15) {
        await raw.hdel(key, field);
        return `${name} ${field} is gone`;
      }
      const read = async (from: string): Promise<Buffer> => (await raw.hgetBuffer(key, from)) as Buffer;
      await raw.hset(key, field, await otherBytes(random, await read(field), () => read(pick(random, others))));
      return `${name} ${field}`;
    },
    async as(look) {
      const store = open();
      try {
        return await look(store);
      } finally {
        await store.close();
        await clear();
        const restoring = raw.pipeline();
        for (const [key, dump] of kept) restoring.restore(key, 0, dump);
        await restoring.exec();
      }
    },
  };
}

/** What is in the rows of a run. */
async function postgresPlace(): Promise<MutablePlace> {
  const schema = `mutants_${crypto.randomUUID().replaceAll("-", "")}`;
  const connectionString = await postgresUrl();
  const raw = new Pool({ connectionString, max: 1 });
  afterAll(async () => {
    await raw.query(`drop schema ${schema} cascade; drop schema ${schema}_kept cascade`);
    await raw.end();
  });
  const open = (): PostgresStore => new PostgresStore({ connectionString, schema });
  const stored = open();
  await storeRuns(stored);
  await stored.close();
  const tables = ["runs", ...OF_A_RUN];
  const each = (sql: (table: string) => string): string => tables.map(sql).join("; ");
  await raw.query(
    `create schema ${schema}_kept; ${each((table) => `create table ${schema}_kept.${table} as select * from ${schema}.${table}`)}`,
  );
  const [run] = (await raw.query(`select key from ${schema}.runs where task_id = $1`, [TASKS[0]])).rows as { key: string }[];
  return {
    async mutate(random) {
      const table = pick(random, ["runs", "labels", "commits", "commits", "parts", "parts", "undo", "events", "messages"]);
      const found = await raw.query(
        `select ctid, * from ${schema}.${table} where ${table === "runs" ? "key" : "run"} = $1 order by ${table === "runs" ? "key" : "run"}, ctid`,
        [run?.key],
      );
      const rows = found.rows as Record<string, unknown>[];
      const row = rows[drawn(random, rows.length)];
      if (row === undefined) return `${table}: has no rows`;
      const name = `${table} ${row.generation ?? row.seq ?? row.n ?? ""} ${row.name ?? ""}`;
      if (random() < 0.1) {
        await raw.query(`delete from ${schema}.${table} where ctid = $1`, [row.ctid]);
        return `${name} is gone`;
      }
      const column = pick(
        random,
        Object.keys(row).filter((key) => !["ctid", "run", "key"].includes(key)),
      );
      const value = await otherValue(random, row[column], () => pick(random, rows)[column]);
      try {
        await raw.query(`update ${schema}.${table} set ${column} = $1 where ctid = $2`, [value, row.ctid]);
      } catch {
        // What the table itself refuses nobody stores by mistake.
      }
      return `${name} ${column} = ${String(value).slice(0, 80)}`;
    },
    async as(look) {
      const store = open();
      try {
        return await look(store);
      } finally {
        await store.close();
        await raw.query(
          each((table) => `delete from ${schema}.${table}; insert into ${schema}.${table} select * from ${schema}_kept.${table}`),
        );
      }
    },
  };
}

async function otherValue(random: Random, value: unknown, others: () => unknown): Promise<unknown> {
  if (Buffer.isBuffer(value)) return await otherBytes(random, value, () => others() as Buffer);
  if (typeof value === "boolean") return !value;
  if (/^-?\d+$/.test(String(value))) return pick(random, [Number(value) + 1, Number(value) - 1, 0, others()]);
  if (typeof value === "string") return pick(random, [`${value}x`, value.slice(1), others()]);
  return value === null ? pick(random, [0, "", "{}"]) : value;
}

/** Of what a server holds, nothing else is said: not that the server, or a codec, is another. That of an agent's name is the truth. */
const SAID = ["snapshot-damaged", "is-older", "is-shorter", "run-other-agent"];

export const mutableServers = (): [what: string, make: () => Promise<MutablePlace>, said: readonly string[]][] => [
  ["Redis", redisPlace, SAID],
  // A row that is gone leaves nothing by which anybody would know of the run.
  ["PostgreSQL", postgresPlace, [...SAID, "run-not-found"]],
];
