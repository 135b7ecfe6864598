/** One attempt of a node: which modules start next, and what the ended ones add up to. */
import type { ErrorDetails } from "#contract/base/error-details";
import { type GrowingList, lengthOf, listOf, withMore } from "#contract/base/growing-list";
import type { GraphNode } from "#contract/graph/graph";
import type { NodeDefinition } from "./definition.ts";
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
  /** Of a composite that is retried: what its graph goes on from. */
  left?: object;
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
  /** Of a nested graph that did not complete, in a run that is stored: its state before it ended. A retry of the run goes on from there. */
  left?: object;
  decision?: string | null;
  cleanup?: boolean;
  added?: GraphNode[];
  /** Milliseconds since 1970. */
  endedAt: number;
}

/**
 * The modules of an attempt that run, and those that ended. What follows from these is kept beside them: to walk them whenever one ends would
 * cost the square of their number.
 */
export interface Attempt {
  active: readonly number[];
  ended: GrowingList<ModuleOutcome>;
  /** What those that ended have decided; absent while it is open. */
  decided?: Decided | undefined;
  /** In parallel: those that may start. */
  ready: readonly number[];
  /** In parallel, by position: of how many modules each still needs the success. */
  missing: readonly number[];
  /** Of a composite that is retried: what its graph goes on from. */
  left?: object | undefined;
  /** Of a composite with middlewares: what its graph gave, as JSON text, until they have made something of it. */
  given?: string | undefined;
}

/** One module has succeeded for all, one has failed for all, or the attempt was ended from outside, by its time limit or a cancel. */
type Decided = "won" | "failed" | "given-up";

export const NOTHING: Attempt = { active: [], ended: [], ready: [], missing: [] };

export function newAttempt({ mode, modules, first }: NodeDefinition): Attempt {
  if (mode !== "parallel") return NOTHING;
  return { ...NOTHING, ready: first, missing: modules.map(({ dependencies }) => dependencies) };
}

const succeeded = (outcome: ModuleOutcome): boolean => outcome.status === "success";

/** The module that is next in order; later ones are fallbacks where one success is enough, and those depend on none that failed. */
const nextInOrder = ({ mode, modules, first, stopOnSuccess }: NodeDefinition, ended: number): number | undefined => {
  if (mode === "parallel") return undefined;
  return stopOnSuccess ? first[ended] : ended < modules.length ? ended : undefined;
};

/** The modules to start now: of those whose dependencies succeeded, in order the next one, in parallel all. */
export function modulesToStart(definition: NodeDefinition, { active, ended, ready }: Attempt): readonly number[] {
  if (active.length > 0 || definition.mode === "parallel") return ready;
  const next = nextInOrder(definition, lengthOf(ended));
  return next === undefined ? [] : [next];
}

/** Marks the modules that start now as active. */
export function withNext(definition: NodeDefinition, attempt: Attempt): Attempt {
  const next = modulesToStart(definition, attempt);
  return next.length === 0 ? attempt : { ...attempt, active: [...attempt.active, ...next], ready: [] };
}

/** An attempt that goes on where one that failed ended: what succeeded is kept, unless nothing would be left to do. */
export function retriedAttempt(definition: NodeDefinition, { ended, given }: Attempt): Attempt {
  const kept = listOf(ended).filter((outcome) => outcome.module >= 0 && succeeded(outcome));
  if (definition.mode === "nested") return { ...newAttempt(definition), left: leftBy({ ended }), given };
  if (kept.length === definition.modules.length) return newAttempt(definition);
  const again = kept.reduce((attempt, outcome) => withOutcome(definition, attempt, outcome), newAttempt(definition));
  const done = new Set(kept.map(({ module }) => module));
  return { ...again, ready: again.ready.filter((module) => !done.has(module)) };
}

/** Of a composite: what its graph left when it had not completed. */
export const leftBy = ({ ended }: Pick<Attempt, "ended">): object | undefined => listOf(ended).find(({ left }) => left !== undefined)?.left;

type Definition = Pick<NodeDefinition, "modules" | "stopOnSuccess">;

function decidedAfter({ modules, stopOnSuccess }: Definition, before: Decided | undefined, outcome: ModuleOutcome): Decided | undefined {
  if (isLate(before)) return before;
  const { module, status } = outcome;
  if (module < 0) return "given-up";
  if (status === "success") return stopOnSuccess || modules[module]?.stops === true ? "won" : before;
  // A fallback takes over from a failure, and others may win.
  return status === "error" && !stopOnSuccess ? "failed" : before;
}

