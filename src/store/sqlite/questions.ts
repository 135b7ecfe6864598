/** Questions in their table: those that are open are found along an index, whatever else is stored. */
import type { Sealed, StoredRun } from "#contract/store/run-record";
import {
  closedByEnd,
  type QuestionChanges,
  type QuestionClosed,
  type QuestionQuery,
  type StoredQuestion,
} from "#contract/store/stored-question";
import type { Connection } from "./connection.ts";
import { damagedRow } from "./failures.ts";
import { listedRun, SELECT_WITH } from "./run-rows.ts";

interface QuestionRow {
  question: string;
  asked_at: number;
  deadline: number | null;
  addressee: string | null;
  body: Sealed;
  closed: string | null;
}

export function writeQuestions(db: Connection, run: number, at: number, { put, close }: QuestionChanges): void {
  const insert = db.sql(
    `insert into questions (id, run, asked_at, deadline, addressee, body) values (?, ?, ?, ?, ?, ?)
     on conflict (id) do update set deadline = excluded.deadline, addressee = excluded.addressee, body = excluded.body
     where closed is null`,
  );
  for (const { id, askedAt, deadline, to, body } of put) insert.run(id, run, askedAt, deadline, to, body);
  const end = db.sql("update questions set closed = ? where id = ? and run = ? and closed is null");
  for (const { id, message, ...closed } of close) {
    end.run(JSON.stringify({ ...closed, at, ...(message === undefined ? {} : { message: jsonOf(message) }) }), id, run);
  }
}

/** With the end of their run all are closed. */
export function closeQuestions(db: Connection, id: number, run: StoredRun): void {
  db.sql("update questions set closed = ? where run = ? and closed is null").run(JSON.stringify(closedByEnd(run)), id);
}

/** Whether the run has such a question, and it is closed. */
export function isClosed(db: Connection, run: number, id: string): boolean {
  return db.sql("select 1 from questions where id = ? and run = ? and closed is not null").get(id, run) !== undefined;
}

/** @param isThere whether the run is kept still */
export function listQuestions(db: Connection, query: QuestionQuery, isThere: (run: StoredRun) => boolean): StoredQuestion[] {
  const conditions: [sql: string, value: string | number][] = [];
  if (query.id !== undefined) conditions.push(["questions.id = ?", query.id]);
  if (query.taskId !== undefined) conditions.push(["runs.task_id = ?", query.taskId]);
  if (query.agent !== undefined) conditions.push(["runs.agent = ?", query.agent]);
  if (query.to !== undefined) conditions.push(["addressee = ?", query.to]);
  if (query.dueBefore !== undefined) conditions.push(["deadline < ?", query.dueBefore]);
  const fixed = [...conditions.map(([sql]) => sql), ...(query.id === undefined ? ["closed is null", "runs.status = 'open'"] : [])];
  const after = query.after === undefined ? [] : ["(asked_at, questions.id) > (?, ?)"];
  const place = query.after === undefined ? [] : [query.after.askedAt, query.after.id];
  const columns = "questions.id as question, asked_at, deadline, addressee, body, closed";
  const rows = db
    .sql(
      `${SELECT_WITH(columns, "questions join runs on runs.id = questions.run")} where ${[...fixed, ...after].join(" and ")} order by asked_at, questions.id limit ?`,
    )
    .all(...conditions.map(([, value]) => value), ...place, query.limit);
  return rows.flatMap((row) => {
    const { run } = listedRun(row);
    return isThere(run) ? [questionOf(row as unknown as QuestionRow, run)] : [];
  });
}

function questionOf(
  { question: id, asked_at: askedAt, deadline, addressee: to, body, closed }: QuestionRow,
  { taskId, agent }: StoredRun,
): StoredQuestion {
  return { id, askedAt, deadline, to, body, taskId, agent, closed: closed === null ? null : closedOf(id, closed) };
}

/** Bytes among the texts of a column. */
type SealedJson = string | { base64: string };

const jsonOf = (sealed: Sealed): SealedJson => (typeof sealed === "string" ? sealed : { base64: Buffer.from(sealed).toString("base64") });

const sealedOf = (json: SealedJson): Sealed => (typeof json === "string" ? json : Uint8Array.from(Buffer.from(json.base64, "base64")));

function closedOf(id: string, text: string): QuestionClosed {
  try {
    const { message, ...closed } = JSON.parse(text) as Omit<QuestionClosed, "message"> & { message?: SealedJson };
    return message === undefined ? closed : { ...closed, message: sealedOf(message) };
  } catch (error) {
    throw damagedRow("questions", `closed of question "${id}"`, error);
  }
}
