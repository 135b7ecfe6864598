/** The plan: the graph's levels, one level a step, and the new plans that jumps and added nodes make of it. */
import { AsimovError } from "#contract/base/errors";
import { type Graph, type GraphNode, indexOf, withDescendants } from "./graph.ts";
import { levelsOf } from "./graph-index.ts";

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

/** The plan of some of the nodes, which keep their order; dependencies outside count as done. */
export function planOf(graph: Graph, names?: ReadonlySet<string>): Levels {
  return names === undefined ? indexOf(graph).levels.levels : levelsOf(nodesOf(graph, names)).levels;
}

/** In declaration order; few nodes of a large graph cost what they are. */
function nodesOf(graph: Graph, names: ReadonlySet<string>): GraphNode[] {
  if (names.size > graph.nodes.length / 8) return graph.nodes.filter(({ name }) => names.has(name));
  const index = indexOf(graph);
  return inOrder(graph, names).map((name) => index.node(name) as GraphNode);
}

/** Names in declaration order. */
export function inOrder(graph: Graph, names: Iterable<string>): string[] {
  const index = indexOf(graph);
  const positions = Uint32Array.from(names, (name) => index.position(name) as number).sort();
  return Array.from(positions, (place) => (graph.nodes[place] as GraphNode).name);
}

const plansOfJumps = new WeakMap<Graph, Map<string, Levels>>();

/** A jump: the target and its descendants, and what is pending and does not descend from the node that decided. */
export function planOfJump(graph: Graph, pending: readonly string[], from: string, to: string): Levels {
  const known = plansOfJumps.get(graph) ?? new Map<string, Levels>();
  const plan = pending.length > 0 ? undefined : known.get(to);
  if (plan !== undefined) return plan;
  const names = withDescendants(graph, [to]);
  if (pending.length === 0) {
    const levels = planOf(graph, names);
    plansOfJumps.set(graph, known.set(to, levels));
    return levels;
  }
  const dropped = withDescendants(graph, [from]);
  for (const name of pending) if (!dropped.has(name)) names.add(name);
  return planOf(graph, names);
}

/**
 * The plan of what is pending and of what was added to the graph since: the longest-path levels of both, as `planOf` gives them.
 * It looks at no level behind the one from which all that follows stands as far from its place before: what runs next is all that it costs.
 */
export function extendPlan(graph: Graph, pending: Levels, added: readonly string[]): Levels {
  const index = indexOf(graph);
  const fresh = added.map((name) => index.node(name) as GraphNode);
  const freshNames = new Set(added);
  const isFree = ({ dependencies, addedBy }: GraphNode): boolean => dependencies.every((name) => name === addedBy || freshNames.has(name));
  // What waits for a pending node has its place behind it, wherever that is.
  if (!fresh.every(isFree)) return planOf(graph, new Set([...pending.flat(), ...added]));
  const { levels } = levelsOf(fresh);
  const placed = new Map(levels.flatMap((names, level) => names.map((name) => [name, level] as const)));
  for (const [level, names] of pending.entries()) {
    const shifts = new Set<number>();
    for (const name of names) {
      const { dependencies } = index.node(name) as GraphNode;
      const place = dependencies.reduce((deepest, before) => Math.max(deepest, placed.get(before) ?? -1), -1) + 1;
      placed.set(name, place);
      shifts.add(place - level);
      while (levels.length <= place) levels.push([]);
      (levels[place] as string[]).push(name);
    }
    const [shift = 0] = shifts;
    if (shifts.size === 1 && levels.length === level + shift + 1) {
      return [...levels.map((each) => inOrder(graph, each)), ...pending.slice(level + 1)];
    }
  }
  return levels.map((names) => inOrder(graph, names));
}

/** @throws AsimovError `unknown-node` */
export function requireNode(graph: Graph, name: string): void {
  if (indexOf(graph).has(name)) return;
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
