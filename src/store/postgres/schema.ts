/** The tables, made and brought up to date by whoever comes first, under a lock. */
import { digestOf } from "#contract/store/digest";
import { otherEncoding, otherFormat, tooOld } from "./failures.ts";
import { type Run, type Statement, statement } from "./statement.ts";
import { STEP_FUNCTION } from "./step.ts";
import { TABLES } from "./tables.ts";

const LEAST_VERSION = 130_000;

/** Each makes of the version before it the next one. One that a release had is changed no more: what is to be other is another step. */
export const STEPS: readonly Statement[] = [
  statement({ name: "make version 1 of the schema", gives: "nothing", sql: TABLES }),
  statement({
    name: "make version 2 of the schema",
    gives: "nothing",
    // Version 1 had one that waited for rows that others held.
    sql: `drop function if exists step(jsonb, bytea);${STEP_FUNCTION}`,
  }),
];

const FORMAT = "asimov_format";

const SERVER = statement({
  name: "look at the server",
  gives: "its version and encoding",
  sql: `select current_setting('server_version_num')::int as number, current_setting('server_version') as version,
       current_setting('server_encoding') as encoding`,
});
const NAMES = statement({
  name: "look at the schema",
  gives: "the names of what is in it",
  sql: `select relname as name from pg_class where relnamespace = to_regnamespace($1)
     union all select proname from pg_proc where pronamespace = to_regnamespace($1)
     union all select typname from pg_type where typnamespace = to_regnamespace($1)`,
});
const LACKS = statement({
  name: "look for the schema",
  gives: "whether there is none",
  sql: "select to_regnamespace($1) is null as lacks",
});
const LOCK = statement({ name: "lock the schema", gives: "nothing of use", sql: "select pg_advisory_xact_lock($1)" });
const ENTER = statement({ name: "enter the schema", gives: "nothing of use", sql: "select set_config('search_path', $1, true)" });
const versionStatement = (schema: string): Statement =>
  statement({ name: "read the version of the schema", gives: "it", sql: `select version from ${schema}.${FORMAT}` });
const makeSchema = (schema: string): Statement => statement({ name: "make the schema", gives: "nothing", sql: `create schema ${schema}` });
const makeVersion = (schema: string): Statement =>
  statement({
    name: "make version 0 of the schema",
    gives: "nothing",
    sql: `create table ${schema}.${FORMAT} (version int not null); insert into ${schema}.${FORMAT} values (0)`,
  });
const writeVersion = (schema: string): Statement =>
  statement({ name: "write the version of the schema", gives: "nothing", sql: `update ${schema}.${FORMAT} set version = $1` });

/** Undefined where there is no schema, or an empty one. */
async function versionOf(run: Run, schema: string, place: string, newest: number): Promise<number | undefined> {
  const found = await run(NAMES, [schema]);
  if (found.count === 0) return undefined;
  const expected = `version ${newest}`;
  if (!found.rows.some(({ name }) => name === FORMAT)) throw otherFormat(place, schema, expected, "what another program has made");
  const { rows } = await run(versionStatement(schema));
  const versions = rows.map((row) => row.version);
  const [version] = versions;
  if (versions.length === 1 && typeof version === "number" && version >= 1 && version <= newest) return version;
  throw otherFormat(place, schema, expected, `version ${versions.map((each) => JSON.stringify(each)).join(" and ") || "none"}`);
}

/** Looks at the server, and at the tables. @throws AsimovError `store-format` */
export async function isPrepared(run: Run, schema: string, place: string, steps = STEPS): Promise<boolean> {
  const { rows } = await run(SERVER);
  const { number, version, encoding } = rows[0] as { number: number; version: string; encoding: string };
  if (number < LEAST_VERSION) throw tooOld(place, version);
  if (encoding !== "UTF8") throw otherEncoding(place, encoding);
  return (await versionOf(run, schema, place, steps.length)) === steps.length;
}

/** In a transaction. */
export async function prepareSchema(run: Run, schema: string, place: string, steps = STEPS): Promise<void> {
  const lock = BigInt.asIntN(64, BigInt(`0x${digestOf(`asimov ${schema}`).slice(0, 16)}`));
  await run(LOCK, [String(lock)]);
  const found = await versionOf(run, schema, place, steps.length);
  if (found === steps.length) return;
  if (found === undefined) {
    const { rows } = await run(LACKS, [schema]);
    if (rows[0]?.lacks === true) await run(makeSchema(schema));
    await run(makeVersion(schema));
  }
  await run(ENTER, [schema]);
  for (const step of steps.slice(found ?? 0)) await run(step);
  await run(writeVersion(schema), [steps.length]);
}
