/** A task becomes a stored run that nobody has begun: from then on any worker that has its agent takes it. */
import * as z from "zod/mini";
import { AsimovError, RunError } from "#contract/base/errors";
import { copyJson } from "#contract/base/json";
import { lazily } from "#contract/base/lazily";
import { requireName } from "#contract/base/names";
import { anyObject, nonEmpty, parseOptions } from "#contract/base/options";
import { Task, type TaskJSON } from "#contract/base/task";
import { TaskStatus } from "#contract/base/vocabulary";
import { existsError } from "#contract/store/run-errors";
import type { RunStore } from "#contract/store/run-store";
import { PRIORITY } from "#contract/store/work-queue";
import { submittedRun } from "#keep/submission";
import { readInfo } from "./read-run.ts";
import { requireSame } from "./same-task.ts";

export interface SubmitOptions {
  /** The name of the agent that is to run it. */
  agent: string;
  /** Milliseconds until it may begin. Default 0. */
  delayMs?: number;
  /** Of several that may begin, one with a higher number begins first. Default 0. */
  priority?: number;
  /** Set before the first node starts. */
  values?: Record<string, unknown>;
  /** Keeps the run's values in the agent's cache, in a key space of this name. */
  cachePrefix?: string;
  /** Milliseconds, from when it may begin, until it fails with `run-deadline`. */
  deadlineMs?: number;
  /** Of a task that is stored already: `attach` does nothing, unless its task differs (`run-differs`); `refuse` is `run-exists`. Default `"attach"`. */
  ifExists?: "attach" | "refuse";
}

const schema = lazily(() =>
  z.strictObject({
    agent: nonEmpty,
    delayMs: z.optional(z.int().check(z.gte(0))),
    priority: z.optional(z.int()),
    values: z.optional(anyObject),
    cachePrefix: z.optional(nonEmpty),
    deadlineMs: z.optional(z.int().check(z.gte(1))),
    ifExists: z.optional(z.enum(["attach", "refuse"])),
  }),
);

export function takeSubmit(task: Task<unknown>, given: SubmitOptions): SubmitOptions {
  const options = parseOptions(schema(), given, "submit") as SubmitOptions;
  if (!(task instanceof Task)) {
    throw new AsimovError(
      `submit: expected a Task, got ${task === null ? "null" : typeof task}; make one by new Task({ type, objective }).`,
      {
        code: "invalid-options",
      },
    );
  }
  if (task.status !== TaskStatus.WAITING) {
    throw new AsimovError(`Task ${task.id} is ${task.status}; a task runs once. Make a new Task.`, { code: "task-not-waiting" });
  }
  requireName(options.agent, "agent");
  return options;
}

/** @throws RunError `run-exists`, `run-differs`; AsimovError `not-json` */
export async function submitTask(
  store: RunStore,
  task: TaskJSON,
  { agent, delayMs = 0, priority = 0, values, cachePrefix, deadlineMs, ifExists = "attach" }: SubmitOptions,
  labels: Readonly<Record<string, string>> = {},
): Promise<void> {
  const dueAt = (await store.now()) + delayMs;
  const created = await store.create(
    submittedRun(store, {
      task,
      agent,
      dueAt,
      labels: { ...labels, ...(priority === 0 ? {} : { [PRIORITY]: String(priority) }) },
      ...(values === undefined ? {} : { values: copyJson(values, "submit: values") }),
      ...(cachePrefix === undefined ? {} : { cachePrefix }),
      ...(deadlineMs === undefined ? {} : { deadline: dueAt + deadlineMs }),
    }),
  );
  if (created.ok) return;
  const { run } = created;
  if (ifExists === "refuse") throw existsError(run);
  if (run.agent !== agent) {
    throw new RunError(`Run ${task.id} is of agent "${run.agent}", and not of "${agent}": a task that differs needs an id of its own.`, {
      code: "run-differs",
      taskId: task.id,
    });
  }
  requireSame(task.id, { type: run.type, ...readInfo(store, run) }, task);
}
