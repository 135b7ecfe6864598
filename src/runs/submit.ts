/** A task becomes a stored run that nobody has begun: from then on any worker that has its agent takes it. */
import * as z from "zod/mini";
import { wholeMs } from "#contract/base/durations";
import { AsimovError, RunError } from "#contract/base/errors";
import { copyJson } from "#contract/base/json";
import { lazily } from "#contract/base/lazily";
import { requireName } from "#contract/base/names";
import { anyObject, nonEmpty, parseOptions } from "#contract/base/options";
import { Task, type TaskJSON } from "#contract/base/task";
import { TaskStatus } from "#contract/base/vocabulary";
import { existsError } from "#contract/store/run-errors";
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { PRIORITY } from "#contract/store/work-queue";
import { submittedRun } from "#keep/submission";
import { type KeyedStart, type KeyOptions, keyShape, requireKeyed } from "./key-options.ts";
import { KEY } from "./key-record.ts";
import { readInfo } from "./read-run.ts";
import { requireSame } from "./same-task.ts";

/** How a task is to be run. */
export interface SubmittedTask {
  /** The name of the agent that is to run it. */
  agent: string;
  /** Milliseconds until it may begin. Default 0. */
  delayMs?: number;
  /** Of several of its agent that may begin, one with a higher number begins first. Default 0. */
  priority?: number;
  /** Set before the first node starts. */
  values?: Record<string, unknown>;
  /** Keeps the run's values in the agent's cache, in a key space of this name. */
  cachePrefix?: string;
  /** Milliseconds, after its `delayMs`, until it fails with `run-deadline`, the waiting for its turn among those of its key included. */
  deadlineMs?: number;
  /** Of a task that is stored already: `attach` does nothing, unless its task differs (`run-differs`); `refuse` is `run-exists`. Default `"attach"`. */
  ifExists?: "attach" | "refuse";
}

/** With what may be asked of the starts of a key, as far as it goes together. */
export type SubmitOptions = Omit<SubmittedTask, "delayMs"> & KeyOptions;

/** What became of a submit. */
export interface Submitted {
  /** The run that stands for the task: its own, or the one that holds its key as `singleton`. */
  taskId: string;
  /** Whether this submit has made it. */
  isNew: boolean;
}

export type TakenSubmit = SubmittedTask & Partial<KeyedStart>;

const schema = lazily(() =>
  z.strictObject({
    agent: nonEmpty,
    delayMs: z.optional(wholeMs(0)),
    priority: z.optional(z.int()),
    values: z.optional(anyObject),
    cachePrefix: z.optional(nonEmpty),
    deadlineMs: z.optional(wholeMs(1)),
    ifExists: z.optional(z.enum(["attach", "refuse"])),
    ...keyShape,
  }),
);

export function takeSubmit(task: Task<unknown>, given: SubmitOptions): TakenSubmit {
  const options = parseOptions(schema(), given, "submit") as TakenSubmit;
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
  requireKeyed(options);
  return options;
}

/** @throws RunError `run-exists`, `run-differs`; AsimovError `not-json` */
export async function submitTask(
  store: RunStore,
  task: TaskJSON,
  options: SubmittedTask & { key?: string },
  { labels = {}, isHeld = false, parent }: { labels?: Readonly<Record<string, string>>; isHeld?: boolean; parent?: string } = {},
): Promise<Submitted> {
  const { agent, key, delayMs = 0, priority = 0, values, cachePrefix, deadlineMs } = options;
  const from = (await store.now()) + delayMs;
  const dueAt = isHeld ? null : from;
  const own = { ...(priority === 0 ? {} : { [PRIORITY]: String(priority) }), ...(key === undefined ? {} : { [KEY]: key }) };
  const created = await store.create(
    submittedRun(store, {
      task,
      agent,
      dueAt,
      parent,
      labels: { ...labels, ...own },
      ...(values === undefined ? {} : { values: copyJson(values, "submit: values") }),
      ...(cachePrefix === undefined ? {} : { cachePrefix }),
      ...(deadlineMs === undefined ? {} : { deadline: from + deadlineMs }),
    }),
  );
  if (!created.ok) requireAttached(store, created.run, task, options);
  return { taskId: task.id, isNew: created.ok };
}

/** Of a task that is stored already. @throws RunError `run-exists`, `run-differs` */
export function requireAttached(store: RunStore, run: StoredRun, task: TaskJSON, { agent, ifExists = "attach" }: SubmittedTask): void {
  if (ifExists === "refuse") throw existsError(run);
  if (run.agent !== agent) {
    throw new RunError(`Run ${task.id} is of agent "${run.agent}", and not of "${agent}": a task that differs needs an id of its own.`, {
      code: "run-differs",
      taskId: task.id,
    });
  }
  requireSame(task.id, { type: run.type, ...readInfo(store, run) }, task);
}
