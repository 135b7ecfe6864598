/** The tables, made and brought up to date by whoever comes first, under a lock. */
import { digestOf } from "#contract/store/digest";
import { otherEncoding, otherFormat, tooOld } from "./failures.ts";
import type { Run } from "./statement.ts";
import { STEP } from "./step.ts";
import { TABLES } from "./tables.ts";

const LEAST_VERSION = 130_000;

/** Each makes of the version before it the next one. */
const STEPS: readonly string[] = [`${TABLES}${STEP}`];

const FORMAT = "asimov_format";

/** Undefined where there is no schema, or an empty one. */
async function versionOf(run: Run, schema: string, place: string): Promise<number | undefined> {
  const found = await run(
    `select relname as name from pg_class where relnamespace = to_regnamespace($1)
     union all select proname from pg_proc where pronamespace = to_regnamespace($1)
     union all select typname from pg_type where typnamespace = to_regnamespace($1)`,
    [schema],
  );
  if (found.count === 0) return undefined;
  const expected = `version ${STEPS.length}`;
  if (!found.rows.some(({ name }) => name === FORMAT)) throw otherFormat(place, schema, expected, "what another program has made");
  const { rows } = await run(`select version from ${schema}.${FORMAT}`);
  const versions = rows.map((row) => row.version);
  const [version] = versions;
  if (versions.length === 1 && typeof version === "number" && version >= 1 && version <= STEPS.length) return version;
  throw otherFormat(place, schema, expected, `version ${versions.map((each) => JSON.stringify(each)).join(" and ") || "none"}`);
}

/** Looks at the server, and at the tables. @throws AsimovError `store-format` */
export async function isPrepared(run: Run, schema: string, place: string): Promise<boolean> {
  const { rows } = await run(
    `select current_setting('server_version_num')::int as number, current_setting('server_version') as version,
       current_setting('server_encoding') as encoding`,
  );
  const { number, version, encoding } = rows[0] as { number: number; version: string; encoding: string };
  if (number < LEAST_VERSION) throw tooOld(place, version);
  if (encoding !== "UTF8") throw otherEncoding(place, encoding);
  return (await versionOf(run, schema, place)) === STEPS.length;
}

/** In a transaction. */
export async function prepareSchema(run: Run, schema: string, place: string): Promise<void> {
  const lock = BigInt.asIntN(64, BigInt(`0x${digestOf(`asimov ${schema}`).slice(0, 16)}`));
  await run("select pg_advisory_xact_lock($1)", [String(lock)]);
  const found = await versionOf(run, schema, place);
  if (found === STEPS.length) return;
  if (found === undefined) {
    const { rows } = await run("select to_regnamespace($1) is null as lacks", [schema]);
    if (rows[0]?.lacks === true) await run(`create schema ${schema}`);
    await run(`create table ${schema}.${FORMAT} (version int not null)`);
    await run(`insert into ${schema}.${FORMAT} values (0)`);
  }
  await run("select set_config('search_path', $1, true)", [schema]);
  for (const step of STEPS.slice(found ?? 0)) await run(step);
  await run(`update ${schema}.${FORMAT} set version = $1`, [STEPS.length]);
}
