/** Questions in their table: those that are open are found along an index, whatever else is stored. */
import { rowDamaged } from "#contract/store/run-errors";
import type { Sealed } from "#contract/store/run-record";
import type { QuestionClosed, QuestionQuery, StoredQuestion } from "#contract/store/stored-question";
import { listedRun } from "./run-rows.ts";
import { NOW, type Row, type Statement, statement, Values } from "./statement.ts";
import { START } from "./tables.ts";
import { escaped, keyOf, unescaped } from "./texts.ts";

/** @param kept which runs are there still */
export function questionsStatement(query: QuestionQuery, kept: string): [Statement, values: unknown[]] {
  const values = new Values();
  const conditions = [kept];
  const add = (sql: string, value: unknown): void => void conditions.push(`${sql} ${values.add(value)}`);
  if (query.id === undefined) conditions.push("questions.closed is null and runs.status = 'open'");
  else add("questions.key =", keyOf(query.id));
  if (query.taskId !== undefined) add("questions.run =", keyOf(query.taskId));
  if (query.agent !== undefined) add("questions.agent_key =", keyOf(query.agent));
  if (query.to !== undefined) add("questions.addressee_key =", keyOf(query.to));
  if (query.dueBefore !== undefined) add("questions.deadline <", query.dueBefore);
  if (query.after !== undefined) {
    const [askedAt, id] = [`${values.add(query.after.askedAt)}::bigint`, `${values.add(escaped(query.after.id))}::text`];
    conditions.push(`(questions.asked_at, ${START("questions.id")}, questions.id) > (${askedAt}, ${START(id)}, ${id})`);
  }
  const sql = `select runs.*, ${NOW} as now, questions.id as question, asked_at, deadline, addressee, body, closed, message
    from :questions as questions join :runs as runs on runs.key = questions.run where ${conditions.join(" and ")}
    order by questions.asked_at, ${START("questions.id")}, questions.id limit ${values.add(query.limit)}`;
  return [statement({ name: "find questions", gives: "each with the row of its run, oldest first", sql }), values.list];
}

export function questionOf(row: Row): StoredQuestion {
  const { taskId, agent } = listedRun(row);
  const to = row.addressee as string | null;
  return {
    id: unescaped(row.question as string),
    askedAt: row.asked_at as number,
    deadline: row.deadline as number | null,
    to: to === null ? null : unescaped(to),
    body: row.body as Sealed,
    taskId,
    agent,
    closed: row.closed === null ? null : closedOf(taskId, row),
  };
}

function closedOf(taskId: string, row: Row): QuestionClosed {
  try {
    const closed = JSON.parse(row.closed as string) as QuestionClosed;
    return row.message === null ? closed : { ...closed, message: row.message as Sealed };
  } catch (error) {
    throw rowDamaged(taskId, `the column closed of its question ${String(row.question)} cannot be read`, error);
  }
}
