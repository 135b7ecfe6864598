/** Queries over runs, each a walk along one index that ends at its limit. */
import type { FindQuery } from "#contract/store/run-commit";
import { orderOf } from "#contract/store/run-order";
import type { OwnerProcess, RunStatus } from "#contract/store/run-record";
import type { IsGone } from "#contract/store/run-status";
import type { Connection } from "./connection.ts";
import type { Value } from "./engine.ts";
import { listedRun, type Numbered, SELECT } from "./run-rows.ts";

interface Condition {
  sql: string;
  values: readonly Value[];
}

const PROCESS = "json_extract(owner, '$.process')";

/** The next process in the index, from one to another. */
const PROCESSES = `with recursive processes (process) as (
  select min(${PROCESS}) from runs where owner is not null
  union all
  select (select min(${PROCESS}) from runs where owner is not null and ${PROCESS} > process) from processes where process is not null
) select process from processes where process is not null`;

/** The processes of leases that count as run out, as they are written in the index. */
function goneOf(db: Connection, isGone: IsGone | undefined): string[] {
  if (isGone === undefined) return [];
  const found = db.sql(PROCESSES).all() as { process: string }[];
  return found.flatMap(({ process }) => (isGone(JSON.parse(process) as OwnerProcess) ? [process] : []));
}

function ofStatus(status: RunStatus, now: number, gone: readonly string[]): Condition {
  const isGone: Condition =
    gone.length === 0
      ? { sql: "false", values: [] }
      : {
          sql: `ifnull(iif(json_valid(owner), ${PROCESS}, null) in (select value from json_each(?)), false)`,
          values: [JSON.stringify(gone)],
        };
  const free: Condition = { sql: `(lease_until is null or lease_until <= ? or ${isGone.sql})`, values: [now, ...isGone.values] };
  switch (status) {
    case "RUNNING":
      return { sql: `status = 'open' and lease_until > ? and not ${isGone.sql}`, values: [now, ...isGone.values] };
    case "READY":
      return { sql: `status = 'open' and ${free.sql} and due_at <= ?`, values: [...free.values, now] };
    case "PARKED":
      return { sql: `status = 'open' and ${free.sql} and (due_at is null or due_at > ?)`, values: [...free.values, now] };
    default:
      return { sql: "status = ?", values: [status] };
  }
}

function conditionsOf({ agent, type, labels = {}, updatedBefore, untold, leased, order, after }: FindQuery): Condition[] {
  const conditions: Condition[] = [];
  const add = (sql: string, ...values: Value[]) => conditions.push({ sql, values });
  // As the index says it.
  if (order === "due") add("status = 'open' and due_at is not null");
  if (after !== undefined && order === "due") {
    const { dueAt = 0, taskId } = after;
    add("(due_at > ? or (due_at = ? and task_id > ?))", dueAt, dueAt, taskId);
    add("due_at >= ?", dueAt);
  } else if (after !== undefined) {
    add("(created_at < ? or (created_at = ? and task_id < ?))", after.createdAt, after.createdAt, after.taskId);
    add("created_at <= ?", after.createdAt);
  }
  // As the indexes say it.
  if (untold !== undefined) add("untold = 1");
  if (leased !== undefined) add("owner is not null");
  if (agent !== undefined) add("agent = ?", agent);
  if (type !== undefined) add("type = ?", type);
  if (updatedBefore !== undefined) add("updated_at < ?", updatedBefore);
  for (const [key, value] of Object.entries(labels)) {
    add("exists (select 1 from labels where labels.key = ? and labels.value = ? and labels.run = runs.id)", key, value);
  }
  return conditions;
}

/** @param pastAt runs that ended until then are gone */
export function findRuns(db: Connection, query: FindQuery, now: number, pastAt: number): Numbered[] {
  const shared = conditionsOf(query);
  if (Number.isFinite(pastAt)) shared.push({ sql: "(ended_at is null or ended_at > ? or lease_until > ?)", values: [pastAt, now] });
  // Few are owned: those are read and sorted, however many are due.
  const select = query.leased === undefined ? SELECT : SELECT.replace("from runs", "from runs indexed by runs_by_owner");
  const walk = (conditions: readonly Condition[]): Numbered[] => {
    const where = conditions.length === 0 ? "" : ` where ${conditions.map(({ sql }) => sql).join(" and ")}`;
    const values = conditions.flatMap((condition) => condition.values);
    return db
      .sql(`${select}${where} order by ${query.order === "due" ? "due_at, task_id" : "created_at desc, task_id desc"} limit ?`)
      .all(...values, query.limit)
      .map(listedRun);
  };
  if (query.statuses === undefined) return walk(shared);
  const isOfOpen = query.statuses.some((status) => ["READY", "RUNNING", "PARKED"].includes(status));
  const gone = isOfOpen ? goneOf(db, query.isGone) : [];
  const found = [...new Set(query.statuses)].flatMap((status) => walk([ofStatus(status, now, gone), ...shared]));
  return found.sort((a, b) => orderOf(query)(a.run, b.run)).slice(0, query.limit);
}
