/** A run's row, as a row of the database and back. */
import { rowDamaged } from "#contract/store/run-errors";
import type { CancelRequest, Lease, Owner, Sealed, StoredRun } from "#contract/store/run-record";
import { type Columns, given, insertInto } from "./given.ts";
import { NOW, type Row, type Run } from "./statement.ts";
import { escaped, keyOf, labelKey, plainKey, unescaped } from "./texts.ts";

const jsonOrNull = (value: unknown): string | null => (value === null || value === undefined ? null : JSON.stringify(value));

const KEY: Columns<StoredRun> = { key: ["uuid", ({ taskId }) => keyOf(taskId)] };

/** What steps change. */
const CHANGING: Columns<StoredRun> = {
  updated_at: ["bigint", ({ updatedAt }) => updatedAt],
  generation: ["bigint", ({ generation }) => generation],
  last_seq: ["bigint", ({ lastSeq }) => lastSeq],
  inbox_count: ["bigint", ({ inbox }) => inbox.count],
  inbox_last: ["bigint", ({ inbox }) => inbox.last],
  status: ["text", ({ status }) => status],
  due_at: ["bigint", ({ dueAt }) => dueAt],
  ended_at: ["bigint", ({ endedAt }) => endedAt],
  ends: ["bigint", ({ ends }) => ends],
  untold: ["boolean", ({ untold }) => untold],
  token: ["bigint", ({ token }) => token],
  lease_until: ["bigint", ({ lease }) => lease?.until ?? null],
  owner: ["text", ({ lease }) => jsonOrNull(lease?.owner)],
  process: ["text", ({ lease }) => jsonOrNull(lease?.owner.process)],
  cancel: ["text", ({ cancel }) => jsonOrNull(cancel)],
  version: ["text", ({ version }) => escaped(version)],
  graph_hash: ["text", ({ graphHash }) => escaped(graphHash)],
};

const INFO: Columns<StoredRun> = { info: ["sealed", ({ info }) => info] };

const ALL: Columns<StoredRun> = {
  ...KEY,
  ...CHANGING,
  created_at: ["bigint", ({ createdAt }) => createdAt],
  task_id: ["text", ({ taskId }) => escaped(taskId)],
  agent: ["text", ({ agent }) => escaped(agent)],
  type: ["text", ({ type }) => escaped(type)],
  labels: ["text", ({ labels }) => JSON.stringify(labels)],
  ...INFO,
};

/** @returns whether all of them were new */
export async function insertRuns(run: Run, runs: readonly StoredRun[]): Promise<boolean> {
  // In one order, so that two who make several do not wait for each other.
  return (await insertInto(run, "runs", runs, ALL, "order by key on conflict (key) do nothing")) === runs.length;
}

export async function insertLabels(run: Run, runs: readonly StoredRun[]): Promise<void> {
  const labels = runs.flatMap(({ taskId, labels: all }) => Object.entries(all).map(([name, value]) => ({ taskId, name, value })));
  await insertInto(run, "labels", labels, {
    label: ["uuid", ({ name, value }) => labelKey(name, value)],
    run: ["uuid", ({ taskId }) => keyOf(taskId)],
  });
}

/** Steps leave an info that they do not change the same object. */
export async function updateRuns(run: Run, changed: readonly { before: StoredRun; run: StoredRun }[]): Promise<void> {
  await update(
    run,
    changed.map((each) => each.run),
    CHANGING,
  );
  await update(
    run,
    changed.flatMap((each) => (each.run.info === each.before.info ? [] : [each.run])),
    INFO,
  );
}

async function update(run: Run, runs: readonly StoredRun[], columns: Columns<StoredRun>): Promise<void> {
  if (runs.length === 0) return;
  const { from, values } = given(runs, { ...KEY, ...columns });
  const set = Object.keys(columns).map((name) => `${name} = given.${name}`);
  await run(`update :runs as runs set ${set.join(", ")} from ${from} where runs.key = given.key`, values);
}

/** Until the end of the transaction, these are nobody else's. @returns those that are there, by key, and the moment at which they are */
export async function lockRuns(run: Run, keys: readonly string[]): Promise<{ now: number; runs: Map<string, StoredRun> }> {
  const { rows } = await run(
    `with locked as materialized (select * from :runs where key = any($1::uuid[]) order by key for update)
     select locked.*, ${NOW} as now from (values (1)) as one left join locked on true`,
    [keys],
  );
  const runs = new Map<string, StoredRun>();
  let now = 0;
  for (const row of rows) {
    now = Math.max(now, row.now as number);
    if (row.key !== null) runs.set(plainKey(row.key as string), runOf(row));
  }
  return { now, runs };
}

type Parse = <T>(row: Row, column: "labels" | "owner" | "cancel") => T | null;

const parsed: Parse = (row, column) => {
  try {
    return JSON.parse(String(row[column]));
  } catch (error) {
    throw rowDamaged(unescaped(String(row.task_id)), `its column ${column} cannot be read`, error);
  }
};

const parsedOrNull: Parse = (row, column) => {
  try {
    return parsed(row, column);
  } catch {
    return null;
  }
};

/** @throws SnapshotError `snapshot-damaged` */
export const runOf = (row: Row): StoredRun => readRun(row, parsed);

/** One of many: it is listed without what cannot be read of it, which is told to whoever asks for that run. */
export const listedRun = (row: Row): StoredRun => readRun(row, parsedOrNull);

function readRun(row: Row, parse: Parse): StoredRun {
  const taskId = unescaped(row.task_id as string);
  const token = row.token as number;
  const until = row.lease_until as number | null;
  const owner = until === null ? null : parse<Owner>(row, "owner");
  const lease: Lease | null = until === null || owner === null ? null : { taskId, token, until, owner };
  return {
    taskId,
    agent: unescaped(row.agent as string),
    version: unescaped(row.version as string),
    type: unescaped(row.type as string),
    labels: parse<Record<string, string>>(row, "labels") ?? {},
    graphHash: unescaped(row.graph_hash as string),
    info: row.info as Sealed,
    status: row.status as StoredRun["status"],
    createdAt: row.created_at as number,
    updatedAt: row.updated_at as number,
    endedAt: row.ended_at as number | null,
    ends: row.ends as number,
    untold: row.untold as boolean,
    dueAt: row.due_at as number | null,
    generation: row.generation as number,
    lastSeq: row.last_seq as number,
    token,
    lease,
    cancel: row.cancel === null ? null : parse<CancelRequest>(row, "cancel"),
    inbox: { count: row.inbox_count as number, last: row.inbox_last as number },
  };
}
