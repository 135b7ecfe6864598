/** What a store with a codec has at rest: on its disk, in what a server writes there, or in its tables. */
import { mkdirSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Agent, type Codec, FileStore, type RunStore, type RunStoreOptions, Runs, Task } from "asimov-agents";
import { PostgresStore } from "asimov-agents/postgres";
import { RedisStore } from "asimov-agents/redis";
import { SqliteStore } from "asimov-agents/sqlite";
import { Pool } from "pg";
import { describe, expect, it, onTestFinished } from "vitest";
import { nodeOf, success } from "../run/support.ts";
import { newPlace } from "../store/place.ts";
import { postgresUrl } from "../support/postgres-server.ts";
import { startRedisServer } from "../support/redis-server.ts";
import { all } from "./stores.ts";

const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0x5a);
const flip: Codec = { encode: flipped, decode: flipped };

/** Each is written in a place of its own. */
const NAMES = ["objective", "param", "value", "emitted", "saved", "result", "shown", "schema", "message", "answer", "scheduled"] as const;
const secret = Object.fromEntries(NAMES.map((name) => [name, `the ${name} is secret`])) as Record<(typeof NAMES)[number], string>;
const SECRETS = Object.values(secret);
/** By it runs are found. */
const LABEL = "not secret";

/** All that is there, as latin1. */
type Texts = () => Promise<string[]>;

const newFolder = newPlace();

const textsIn =
  (folder: string): Texts =>
  async () => {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    return await Promise.all(files.map((file) => readFile(file, "latin1")));
  };

const textsOfSchema =
  (pool: Pool, schema: string): Texts =>
  async () => {
    const { rows: tables } = await pool.query("select table_name as name from information_schema.tables where table_schema = $1", [schema]);
    const found = await Promise.all(
      tables.map(({ name }) => pool.query<unknown[]>({ text: `select * from ${schema}.${name}`, rowMode: "array" })),
    );
    const values = found.flatMap(({ rows }) => rows.flat());
    return values.map((value) => (Buffer.isBuffer(value) ? value.toString("latin1") : (JSON.stringify(value) ?? "")));
  };

type Opened = { store: RunStore; texts: Texts };

const STORES: [name: string, open: (options: RunStoreOptions) => Promise<Opened>][] = [
  [
    "file",
    async (options) => {
      const dir = newFolder();
      return { store: new FileStore({ dir, ...options }), texts: textsIn(dir) };
    },
  ],
  [
    "SQLite",
    async (options) => {
      const folder = newFolder();
      return { store: new SqliteStore({ file: join(folder, "runs.db"), ...options }), texts: textsIn(folder) };
    },
  ],
  [
    "Redis",
    async (options) => {
      const folder = newFolder();
      mkdirSync(folder, { recursive: true });
      // In its file is each write that it was ever asked for.
      const { url, stop } = await startRedisServer(undefined, ["--dir", folder, "--appendonly", "yes", "--appendfsync", "always"]);
      onTestFinished(stop);
      return { store: new RedisStore({ url, ...options }), texts: textsIn(folder) };
    },
  ],
  [
    "Postgres",
    async (options) => {
      const connectionString = await postgresUrl();
      const pool = new Pool({ connectionString, max: 1 });
      onTestFinished(() => pool.end());
      const schema = `codec_${crypto.randomUUID().replaceAll("-", "_")}`;
      return { store: new PostgresStore({ connectionString, schema, ...options }), texts: textsOfSchema(pool, schema) };
    },
  ],
];

/** The second node asks, is put down for that, and then takes a message. */
function agentOf(store: RunStore): Agent {
  const first = nodeOf("a", [], async ({ values, emit, step }) => {
    await values.set("key", secret.value);
    emit({ type: "said", text: secret.emitted });
    await step("save", () => secret.saved);
    return success(secret.result);
  });
  const second = nodeOf("b", ["a"], async ({ ask, values, signal }) => {
    const answer = await ask("sure", { show: { text: secret.shown }, answer: { type: "string", description: secret.schema } });
    return success([answer, await values.getMessage("news", { signal })]);
  });
  return new Agent({ name: "asks", store, nodes: [first, second] });
}

/** A run that waits in its store, with an answer and a message that nobody has taken, beside a schedule. */
async function putDown(store: RunStore): Promise<void> {
  const runs = new Runs(store);
  const task = new Task({
    ...{ id: "t", type: "test", objective: secret.objective, params: { param: secret.param } },
    labels: { team: LABEL },
  });
  await agentOf(store).runTask(task, { whenWaiting: "park" });
  await runs.send("t", "news", secret.message);
  const [question] = await all(runs.questions());
  await runs.answer(question?.id ?? "", secret.answer);
  await runs.schedule("daily", { agent: "asks", cron: "0 9 * * *", task: { type: "test", objective: secret.scheduled } });
}

describe.each(STORES)("a store (%s)", (_, open) => {
  it.each<[string, RunStoreOptions, string[]]>([
    ["in clear text without a codec", {}, SECRETS],
    ["as its codec makes it, in clear text nothing but labels", { codec: flip }, []],
  ])("has at rest what users wrote %s, and gives all of it back", async (_how, options, found) => {
    const { store, texts } = await open(options);
    const readable = async (): Promise<string[]> => {
      const there = await texts();
      return [...SECRETS, LABEL].filter((text) => there.some((each) => each.includes(text)));
    };
    await putDown(store);
    expect(await readable()).toEqual([...found, LABEL]);
    const runs = new Runs(store);
    expect(await runs.get("t")).toMatchObject({ objective: secret.objective });
    expect(await runs.value("t", ["values", "key"])).toBe(secret.value);
    const { task, outcome } = await agentOf(store).resume("t");
    expect(task.params).toEqual({ param: secret.param });
    expect((await outcome).results).toEqual({
      a: secret.result,
      b: [{ answer: secret.answer, shown: { text: secret.shown } }, secret.message],
    });
    expect(await all(runs.events("t"))).toContainEqual(expect.objectContaining({ event: { type: "said", text: secret.emitted } }));
    await store.close();
    expect((await readable()).filter((text) => text !== LABEL && !found.includes(text))).toEqual([]);
  });
});
