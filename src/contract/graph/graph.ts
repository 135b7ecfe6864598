/** The graph as plain data: validated whole, indexed once, every walk over it linear in nodes and edges. */
import { GraphError } from "#contract/base/errors";
import { type Dependent, GraphIndex } from "./graph-index.ts";

/** What the agent machine knows of a node. */
export interface GraphNode extends Dependent {
  /** The names of its modules; of a nested graph, its nodes with what they depend on and are made of. */
  readonly parts: readonly string[];
  /** The nodes that its flow control may jump to. */
  readonly targets: readonly string[];
  /** The node whose result added this one; absent for what the agent was made with. */
  readonly addedBy?: string;
}

/** Never changed in place; an index is kept for the newest of a line of graphs that extend each other. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
}

const indexes = new WeakMap<Graph, GraphIndex<GraphNode>>();

export function indexOf(graph: Graph): GraphIndex<GraphNode> {
  let index = indexes.get(graph);
  if (index === undefined) {
    index = new GraphIndex(graph.nodes);
    indexes.set(graph, index);
  }
  return index;
}

/**
 * Hands the index of a graph on to one that extends it, at the cost of what was added; the shorter one gets a new index if anybody still asks.
 *
 * @param widened nodes that depend on all of `fresh` now
 * @param fresh nodes at the end of `longer`
 */
export function passIndexOn(shorter: Graph, longer: Graph, widened: readonly GraphNode[], fresh: readonly GraphNode[]): void {
  const index = indexOf(shorter);
  indexes.delete(shorter);
  indexes.set(longer, index);
  index.extend(longer.nodes, widened, fresh);
}

/** The nodes that a run added itself. */
export function addedNames({ nodes }: Graph): Set<string> {
  return new Set(nodes.flatMap(({ name, addedBy }) => (addedBy === undefined ? [] : [name])));
}

/** The nodes themselves and everything that depends on them, however far. */
export function withDescendants(graph: Graph, roots: Iterable<string>): Set<string> {
  const index = indexOf(graph);
  const positions = Array.from(roots, (name) => index.position(name)).filter((position) => position !== undefined);
  return new Set(Array.from(index.regionAt(positions), (position) => index.nameAt(position)));
}

/** One circle among nodes that could not be placed, as a walk that ends where it began. */
function findCircle(nodes: readonly Dependent[], circular: readonly string[]): string[] {
  const names = new Set(circular);
  const left = new Map(nodes.filter(({ name }) => names.has(name)).map((node) => [node.name, node]));
  const walk: string[] = [];
  const seen = new Map<string, number>();
  let name = circular[0] as string;
  while (!seen.has(name)) {
    seen.set(name, walk.length);
    walk.push(name);
    name = left.get(name)?.dependencies.find((dependency) => left.has(dependency)) as string;
  }
  return [...walk.slice(seen.get(name)), name].reverse();
}

const quote = (name: string): string => `"${name}"`;

interface GraphFault {
  code: string;
  message: string;
}

/** A sentence for each name that several nodes have. */
function duplicateFaults(nodes: readonly Pick<Dependent, "name">[]): GraphFault[] {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const { name } of nodes) (seen.has(name) ? twice : seen).add(name);
  return [...twice].map((name) => ({
    code: "graph-duplicate-node",
    message: `Two nodes are named ${quote(name)}; give each a name of its own.`,
  }));
}

/** @throws GraphError `graph-duplicate-node`, naming every name that several nodes have */
export function requireDistinctNames(nodes: readonly Pick<Dependent, "name">[]): void {
  requireFaultless(duplicateFaults(nodes));
}

/** Every fault of a graph, one sentence each, with the code of the first. */
export function graphFaults(graph: Graph): GraphFault[] {
  const { nodes } = graph;
  const index = indexOf(graph);
  const faults = index.isDistinct ? [] : duplicateFaults(nodes);
  for (const node of nodes) {
    for (const dependency of index.isWhole ? [] : node.dependencies) {
      if (!index.has(dependency)) {
        faults.push({
          code: "graph-unknown-dependency",
          message: `Node ${quote(node.name)} depends on ${quote(dependency)}, which the graph does not hold.`,
        });
      }
    }
    for (const target of node.targets) {
      if (!index.has(target)) {
        faults.push({
          code: "graph-unknown-target",
          message: `Node ${quote(node.name)} may jump to ${quote(target)}, which the graph does not hold.`,
        });
      }
    }
  }
  const { circular } = index.levels;
  if (circular.length > 0) {
    const circle = findCircle(nodes, circular);
    faults.push({
      code: "graph-cycle",
      message: `The dependencies form a circle: ${circle.map(quote).join(" → ")}. Loops are made by a decision.`,
    });
  }
  return faults;
}

/** @throws GraphError with every fault at once, and the code of the first */
export function requireGraph(nodes: readonly GraphNode[]): Graph {
  const graph = { nodes };
  requireFaultless(graphFaults(graph));
  return graph;
}

function requireFaultless(faults: readonly GraphFault[]): void {
  const [first] = faults;
  if (first === undefined) return;
  throw new GraphError(
    faults.map(({ message }) => message),
    first.code,
  );
}
