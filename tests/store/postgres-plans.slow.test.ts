/** Whatever a Postgres store is asked of 100,000 runs, it walks along an index, and reads little more than it gives. */
import { Pool } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PostgresStore } from "#store/postgres/store";
import { keyOf, labelKey } from "#store/postgres/texts";
import { owned, owner } from "#testing/run-law";
import { postgresUrl } from "../support/postgres-server.ts";
import { telling } from "../support/told-pool.ts";
import { QUERIES } from "./find-queries.ts";

const RUNS = 100_000;
/** How many rows may be read for a page of 50, most of them passed over. */
const FEW = 2_000;

interface Step {
  "Node Type": string;
  "Relation Name"?: string;
  "Actual Rows": number;
  "Actual Loops": number;
  "Rows Removed by Filter"?: number;
  Plans?: Step[];
}

const stepsOf = (step: Step): Step[] => [step, ...(step.Plans ?? []).flatMap(stepsOf)];

/** 1 in 20 is due, 1 in 20 is owned, 1 in 20 was left by its owner, 3 in 20 have failed; the others wait; half of them have a question. */
const fill = (schema: string): string => `
insert into ${schema}.runs (key, updated_at, generation, last_seq, inbox_count, inbox_last, status, due_at, ended_at, ends, untold, token,
  lease_until, owner, process, version, graph_hash, created_at, task_id, agent, agent_key, type, labels, info, made)
select md5(n::text)::uuid, n, 1, 1, 0, 0,
  case when n % 20 < 3 then 'FAILED' else 'open' end,
  case when n % 20 < 3 then null when n % 20 < 6 then 1000 + n when n % 2 = 0 then 9000000000000 + n end,
  case when n % 20 < 3 then n end, 0, n % 20 = 0, 1,
  case n % 20 when 4 then 9000000000000 when 5 then 1000 end,
  case when n % 20 in (4, 5) then '{"id":"o","leaseMs":1}' end, case when n % 20 in (4, 5) then '{"host":"h' || n % 10 || '"}' end,
  '1', 'g', n, 'task ' || n, (array['a', 'b', 'c'])[n % 3 + 1], (array['${keyOf("a")}', '${keyOf("b")}', '${keyOf("c")}'])[n % 3 + 1]::uuid, (array['b', 'c'])[n % 2 + 1], '{}', 't{}', array[gen_random_uuid()]
from generate_series(1, ${RUNS}) as n;
insert into ${schema}.labels select case when n % 2 = 0 then '${labelKey("team", "x")}'::uuid else '${labelKey("tier", "1")}'::uuid end, md5(n::text)::uuid
from generate_series(1, ${RUNS}) as n;
insert into ${schema}.labels select '${labelKey("tier", "1")}'::uuid, md5(n::text)::uuid from generate_series(20, ${RUNS}, 20) as n;
insert into ${schema}.questions (key, run, id, asked_at, deadline, addressee, addressee_key, agent_key, body, closed)
select md5('q' || n)::uuid, md5((n / 2)::text)::uuid, 'q' || n, n, case when n % 10 = 0 then 9000000000000 + n end,
  case when n % 1000 = 0 then 'few' when n % 2 = 0 then 'many' end,
  case when n % 1000 = 0 then '${keyOf("few")}' when n % 2 = 0 then '${keyOf("many")}' end::uuid,
  (array['${keyOf("a")}', '${keyOf("b")}', '${keyOf("c")}'])[(n / 2) % 3 + 1]::uuid, 't{}', case when n % 2 = 1 then '{"why":"answered","at":1}' end
from generate_series(1, ${RUNS}) as n;
insert into ${schema}.messages (run, n, key, id, mailbox, body, at)
select md5((n / 100)::text)::uuid, n % 100 + 1, md5('m' || n)::uuid, 'm' || n, 'box', case when n % 100 = 99 then 't{}'::bytea end, 1
from generate_series(1, ${RUNS}) as n;
insert into ${schema}.events select md5((n / 100)::text)::uuid, n % 100 + 1, 1, 't{}' from generate_series(1, ${RUNS}) as n;
insert into ${schema}.commits select md5(n::text)::uuid, 1, 1, 1, 't{}' from generate_series(1, ${RUNS}) as n;
insert into ${schema}.parts select md5(n::text)::uuid, md5('agent')::uuid, 'agent', 't{}' from generate_series(1, ${RUNS}) as n;
analyze ${schema}.runs, ${schema}.labels, ${schema}.questions, ${schema}.messages, ${schema}.events, ${schema}.commits, ${schema}.parts`;

