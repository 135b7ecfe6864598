/** Where a run stands: plan, history, failed chains and limits, moved on by pure functions that the agent machine calls. */
import { asimovErrorOf, messageOf } from "#contract/base/errors";
import { SnapshotControl, type TaskStatus } from "#contract/base/vocabulary";
import { extendGraph } from "#contract/graph/extend";
import { type Graph, indexOf, withDescendants } from "#contract/graph/graph";
import { type ExecutionState, extendPlan, type Levels, planOf, planOfJump, toExecutionPlan } from "#contract/graph/plan";
import type { ErrorReport, Fault, NodeReport } from "#contract/node/result";
import { inFailedChain, passChainsOn, withFailed } from "./chains.ts";
import { type History, NO_HISTORY, pastPlans, withPlan } from "./history.ts";
import { growingSetOf, type NameList, setOf, withNames, withoutNames } from "./name-list.ts";

const ERROR_LIMIT = 1_000;

export interface RunState {
  graph: Graph;
  levels: Levels;
  /** The step that runs now, or next. */
  index: number;
  /** Of the current plan: skipped by a condition, or since what they depend on was skipped or failed. */
  skipped: NameList;
  /** What jumps asked for and did not run yet: it runs also when all it depends on was skipped. */
  asked: readonly string[];
  /** The plans that were replaced, bounded. */
  history: History;
  totalIterations: number;
  /** The nodes whose latest visit failed: the roots of the failed chains. */
  failed: NameList;
  /** The nodes with snapshot ONCE that had theirs. */
  saved: NameList;
  errors: readonly ErrorReport[];
}

export function startState(graph: Graph): RunState {
  return {
    graph,
    levels: planOf(graph),
    index: 0,
    skipped: [],
    asked: [],
    history: NO_HISTORY,
    totalIterations: 0,
    failed: [],
    saved: [],
    errors: [],
  };
}

const hasNothingToPass = ({ failed, skipped }: RunState): boolean => failed.length === 0 && skipped.length === 0;

/** Whether a node of the step is passed over: its dependency is in a failed chain, or all its dependencies were skipped. */
function passing({ graph, failed, skipped, asked }: RunState): (name: string) => boolean {
  const index = indexOf(graph);
  const blocked = inFailedChain({ graph, failed });
  const left = growingSetOf(skipped);
  const isBlocked = (name: string): boolean => blocked.has(name);
  const isLeft = (name: string): boolean => left.has(name);
  return (name) => {
    const dependencies = index.node(name)?.dependencies ?? [];
    if (dependencies.length === 0) return false;
    if (blocked.size > 0 && dependencies.some(isBlocked)) return true;
    return left.size > 0 && dependencies.every(isLeft) && !asked.includes(name);
  };
}

/** The nodes of the step that may run. */
export function runnable(state: RunState): readonly string[] {
  const step = state.levels[state.index] ?? [];
  if (hasNothingToPass(state)) return step;
  const isPassed = passing(state);
  return step.filter((name) => !isPassed(name));
}

/** Passes over the steps of which nothing may run. */
function passBlocked(state: RunState): RunState {
  if (hasNothingToPass(state)) return state;
  let { index } = state;
  function* passed(): Generator<string> {
    const isPassed = passing(state);
    for (let step = state.levels[index]; step?.every(isPassed); step = state.levels[++index]) yield* step;
  }
  const skipped = withNames(state.skipped, passed());
  return index === state.index ? state : { ...state, index, skipped };
}

/** Starts the step: it counts as an iteration, and what may not run is marked. */
export function beginStep(state: RunState): RunState {
  const totalIterations = state.totalIterations + 1;
  if (hasNothingToPass(state)) return { ...state, totalIterations };
  const passed = (state.levels[state.index] ?? []).filter(passing(state));
  return { ...state, skipped: withNames(state.skipped, passed), totalIterations };
}

/** The nodes before which a snapshot is due. */
export function nodesToSave(state: RunState): string[] {
  const index = indexOf(state.graph);
  return runnable(state).filter((name) => {
    const control = index.node(name)?.snapshot;
    return control === SnapshotControl.ALWAYS || (control === SnapshotControl.ONCE && !setOf(state.saved).has(name));
  });
}

