/** The plan: the graph's levels, one level a step, and the new plans that jumps and added nodes make of it. */
import { AsimovError } from "#contract/base/errors";
import { type Graph, indexOf, levelsOf, withDescendants } from "./graph.ts";

export interface ExecutionStep {
  nodes: string[];
  /** By position: the node ran to an end in this plan, well or badly. */
  executed: boolean[];
  /** By position: the node's condition was false, or what it depends on failed or was skipped. */
  skipped: boolean[];
}

export type ExecutionPlan = ExecutionStep[];

export interface ExecutionState {
  /** The step that runs now, or next. */
  executionIndex: number;
  currentPlan: ExecutionPlan;
  /** The plans that jumps and added nodes replaced, oldest first; the newest 100. */
  executionHistory: ExecutionPlan[];
  /** The steps that ran. */
  totalIterations: number;
}

/** The steps of a plan: names of nodes that run at once. */
export type Levels = readonly (readonly string[])[];

const plans = new WeakMap<Graph, Levels>();

/** The plan of some of the nodes, which keep their order; dependencies outside count as done. */
export function planOf(graph: Graph, names?: ReadonlySet<string>): Levels {
  if (names !== undefined) return levelsOf(graph.nodes.filter(({ name }) => names.has(name))).levels;
  const known = plans.get(graph) ?? levelsOf(graph.nodes).levels;
  plans.set(graph, known);
  return known;
}

/** A jump: the target and its descendants, and what is pending and does not descend from the node that decided. */
export function planOfJump(graph: Graph, pending: readonly string[], from: string, to: string): Levels {
  const dropped = withDescendants(graph, [from]);
  const names = withDescendants(graph, [to]);
  for (const name of pending) if (!dropped.has(name)) names.add(name);
  return planOf(graph, names);
}

/** @throws AsimovError `unknown-node` */
export function requireNode(graph: Graph, name: string): void {
  if (indexOf(graph).byName.has(name)) return;
  throw new AsimovError(
    `The graph holds no node "${name}"; it holds ${graph.nodes.map((node) => `"${node.name}"`).join(", ") || "none"}.`,
    {
      code: "unknown-node",
    },
  );
}

/** The plan as users see it. Everything before `index` was executed, but for what was skipped. */
export function toExecutionPlan(levels: Levels, index: number, skipped: readonly string[]): ExecutionPlan {
  const left = new Set(skipped);
  return levels.map((nodes, step) => ({
    nodes: [...nodes],
    executed: nodes.map((name) => step < index && !left.has(name)),
    skipped: nodes.map((name) => step < index && left.has(name)),
  }));
}
