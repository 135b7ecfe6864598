/** A run's row, as a row of the database and back. */
import { rowDamaged } from "#contract/store/run-errors";
import type { CancelRequest, Lease, Owner, Sealed, StoredRun } from "#contract/store/run-record";
import { untagged } from "./sealed.ts";
import { bytesOf, NOW, type Row, type Run, statement } from "./statement.ts";
import { plainKey, unescaped } from "./texts.ts";

const LOCK = statement({
  name: "lock runs",
  gives: "their rows with the moment, or the moment alone",
  sql: `with locked as materialized (select * from :runs where key = any($1::uuid[]) order by key for update)
     select locked.*, ${NOW} as now from (values (1)) as one left join locked on true`,
});

/** Until the end of the transaction, these are nobody else's. @returns those that are there, by key, and the moment at which they are */
export async function lockRuns(run: Run, keys: readonly string[]): Promise<{ now: number; runs: Map<string, StoredRun> }> {
  const { rows } = await run(LOCK, [keys]);
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

/** A row as `row_to_json` writes it, with its revision. @throws SnapshotError `snapshot-damaged` */
export function runOfJson(json: string): { run: StoredRun; revision: string } {
  const row = JSON.parse(json) as Row & { info: string; made: string[] };
  return { run: runOf({ ...row, info: untagged(bytesOf(row.info)) }), revision: row.made[0] as string };
}

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