describe(`what PostgreSQL does with ${RUNS} runs`, () => {
  const schema = `plans_${crypto.randomUUID().replaceAll("-", "_")}`;
  const asked: { text: string; values?: unknown[] }[] = [];
  let raw: Pool;
  let store: PostgresStore;
  beforeAll(async () => {
    raw = new Pool({ connectionString: await postgresUrl() });
    const pool = telling(raw, (rows, query) => {
      asked.push(query);
      return rows;
    });
    store = new PostgresStore({ schema, pool, retainMs: 3e12 });
    await owned(store, "z", { ...owner(), process: { host: "here", boot: "b", pid: 7, startedAt: 3 } });
    await raw.query(fill(schema));
  }, 120_000);
  afterAll(async () => {
    await store.close();
    await raw.query(`drop schema ${schema} cascade`);
    await raw.end();
  });

  /** How many rows of tables the server reads for it. */
  async function readBy(call: () => Promise<unknown>): Promise<number> {
    asked.length = 0;
    await call();
    const looks = asked.filter(({ text }) => /^(?:select|with) /m.test(text) && !text.includes("pg_notify"));
    expect(looks.length).toBeGreaterThan(0);
    let read = 0;
    for (const { text, values = [] } of looks) {
      const { rows } = await raw.query({ text: `explain (analyze, format json) ${text}`, values });
      const [{ Plan: plan }] = rows[0]["QUERY PLAN"] as [{ Plan: Step }];
      for (const step of stepsOf(plan)) {
        const table = step["Relation Name"];
        expect(`${step["Node Type"]} on ${table}`, text).not.toMatch(/^Seq Scan/);
        if (table !== undefined) read += (step["Actual Rows"] + (step["Rows Removed by Filter"] ?? 0)) * step["Actual Loops"];
      }
    }
    return read;
  }

  // When a run changed is in no index, since each commit would write that: such a query looks at each run.
  it.each(Object.entries(QUERIES).filter(([, { updatedBefore }]) => updatedBefore === undefined))("finds runs %s", async (_, query) => {
    for (const isGone of [undefined, () => false]) {
      const given = { limit: 50, ...query, ...(isGone === undefined ? {} : { isGone }) };
      expect(await readBy(() => store.find(given))).toBeLessThan(FEW);
    }
  });

  it.each([
    ["of all", {}],
    ["of a task", { taskId: "task 7" }],
    ["of an agent", { agent: "a" }],
    ["of an agent that has none", { agent: "none" }],
    ["to many", { to: "many" }],
    ["to few", { to: "few" }],
    ["to nobody", { to: "nobody" }],
    ["that are due", { dueBefore: 9_000_000_000_000 }],
    ["on a later page", { after: { askedAt: 50_000, id: "q50000" } }],
  ])("finds questions %s", async (_, query) => {
    expect(await readBy(() => store.questions({ limit: 50, ...query }))).toBeLessThan(FEW);
  });

  it.each<[string, () => Promise<unknown>]>([
    ["a row", () => store.read("z")],
    ["a generation", () => store.load("z")],
    ["the list of generations", () => store.generations("z", { limit: 50 })],
    ["events", () => store.events("z", { from: 1, limit: 50 })],
    ["an inbox", () => store.inbox("z", 0)],
    ["what has ended long ago", () => store.prune({ endedBefore: 1 })],
  ])("reads %s", async (_, call) => {
    expect(await readBy(call)).toBeLessThan(FEW);
  });
});
