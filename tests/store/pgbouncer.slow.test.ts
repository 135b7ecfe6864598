/** The store in PostgreSQL behind a PgBouncer that gives each transaction another connection: all its laws hold, and what others do is heard within seconds. */
import { Agent, Runs } from "asimov-agents";
import { AgentWorker } from "asimov-agents/worker";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunStoreOptions } from "#contract/store/run-options";
import { PostgresStore } from "#store/postgres/store";
import { owned } from "#testing/run-law";
import { runStoreLaws } from "#testing/run-store-suite";
import { type PgBouncer, startPgBouncer } from "../support/pgbouncer.ts";
import { type PostgresServer, startPostgresServer } from "../support/postgres-server.ts";
import { nodeOf, taskOf } from "../waiting/pair.ts";

/** Fewer than a store has: it is never sure to have the one again that it had. */
const CONNECTIONS = 2;
const SOON = { timeout: 30_000 };

describe("Postgres store behind PgBouncer in transaction mode", () => {
  let server: PostgresServer;
  let bouncer: PgBouncer;
  const opened: PostgresStore[] = [];
  const open = (schema: string, options: RunStoreOptions = {}): PostgresStore => {
    const store = new PostgresStore({ connectionString: bouncer.url, schema, ...options });
    opened.push(store);
    return store;
  };
  const newSchema = (): string => `bounced_${crypto.randomUUID().replaceAll("-", "_")}`;

  beforeAll(async () => {
    server = await startPostgresServer();
    bouncer = await startPgBouncer(server, CONNECTIONS);
  }, 120_000);
  afterAll(async () => {
    for (const store of opened) await store.close();
    await bouncer.stop();
    await server.remove();
  });

  const schemas = new WeakMap<object, string>();
  const openAt = (schema: string, options: RunStoreOptions): PostgresStore => {
    const store = open(schema, options);
    schemas.set(store, schema);
    return store;
  };
  const laws = runStoreLaws({
    make: (options) => openAt(newSchema(), options),
    reopen: (store, options) => openAt(schemas.get(store) as string, options),
  });
  // What is said beside a run's story goes by what is notified alone.
  const holding = laws.filter(({ name }) => !name.startsWith("says it once"));
  it("leaves out one law", () => expect(holding).toHaveLength(laws.length - 1));
  for (const { name, run } of holding) it(name, run, 120_000);

  it("tells whoever listens to look at everything now and then, since nothing that is notified reaches it", async () => {
    const schema = newSchema();
    const [mine, other] = [open(schema), open(schema)];
    const told: (string | null)[] = [];
    other.subscribe((taskId) => told.push(taskId));
    await expect.poll(() => told.length, SOON).toBe(1);
    await owned(mine, "a");
    await expect.poll(() => told, SOON).toEqual([null, null, null]);
  });

  it("has workers that take what another process submits", async () => {
    const schema = newSchema();
    const store = open(schema);
    const worker = new AgentWorker({ agents: [new Agent({ name: "report", nodes: [nodeOf("work", () => "done")] })], store });
    await worker.start();
    const runs = new Runs(open(schema));
    await runs.submit(taskOf(), { agent: "report" });
    await expect.poll(async () => (await runs.get("t")).status, SOON).toBe("COMPLETE");
    await worker.stop();
  });
});
