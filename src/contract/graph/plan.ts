/** The plan as users see it: the longest-path levels of the nodes that it holds. */
import { AsimovError } from "#contract/base/errors";
import { type Graph, type GraphNode, indexOf } from "./graph.ts";
import { levelsOf } from "./graph-index.ts";

export interface ExecutionStep {
  nodes: string[];
  /** By position: the node ran to an end in this plan, well or badly. */
  executed: boolean[];
  /** By position: the node's condition was false, or what it depends on is in a failed chain or was skipped. */
  skipped: boolean[];
}

export type ExecutionPlan = ExecutionStep[];

export interface ExecutionState {
  /** The first level with a node that has not settled; nodes behind it may run already. */
  executionIndex: number;
  currentPlan: ExecutionPlan;
  /** The plans that jumps replaced, oldest first; the newest 100. */
  executionHistory: ExecutionPlan[];
  /** The greatest iteration that a visit began with; without jumps, where every node runs, the number of levels. */
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

/** A plan of which nothing has run. */
export function toExecutionPlan(levels: Levels): ExecutionPlan {
  return levels.map((nodes) => ({ nodes: [...nodes], executed: nodes.map(() => false), skipped: nodes.map(() => false) }));
}
