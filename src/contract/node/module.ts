/** A module: the smallest piece of work; it gets a context and gives a result, and everything it touches comes in through the context. */
import * as z from "zod/mini";
import { brand } from "#contract/base/brand";
import { AsimovError } from "#contract/base/errors";
import { MAX_RESULT_DEPTH, toJsonText } from "#contract/base/json";
import { lazily } from "#contract/base/lazily";
import { requireName } from "#contract/base/names";
import { nonEmpty, parseOptions } from "#contract/base/options";
import type { Task } from "#contract/base/task";
import { ModuleType } from "#contract/base/vocabulary";
import type { Checked, Given, Schema } from "#contract/chat/schema";
import type { Cache } from "#contract/store/cache";
import { type OutputMailbox, outputMailboxSchema } from "./output-mailbox.ts";

/** What modules know of a `Node`: a node is made of modules, and a module may add nodes. */
export interface NodeLike {
  readonly name: string;
  readonly type: ModuleType;
  readonly modules: readonly AgentModule[];
  readonly nodes: readonly NodeLike[];
  readonly dependencies: readonly string[];
}

/** What a module gives for one run. Everything but `newNodes` is JSON; further properties are kept. */
export interface ModuleResult {
  status: "success" | "error";
  result?: unknown;
  /** What went wrong, when `status` is `"error"`. */
  error?: string;
  /** Nodes to add to the graph; each depends on the node that adds it. */
  newNodes?: NodeLike[];
  /** The node to jump to; `null` or absent falls through. */
  decision?: string | null;
  /** Whether the jump closes the generators of the nodes that run again. Default false. */
  cleanup?: boolean;
  metadata?: Record<string, unknown>;
  [key: string]: unknown;
}

/** What `context.emit` takes: an event of the user's own, told to whoever reads `run.events()`. */
export interface EmittedEvent {
  type: string;
  [key: string]: unknown;
}

/** What a step is given. */
export interface StepContext {
  /** The step's own, the same whenever it is tried again: hand it to services that take one. */
  readonly idempotencyKey: string;
  /** Aborted when the module is. */
  readonly signal: AbortSignal;
}

export interface SleepOptions {
  /** Tells sleeps apart that run side by side. Default `"sleep"`. */
  name?: string;
}

export interface ReceiveWaitOptions {
  /** Milliseconds from the first time that it is called. 0 takes only what is there; absent, or `Infinity`, waits without end. */
  timeoutMs?: number;
}

export interface Ask<S extends Schema = Schema> {
  /** What is to be decided on, JSON, or a function that gives it, called once. Default null. */
  show?: unknown;
  /** What an answer must be: zod, any Standard Schema that tells JSON Schema, or JSON Schema. */
  answer: S;
  /** Whom it is asked: for those who list questions, and for escalations. */
  to?: string;
  /** Milliseconds from when it is asked to when no answer is taken any more. Default: never. */
  deadlineMs?: number;
  /** What happens then: the call fails finally with `question-deadline`, or this answer is given. Default `"fail"`. */
  onDeadline?: "fail" | { answer: Given<S> };
  /** Who is asked in place of whoever was before, so many milliseconds after it was asked. */
  escalate?: readonly { afterMs: number; to: string }[];
}

export interface Answered<S extends Schema = Schema> {
  answer: Checked<S>;
  /** What was shown to whoever answered: what to act on. */
  shown: unknown;
  /** Whoever answered, as they say; absent where they did not, or where a deadline gave the answer. */
  by?: string;
}

