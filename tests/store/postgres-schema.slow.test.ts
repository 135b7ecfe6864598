/** A schema that an older version of the store made is brought up to date by the first that comes, while others come, and older stores run. */
import { readFileSync } from "node:fs";
import { Pool } from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { isPrepared, prepareSchema, STEPS } from "#store/postgres/schema";
import { type Run, statement } from "#store/postgres/statement";
import { PostgresStore } from "#store/postgres/store";
import { commitOf, newRun, owned } from "#testing/run-law";
import { postgresUrl } from "../support/postgres-server.ts";

const STORES = 8;

describe("the schema of a Postgres store", () => {
  let url: string;
  let raw: Pool;
  const schemas: string[] = [];
  const opened: PostgresStore[] = [];
  const open = (schema: string): PostgresStore => {
    const store = new PostgresStore({ connectionString: url, schema });
    opened.push(store);
    return store;
  };
  beforeAll(async () => {
    url = await postgresUrl();
    raw = new Pool({ connectionString: url });
  }, 60_000);
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
  });
  afterAll(async () => {
    for (const schema of schemas) await raw.query(`drop schema ${schema} cascade`);
    await raw.end();
  });

  /** As version 1 left it: with the tables of today, and a function of its own. */
  async function schemaOfVersion1(): Promise<string> {
    const schema = `versions_${crypto.randomUUID().replaceAll("-", "_")}`;
    schemas.push(schema);
    const store = open(schema);
    for (const id of ["a", "b"]) {
      const lease = await owned(store, id);
      await store.commit(lease, commitOf(2));
    }
    await store.create(newRun("c"));
    const function1 = readFileSync(new URL("../fixtures/postgres-step-1.sql", import.meta.url), "utf8");
    await raw.query(`drop function ${schema}.step_2; update ${schema}.asimov_format set version = 1`);
    await raw.query(function1.replaceAll(/(?<!:):([a-z]\w*)/g, `${schema}.$1`));
    return schema;
  }

  const functionsOf = async (schema: string): Promise<unknown[]> =>
    (await raw.query("select proname from pg_proc where pronamespace = to_regnamespace($1)", [schema])).rows.map(({ proname }) => proname);
  const tablesOf = async (schema: string): Promise<unknown> => {
    const { rows } = await raw.query(
      `select (select json_agg(r order by r.key) from ${schema}.runs as r) as runs, (select json_agg(c order by c.run, c.generation) from ${schema}.commits as c) as commits,
         (select json_agg(p order by p.run, p.key) from ${schema}.parts as p) as parts, (select json_agg(e order by e.run, e.seq) from ${schema}.events as e) as events`,
    );
    return rows[0];
  };

  it(`goes from version 1 to 2 once, with its rows, when ${STORES} stores come at once`, async () => {
    const schema = await schemaOfVersion1();
    const before = await tablesOf(schema);
    const stores = Array.from({ length: STORES }, () => open(schema));
    const found = await Promise.all(stores.map((store) => store.read("a")));
    expect(found.map((run) => run?.generation)).toEqual(stores.map(() => 2));
    expect(await functionsOf(schema)).toEqual(["step_2"]);
    expect((await raw.query(`select version from ${schema}.asimov_format`)).rows).toEqual([{ version: STEPS.length }]);
    expect(await tablesOf(schema)).toEqual(before);
    // And it goes on from there.
    const lease = await owned(stores[0] as PostgresStore, "d");
    expect(await stores[1]?.commit(lease, commitOf(2))).toMatchObject({ ok: true });
  });

  it("is changed by nobody while another holds its lock", async () => {
    const schema = await schemaOfVersion1();
    const holder = await raw.connect();
    const run: Run = async ({ text }, values = []) => {
      const { rows, rowCount } = await holder.query(text, [...values]);
      return { rows, count: rowCount ?? 0 };
    };
    await holder.query("begin");
    // Whoever is first looks, and has nothing to do: what it holds then is the lock alone.
    await prepareSchema(run, `"${schema}"`, "here", STEPS.slice(0, 1));
    const reading = open(schema).read("a");
    const waits = async (): Promise<boolean> =>
      (await raw.query("select 1 from pg_stat_activity where wait_event = 'advisory' and query like '/* lock the schema%'")).rows.length >
      0;
    await expect.poll(waits, { timeout: 3_000, interval: 20 }).toBe(true);
    expect(await functionsOf(schema)).toEqual(["step"]);
    await holder.query("commit");
    holder.release();
    expect(await reading).toMatchObject({ taskId: "a" });
    expect(await functionsOf(schema)).toEqual(["step_2"]);
  });

  it("is as it was where a step to the next version fails", async () => {
    const schema = await schemaOfVersion1();
    const broken = [...STEPS, statement({ name: "make version 3", gives: "nothing", sql: "alter table runs add column no_such of_type" })];
    const client = await raw.connect();
    const run: Run = async ({ text }, values = []) => {
      const { rows, rowCount } = await client.query(text.replaceAll(/(?<!:):([a-z]\w*)/g, `"${schema}".$1`), [...values]);
      return { rows, count: rowCount ?? 0 };
    };
    await client.query("begin");
    await expect(prepareSchema(run, `"${schema}"`, "here", broken)).rejects.toThrow(/of_type/);
    await client.query("rollback");
    client.release();
    expect(await functionsOf(schema)).toEqual(["step"]);
    expect(await open(schema).read("a")).toMatchObject({ taskId: "a" });
  });

  it("of version 2 is refused to a store of version 1, also to one that runs", async () => {
    const schema = await schemaOfVersion1();
    const looks = async (): Promise<void> => void (await raw.query(`select * from ${schema}.step('{"steps": []}', '')`));
    await looks();
    await open(schema).read("a");
    // That of its next statement: whoever meets it looks at the schema again.
    await expect(looks()).rejects.toMatchObject({ code: "42883" });
    const run: Run = async ({ text }, values = []) => {
      const { rows, rowCount } = await raw.query(text, [...values]);
      return { rows, count: rowCount ?? 0 };
    };
    const refusal = { code: "store-format", message: expect.stringContaining("expected version 1, found version 2") };
    await expect(isPrepared(run, `"${schema}"`, "here", STEPS.slice(0, 1))).rejects.toMatchObject(refusal);
  });
});
