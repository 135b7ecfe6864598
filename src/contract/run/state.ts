/** Where a run stands: plan, history, failed chains and limits, moved on by pure functions that the agent machine calls. */
import { asimovErrorOf, messageOf } from "#contract/base/errors";
import { SnapshotControl, type TaskStatus } from "#contract/base/vocabulary";
import { extendGraph, type Graph, indexOf, withDescendants } from "#contract/graph/graph";
import { type ExecutionState, type Levels, planOf, planOfJump, toExecutionPlan } from "#contract/graph/plan";
import type { ErrorReport, Fault, NodeReport } from "#contract/node/result";

/** Plans that are remembered: a loop of 100,000 jumps must not eat the memory. */
export const HISTORY_LIMIT = 100;
const ERROR_LIMIT = 1_000;

/** A plan and how far it came. */
export interface PastPlan {
  levels: Levels;
  index: number;
  skipped: readonly string[];
}

export interface RunState {
  graph: Graph;
  levels: Levels;
  /** The step that runs now, or next. */
  index: number;
  /** Of the current plan: skipped by a condition, or since what they depend on was skipped or failed. */
  skipped: readonly string[];
  /** What jumps asked for and did not run yet: it runs also when all it depends on was skipped. */
  asked: readonly string[];
  /** The plans that were replaced, oldest first, bounded. */
  history: readonly PastPlan[];
  totalIterations: number;
  /** The nodes whose latest visit failed: the roots of the failed chains. */
  failed: readonly string[];
  /** The nodes with snapshot ONCE that had theirs. */
  saved: readonly string[];
  errors: readonly ErrorReport[];
}

export function startState(graph: Graph): RunState {
  return {
    graph,
    levels: planOf(graph),
    index: 0,
    skipped: [],
    asked: [],
    history: [],
    totalIterations: 0,
    failed: [],
    saved: [],
    errors: [],
  };
}

const NONE: ReadonlySet<string> = new Set();

/** The chains are asked for several times a step, and change at a failure alone. */
const chains = new WeakMap<readonly string[], { graph: Graph; names: ReadonlySet<string> }>();

/** Every node in a failed chain. */
export function inFailedChain({ graph, failed }: RunState): ReadonlySet<string> {
  if (failed.length === 0) return NONE;
  const known = chains.get(failed);
  if (known?.graph === graph) return known.names;
  const names = withDescendants(graph, failed);
  chains.set(failed, { graph, names });
  return names;
}

const skippedSets = new WeakMap<readonly string[], Set<string>>();

function skippedSetOf(skipped: readonly string[]): Set<string> {
  const set = skippedSets.get(skipped) ?? new Set(skipped);
  skippedSets.set(skipped, set);
  return set;
}

/** The longer list takes over the set of the shorter one: a new set a step would be quadratic in a long blocked chain. */
function withSkipped(skipped: readonly string[], names: readonly string[]): readonly string[] {
  if (names.length === 0) return skipped;
  const set = skippedSetOf(skipped);
  skippedSets.delete(skipped);
  for (const name of names) set.add(name);
  const longer = [...skipped, ...names];
  skippedSets.set(longer, set);
  return longer;
}

/** For each failed node itself and its descendants, in declaration order. */
export function failedChains({ graph, failed }: RunState): string[][] {
  const { position } = indexOf(graph);
  const place = (name: string): number => position.get(name) as number;
  return failed.map((root) => [
    root,
    ...[...withDescendants(graph, [root])].filter((name) => name !== root).sort((a, b) => place(a) - place(b)),
  ]);
}

/** A node whose dependency is in a failed chain is blocked; one whose dependencies were all skipped is skipped. */
function splitStep(state: RunState, blocked: ReadonlySet<string>, skipped: ReadonlySet<string>): { run: string[]; skip: string[] } {
  const { byName } = indexOf(state.graph);
  const run: string[] = [];
  const skip: string[] = [];
  for (const name of state.levels[state.index] ?? []) {
    const dependencies = byName.get(name)?.dependencies ?? [];
    const isBlocked = dependencies.some((dependency) => blocked.has(dependency));
    const isSkipped = dependencies.length > 0 && skipped.size > 0 && dependencies.every((dependency) => skipped.has(dependency));
    (isBlocked || (isSkipped && !state.asked.includes(name)) ? skip : run).push(name);
  }
  return { run, skip };
}