export interface ModuleContext {
  /**
   * The run's own values and mailboxes: no other run sees them. What an attempt does here is seen by the run at once, and stored with its end,
   * so that a repeat after a crash finds them as the first try did.
   */
  readonly values: Cache;
  /** The agent's cache, which its runs share. What is done here is done at once, and is no part of what is stored of the run. */
  readonly cache: Cache;
  /**
   * By node, what those gave that are COMPLETE: the only module's result; of several, by module; of a composite, its graph's result. Those of
   * this graph, then by name those of the graphs around it. Frozen, and read when asked for.
   */
  readonly results: Readonly<Record<string, unknown>>;
  /** Of a node with `forEach`: the item that this is a run for, frozen. */
  readonly item?: unknown;
  /** Its place in the list, from 0. */
  readonly index?: number | undefined;
  readonly task: Task;
  /** Aborted when the module times out, a sibling fails, or the run is cancelled; its reason is an error. */
  readonly signal: AbortSignal;
  /** `visit` and `attempt` count from 1. */
  readonly node: { readonly name: string; readonly visit: number; readonly attempt: number };
  /** The same for each attempt of the same run, node, visit, item and module, also after a restore: hand it to services that take one. */
  readonly idempotencyKey: string;
  /**
   * The fencing token of whoever owns the stored run, higher with each owner; 0 where it is not stored. A database that is given it may
   * refuse what an older one writes.
   */
  readonly fence: number;
  /** The same for one attempt alone, also after a restore. */
  readonly attemptKey: string;
  /** The module's config; `context` holds the node's, overlaid by the module's own. */
  readonly config: ModuleConfig;
  /**
   * Does something once: its result, JSON, is kept and stored before it is given, and a module that runs again, after a restart or as another
   * attempt, is given it without the work being done again. Found by name, the n-th of a name being another; what threw is not kept.
   * From the first step on the run is stored. @throws AsimovError `name-in-use`, `not-json`, `part-too-large`
   */
  step<T>(name: string, work: (step: StepContext) => T | Promise<T>): Promise<T>;
  /** Waits so many milliseconds from the first time that it is called, over restarts, without a permit, a time limit or a timer that must live. @throws AsimovError `name-in-use` */
  sleep(ms: number, options?: SleepOptions): Promise<void>;
  /** Waits until a moment, as `sleep` does. @throws AsimovError `name-in-use` */
  sleepUntil(moment: Date, options?: SleepOptions): Promise<void>;
  /**
   * The oldest message of a mailbox of the run, waited for as `sleep` waits; null when none came in time. It is kept with the visit: a module that runs again is given
   * the same one. @throws AsimovError `name-in-use`
   */
  receive<T>(mailbox: string, options?: ReceiveWaitOptions): Promise<T | null>;
  /**
   * Asks somebody, who may answer from any process, by `Runs.answer`; waited for as `sleep` waits. A module that runs again is given the answer that it had, and
   * what was shown for it. @throws QuestionError `question-deadline`; AsimovError `name-in-use`, `invalid-schema`, `not-json`, `part-too-large`
   */
  ask<S extends Schema>(name: string, question: Ask<S>): Promise<Answered<S>>;
  /** Tells whoever reads `run.events()`, who gets a copy. @throws AsimovError `not-json` */
  emit(event: EmittedEvent): void;
  /** Evaluates a Lua condition over values, results and the task, as a node's `condition` is. @throws ConditionError */
  evaluate(condition: string): Promise<boolean>;
}

export interface MiddlewareContext {
  readonly task: Task;
  readonly signal: AbortSignal;
  readonly node: ModuleContext["node"];
}

/** Changes or checks a module's result before anyone else sees it. A middleware that throws fails the module. */
export abstract class Middleware {
  /** @param values the run's own */
  abstract process(data: ModuleResult, values: Cache, context: MiddlewareContext): Promise<ModuleResult>;
}

brand(Middleware, "Middleware");

export interface ModuleConfig {
  /** On a node: stop after the first module that succeeds. On a module: stop after this one, when it succeeds. Default false. */
  stopOnSuccess?: boolean;
  /** Run in order. A module's come before its node's. */
  middlewares?: Middleware[];
  /** Milliseconds for one run with its middlewares, at least 1; `Infinity` for no limit. Default 60,000 for a module, no limit for a node's attempt. */
  timeoutMs?: number;
  /** Anything the module needs to know. */
  context?: Record<string, unknown>;
}

export interface AgentModuleInit {
  name: string;
  /** Default EXECUTOR. */
  type?: ModuleType;
  config?: ModuleConfig;
  /** Modules of the same node that succeed before this one starts. */
  dependencies?: string[];
  /** The mailboxes that the module reads, by `context.values.getMessage`. Where any node or module of a run names some, `run.send` refuses all others; default none. */
  inputMailboxes?: string[];
  /** Where the result is published, once, after all middlewares: a mailbox of the run, or `{ shared: "name" }` for one of the agent's cache. */
  outputMailbox?: OutputMailbox;
  /** Record a span for each run. Default false. */
  trace?: boolean;
}

export type ModuleProcess = (context: ModuleContext) => Promise<ModuleResult> | AsyncGenerator<ModuleResult> | ModuleResult;

export const DEFAULT_MODULE_TIMEOUT_MS = 60_000;

/** `z.array` would copy the instances; this keeps them as they are. */
const middleware = z.custom<Middleware>((value) => typeof (value as Middleware | null)?.process === "function", {
  message: "expected a Middleware, with a `process` method",
});
const plainRecord = z.custom<Record<string, unknown>>((value) => typeof value === "object" && value !== null && !Array.isArray(value), {
  message: "expected an object",
});

export const moduleConfigSchema = lazily(() =>
  z.strictObject({
    stopOnSuccess: z.optional(z.boolean()),
    middlewares: z.optional(z.array(middleware)),
    timeoutMs: z.optional(
      z.union([z.number().check(z.gte(1)), z.literal(Number.POSITIVE_INFINITY)], {
        message: "expected milliseconds, at least 1, or Infinity",
      }),
    ),
    context: z.optional(plainRecord),
  }),
);

