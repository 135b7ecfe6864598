/** Queries over runs, each a walk along one index that ends at its limit. */
import type { FindQuery } from "#contract/store/run-commit";
import { orderOf } from "#contract/store/run-order";
import type { OwnerProcess, RunStatus, StoredRun } from "#contract/store/run-record";
import type { IsGone } from "#contract/store/run-status";
import { listedRun } from "./run-rows.ts";
import type { Server } from "./server.ts";
import { NOW, statement, Values } from "./statement.ts";
import { START } from "./tables.ts";
import { escaped, keyOf, labelKey } from "./texts.ts";

const MOMENT = "(select now from moment)";

/** From one process to the next, however many runs each has. */
const NEXT_OWNER = (than: string): string =>
  `select process from :runs where lease_until is not null and process is not null ${than} order by process limit 1`;
const OWNERS = statement({
  name: "find owners",
  gives: "each process that has leases, once",
  sql: `with recursive each as (
    (${NEXT_OWNER("")}) union all select (${NEXT_OWNER("and process > each.process")}) from each where each.process is not null
  ) select process from each where process is not null`,
});

/** The processes of leases that count as run out, as they are written. */
async function goneOf(server: Server, isGone: IsGone | undefined): Promise<string[]> {
  if (isGone === undefined) return [];
  const rows = await server.read(OWNERS);
  return rows.map(({ process }) => process as string).filter((process) => isGone(JSON.parse(process) as OwnerProcess));
}

/** @param gone names the list of processes that are gone */
function ofStatus(status: RunStatus, order: FindQuery["order"], gone: string): string {
  const owned = `coalesce(lease_until > ${MOMENT}, false) and not coalesce(process = any(${gone}::text[]), false)`;
  switch (status) {
    case "RUNNING":
      return `status = 'open' and lease_until > ${MOMENT} and not coalesce(process = any(${gone}::text[]), false)`;
    case "READY":
      return `status = 'open' and due_at is not null and due_at <= ${MOMENT} and not (${owned})`;
    case "PARKED":
      // Along the moments, the walk begins behind those that have come.
      return `status = 'open' and ${order === "due" ? `due_at > ${MOMENT}` : `(due_at is null or due_at > ${MOMENT})`} and not (${owned})`;
    default:
      return `status = '${status}'`;
  }
}

function conditionsOf({ agent, type, labels = {}, updatedBefore, untold, leased, order, after }: FindQuery, values: Values): string[] {
  const conditions: string[] = [];
  if (order === "due") conditions.push("status = 'open' and due_at is not null");
  if (after !== undefined) {
    const [column, moment, than] = order === "due" ? ["due_at", after.dueAt ?? 0, ">"] : ["created_at", after.createdAt, "<"];
    const id = `${values.add(escaped(after.taskId))}::text`;
    conditions.push(`(${column}, ${START("task_id")}, task_id) ${than} (${values.add(moment)}::bigint, ${START(id)}, ${id})`);
  }
  if (untold !== undefined) conditions.push("untold");
  if (leased !== undefined) conditions.push("lease_until is not null");
  if (agent !== undefined) conditions.push(`agent_key = ${values.add(keyOf(agent))}`);
  if (type !== undefined) conditions.push(`type = ${values.add(escaped(type))}`);
  if (updatedBefore !== undefined) conditions.push(`updated_at < ${values.add(updatedBefore)}`);
  for (const [name, value] of Object.entries(labels)) {
    conditions.push(
      `exists (select 1 from :labels as labels where labels.label = ${values.add(labelKey(name, value))} and labels.run = runs.key)`,
    );
  }
  return conditions;
}

/** @param kept which runs are there still */
export async function findRuns(server: Server, query: FindQuery, kept: string): Promise<StoredRun[]> {
  const { statuses, limit, order } = query;
  const isOfOpen = statuses?.some((status) => ["READY", "RUNNING", "PARKED"].includes(status)) === true;
  const gone = isOfOpen ? await goneOf(server, query.isGone) : [];
  const values = new Values();
  const shared = [...conditionsOf(query, values), kept];
  const list = isOfOpen ? values.add(gone) : "";
  const most = values.add(limit);
  const along = order === "due" ? `due_at, ${START("task_id")}, task_id` : `created_at desc, ${START("task_id")} desc, task_id desc`;
  const walk = (more: readonly string[]): string =>
    `(select * from :runs as runs where ${[...more, ...shared].join(" and ")} order by ${along} limit ${most})`;
  const walks = statuses === undefined ? [walk([])] : [...new Set(statuses)].map((status) => walk([ofStatus(status, order, list)]));
  if (walks.length === 0) return [];
  const runs = statement({
    name: "find runs",
    gives: "their rows, those of each status in order",
    sql: `with moment as materialized (select ${NOW} as now) ${walks.join(" union all ")}`,
  });
  const rows = await server.read(runs, values.list);
  const found = rows.map(listedRun);
  return walks.length === 1 ? found : found.sort(orderOf(query)).slice(0, limit);
}
