/** Queries over runs, each a walk along one index that ends at its limit. */
import type { FindQuery } from "#contract/store/run-commit";
import { compareRuns } from "#contract/store/run-order";
import type { RunStatus } from "#contract/store/run-record";
import type { Connection } from "./connection.ts";
import type { Value } from "./engine.ts";
import { type Numbered, runOf, SELECT } from "./run-rows.ts";

interface Condition {
  sql: string;
  values: readonly Value[];
}

const FREE = "(lease_until is null or lease_until <= ?)";

function ofStatus(status: RunStatus, now: number): Condition {
  switch (status) {
    case "RUNNING":
      return { sql: "status = 'open' and lease_until > ?", values: [now] };
    case "READY":
      return { sql: `status = 'open' and ${FREE} and due_at <= ?`, values: [now, now] };
    case "PARKED":
      return { sql: `status = 'open' and ${FREE} and (due_at is null or due_at > ?)`, values: [now, now] };
    default:
      return { sql: "status = ?", values: [status] };
  }
}

function conditionsOf({ agent, type, labels = {}, updatedBefore, after }: FindQuery): Condition[] {
  const conditions: Condition[] = [];
  const add = (sql: string, ...values: Value[]) => conditions.push({ sql, values });
  if (after !== undefined) {
    add("(created_at < ? or (created_at = ? and task_id < ?))", after.createdAt, after.createdAt, after.taskId);
    add("created_at <= ?", after.createdAt);
  }
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
  const walk = (conditions: readonly Condition[]): Numbered[] => {
    const where = conditions.length === 0 ? "" : ` where ${conditions.map(({ sql }) => sql).join(" and ")}`;
    const values = conditions.flatMap((condition) => condition.values);
    return db
      .sql(`${SELECT}${where} order by created_at desc, task_id desc limit ?`)
      .all(...values, query.limit)
      .map(runOf);
  };
  if (query.statuses === undefined) return walk(shared);
  const found = [...new Set(query.statuses)].flatMap((status) => walk([ofStatus(status, now), ...shared]));
  return found.sort((a, b) => compareRuns(a.run, b.run)).slice(0, query.limit);
}
