/** What the store in PostgreSQL says of a server, and what it keeps of what a server lost. */
import { inspect } from "node:util";
import { Pool } from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { digestOf } from "#contract/store/digest";
import type { Lease } from "#contract/store/run-record";
import type { PostgresStoreOptions } from "#store/postgres/options";
import { PostgresStore } from "#store/postgres/store";
import { commitOf, newRun, owned, owner } from "#testing/run-law";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { goodBye } from "../support/postgres-good-bye.ts";
import { type PostgresServer, startPostgresServer } from "../support/postgres-server.ts";
import { deafened, noting, telling } from "../support/told-pool.ts";

/** In what is sent for a step, whatever the schema. */
const STEP = ".step_2($1, $2)";

/** On a busy machine. */
const SOON = { timeout: 20_000 };

describe("Postgres store", () => {
  let server: PostgresServer;
  let raw: Pool;
  let schemas = 0;
  const opened: { close(): Promise<void> }[] = [];
  const hold = <T extends { close(): Promise<void> }>(each: T): T => {
    opened.push(each);
    return each;
  };
  const newSchema = (): string => `schema_${++schemas}`;
  const open = (options: PostgresStoreOptions = {}): PostgresStore =>
    hold(
      new PostgresStore({
        schema: newSchema(),
        ...(options.pool === undefined ? { connectionString: server.url } : {}),
        ...options,
      }),
    );
  const proxied = async (): Promise<FaultProxy> => hold(await startFaultProxy(server.url));
  /** Of a user, or to a database, of its own. */
  const addressOf = (user: string, database = "postgres"): string => `postgres://${user}@127.0.0.1:${server.port}/${database}`;
  /** Closed as the store is. */
  const newPool = (connectionString: string) => {
    const pool = new Pool({ connectionString });
    return Object.assign(pool, { close: () => pool.end() });
  };
  const ask = async (text: string): Promise<Record<string, unknown>[]> => (await raw.query(text)).rows;

  beforeAll(async () => {
    server = await startPostgresServer();
    raw = new Pool({ connectionString: server.url });
    raw.on("error", () => {});
  }, 60_000);
  afterEach(async () => {
    for (const each of opened.splice(0).reverse()) await each.close();
  });
  afterAll(async () => {
    await raw.end();
    await server.remove();
  });

  it("refuses wrong options without a word of their values", () => {
    const secret = "secret-word";
    const wrong: [object, string][] = [
      [{ url: "x" }, "url"],
      [{}, "name the server once"],
      [{ connectionString: server.url, pool: raw }, "name the server once"],
      [{ connectionString: `http://user:${secret}@localhost/x` }, "connectionString: expected a URL that starts with postgres://"],
      [{ connectionString: `postgres://user:${secret}#/@localhost/x` }, "%-escapes"],
      [{ pool: {} }, "new Pool()"],
      [{ pool: new Pool({ max: 2 }) }, "at least 3 connections"],
      [{ connectionString: server.url, schema: "x; drop" }, "schema: expected a name"],
      [{ connectionString: server.url, schema: "pg_mine" }, "PostgreSQL's own"],
      [{ connectionString: server.url, keep: 0 }, "keep"],
    ];
    for (const [options, says] of wrong) {
      const made = (): PostgresStore => new PostgresStore(options as PostgresStoreOptions);
      expect(made).toThrow(expect.objectContaining({ code: "invalid-options", message: expect.stringContaining(says) }));
      expect(made).not.toThrow(secret);
    }
  });

  it("takes any name for its schema, and any number of stores that make it at once", async () => {
    const stores = Array.from({ length: 4 }, () => open({ schema: "select" }));
    await Promise.all(stores.map((store, index) => owned(store, String(index))));
    expect((await (stores[0] as PostgresStore).find({ limit: 9 })).length).toBe(4);
  });

  it("speaks through a pool of the user's, which it leaves open", async () => {
    const store = open({ pool: raw });
    await owned(store);
    await store.close();
    await store.close();
    expect(await ask("select 1 as one")).toEqual([{ one: 1 }]);
    await expect(store.read("a")).rejects.toMatchObject({ code: "store-closed" });
  });

  it("reads what it wrote whatever the database has set", async () => {
    await ask("create database other");
    await ask("alter database other set bytea_output = 'escape'");
    await ask("alter database other set default_transaction_isolation = 'serializable'");
    await ask("alter database other set synchronous_commit = off");
    const store = open({ connectionString: addressOf("postgres", "other") });
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    await owned(store, "a", undefined, { first: commitOf(1, { bytes, text: "é\\\0🙂" }) });
    expect((await store.load("a"))?.parts).toEqual(
      new Map<string, unknown>([
        ["bytes", bytes],
        ["text", "é\\\0🙂"],
      ]),
    );
  });

  it.each([
    ["expected version 2, found version 9", "table %.asimov_format as select 9 as version"],
    ['expected version 2, found version "1"', "table %.asimov_format as select '1'::text as version"],
    ["expected version 2, found version 1 and 1", "table %.asimov_format as select 1 as version union all select 1"],
    ["expected version 2, found version none", "table %.asimov_format (version int)"],
    ["what another program has made", "table %.theirs (x int)"],
    ["what another program has made", "view %.runs as select 1 as x"],
    ["what another program has made", "type %.runs as (x int)"],
    ["what another program has made", "sequence %.theirs"],
    ["what another program has made", "domain %.theirs as int"],
  ])("says %s at the first call of a schema with what is not its own: %s", async (says, made) => {
    const schema = newSchema();
    await ask(`create schema ${schema}`);
    await ask(`create ${made.replace("%", schema)}`);
    const store = open({ schema });
    for (const call of [() => store.read("a"), () => store.create(newRun("a")), () => store.find({ limit: 1 })]) {
      await expect(call()).rejects.toMatchObject({ code: "store-format", retryable: false, message: expect.stringContaining(says) });
    }
  });

  it("refuses a database of another encoding, and a server of an older version", async () => {
    await ask("create database latin encoding 'LATIN1' template template0");
    const latin = open({ connectionString: addressOf("postgres", "latin") });
    await expect(latin.read("a")).rejects.toMatchObject({ code: "store-format", message: expect.stringContaining("encoded as LATIN1") });
    const old = open({
      pool: telling(raw, (rows) => rows.map((row) => ("number" in row ? { ...row, number: 120_022, version: "12.22" } : row))),
    });
    await expect(old.read("a")).rejects.toMatchObject({
      code: "store-format",
      message: expect.stringContaining("is version 12.22; expected 13"),
    });
  });

  it("says what the server refuses, and what to do", async () => {
    await ask("create role stranger login; create role crowd login connection limit 0");
    const unknown = `${addressOf("postgres")}?options=${encodeURIComponent("-c no.such.setting.is=1 -c wrok_mem=1")}`;
    await expect(open({ connectionString: unknown }).read("a")).rejects.toMatchObject({
      code: "store-refused",
      retryable: false,
      message: expect.stringMatching(/Mend the `options`.*wrok_mem/),
    });
    await expect(open({ connectionString: addressOf("stranger") }).read("a")).rejects.toMatchObject({
      code: "store-refused",
      retryable: false,
      message: expect.stringMatching(/its user may not do this.*\(42501\)/),
    });
    await expect(open({ connectionString: addressOf("postgres", "none") }).read("a")).rejects.toMatchObject({
      code: "store-refused",
      message: expect.stringContaining("no such database"),
    });
    await expect(open({ connectionString: addressOf("nobody-here") }).read("a")).rejects.toMatchObject({
      code: "store-refused",
      message: expect.stringContaining("does not let this user in"),
    });
    await expect(open({ connectionString: addressOf("crowd") }).read("a")).rejects.toMatchObject({
      code: "store-unavailable",
      retryable: true,
      message: expect.stringMatching(/`max_connections`, or the `connection limit` of the role/),
    });
  });

  it("refuses writes of a full or a read-only server, and goes on when it takes them", async () => {
    const schema = newSchema();
    const store = open({ schema });
    const lease = await owned(store);
    await ask(
      `create function ${schema}.full() returns trigger language plpgsql as $$ begin raise 'no space left' using errcode = '53100'; end $$;
       create trigger full_disk before insert on ${schema}.commits execute function ${schema}.full()`,
    );
    await expect(store.commit(lease, commitOf(2))).rejects.toMatchObject({ code: "store-full", retryable: true });
    await ask(`drop trigger full_disk on ${schema}.commits`);
    await ask("create database quiet");
    const quiet = open({ connectionString: addressOf("postgres", "quiet"), schema });
    const mine = await owned(quiet);
    await ask("alter database quiet set default_transaction_read_only = on");
    const reader = open({ connectionString: addressOf("postgres", "quiet"), schema });
    await expect(reader.commit(mine, commitOf(2))).rejects.toMatchObject({ code: "store-read-only", retryable: true });
    expect((await reader.read("a"))?.generation).toBe(1);
    expect((await store.commit(lease, commitOf(2))).ok).toBe(true);
  });

  it("says in time that a server is away, without the password, and goes on when it is back", async () => {
    const proxy = await proxied();
    const url = new URL(proxy.url);
    url.password = "secret-word";
    const store = open({ connectionString: url.href });
    const lease = await owned(store);
    proxy.blackHole();
    const error: unknown = await store.commit(lease, commitOf(2)).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "store-unavailable", retryable: true, message: expect.stringContaining(url.host) });
    expect(inspect(error, { depth: 9 })).not.toContain("secret-word");
    proxy.recover();
    expect((await store.commit(lease, commitOf(2))).ok).toBe(true);
  });

  it("settles a commit whose answer was lost, though others have done something to its run since", async () => {
    const [proxy, schema] = [await proxied(), newSchema()];
    const [store, other] = [open({ schema, connectionString: proxy.url }), open({ schema })];
    const lease = await owned(store);
    const cut = proxy.cutReplyTo(STEP);
    const made = store.commit(lease, commitOf(2, { part: "2" }));
    await cut;
    proxy.down();
    for (let n = 1; n <= 5; n++) expect(await other.post("a", { kind: "message", id: `${n}`, mailbox: "box", body: "1" })).toBe("stored");
    proxy.recover();
    expect(await made).toMatchObject({ ok: true });
    expect(await other.read("a")).toMatchObject({ generation: 2, inbox: { last: 5 } });
    expect((await store.commit(lease, commitOf(3))).ok).toBe(true);
  });

  it("says of a commit whose answer stays lost that it is not known whether it was written", async () => {
    const proxy = await proxied();
    const store = open({ connectionString: proxy.url });
    const lease = await owned(store);
    const cut = proxy.cutReplyTo(STEP);
    const made = store.commit(lease, commitOf(2));
    made.catch(() => {});
    await cut;
    proxy.down();
    await expect(made).rejects.toMatchObject({
      code: "store-unavailable",
      retryable: true,
      message: expect.stringContaining("is not known"),
    });
    proxy.recover();
    expect(await store.commit(lease, commitOf(2))).toMatchObject({ ok: false, why: "fenced", run: { generation: 2 } });
    expect((await store.commit(lease, commitOf(3))).ok).toBe(true);
  });

  it.each(["its own pool", "a given pool"])(
    "outlives a server that says good-bye to a connection of %s in the breath that made it",
    async (whose) => {
      const proxy = await proxied();
      const store = open(whose === "its own pool" ? { connectionString: proxy.url } : { pool: hold(newPool(proxy.url)) });
      const cut = proxy.addTo("Z\0\0\0\u0005I", goodBye());
      await store.create(newRun("a"));
      await cut;
      expect((await store.read("a"))?.taskId).toBe("a");
    },
  );

  it("makes a step anew whose connection broke before it was written", async () => {
    const schema = newSchema();
    const store = open({ schema });
    const lease = await owned(store);
    const holder = await raw.connect();
    await holder.query(`begin; lock table ${schema}.runs`);
    const made = store.commit(lease, commitOf(2));
    const waits = `select pid from pg_stat_activity where wait_event_type = 'Lock' and query like '%step_2(%'`;
    await expect.poll(() => ask(waits), SOON).toHaveLength(1);
    const [{ pid } = {}] = await ask(waits);
    await ask(`select pg_terminate_backend(${pid})`);
    await holder.query("rollback");
    holder.release();
    expect((await made).ok).toBe(true);
    expect((await store.read("a"))?.generation).toBe(2);
  });

  it("takes one round trip for a commit of its owner, and two for a step on a run that it does not know", async () => {
    const texts: string[] = [];
    const store = open({ pool: telling(raw, noting(texts)) });
    const lease = await owned(store);
    const sentFor = async (step: Promise<unknown>): Promise<number> => {
      texts.length = 0;
      await step;
      return texts.filter((text) => !text.includes("pg_notify")).length;
    };
    for (let generation = 2; generation <= 40; generation++) {
      const change = { events: [{ seq: generation - 1, at: 1, body: "e" }], remove: generation % 2 === 0 ? ["part"] : [] };
      const commit = commitOf(generation, generation % 2 === 0 ? { agent: "1" } : { part: "1" }, change);
      expect(await sentFor(store.commit(lease, commit))).toBe(1);
    }
    expect(await sentFor(store.renew(lease, 60_000))).toBe(1);
    expect(await sentFor(store.commit(lease, commitOf(41, {}, { run: { status: "COMPLETE" } })))).toBe(1);
    expect(await sentFor(store.claim("a", owner(), { ended: true }))).toBe(2);
    expect(await sentFor(store.create(newRun("b"), owner()))).toBe(2);
    expect(await sentFor(store.post("b", { kind: "message", id: "1", mailbox: "box", body: "1" }))).toBe(2);
  });

  it("writes what 64 runs do in one turn by one statement, though one of them is refused", async () => {
    const texts: string[] = [];
    const store = open({ pool: telling(raw, noting(texts)) });
    const leases = await Promise.all(Array.from({ length: 64 }, (_, index) => owned(store, String(index))));
    texts.length = 0;
    const made = await Promise.allSettled(
      leases.map((lease, index) => store.commit(lease, commitOf(2, { part: String(index) }, index === 7 ? { consumed: [1] } : {}))),
    );
    expect(texts.filter((text) => !text.includes("pg_notify"))).toEqual([expect.stringContaining(STEP)]);
    for (const [index, each] of made.entries()) {
      if (index === 7) expect(each).toMatchObject({ status: "rejected", reason: { code: "commit-invalid" } });
      else expect(each).toMatchObject({ status: "fulfilled", value: { ok: true } });
    }
    expect((await store.load("7"))?.generation).toBe(1);
    expect((await store.load("8"))?.parts.get("part")).toBe("8");
  });

  it("makes the other steps of a turn where the server refuses what one of them writes", async () => {
    const schema = newSchema();
    const store = open({ schema });
    const leases = await Promise.all(["a", "b", "c"].map((taskId) => owned(store, taskId)));
    await ask(`alter table ${schema}.parts add check (name <> 'refused')`);
    const made = await Promise.allSettled(
      leases.map((lease, index) => store.commit(lease, commitOf(2, { [index === 1 ? "refused" : "part"]: "1" }))),
    );
    expect(made).toMatchObject([
      { status: "fulfilled", value: { ok: true } },
      { status: "rejected", reason: { code: "store-format", message: expect.stringContaining("(23514)") } },
      { status: "fulfilled", value: { ok: true } },
    ]);
    expect((await store.read("b"))?.generation).toBe(1);
    expect((await store.commit(leases[1] as Lease, commitOf(2, { part: "1" }))).ok).toBe(true);
  });

  describe("where somebody holds the rows of some runs", () => {
    /** Until it is called. @param what behind `select … from SCHEMA.` */
    const held = async (schema: string, what: string): Promise<() => Promise<void>> => {
      const holder = await raw.connect();
      await holder.query(`begin; select from ${schema}.${what} for update`);
      return async () => {
        await holder.query("rollback");
        holder.release();
      };
    };

    it("makes the steps on all others meanwhile, with them by one statement, and theirs afterwards", async () => {
      const [schema, texts]: [string, string[]] = [newSchema(), []];
      const store = open({ schema, pool: telling(raw, noting(texts)) });
      const leases = await Promise.all(Array.from({ length: 64 }, (_, index) => owned(store, String(index))));
      const letGo = await held(schema, "runs where task_id in ('0', '1', '2', '3')");
      texts.length = 0;
      let isHeld = true;
      const commitAll = (generation: number, some: readonly Lease[]) =>
        some.map(async (lease) => ({
          ...(await store.commit(lease, commitOf(generation))),
          isHeld,
          statements: texts.filter((text) => text.includes(STEP)).length,
        }));
      const made = commitAll(2, leases);
      const others = leases.slice(4);
      for (const each of await Promise.all(made.slice(4))) expect(each).toMatchObject({ ok: true, isHeld: true, statements: 1 });
      for (const each of await Promise.all(commitAll(3, others))) expect(each).toMatchObject({ ok: true, isHeld: true });
      isHeld = false;
      await letGo();
      for (const each of await Promise.all(made.slice(0, 4))) expect(each).toMatchObject({ ok: true, isHeld: false });
      for (const each of await Promise.all(commitAll(3, leases.slice(0, 4)))) expect(each).toMatchObject({ ok: true });
    });

    it("says so after as long as a statement would wait, and goes on with what comes then", async () => {
      const schema = newSchema();
      const store = open({ schema });
      const lease = await owned(store);
      const letGo = await held(schema, "runs");
      await expect(store.commit(lease, commitOf(2))).rejects.toMatchObject({
        code: "store-unavailable",
        retryable: true,
        message: expect.stringContaining("others held what is written here for too long"),
      });
      await letGo();
      expect((await store.commit(lease, commitOf(2))).ok).toBe(true);
    });

    it("knows what was made before its answer was lost", async () => {
      const [proxy, schema] = [await proxied(), newSchema()];
      const store = open({ schema, connectionString: proxy.url });
      const lease = await owned(store);
      const cut = proxy.cutReplyTo(STEP);
      const made = store.commit(lease, commitOf(2));
      await cut;
      proxy.down();
      const letGo = await held(schema, "runs");
      proxy.recover();
      expect((await made).ok).toBe(true);
      await letGo();
    });

    it("makes the steps on others where it is not the row itself that is held", async () => {
      const schema = newSchema();
      const store = open({ schema });
      const leases = await Promise.all(
        ["a", "b", "c"].map((taskId) => owned(store, taskId, undefined, { first: commitOf(1, { part: taskId }) })),
      );
      const letGo = await held(schema, `parts where run = (select key from ${schema}.runs where task_id = 'b')`);
      const made = await Promise.allSettled(leases.map((lease) => store.commit(lease, commitOf(2, { part: "2" }))));
      await letGo();
      expect(made).toMatchObject([
        { status: "fulfilled", value: { ok: true } },
        { status: "rejected", reason: { code: "store-unavailable", retryable: true } },
        { status: "fulfilled", value: { ok: true } },
      ]);
      expect((await store.commit(leases[1] as Lease, commitOf(2, { part: "2" }))).ok).toBe(true);
    });
  });

  it("takes what is sent to one run in one turn by one statement, each id once, in its order", async () => {
    const texts: string[] = [];
    const store = open({ pool: telling(raw, noting(texts)) });
    await store.create(newRun("a"));
    texts.length = 0;
    const sent = await Promise.all(["1", "2", "1", "3"].map((id) => store.post("a", { kind: "message", id, mailbox: "box", body: id })));
    expect(sent).toEqual(["stored", "stored", "duplicate", "stored"]);
    // One looks, one writes.
    expect(texts.filter((text) => !text.includes("pg_notify"))).toHaveLength(2);
    expect((await store.inbox("a", 0)).map(({ n, id }) => [n, id])).toEqual([
      [1, "1"],
      [2, "2"],
      [3, "3"],
    ]);
  });

  it("keeps no more than it says, however many generations there were", async () => {
    const schema = newSchema();
    const store = open({ schema, keep: 5, keepEvents: 10 });
    const lease = await owned(store);
    for (let generation = 2; generation <= 200; generation++) {
      const events = [{ seq: generation - 1, at: 1, body: "e" }];
      await store.commit(lease, commitOf(generation, { agent: String(generation) }, { events }));
    }
    const [counts] = await ask(
      `select (select count(*)::int from ${schema}.commits) as commits, (select count(*)::int from ${schema}.undo) as undo,
         (select count(*)::int from ${schema}.events) as events, (select count(*)::int from ${schema}.parts) as parts`,
    );
    const { commits, undo, events, parts } = counts as Record<string, number>;
    expect(commits).toBeLessThanOrEqual(5 + 32);
    expect(undo).toBeLessThanOrEqual(5 + 32);
    expect(events).toBeLessThanOrEqual(10 + 32);
    expect(parts).toBe(1);
    await store.remove("a");
    for (const table of ["runs", "labels", "commits", "undo", "events", "parts", "messages", "questions"])
      expect(await ask(`select count(*)::int as left from ${schema}.${table}`), table).toEqual([{ left: 0 }]);
  });

  it("tells another process of what it did, also after its connection broke", async () => {
    const proxy = await proxied();
    const schema = newSchema();
    const [mine, other] = [open({ schema }), open({ schema, connectionString: proxy.url })];
    const told: [string | null, boolean | undefined][] = [];
    const stop = other.subscribe((taskId, isCommit) => told.push([taskId, isCommit]));
    await expect.poll(() => told, SOON).toContainEqual([null, false]);
    const lease = await owned(mine, "a");
    await expect.poll(() => told, SOON).toContainEqual(["a", false]);
    told.length = 0;
    await mine.commit(lease, commitOf(2));
    await expect.poll(() => told, SOON).toEqual([["a", true]]);
    proxy.cutAll();
    told.length = 0;
    await expect.poll(() => told, SOON).toContainEqual([null, false]);
    await owned(mine, "b");
    await expect.poll(() => told, SOON).toContainEqual(["b", false]);
    told.length = 0;
    // Longer than what is told may be.
    await owned(mine, "x".repeat(9_000));
    await expect.poll(() => told, SOON).toContainEqual([null, false]);
    stop();
  });

  it("hears on over what another program notifies on its channel", async () => {
    const schema = newSchema();
    const [mine, other] = [open({ schema }), open({ schema })];
    const told: (string | null)[] = [];
    other.subscribe((taskId) => told.push(taskId));
    await expect.poll(() => told, SOON).toEqual([null]);
    for (const text of ["junk", "null", "[]", "5", '{"taskId":5}']) {
      await raw.query("select pg_notify($1, $2)", [`asimov_${digestOf(`"${schema}"`)}`, text]);
    }
    await owned(mine, "a");
    await expect.poll(() => told, SOON).toEqual([null, "a"]);
  });

  it("writes again when its sessions were read-only and are not any more", async () => {
    const user = newSchema();
    await ask(`create role ${user} superuser login`);
    const store = open({ connectionString: addressOf(user), schema: newSchema() });
    await owned(store, "a");
    await ask(`alter role ${user} set default_transaction_read_only = on`);
    await ask(`select pg_terminate_backend(pid) from pg_stat_activity where usename = '${user}'`);
    await expect(store.create(newRun("b"))).rejects.toMatchObject({ code: "store-read-only", retryable: true });
    await ask(`alter role ${user} reset default_transaction_read_only`);
    await owned(store, "b");
  });

  it("says what is to be raised where a role may not take its time", async () => {
    const [user, schema] = [newSchema(), newSchema()];
    await ask(`create role ${user} superuser login`);
    const store = open({ connectionString: addressOf(user), schema });
    await owned(store, "a");
    await ask(`alter role ${user} set statement_timeout = 50`);
    await ask(`select pg_terminate_backend(pid) from pg_stat_activity where usename = '${user}'`);
    const holder = await raw.connect();
    await holder.query(`begin; lock table ${schema}.runs`);
    await expect(store.read("a")).rejects.toMatchObject({ message: expect.stringContaining("`statement_timeout`") });
    await holder.query("rollback");
    holder.release();
  });

  it("makes its tables anew where somebody has made the schema anew", async () => {
    const schema = newSchema();
    const store = open({ schema });
    await owned(store, "a");
    await ask(`drop schema ${schema} cascade`);
    await expect(store.create(newRun("a"))).rejects.toMatchObject({ code: "store-format" });
    await owned(store, "a");
  });

  it("says at once what no other try would mend, and what to do", async () => {
    const ended = newPool(server.url);
    await ended.end();
    const all = new Pool({ connectionString: server.url, max: 3 });
    const held = await Promise.all([all.connect(), all.connect(), all.connect()]);
    const tries: [PostgresStoreOptions, string, string][] = [
      [{ connectionString: `${server.url}?sslmode=require` }, "store-refused", "takes no encrypted connections"],
      [{ connectionString: `${server.url}?sslmode=verify-full&sslrootcert=/nope.pem` }, "store-refused", "certificate"],
      [{ pool: ended }, "store-closed", "the pool was ended"],
      [{ pool: all }, "store-unavailable", "all of the pool's are in use"],
    ];
    for (const [options, code, says] of tries) {
      const store = new PostgresStore(options);
      await expect(store.read("a")).rejects.toMatchObject({ code, message: expect.stringContaining(says) });
      await store.close();
    }
    for (const client of held) client.release();
    await all.end();
  });

  it("notices that nobody answers where it listens, and tells whoever listens to look at everything", async () => {
    const [proxy, schema] = [await proxied(), newSchema()];
    const [mine, other] = [open({ schema }), open({ schema, connectionString: proxy.url })];
    const told: (string | null)[] = [];
    other.subscribe((taskId) => told.push(taskId));
    await expect.poll(() => told, SOON).toEqual([null]);
    proxy.freeze();
    await owned(mine, "a");
    await expect.poll(() => told, SOON).toEqual([null, null]);
    await owned(mine, "b");
    await expect.poll(() => told, SOON).toEqual([null, null, "b"]);
  });

  it("tells whoever listens to look at everything now and then where what is notified does not reach it", async () => {
    const other = open({ pool: deafened(raw) });
    let told = 0;
    other.subscribe(() => told++);
    await expect.poll(() => told, SOON).toBe(1);
    await expect.poll(() => told, SOON).toBe(2);
  });

  it("goes on where a server is started again", async () => {
    const store = open();
    const lease = await owned(store);
    await server.stop();
    const made = surely(() => store.commit(lease, commitOf(2)));
    await server.start();
    expect((await made).ok).toBe(true);
  });

  it("holds what it acknowledged over a kill of the server in the middle of commits", async () => {
    const schema = newSchema();
    const store = open({ schema });
    const lease = await owned(store);
    let acknowledged = 1;
    let isOver = false;
    const commits = (async () => {
      while (!isOver) {
        // As a run does whose answer was lost.
        const generation = ((await surely(() => store.read("a")))?.generation ?? 0) + 1;
        expect(generation).toBeGreaterThan(acknowledged);
        const made = await store.commit(lease, commitOf(generation, { part: String(generation) })).catch(unlessFinal);
        if (made?.ok === true) acknowledged = generation;
      }
    })();
    commits.catch(() => {});
    await expect.poll(() => acknowledged, SOON).toBeGreaterThan(30);
    await server.kill();
    const last = acknowledged;
    await server.start();
    await expect.poll(() => acknowledged, SOON).toBeGreaterThan(last + 5);
    isOver = true;
    await commits;
    const loaded = await open({ schema }).load("a");
    expect(loaded?.generation).toBeGreaterThanOrEqual(acknowledged);
    expect(loaded?.parts.get("part")).toBe(String(loaded?.generation));
  });
});

/** Undefined where another try may do it. */
function unlessFinal(error: unknown): undefined {
  if ((error as { retryable?: boolean }).retryable !== true) throw error;
}

/** Tried until it is done. */
async function surely<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    const done = await call().then((value) => ({ value }), unlessFinal);
    if (done !== undefined) return done.value;
  }
}