/** Nothing can change the attempt's end: what ends from here on means nothing. */
const isLate = (decided: Decided | undefined): boolean => decided === "won" || decided === "given-up";

/** In parallel: the modules for which this success was the last that they needed. */
function readyAfter({ modules }: Definition, { missing, decided }: Attempt, { module, status }: ModuleOutcome): number[] {
  if (status !== "success" || isLate(decided)) return [];
  return (modules[module]?.dependents ?? []).filter((other) => missing[other] === 1);
}

export function withOutcome(definition: Definition, attempt: Attempt, outcome: ModuleOutcome): Attempt {
  const { active, ended, decided, ready, missing, given } = attempt;
  const { module, status, endedAt, left: graph } = outcome;
  const late: ModuleOutcome = { module, status: "aborted", retryable: true, endedAt, ...(graph === undefined ? {} : { left: graph }) };
  const kept = isLate(decided) ? late : outcome;
  const place = active.indexOf(module);
  const dependents = status === "success" && missing.length > 0 ? (definition.modules[module]?.dependents ?? []) : [];
  const left = dependents.length === 0 ? missing : [...missing];
  for (const other of dependents) (left as number[])[other] = (left[other] as number) - 1;
  return {
    active: place < 0 ? active : active.toSpliced(place, 1),
    ended: withMore(ended, [kept]),
    decided: decidedAfter(definition, decided, outcome),
    ready: [...ready, ...readyAfter(definition, attempt, outcome)],
    missing: left,
    ...(given === undefined || status === "success" ? {} : { given }),
  };
}

/** What the ended modules add up to while others may be left. */
export type Verdict = "undecided" | "success" | "error";

/** How an attempt will stand when one more has ended: as `withOutcome` and `judge` say, at no cost of its size. */
export function standingAfter(definition: NodeDefinition, attempt: Attempt, outcome: ModuleOutcome): { verdict: Verdict; active: number } {
  const active = attempt.active.length - (attempt.active.includes(outcome.module) ? 1 : 0);
  const ended = lengthOf(attempt.ended) + 1;
  const isNext = attempt.ready.length > 0 || readyAfter(definition, attempt, outcome).length > 0;
  const decided = decidedAfter(definition, attempt.decided, outcome);
  return { verdict: verdictOf(definition, { active, ended, isNext, decided }), active };
}

export function judge(definition: NodeDefinition, { active, ended, ready, decided }: Attempt): Verdict {
  return verdictOf(definition, { active: active.length, ended: lengthOf(ended), isNext: ready.length > 0, decided });
}

function verdictOf(
  definition: NodeDefinition,
  { active, ended, isNext, decided }: { active: number; ended: number; isNext: boolean; decided: Decided | undefined },
): Verdict {
  if (decided !== undefined) return decided === "won" ? "success" : "error";
  if (active > 0 || isNext || nextInOrder(definition, ended) !== undefined) return "undecided";
  return definition.stopOnSuccess && ended > 0 ? "error" : "success";
}

/** What ended the attempt decides, else the first failure; one that says that another attempt cannot help ends them all. */
export function failureOf({ ended }: Attempt, { mode, modules, stopOnSuccess }: Definition & Pick<NodeDefinition, "mode">): Failure {
  const failures = listOf(ended).filter(({ status }) => status === "error");
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
  if (attempt.decided === "won") return { reason: "another module succeeded first", code: "another-succeeded" };
  const { error: reason, code } = failureOf(attempt, definition);
  return { reason, code };
}

export function isPartial({ mode }: NodeDefinition, { ended }: Attempt): boolean {
  const all = listOf(ended);
  return all.some(({ partial }) => partial === true) || (mode === "parallel" && all.some(succeeded));
}

/** What the modules gave, in the order of the definition. */
function resultsOf({ ended }: Attempt): ModuleResult[] {
  return listOf(ended)
    .toSorted((a, b) => a.module - b.module)
    .flatMap(({ json }) => (json === undefined ? [] : [JSON.parse(json) as ModuleResult]));
}

export function nodeResultOf(attempt: Attempt, failure: Failure | undefined): NodeResult {
  const results = resultsOf(attempt);
  return failure === undefined ? { status: "success", results } : { status: "error", ...failure, results };
}

/** The last module in the order of the definition that succeeded and decided decides for the node. */
export function decisionOf({ ended }: Attempt): Pick<ModuleOutcome, "decision" | "cleanup"> | undefined {
  let last: ModuleOutcome | undefined;
  for (const outcome of listOf(ended)) {
    if (!succeeded(outcome) || outcome.decision === undefined) continue;
    if (last === undefined || last.module <= outcome.module) last = outcome;
  }
  return last;
}
