/** Runs that go, with all that they had. */
import { NOW, type Run, type Statement, statement } from "./statement.ts";
import { OF_A_RUN } from "./tables.ts";
import { plainKey, unescaped } from "./texts.ts";

const DELETE = statement({
  name: "delete runs",
  gives: "nothing",
  sql: `with ${OF_A_RUN.map((table) => `of_${table} as (delete from :${table} where run = any($1::uuid[]))`).join(", ")}
    delete from :runs where key = any($1::uuid[])`,
});

/** Of runs that the transaction holds already. */
export async function deleteRuns(run: Run, keys: readonly string[]): Promise<void> {
  await run(DELETE, [keys]);
}

/** Ended, and nobody's. */
const FREE = `ended_at is not null and (lease_until is null or lease_until <= ${NOW})`;

const ended = (within: string): Statement =>
  statement({
    name: "find ended runs",
    gives: "keys of those that may go, which ended last first",
    sql: `select key from (select key, ended_at, lease_until from :runs where ${within}
       order by ended_at desc, created_at desc, task_id desc offset $1) as ended
     where ended_at < $2 and ${FREE} limit $3`,
  });
// Where none need stay, nobody looks at those that ended later.
const [ENDED_BEFORE, ENDED] = [ended("ended_at < $2"), ended("ended_at is not null")];
const HOLD = statement({
  name: "hold ended runs",
  gives: "keys and tasks of those that are still to go",
  sql: `select key, task_id from :runs where key = any($1::uuid[]) and ended_at < $2 and ${FREE} order by key for update`,
});

export interface Going {
  /** They ended before. */
  before: number;
  /** How many of those that ended last stay. */
  keep: number;
  limit: number;
}

/** @returns the tasks of the runs that went */
export async function deleteEnded(run: Run, { before, keep, limit }: Going): Promise<string[]> {
  const found = await run(keep === 0 ? ENDED_BEFORE : ENDED, [keep, before, limit]);
  if (found.count === 0) return [];
  const keys = found.rows.map(({ key }) => key);
  // Whoever was faster may have it go on.
  const { rows } = await run(HOLD, [keys, before]);
  await deleteRuns(
    run,
    rows.map(({ key }) => plainKey(key as string)),
  );
  return rows.map(({ task_id: taskId }) => unescaped(taskId as string));
}
