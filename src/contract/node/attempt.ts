/** One attempt of a node: which modules start next, and what the ended ones add up to. */
import type { GraphNode } from "#contract/graph/graph";
import type { ModuleDefinition, NodeDefinition } from "./definition.ts";
import type { ModuleResult } from "./module.ts";
import type { NodeResult } from "./result.ts";

/** What is asked of whoever runs a module; plain data, so that it may be another process. */
export interface ModuleOrder {
  /** The run, and for a nested graph the node, visit and attempt that it runs in: unique to one instance of a graph. */
  scope: string;
  node: string;
  visit: number;
  attempt: number;
  /** Position in the node's definition. */
  module: number;
}

/** The same for the same order, also after a restore. */
export function idempotencyKeyOf({ scope, node, visit, attempt }: ModuleOrder, module: string): string {
  return `${scopeOf({ scope, node, visit, attempt })}/${encodeURIComponent(module)}`;
}

/** The scope of the graph that a node's attempt runs. */
export function scopeOf({ scope, node, visit, attempt }: Omit<ModuleOrder, "module">): string {
  return `${scope}/${encodeURIComponent(node)}.${visit}.${attempt}`;
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

export function withOutcome({ active, ended }: Attempt, outcome: ModuleOutcome): Attempt {
  return { active: active.filter((module) => module !== outcome.module), ended: [...ended, outcome] };
}

/** What the ended modules add up to while others may be left. */
export type Verdict = "undecided" | "success" | "error";

export function judge(definition: NodeDefinition, attempt: Attempt): Verdict {
  const { modules, stopOnSuccess } = definition;
  const { ended, active } = attempt;
  const wins = ({ module, status }: ModuleOutcome): boolean => status === "success" && (stopOnSuccess || modules[module]?.stops === true);
  if (ended.some(wins)) return "success";
  const hasFailed = ended.some(({ status, module }) => status === "error" && (!stopOnSuccess || module < 0));
  if (hasFailed) return "error";
  if (active.length > 0 || modulesToStart(definition, attempt).length > 0) return "undecided";
  return stopOnSuccess && ended.length > 0 ? "error" : "success";
}

/** The first failure's error decides; one that says that another attempt cannot help ends them all. */
export function failureOf({ ended }: Attempt): { error: string; code?: string; retryable: boolean } {
  const failures = ended.filter(({ status }) => status === "error");
  const [first] = failures;
  return {
    error: first?.error ?? "failed",
    ...(first?.code === undefined ? {} : { code: first.code }),
    retryable: failures.every(({ retryable }) => retryable),
  };
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

export function nodeResultOf(attempt: Attempt, end: { status: "success" } | { status: "error"; error: string; code?: string }): NodeResult {
  return { ...end, results: resultsOf(attempt) };
}

/** The last module in the order of the definition that succeeded and decided decides for the node. */
export function decisionOf({ ended }: Attempt): Pick<ModuleOutcome, "decision" | "cleanup"> | undefined {
  const decided = ended.filter((outcome) => succeeded(outcome) && outcome.decision !== undefined);
  return decided.reduce<ModuleOutcome | undefined>(
    (last, outcome) => (last !== undefined && last.module > outcome.module ? last : outcome),
    undefined,
  );
}
