/** One attempt of a node: which modules start next, and what the ended ones add up to. */
import type { ErrorDetails } from "#contract/base/error-details";
import type { GraphNode } from "#contract/graph/graph";
import type { ModuleDefinition, NodeDefinition } from "./definition.ts";
import type { ModuleResult } from "./module.ts";
import type { Failure, NodeResult } from "./result.ts";

/** Where an instance of a graph is: the run, and for a nested one the nodes around it. */
export interface GraphKeys {
  /** With the visit of each node around it: the same for all their attempts. */
  visit: string;
  /** With the attempt of each node around it too: unique to this instance. */
  attempt: string;
}

/** What is asked of whoever runs a module; plain data, so that it may be another process. */
export interface ModuleOrder {
  keys: GraphKeys;
  node: string;
  visit: number;
  attempt: number;
  /** Position in the node's definition. */
  module: number;
  /** Of a composite: what its graph gave, as JSON text, to go through its middlewares. */
  given?: string;
}

/** The same for each attempt of a visit, and after a restore. */
export function idempotencyKeyOf(order: ModuleOrder, module: string): string {
  return `${keysWithin(order).visit}/${encodeURIComponent(module)}`;
}

/** The same for one attempt alone, also after a restore. */
export function attemptKeyOf(order: ModuleOrder, module: string): string {
  return `${keysWithin(order).attempt}/${encodeURIComponent(module)}`;
}

/** The keys of the graph that a node's attempt runs. */
export function keysWithin({ keys, node, visit, attempt }: Omit<ModuleOrder, "module">): GraphKeys {
  const name = encodeURIComponent(node);
  return { visit: `${keys.visit}/${name}.${visit}`, attempt: `${keys.attempt}/${name}.${visit}.${attempt}` };
}

/** Told to whoever runs a module: end soon. It ends by an outcome, so that whoever asked knows that nothing runs any more. */
export interface ModuleCommand {
  type: "module.abort";
  reason: string;
  code: string;
}

/** How a module ended. */
export interface ModuleOutcome {
  /** Position in the node's definition; -1 for what ended the attempt from outside, such as its time limit. */
  module: number;
  status: "success" | "error" | "aborted";
  /** The result as JSON text; absent where the module gave none. */
  json?: string;
  error?: string;
  code?: string;
  /** What else is known of the error. */
  details?: ErrorDetails;
  /** Whether another attempt may help. */
  retryable: boolean;
  /** A nested graph ended with some of its chains failed. */
  partial?: boolean;
  decision?: string | null;
  cleanup?: boolean;
  added?: GraphNode[];
  /** Milliseconds since 1970. */
  endedAt: number;
}

/** The modules of an attempt that run, and those that ended. */
export interface Attempt {
  active: readonly number[];
  ended: readonly ModuleOutcome[];
}

const succeeded = (outcome: ModuleOutcome): boolean => outcome.status === "success";

/** The modules to start now: of those whose dependencies succeeded, in order the next one, in parallel all. */
export function modulesToStart({ modules, mode, stopOnSuccess }: NodeDefinition, { active, ended }: Attempt): number[] {
  const isOrdered = mode !== "parallel";
  if (isOrdered && active.length > 0) return [];
  // Whatever ended has succeeded, unless later modules are fallbacks.
  if (isOrdered && !stopOnSuccess) return ended.length < modules.length ? [ended.length] : [];
  const known = new Set([...active, ...ended.map(({ module }) => module)]);
  if (known.size === modules.length) return [];
  const done = new Set(ended.filter(succeeded).map(({ module }) => modules[module]?.name));
  const isReady = (module: ModuleDefinition): boolean => module.dependencies.every((name) => done.has(name));
  const ready = modules.flatMap((module, index) => (!known.has(index) && isReady(module) ? [index] : []));
  return isOrdered ? ready.slice(0, 1) : ready;
}

type Definition = Pick<NodeDefinition, "modules" | "stopOnSuccess">;

