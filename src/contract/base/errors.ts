/** The errors of the library: each has a stable code and says what was expected, what came and what to do. */

import { brand } from "./brand.ts";

export interface AsimovErrorOptions {
  /** Stable, kebab-case; safe to switch on. */
  code: string;
  /** Whether the same call may succeed when it is made again. Default false. */
  retryable?: boolean;
  cause?: unknown;
}

/**
 * The base of everything the library throws.
 *
 * @example
 * try { agent.start(task) } catch (error) {
 *   if (error instanceof AsimovError && error.code === "graph-cycle") showCycle(error.message);
 * }
 */
export class AsimovError extends Error {
  readonly code: string;
  readonly retryable: boolean;

  constructor(message: string, options: AsimovErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = options.code;
    this.retryable = options.retryable ?? false;
  }
}

brand(AsimovError, "AsimovError");

/** Thrown by a module to say that another attempt cannot help: the node fails at once, whatever `maxRetries` says. */
export class NonRetryableError extends AsimovError {
  constructor(message: string, options: { code?: string; cause?: unknown } = {}) {
    super(message, { code: options.code ?? "non-retryable", cause: options.cause });
  }
}

brand(NonRetryableError, "NonRetryableError");

/** A key was read that the cache does not hold, without a default value. Code `cache-key-missing`. */
export class CacheKeyError extends AsimovError {
  readonly key: string;
  constructor(key: string) {
    super(`The cache holds no key "${key}", under this prefix and suffix. Give a default value to \`get\`, or set the key first.`, {
      code: "cache-key-missing",
    });
    this.key = key;
  }
}

brand(CacheKeyError, "CacheKeyError");

/** A graph that cannot run; the message names every fault found. Codes start with `graph-` or `invalid-`. */
export class GraphError extends AsimovError {
  /** One sentence for each fault. */
  readonly faults: readonly string[];
  constructor(faults: readonly string[], code: string) {
    super(faults.length === 1 ? (faults[0] as string) : `The graph has ${faults.length} faults:\n- ${faults.join("\n- ")}`, { code });
    this.faults = faults;
  }
}

brand(GraphError, "GraphError");

/** A Lua condition that does not compile (`condition-syntax`), fails (`condition-runtime`) or exceeds its budget (`condition-budget`). */
export class ConditionError extends AsimovError {
  /** The condition as it was written. */
  readonly condition: string;
  constructor(
    message: string,
    options: { code: "condition-syntax" | "condition-name" | "condition-runtime" | "condition-budget"; condition: string; cause?: unknown },
  ) {
    super(message, options);
    this.condition = options.condition;
  }
}

brand(ConditionError, "ConditionError");

/** A snapshot that cannot be written or restored. Codes start with `snapshot-`. */
export class SnapshotError extends AsimovError {}

brand(SnapshotError, "SnapshotError");

/**
 * A run that is another one's, is there already, or is not: `run-exists`, `run-differs`, `run-owned`, `run-fenced`, `run-other-agent`,
 * `run-not-found`, `run-not-stored`, `run-ended`, `run-not-ended`, `run-not-begun`, `run-parked`, `run-not-parked`, `run-parking`, `send-unstored`, `key-busy`; or whose store failed: `store-failed`.
 */
export class RunError extends AsimovError {
  readonly taskId: string;

  constructor(message: string, options: AsimovErrorOptions & { taskId: string }) {
    super(message, options);
    this.taskId = options.taskId;
  }
}

brand(RunError, "RunError");

/**
 * An answer that was not taken, or a question that got none: `answer-invalid`, `question-closed`, `question-changed`, `question-not-found`,
 * `question-deadline`.
 */
export class QuestionError extends AsimovError {
  readonly questionId: string;

  constructor(message: string, options: AsimovErrorOptions & { questionId: string }) {
    super(message, options);
    this.questionId = options.questionId;
  }
}

brand(QuestionError, "QuestionError");

const classOf = (object: { constructor?: { name?: unknown } }): unknown => object.constructor?.name;

/**
 * An error's own name, or that of its class where it inherits only that of a base class, as with `class Own extends Error {}`.
 * Throws what a getter throws.
 */
export function nameOf(error: object): unknown {
  const { name } = error as { name?: unknown };
  let owner: object | null = error;
  while (owner !== null && !Object.hasOwn(owner, "name")) owner = Object.getPrototypeOf(owner) as object | null;
  const isOfBase = owner !== null && owner !== error && classOf(owner) === name;
  const ofClass = isOfBase ? classOf(error) : undefined;
  return typeof ofClass === "string" && ofClass !== "" ? ofClass : name;
}

/** Characters of a thrown object that is no error. */
const MAX_SHOWN = 1_000;

/**
 * The message of anything that was thrown, as it is: to decide by. What is told to others is `shownMessageOf`'s.
 * Always a string, never throws itself.
 *
 * @param shown what is shown of an object without a message
 */
export function messageOf(error: unknown, shown: (value: object) => unknown = (value) => value): string {
  try {
    if (typeof error !== "object" || error === null) return String(error);
    const { message } = error as { message?: unknown };
    if (typeof message === "string" && message !== "") return message;
    if (error instanceof Error) return String(nameOf(error));
    return JSON.stringify(shown(error)).slice(0, MAX_SHOWN);
  } catch {
    return "a value that cannot be shown was thrown";
  }
}

/** What was thrown, when it is an error of the library's own; never throws itself, as `instanceof` does with a hostile proxy. */
export function asimovErrorOf(error: unknown): AsimovError | undefined {
  try {
    return error instanceof AsimovError ? error : undefined;
  } catch {
    return undefined;
  }
}
