/** A run's row in columns: their types, and what of a run is in each. */
import type { StoredRun } from "#contract/store/run-record";
import { escaped, keyOf } from "./texts.ts";

type Type = "uuid" | "bigint" | "text" | "boolean";

/** What steps change, beside the info. */
export const CHANGING = {
  updated_at: "bigint",
  generation: "bigint",
  last_seq: "bigint",
  inbox_count: "bigint",
  inbox_last: "bigint",
  status: "text",
  due_at: "bigint",
  ended_at: "bigint",
  ends: "bigint",
  untold: "boolean",
  token: "bigint",
  lease_until: "bigint",
  owner: "text",
  process: "text",
  cancel: "text",
  version: "text",
  graph_hash: "text",
} as const satisfies Record<string, Type>;

/** What stays as it was when the run was stored. */
export const FIXED = {
  created_at: "bigint",
  task_id: "text",
  agent: "text",
  agent_key: "uuid",
  type: "text",
  labels: "text",
} as const satisfies Record<string, Type>;

type Values<Columns> = Record<keyof Columns, string | number | boolean | null>;

const jsonOrNull = (value: unknown): string | null => (value === null || value === undefined ? null : JSON.stringify(value));

export function changingOf(run: StoredRun): Values<typeof CHANGING> {
  const { lease, inbox } = run;
  return {
    updated_at: run.updatedAt,
    generation: run.generation,
    last_seq: run.lastSeq,
    inbox_count: inbox.count,
    inbox_last: inbox.last,
    status: run.status,
    due_at: run.dueAt,
    ended_at: run.endedAt,
    ends: run.ends,
    untold: run.untold,
    token: run.token,
    lease_until: lease?.until ?? null,
    owner: jsonOrNull(lease?.owner),
    process: jsonOrNull(lease?.owner.process),
    cancel: jsonOrNull(run.cancel),
    version: escaped(run.version),
    graph_hash: escaped(run.graphHash),
  };
}

export function allOf(run: StoredRun): Values<typeof CHANGING & typeof FIXED & { key: "uuid" }> {
  return {
    key: keyOf(run.taskId),
    ...changingOf(run),
    created_at: run.createdAt,
    task_id: escaped(run.taskId),
    agent: escaped(run.agent),
    agent_key: keyOf(run.agent),
    type: escaped(run.type),
    labels: JSON.stringify(run.labels),
  };
}