/** The nodes of the step that may run. */
export function runnable(state: RunState): readonly string[] {
  if (state.failed.length === 0 && state.skipped.length === 0) return state.levels[state.index] ?? [];
  return splitStep(state, inFailedChain(state), skippedSetOf(state.skipped)).run;
}

/** Passes over the steps of which nothing may run. */
function passBlocked(state: RunState): RunState {
  if (state.failed.length === 0 && state.skipped.length === 0) return state;
  const blocked = inFailedChain(state);
  let { index, skipped } = state;
  while (index < state.levels.length) {
    const { run, skip } = splitStep({ ...state, index }, blocked, skippedSetOf(skipped));
    if (run.length > 0) break;
    skipped = withSkipped(skipped, skip);
    index++;
  }
  return index === state.index ? state : { ...state, index, skipped };
}

/** Starts the step: it counts as an iteration, and what may not run is marked. */
export function beginStep(state: RunState): RunState {
  const totalIterations = state.totalIterations + 1;
  if (state.failed.length === 0 && state.skipped.length === 0) return { ...state, totalIterations };
  const { skip } = splitStep(state, inFailedChain(state), skippedSetOf(state.skipped));
  return { ...state, skipped: withSkipped(state.skipped, skip), totalIterations };
}

/** The nodes before which a snapshot is due. */
export function nodesToSave(state: RunState): string[] {
  const { byName } = indexOf(state.graph);
  return runnable(state).filter((name) => {
    const control = byName.get(name)?.snapshot;
    return control === SnapshotControl.ALWAYS || (control === SnapshotControl.ONCE && !state.saved.includes(name));
  });
}

export function markSaved(state: RunState, nodes: readonly string[]): RunState {
  const { byName } = indexOf(state.graph);
  const once = nodes.filter((name) => byName.get(name)?.snapshot === SnapshotControl.ONCE);
  return once.length === 0 ? state : { ...state, saved: [...state.saved, ...once] };
}

export function withErrors(state: RunState, errors: readonly ErrorReport[]): RunState {
  return errors.length === 0 ? state : { ...state, errors: [...state.errors, ...errors].slice(-ERROR_LIMIT) };
}

/** What follows from a step, besides the state. */
export interface StepEffects {
  /** What is to be reported; a failed node was when it failed. */
  errors: Fault[];
  /** Deciding nodes whose jump was refused: they have failed. */
  refused: { node: string; error: string; code: string }[];
  added: string[];
  jump?: { from: string; to: string };
  /** The nodes whose generators the jump closes. */
  cleanup: string[];
}

/** What follows from most steps. */
const NO_EFFECTS: StepEffects = { errors: [], refused: [], added: [], cleanup: [] };

/** Records a step against the plan it ran in, then adds nodes, then jumps. */
export function settleStep(before: RunState, reports: readonly NodeReport[]): { state: RunState; effects: StepEffects } {
  if (reports.every(({ decision, added }) => decision === undefined && added === undefined)) {
    return { state: passBlocked(passReports(before, reports)), effects: NO_EFFECTS };
  }
  const effects: StepEffects = { errors: [], refused: [], added: [], cleanup: [] };
  let state = passReports(before, reports);
  let isReplanned = false;
  for (const report of reports) {
    if (report.status !== "COMPLETE" || report.added === undefined || report.added.length === 0) continue;
    try {
      const graph = extendGraph(state.graph, report.node, report.added);
      if (graph === state.graph) continue;
      effects.added.push(...graph.nodes.slice(state.graph.nodes.length).map(({ name }) => name));
      state = { ...state, graph };
      isReplanned = true;
    } catch (error) {
      refuse(effects, report.node, messageOf(error), asimovErrorOf(error)?.code ?? "graph-invalid-addition");
    }
  }
  const jump = chooseJump(state, reports, effects);
  if (effects.refused.length > 0) state = { ...state, failed: [...new Set([...state.failed, ...effects.refused.map(({ node }) => node)])] };
  if (jump !== undefined) {
    const levels = planOfJump(state.graph, pendingOf(state, effects), jump.node, jump.decision as string);
    effects.jump = { from: jump.node, to: jump.decision as string };
    if (jump.cleanup === true) effects.cleanup = levels.flat();
    state = { ...replan(state, levels), asked: [...state.asked.filter((name) => name !== jump.decision), jump.decision as string] };
  } else if (isReplanned) {
    state = replan(state, planOf(state.graph, new Set(pendingOf(state, effects))));
  }
  return { state: passBlocked(state), effects };
}

