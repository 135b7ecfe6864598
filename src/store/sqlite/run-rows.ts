/** A run's row, as a row of the database and back. */
import type { CancelRequest, Lease, Owner, RunEnd, Sealed, StoredRun } from "#contract/store/run-record";
import type { Connection } from "./connection.ts";
import { damagedRow } from "./failures.ts";
import { OF_A_RUN } from "./schema.ts";

interface RunRow {
  id: number;
  task_id: string;
  agent: string;
  version: string;
  type: string;
  labels: string;
  graph_hash: string;
  status: "open" | RunEnd;
  created_at: number;
  updated_at: number;
  ended_at: number | null;
  due_at: number | null;
  generation: number;
  last_seq: number;
  token: number;
  lease_until: number | null;
  owner: string | null;
  cancel: string | null;
  inbox_count: number;
  inbox_last: number;
  ends: number;
  untold: number;
  info: Sealed;
}

/** A run with its number in the database. */
export interface Numbered {
  id: number;
  run: StoredRun;
}

/** @param from where runs are joined with what else is asked for */
export const SELECT_WITH = (columns: string, from: string): string =>
  `select runs.*, infos.info, ${columns} from ${from} join infos on infos.run = runs.id`;

export const SELECT = "select runs.*, infos.info from runs join infos on infos.run = runs.id";

type Column = "labels" | "owner" | "cancel";
type Parse = <T>(row: RunRow, column: Column) => T | null;

const parsed: Parse = (row, column) => {
  try {
    return JSON.parse(row[column] ?? "");
  } catch (error) {
    throw damagedRow("runs", `${column} of run "${row.task_id}"`, error);
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
const runOf = (found: unknown): Numbered => numbered(found as RunRow, parsed);

/** One of many: it is listed without what cannot be read of it, which is told to whoever asks for that run. */
export const listedRun = (found: unknown): Numbered => numbered(found as RunRow, parsedOrNull);

function numbered(row: RunRow, parse: Parse): Numbered {
  const { task_id: taskId, token } = row;
  const { lease_until: until } = row;
  const owner = until === null ? null : parse<Owner>(row, "owner");
  const lease: Lease | null = until === null || owner === null ? null : { taskId, token, until, owner };
  return {
    id: row.id,
    run: {
      taskId,
      agent: row.agent,
      version: row.version,
      type: row.type,
      labels: parse<Record<string, string>>(row, "labels") ?? {},
      graphHash: row.graph_hash,
      info: row.info,
      status: row.status,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
      endedAt: row.ended_at,
      ends: row.ends,
      untold: row.untold === 1,
      dueAt: row.due_at,
      generation: row.generation,
      lastSeq: row.last_seq,
      token,
      lease,
      cancel: row.cancel === null ? null : parse<CancelRequest>(row, "cancel"),
      inbox: { count: row.inbox_count, last: row.inbox_last },
    },
  };
}

export function findRun(db: Connection, taskId: string): Numbered | undefined {
  const found = db.sql(`${SELECT} where task_id = ?`).get(taskId);
  return found === undefined ? undefined : runOf(found);
}

const jsonOrNull = (value: unknown): string | null => (value === null || value === undefined ? null : JSON.stringify(value));

export function insertRun(db: Connection, run: StoredRun): number {
  const { lastInsertRowid } = db
    .sql(
      `insert into runs (task_id, agent, version, type, labels, graph_hash, status, created_at, updated_at, ended_at, due_at, generation,
        last_seq, token, lease_until, owner, cancel, inbox_count, inbox_last, ends, untold) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      run.taskId,
      run.agent,
      run.version,
      run.type,
      JSON.stringify(run.labels),
      run.graphHash,
      run.status,
      run.createdAt,
      run.updatedAt,
      run.endedAt,
      run.dueAt,
      run.generation,
      run.lastSeq,
      run.token,
      run.lease?.until ?? null,
      jsonOrNull(run.lease?.owner),
      jsonOrNull(run.cancel),
      run.inbox.count,
      run.inbox.last,
      run.ends,
      Number(run.untold),
    );
  const id = Number(lastInsertRowid);
  db.sql("insert into infos (run, info) values (?, ?)").run(id, run.info);
  for (const [key, value] of Object.entries(run.labels))
    db.sql("insert into labels (key, value, run) values (?, ?, ?)").run(key, value, id);
  return id;
}

/** Writes what is another than before; steps leave the rest the same object. */
export function updateRun(db: Connection, { id, run: before }: Numbered, run: StoredRun): void {
  if (run.info !== before.info) db.sql("update infos set info = ? where run = ?").run(run.info, id);
  if (run.lease !== before.lease || run.cancel !== before.cancel || run.version !== before.version || run.graphHash !== before.graphHash) {
    db.sql("update runs set version = ?, graph_hash = ?, token = ?, lease_until = ?, owner = ?, cancel = ? where id = ?").run(
      run.version,
      run.graphHash,
      run.token,
      run.lease?.until ?? null,
      jsonOrNull(run.lease?.owner),
      jsonOrNull(run.cancel),
      id,
    );
  }
  if (
    run.status !== before.status ||
    run.dueAt !== before.dueAt ||
    run.endedAt !== before.endedAt ||
    run.untold !== before.untold ||
    run.inbox.last !== before.inbox.last
  ) {
    db.sql("update runs set status = ?, due_at = ?, ended_at = ?, ends = ?, untold = ?, inbox_last = ? where id = ?").run(
      run.status,
      run.dueAt,
      run.endedAt,
      run.ends,
      Number(run.untold),
      run.inbox.last,
      id,
    );
  }
  db.sql("update runs set updated_at = ?, generation = ?, last_seq = ?, inbox_count = ? where id = ?").run(
    run.updatedAt,
    run.generation,
    run.lastSeq,
    run.inbox.count,
    id,
  );
}

export function deleteRun(db: Connection, id: number): void {
  for (const table of OF_A_RUN) db.sql(`delete from ${table} where run = ?`).run(id);
  db.sql("delete from runs where id = ?").run(id);
}
