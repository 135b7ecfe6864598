/** A task that was submitted and has not begun: the first generation of its run holds what it begins with, in place of a state. */
import * as z from "zod/mini";
import { anyObject } from "#contract/base/options";
import type { TaskJSON } from "#contract/base/task";
import type { NewRun } from "#contract/store/run-commit";
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { encoded, sealInfo } from "#contract/store/seal";
import { commitOfPart, readPart } from "./one-part.ts";
import { schemaShape } from "./part-texts.ts";

export interface Submission {
  task: TaskJSON;
  values?: Record<string, unknown>;
  cachePrefix?: string;
  /** The moment at which the run fails. */
  deadline?: number;
}

const PART = "submitted";

const shape = schemaShape(() =>
  z.looseObject({
    task: z.looseObject({ id: z.string(), type: z.string() }),
    values: z.optional(anyObject),
    cachePrefix: z.optional(z.string()),
    deadline: z.optional(z.number()),
  }),
);

/** Whoever begins it says of which graph it is. */
export const isSubmitted = ({ graphHash }: Pick<StoredRun, "graphHash">): boolean => graphHash === "";

export interface NewSubmission extends Submission {
  agent: string;
  /** Beside the task's own. */
  labels: Readonly<Record<string, string>>;
  /** Null: when somebody says so. */
  dueAt: number | null;
  /** The task of the run that waits for it in a module. */
  parent?: string | undefined;
}

export function submittedRun(store: RunStore, { agent, labels, dueAt, parent, ...submission }: NewSubmission): NewRun {
  const { task } = submission;
  const { objective, params } = task;
  const info = encoded(store.settings.codec, sealInfo(task.id, JSON.stringify({ objective, params, parent })));
  return {
    ...{ taskId: task.id, agent, version: "", type: task.type, labels: { ...task.labels, ...labels }, graphHash: "", info, dueAt },
    first: commitOfPart(store, task.id, { generation: 1, name: PART, value: submission }),
  };
}

/** @throws SnapshotError `snapshot-damaged` */
export async function readSubmission(store: RunStore, run: StoredRun): Promise<Submission> {
  return await readPart<Submission>(store, run, PART, shape);
}
