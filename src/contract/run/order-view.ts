/** What the order of a run shows of itself: plans by levels, failed chains, and how it ended. */
import { indexOf, withDescendants } from "#contract/graph/graph";
import { levelsOf } from "#contract/graph/graph-index";
import { type ExecutionPlan, type ExecutionState, inOrder } from "#contract/graph/plan";
import type { Order } from "./order.ts";
import { isUnsettled, Phase } from "./order-cells.ts";

/** Where each node of a plan stands, by position; undefined for what is not in it. */
type Standing = (position: number) => Phase | undefined;

/** The longest-path levels of the nodes that a plan holds. */
function planOf({ graph }: Order, size: number, standing: Standing): ExecutionPlan {
  const held = graph.nodes.flatMap((node, position) => (position < size && standing(position) !== undefined ? [node] : []));
  const { levels } = held.length === graph.nodes.length ? indexOf(graph).levels : levelsOf(held);
  const index = indexOf(graph);
  return levels.map((names) => {
    const phases = names.map((name) => standing(index.position(name) as number));
    return {
      nodes: [...names],
      executed: phases.map((phase) => phase === Phase.DONE),
      skipped: phases.map((phase) => phase === Phase.SKIPPED || phase === Phase.BLOCKED),
    };
  });
}

/** @param plan the number of the plan; what settled in one before is not in it, what settles in a later one has not yet */
function standingIn(plan: number, phase: Phase, settledIn: number): Phase | undefined {
  if (phase === Phase.DROPPED || phase === Phase.GONE) return undefined;
  if (isUnsettled(phase) || settledIn === plan) return phase;
  return settledIn > plan ? Phase.PENDING : undefined;
}

/** The plan that runs, those that jumps replaced, and how far it all is. */
export function toExecutionState(order: Order): ExecutionState {
  const { cells, graph, totalIterations } = order;
  const { plans, present } = order.past;
  const phases = graph.nodes.map((_, position) => cells.phase(position));
  const settledIn = graph.nodes.map((_, position) => cells.plan(position));
  const planNumber = (plan: number, size: number): ExecutionPlan =>
    planOf(order, size, (position) => standingIn(plan, phases[position] as Phase, settledIn[position] as number));
  const currentPlan = planNumber(present, graph.nodes.length);
  const index = indexOf(graph);
  const unsettled = currentPlan.findIndex(({ nodes }) => nodes.some((name) => isUnsettled(cells.phase(index.position(name) as number))));
  const executionHistory: ExecutionPlan[] = [];
  for (const [back, { size, before }] of plans.toReversed().entries()) {
    for (let at = 0; at < before.length; at += 3) {
      phases[before[at] as number] = before[at + 1] as Phase;
      settledIn[before[at] as number] = before[at + 2] as number;
    }
    executionHistory.unshift(planNumber(present - 1 - back, size));
  }
  return { executionIndex: unsettled === -1 ? currentPlan.length : unsettled, currentPlan, executionHistory, totalIterations };
}

/** What a graph comes to, once its nodes run no more. */
export interface OrderEnd {
  /** COMPLETE without a failed chain; FAILED when every node is in one; PARTIAL otherwise. */
  status: "COMPLETE" | "FAILED" | "PARTIAL";
  /** The roots of the failed chains, in declaration order: which of them failed first is chance. */
  failed: string[];
  /** Each root before its descendants, which stand in declaration order too. */
  failedChains: string[][];
  /** The nodes that nothing depends on. */
  last: string[];
  totalIterations: number;
}

export function endOf({ graph, failed, totalIterations }: Order): OrderEnd {
  const index = indexOf(graph);
  const status = failed.size === 0 ? "COMPLETE" : failed.size === graph.nodes.length ? "FAILED" : "PARTIAL";
  const roots = inOrder(
    graph,
    [...failed.roots].map((position) => index.nameAt(position)),
  );
  const last = graph.nodes.flatMap(({ name }, position) => (index.isLastAt(position) ? [name] : []));
  return { status, failed: roots, failedChains: chainsOf(graph, roots), last, totalIterations };
}

/** Walked once for all roots that the same nodes depend on: what is left is to write them down. */
function chainsOf(graph: Order["graph"], roots: readonly string[]): string[][] {
  const index = indexOf(graph);
  const tails = new Map<string, string[]>();
  return roots.map((root) => {
    const behind = [...index.dependents(root)];
    const key = JSON.stringify(behind);
    const tail = tails.get(key) ?? inOrder(graph, withDescendants(graph, behind));
    tails.set(key, tail);
    return [root, ...tail];
  });
}