const pendingOf = ({ levels, index }: RunState, { added }: StepEffects): string[] => [...levels.slice(index).flat(), ...added];

function passReports(state: RunState, reports: readonly NodeReport[]): RunState {
  const skipped = reports.filter(({ status }) => status === "SKIPPED").map(({ node }) => node);
  let failed = state.failed;
  const hasFailure = reports.some(({ status }) => status === "FAILED" || status === "PARTIAL");
  if (hasFailure || failed.length > 0) {
    const roots = new Set(failed);
    for (const { node, status } of reports) {
      if (status === "COMPLETE") roots.delete(node);
      if (status === "FAILED" || status === "PARTIAL") roots.add(node);
    }
    const isSame = roots.size === failed.length && failed.every((name) => roots.has(name));
    if (!isSame) failed = [...roots];
  }
  const asked = state.asked.length === 0 ? state.asked : state.asked.filter((name) => !reports.some(({ node }) => node === name));
  return { ...state, failed, asked, skipped: withSkipped(state.skipped, skipped), index: state.index + 1 };
}

function refuse(effects: StepEffects, node: string, error: string, code: string): void {
  effects.refused.push({ node, error, code });
  effects.errors.push({ status: "error", node, error, code });
}

/** The last valid jump in declaration order; the others are reported. */
function chooseJump(state: RunState, reports: readonly NodeReport[], effects: StepEffects): NodeReport | undefined {
  const { byName } = indexOf(state.graph);
  let asked = reports.filter(({ status, decision }) => status === "COMPLETE" && decision !== undefined);
  for (const { node, decision } of asked) {
    if (byName.has(decision as string)) continue;
    const error = `Node "${node}" decided for "${decision}", which the graph does not hold; the plan goes on.`;
    effects.errors.push({ status: "error", node, error, code: "unknown-target" });
  }
  asked = withoutFailed(
    state,
    asked.filter(({ decision }) => byName.has(decision as string)),
    effects,
  );
  const chosen = asked.pop();
  for (const { node, decision } of chosen === undefined ? [] : asked) {
    const error = `Node "${node}" decided for "${decision}", but "${chosen?.node}" decided later in the same step, for "${chosen?.decision}".`;
    effects.errors.push({ status: "error", node, error, code: "jump-overruled" });
  }
  return chosen;
}

/** A node that decides for one in a failed chain fails; then its own chain may hold the target of another. */
function withoutFailed(state: RunState, asked: readonly NodeReport[], effects: StepEffects): NodeReport[] {
  if (asked.length === 0) return [];
  const refused = effects.refused.map(({ node }) => node);
  const failed = refused.length === 0 ? inFailedChain(state) : withDescendants(state.graph, [...state.failed, ...refused]);
  const left = asked.filter(({ node }) => !refused.includes(node));
  const stays = ({ decision }: NodeReport): boolean => !failed.has(decision as string);
  if (left.every(stays)) return left;
  for (const { node, decision } of left.filter((report) => !stays(report))) {
    refuse(effects, node, `Node "${node}" decided for "${decision}", which is in a failed chain.`, "target-failed");
  }
  return withoutFailed(state, left, effects);
}

/** What was skipped stays so, unless the new plan runs it again. */
function replan(state: RunState, levels: Levels): RunState {
  const { index, skipped } = state;
  const history = [...state.history.slice(1 - HISTORY_LIMIT), { levels: state.levels, index, skipped }];
  const again = new Set(skipped.length === 0 ? [] : levels.flat());
  return { ...state, levels, index: 0, skipped: skipped.filter((name) => !again.has(name)), history };
}

/** COMPLETE without a failed chain; FAILED when every node is in one; PARTIAL otherwise. */
export function statusOf(state: RunState): Extract<TaskStatus, "COMPLETE" | "FAILED" | "PARTIAL"> {
  const failed = inFailedChain(state);
  if (failed.size === 0) return "COMPLETE";
  return failed.size === state.graph.nodes.length ? "FAILED" : "PARTIAL";
}

export function toExecutionState(state: RunState): ExecutionState {
  return {
    executionIndex: state.index,
    currentPlan: toExecutionPlan(state.levels, state.index, state.skipped),
    executionHistory: state.history.map(({ levels, index, skipped }) => toExecutionPlan(levels, index, skipped)),
    totalIterations: state.totalIterations,
  };
}