/** One of the modules has succeeded for all: what the others still give means nothing. */
const isWon = ({ modules, stopOnSuccess }: Definition, ended: readonly ModuleOutcome[]): boolean =>
  ended.some(({ module, status }) => status === "success" && (stopOnSuccess || modules[module]?.stops === true));

/** The attempt was ended from outside, by its time limit or a cancel. */
const isGivenUp = (ended: readonly ModuleOutcome[]): boolean => ended.some(({ module }) => module < 0);

/** What ends once nothing can change the attempt's end means nothing. */
export function withOutcome(definition: Definition, { active, ended }: Attempt, outcome: ModuleOutcome): Attempt {
  const { module, endedAt } = outcome;
  const isLate = isWon(definition, ended) || isGivenUp(ended);
  const kept: ModuleOutcome = isLate ? { module, status: "aborted", retryable: true, endedAt } : outcome;
  return { active: active.filter((other) => other !== module), ended: [...ended, kept] };
}

/** What the ended modules add up to while others may be left. */
export type Verdict = "undecided" | "success" | "error";

export function judge(definition: NodeDefinition, attempt: Attempt): Verdict {
  const { stopOnSuccess } = definition;
  const { ended, active } = attempt;
  if (isWon(definition, ended)) return "success";
  const hasFailed = ended.some(({ status, module }) => status === "error" && (!stopOnSuccess || module < 0));
  if (hasFailed) return "error";
  if (active.length > 0 || modulesToStart(definition, attempt).length > 0) return "undecided";
  return stopOnSuccess && ended.length > 0 ? "error" : "success";
}

/** What ended the attempt decides, else the first failure; one that says that another attempt cannot help ends them all. */
export function failureOf({ ended }: Attempt, { mode, modules, stopOnSuccess }: Definition & Pick<NodeDefinition, "mode">): Failure {
  const failures = ended.filter(({ status }) => status === "error");
  // A fallback takes over from a failure, which ends nothing then.
  const first = (stopOnSuccess ? failures.find(({ module }) => module < 0) : undefined) ?? failures[0];
  const module = mode === "nested" ? undefined : modules[first?.module ?? -1]?.name;
  return {
    error: first?.error ?? "failed",
    code: first?.code ?? "module-failed",
    ...(module === undefined ? {} : { module }),
    ...first?.details,
    ...(failures.every(({ retryable }) => retryable) ? {} : { final: true }),
  };
}

/** What modules that still run are told when the attempt's end is known. */
export function reasonToStop(attempt: Attempt, definition: Definition & Pick<NodeDefinition, "mode">): { reason: string; code: string } {
  if (isWon(definition, attempt.ended)) return { reason: "another module succeeded first", code: "another-succeeded" };
  const { error: reason, code } = failureOf(attempt, definition);
  return { reason, code };
}

export function isPartial({ mode }: NodeDefinition, { ended }: Attempt): boolean {
  return ended.some(({ partial }) => partial === true) || (mode === "parallel" && ended.some(succeeded));
}

/** What the modules gave, in the order of the definition. */
function resultsOf({ ended }: Attempt): ModuleResult[] {
  return [...ended]
    .sort((a, b) => a.module - b.module)
    .flatMap(({ json }) => (json === undefined ? [] : [JSON.parse(json) as ModuleResult]));
}

export function nodeResultOf(attempt: Attempt, failure: Failure | undefined): NodeResult {
  const results = resultsOf(attempt);
  return failure === undefined ? { status: "success", results } : { status: "error", ...failure, results };
}

/** The last module in the order of the definition that succeeded and decided decides for the node. */
export function decisionOf({ ended }: Attempt): Pick<ModuleOutcome, "decision" | "cleanup"> | undefined {
  const decided = ended.filter((outcome) => succeeded(outcome) && outcome.decision !== undefined);
  return decided.reduce<ModuleOutcome | undefined>(
    (last, outcome) => (last !== undefined && last.module > outcome.module ? last : outcome),
    undefined,
  );
}
