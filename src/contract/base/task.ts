/** A task: one objective, and where it stands; its status moves only along the transitions of the task machine. */
import * as z from "zod/mini";
import { brand } from "./brand.ts";
import { AsimovError } from "./errors.ts";
import { copyJson, frozenJson } from "./json.ts";
import { lazily } from "./lazily.ts";
import { requireName } from "./names.ts";
import { anyObject, labelsOf, nonEmpty, parseOptions } from "./options.ts";
import { TaskStatus } from "./vocabulary.ts";

export interface TaskJSON {
  id: string;
  type: string;
  objective: string;
  params: Record<string, unknown>;
  labels?: Record<string, string>;
  status: TaskStatus;
  /** Of an ended task: for each last node of the graph that succeeded, its result. */
  result?: unknown;
  error?: string;
}

/** How an executing task ends. */
export interface TaskEnd {
  status: typeof TaskStatus.COMPLETE | typeof TaskStatus.FAILED | typeof TaskStatus.PARTIAL;
  result?: unknown;
  error?: string;
}

const labels = labelsOf(z.string().check(z.maxLength(256))).check(
  z.refine((given) => Object.keys(given).length <= 16, { message: "expected at most 16 labels" }),
);
const initSchema = lazily(() =>
  z.strictObject({
    type: nonEmpty,
    objective: z.string(),
    params: z.optional(anyObject),
    id: z.optional(nonEmpty),
    labels: z.optional(labels),
  }),
);
const jsonSchema = lazily(() =>
  z.strictObject({
    id: nonEmpty,
    type: nonEmpty,
    objective: z.string(),
    params: anyObject,
    labels: z.optional(labels),
    status: z.enum(TaskStatus),
    result: z.optional(z.unknown()),
    error: z.optional(z.string()),
  }),
);

/** The transitions of the task machine, as a table. */
const TASK_TRANSITIONS: Readonly<Record<TaskStatus, readonly TaskStatus[]>> = {
  WAITING: ["EXECUTING"],
  EXECUTING: ["COMPLETE", "FAILED", "PARTIAL"],
  COMPLETE: [],
  FAILED: [],
  PARTIAL: [],
};

/** The task after it ended. */
export function endTask(task: TaskJSON, end: TaskEnd): TaskJSON {
  const { result: _result, error: _error, ...rest } = task;
  return {
    ...rest,
    status: end.status,
    ...(end.result === undefined ? {} : { result: end.result }),
    ...(end.error === undefined ? {} : { error: end.error }),
  };
}

/** By this name a task of another copy of the package is moved, too. */
const MOVE = Symbol.for("asimov-agents/Task.move");

/**
 * What an agent is asked to do.
 *
 * @example
 * const task = new Task({ type: "summary", objective: "Sum up the README", params: { path: "README.md" } });
 * const { status } = await agent.runTask(task);
 */
export class Task<P = Record<string, unknown>> {
  declare readonly type: string;
  declare readonly objective: string;
  /** A copy of what was given, frozen throughout; JSON. Default `{}`. */
  declare readonly params: P;
  /** To find stored runs by; at most 16 of at most 256 characters. Default `{}`. */
  declare readonly labels: Readonly<Record<string, string>>;
  #id: string | undefined;
  #status: TaskStatus = TaskStatus.WAITING;
  #result: unknown;
  #error: string | undefined;

  static {
    const move = function (this: Task, next: TaskJSON): void {
      if (this.#status === next.status) return;
      if (!TASK_TRANSITIONS[this.#status].includes(next.status)) {
        throw new AsimovError(`A task in ${this.#status} cannot go to ${next.status}.`, { code: "task-transition" });
      }
      this.#status = next.status;
      this.#result = next.result;
      this.#error = next.error;
    };
    Object.defineProperty(Task.prototype, MOVE, { value: move });
  }

  /** @throws AsimovError `invalid-options`, `invalid-name` or `not-json`, naming the property */
  constructor(init: { type: string; objective: string; params?: P; id?: string; labels?: Record<string, string> }) {
    const { type, objective, params, id, labels } = parseOptions(initSchema(), init, "Task");
    this.#id = id === undefined ? undefined : requireName(id, "task");
    // The cache and snapshots have the task as it began: no module may make it another one.
    const fixed = { type, objective, params: frozenJson(params ?? {}, "Task params"), labels: Object.freeze({ ...labels }) };
    for (const [name, value] of Object.entries(fixed)) Object.defineProperty(this, name, { value, enumerable: true });
  }

  /** A UUID, unless another id was given; drawn when it is first asked for, since a Worker has no chance at the scope of its module. */
  get id(): string {
    this.#id ??= crypto.randomUUID();
    return this.#id;
  }

  get status(): TaskStatus {
    return this.#status;
  }

  /** For each last node of the graph that succeeded, its result; undefined until the task ended. */
  get result(): unknown {
    return this.#result;
  }

  /** Why the task is FAILED or PARTIAL. */
  get error(): string | undefined {
    return this.#error;
  }

  toJSON(): TaskJSON {
    return {
      id: this.id,
      type: this.type,
      objective: this.objective,
      params: this.params as Record<string, unknown>,
      ...(Object.keys(this.labels).length === 0 ? {} : { labels: { ...this.labels } }),
      status: this.#status,
      ...(this.#result === undefined ? {} : { result: this.#result }),
      ...(this.#error === undefined ? {} : { error: this.#error }),
    };
  }

  /** @throws AsimovError `invalid-options`, naming what is wrong with the JSON */
  static fromJSON(json: unknown): Task {
    const { id, type, objective, params, labels, ...end } = parseOptions(jsonSchema(), copyJson(json, "Task JSON"), "Task JSON");
    const task = new Task({ id, type, objective, params, ...(labels === undefined ? {} : { labels }) });
    task.#status = end.status;
    task.#result = end.result;
    task.#error = end.error;
    return task;
  }
}

brand(Task, "Task");

/** Lets a task follow its machine; for the runtime alone. @throws AsimovError `task-transition` */
export function moveTask(task: Task, next: TaskJSON): void {
  (task as unknown as Record<typeof MOVE, (next: TaskJSON) => void>)[MOVE](next);
}
