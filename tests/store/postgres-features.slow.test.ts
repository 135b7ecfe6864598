/** What the store asks of PostgreSQL was there in version 13: each function that it calls is listed with the version that brought it, and no word is younger. */
import { Pool } from "pg";
import { beforeAll, describe, expect, it } from "vitest";
import { PostgresStore } from "#store/postgres/store";
import { runStoreLaws } from "#testing/run-store-suite";
import { postgresUrl } from "../support/postgres-server.ts";
import { noting, telling } from "../support/told-pool.ts";

const OLDEST = 13;

/** What is called, with the version that brought it, as the release notes say; what is older than 9.0 as 8. */
const FUNCTIONS: Readonly<Record<string, number>> = {
  ...{ all: 8, any: 8, array: 8, array_agg: 8, clock_timestamp: 8, coalesce: 8, count: 8, current_setting: 8, exists: 8, extract: 8 },
  ...{ floor: 8, max: 8, min: 8, pg_backend_pid: 8, set_config: 8, substring: 8, unnest: 8 },
  ...{ pg_notify: 9, left: 9.1, pg_advisory_xact_lock: 9.1, row_to_json: 9.2, json_agg: 9.3, lateral: 9.3 },
  ...{ cardinality: 9.4, jsonb_to_recordset: 9.4, conflict: 9.5, jsonb_object_agg: 9.5, to_regnamespace: 9.5, materialized: 12 },
};

/** Of the syntax of versions 14 to 18 what a store might come to use. */
const LATER: readonly RegExp[] = [
  /\bmerge\s+into\b/i,
  /\bnulls\s+not\s+distinct\b/i,
  /\bbegin\s+atomic\b/i,
  /\bis\s+json\b/i,
  /\bsecurity_invoker\b/i,
  /\b\w*multirange\b/i,
  /\bsearch\s+(?:breadth|depth)\s+first\b/i,
  /\bcompression\s+(?:lz4|pglz)\b/i,
  /\breturning\s+(?:with|old|new)\b/i,
  /\bwithout\s+overlaps\b/i,
  /\bgenerated\s+always\s+as\s*\(.*\)\s*virtual\b/i,
  /\w\['/,
  /\b0x[0-9a-f]+\b/i,
  /\b\d+_\d+\b/,
];

/** What stands in quotes, or in a comment, calls nothing. */
const bare = (text: string): string => text.replaceAll(/--.*$|\/\*.*\*\//gm, "").replaceAll(/'(?:[^']|'')*'/g, "''");

const calledIn = (text: string): string[] =>
  [...bare(text).matchAll(/(?<![\w."])([a-z_][a-z_0-9]*)\s*\(/gi)].map(([, name]) => (name as string).toLowerCase());

/** Followed by a parenthesis without being called: words of SQL, and names of tables and relations. */
const WORDS: ReadonlySet<string> = new Set([
  ...["and", "as", "from", "in", "key", "not", "on", "select", "table", "then", "unique", "values", "where", "with"],
  ...["commits", "events", "given", "labels", "messages", "parts", "questions", "runs", "step", "t", "undo"],
]);

describe("what is asked of PostgreSQL", () => {
  let asked: string[];
  /** All that the laws of a store ask for. */
  beforeAll(async () => {
    const connectionString = await postgresUrl();
    const texts: string[] = [];
    const pools: Pool[] = [];
    const schemas = new WeakMap<object, string>();
    const openAt = (schema: string, options: object): PostgresStore => {
      const pool = new Pool({ connectionString });
      pools.push(pool);
      const store = new PostgresStore({ pool: telling(pool, noting(texts)), schema, ...options });
      schemas.set(store, schema);
      return store;
    };
    const laws = runStoreLaws({
      make: (options) => openAt(`features_${crypto.randomUUID().replaceAll("-", "_")}`, options),
      reopen: (store, options) => openAt(schemas.get(store) as string, options),
    });
    for (const { run } of laws) {
      await run();
      for (const pool of pools.splice(0)) await pool.end();
    }
    asked = [...new Set(texts)];
  }, 300_000);

  it("says first what it is, and what it gives", () => {
    expect(asked.length).toBeGreaterThan(20);
    expect(asked.filter((text) => !/^\/\* [a-z0-9 ]+: gives [^*]+ \*\/\n/.test(text))).toEqual([]);
  });

  it("was there in 13", () => {
    expect(asked.some((text) => text.includes("create function"))).toBe(true);
    const called = new Set(asked.flatMap(calledIn).filter((name) => !WORDS.has(name)));
    expect([...called].filter((name) => (FUNCTIONS[name] ?? Number.POSITIVE_INFINITY) > OLDEST).sort()).toEqual([]);
    expect(asked.filter((text) => LATER.some((word) => word.test(bare(text))))).toEqual([]);
  });
});