const moduleSchema = lazily(() =>
  z.strictObject({
    name: z.unknown(),
    type: z.optional(z.enum(ModuleType)),
    config: z.optional(moduleConfigSchema()),
    dependencies: z.optional(z.array(z.string())),
    inputMailboxes: z.optional(z.array(nonEmpty)),
    outputMailbox: z.optional(outputMailboxSchema()),
    trace: z.optional(z.boolean()),
  }),
);

/**
 * The base of every module.
 *
 * @example
 * class Greeter extends AgentModule {
 *   async process({ task }: ModuleContext): Promise<ModuleResult> {
 *     return { status: "success", result: `Hello, ${task.objective}` };
 *   }
 * }
 */
export abstract class AgentModule {
  readonly name: string;
  readonly type: ModuleType;
  readonly config: Readonly<ModuleConfig>;
  readonly dependencies: readonly string[];
  readonly inputMailboxes: readonly string[];
  readonly outputMailbox: OutputMailbox | undefined;
  readonly trace: boolean;
  /** Done before the first node of a run: what it throws refuses the run. */
  readonly prepare?: (() => Promise<void>) | undefined;

  /** @throws AsimovError `invalid-name` or `invalid-options`; unknown options are refused */
  constructor(init: AgentModuleInit) {
    const name = requireName((init as AgentModuleInit | undefined)?.name, "module");
    const options = parseOptions(moduleSchema(), init, `Module "${name}"`);
    this.name = name;
    this.type = options.type ?? ModuleType.EXECUTOR;
    this.config = (options.config ?? {}) as ModuleConfig;
    this.dependencies = options.dependencies ?? [];
    this.inputMailboxes = options.inputMailboxes ?? [];
    this.outputMailbox = options.outputMailbox;
    this.trace = options.trace ?? false;
  }

  /**
   * Does the work. An async generator gives one yield for each visit of its node.
   * What it throws is a failed attempt; a `NonRetryableError` fails the node at once.
   */
  abstract process(context: ModuleContext): Promise<ModuleResult> | AsyncGenerator<ModuleResult>;
}

brand(AgentModule, "AgentModule");

class FunctionModule extends AgentModule {
  readonly #process: ModuleProcess;
  constructor(init: AgentModuleInit, process: ModuleProcess) {
    super(init);
    this.#process = process;
  }
  override process(context: ModuleContext): Promise<ModuleResult> | AsyncGenerator<ModuleResult> {
    return this.#process(context) as Promise<ModuleResult>;
  }
}

/**
 * A module from a function.
 *
 * @example
 * const greet = defineModule({ name: "greet", process: async ({ task }) => ({ status: "success", result: task.objective }) });
 */
export function defineModule(init: AgentModuleInit & { process: ModuleProcess }): AgentModule {
  const { process, ...rest } = init;
  if (typeof process !== "function") {
    throw new AsimovError(`Module "${String(init.name)}": process: expected a function, got ${typeof process}.`, {
      code: "invalid-options",
    });
  }
  return new FunctionModule(rest, process);
}

/** A result that was checked: its JSON text, where added nodes stay by name, and the nodes. */
export interface CheckedResult {
  result: ModuleResult;
  json: string;
  newNodes: readonly NodeLike[];
}

/** Of a value that is not what was expected. */
function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
  if (value === null || ["undefined", "boolean", "number"].includes(typeof value)) return String(value);
  return Array.isArray(value) ? "an array" : `a value of type ${typeof value}`;
}

/** @throws AsimovError `not-json`, with the path of the value, or `invalid-result` */
export function checkResult(value: unknown, module: string): CheckedResult {
  const refuse = (expected: string, got: string): never => {
    throw new AsimovError(`Module "${module}" must give ${expected}; it gave ${got}.`, { code: "invalid-result" });
  };
  if (typeof value !== "object" || value === null) return refuse('{ status: "success" | "error", … }', shown(value));
  const result = value as ModuleResult;
  if (result.status !== "success" && result.status !== "error") {
    refuse('{ status: "success" | "error", … }', `the status ${shown(result.status)}`);
  }
  if (result.decision !== undefined && result.decision !== null && typeof result.decision !== "string") {
    refuse("a decision that is the name of a node, or null", shown(result.decision));
  }
  const { newNodes, ...rest } = result;
  if (newNodes === undefined) return { result, json: toJsonText(rest, `result of module "${module}"`, MAX_RESULT_DEPTH), newNodes: [] };
  if (!Array.isArray(newNodes)) return refuse("newNodes as an array of Node", shown(newNodes));
  const names = newNodes.map((node) => node?.name);
  return { result, json: toJsonText({ ...rest, newNodes: names }, `result of module "${module}"`, MAX_RESULT_DEPTH), newNodes };
}