export function markSaved(state: RunState, nodes: readonly string[]): RunState {
  const index = indexOf(state.graph);
  const once = nodes.filter((name) => index.node(name)?.snapshot === SnapshotControl.ONCE);
  return once.length === 0 ? state : { ...state, saved: withNames(state.saved, once) };
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
  let state = addNodes(passReports(before, reports), reports, effects);
  const jump = chooseJump(state, reports, effects);
  if (effects.refused.length > 0) state = withRoots(state, new Set(effects.refused.map(({ node }) => node)));
  const pending = state.levels.slice(state.index);
  if (jump !== undefined) {
    const { node: from, decision } = jump;
    const to = decision as string;
    const levels = planOfJump(state.graph, [...pending.flat(), ...effects.added], from, to);
    effects.jump = { from, to };
    if (jump.cleanup === true) effects.cleanup = levels.flat();
    state = { ...replan(state, levels), asked: [...state.asked.filter((name) => name !== to), to] };
  } else if (effects.added.length > 0) {
    state = replan(state, extendPlan(state.graph, pending, effects.added));
  }
  return { state: passBlocked(state), effects };
}

function addNodes(before: RunState, reports: readonly NodeReport[], effects: StepEffects): RunState {
  let state = before;
  for (const report of reports) {
    if (report.status !== "COMPLETE" || report.added === undefined || report.added.length === 0) continue;
    try {
      const graph = extendGraph(state.graph, report.node, report.added);
      if (graph === state.graph) continue;
      passChainsOn(state, graph);
      effects.added.push(...graph.nodes.slice(state.graph.nodes.length).map(({ name }) => name));
      state = { ...state, graph };
    } catch (error) {
      refuse(effects, report.node, messageOf(error), asimovErrorOf(error)?.code ?? "graph-invalid-addition");
    }
  }
  return state;
}

const withRoots = (state: RunState, roots: ReadonlySet<string>): RunState => {
  const known = setOf(state.failed);
  return {
    ...state,
    failed: withFailed(
      state,
      [...roots].filter((name) => !known.has(name)),
    ),
  };
};

function passReports(before: RunState, reports: readonly NodeReport[]): RunState {
  const skipped: string[] = [];
  const fallen = new Set<string>();
  const healed = new Set<string>();
  let { asked } = before;
  const failed = setOf(before.failed);
  for (const { node, status } of reports) {
    if (status === "SKIPPED") skipped.push(node);
    else if (status !== "COMPLETE") fallen.add(node);
    else if (failed.has(node)) healed.add(node);
    if (asked.includes(node)) asked = asked.filter((name) => name !== node);
  }
  const state = { ...before, asked, skipped: withNames(before.skipped, skipped), index: before.index + 1 };
  const left = healed.size === 0 ? state : { ...state, failed: withoutNames(state.failed, healed) };
  return fallen.size === 0 ? left : withRoots(left, fallen);
}

function refuse(effects: StepEffects, node: string, error: string, code: string): void {
  effects.refused.push({ node, error, code });
  effects.errors.push({ status: "error", node, error, code });
}

/** The last valid jump in declaration order; the others are reported. */
function chooseJump(state: RunState, reports: readonly NodeReport[], effects: StepEffects): NodeReport | undefined {
  const index = indexOf(state.graph);
  let asked = reports.filter(({ status, decision }) => status === "COMPLETE" && decision !== undefined);
  for (const { node, decision } of asked) {
    if (index.has(decision as string)) continue;
    const error = `Node "${node}" decided for "${decision}", which the graph does not hold; the plan goes on.`;
    effects.errors.push({ status: "error", node, error, code: "unknown-target" });
  }
  asked = withoutFailed(
    state,
    asked.filter(({ decision }) => index.has(decision as string)),
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
  const failed = refused.length === 0 ? inFailedChain(state) : withDescendants(state.graph, [...setOf(state.failed), ...refused]);
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
  const { index, skipped, totalIterations: id } = state;
  const left = setOf(skipped);
  const again = new Set(left.size === 0 ? [] : levels.flatMap((names) => names.filter((name) => left.has(name))));
  return {
    ...state,
    levels,
    index: 0,
    skipped: again.size === 0 ? skipped : withoutNames(skipped, again),
    history: withPlan(state.history, { id, levels: state.levels, index, skipped }),
  };
}

/** COMPLETE without a failed chain; FAILED when every node is in one; PARTIAL otherwise. */
export function statusOf(state: RunState): Extract<TaskStatus, "COMPLETE" | "FAILED" | "PARTIAL"> {
  const failed = inFailedChain(state);
  if (failed.size === 0) return "COMPLETE";
  return failed.size === state.graph.nodes.length ? "FAILED" : "PARTIAL";
}

export function toExecutionState({ levels, index, skipped, history, totalIterations }: RunState): ExecutionState {
  return {
    executionIndex: index,
    currentPlan: toExecutionPlan(levels, index, skipped.flat()),
    executionHistory: pastPlans(history).map((plan) => toExecutionPlan(plan.levels, plan.index, plan.skipped.flat())),
    totalIterations,
  };
}
