/** The graph as plain data: validated whole, indexed once, every walk over it linear in nodes and edges. */
import { GraphError } from "#contract/base/errors";
import type { SnapshotControl } from "#contract/base/vocabulary";

/** Anything that is named and comes after other named things. */
export interface Dependent {
  readonly name: string;
  readonly dependencies: readonly string[];
}

/** What the agent machine knows of a node. */
export interface GraphNode extends Dependent {
  readonly snapshot: SnapshotControl;
  /** The names of its modules; of a nested graph, its nodes with what they depend on and are made of. */
  readonly parts: readonly string[];
  /** The nodes that its flow control may jump to. */
  readonly targets: readonly string[];
  /** The node whose result added this one; absent for what the agent was made with. */
  readonly addedBy?: string;
}

/** Never changed in place; an index is kept for each. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
}

export interface GraphIndex {
  readonly byName: ReadonlyMap<string, GraphNode>;
  /** Position in declaration order. */
  readonly position: ReadonlyMap<string, number>;
  readonly dependents: ReadonlyMap<string, readonly string[]>;
}

const indexes = new WeakMap<Graph, GraphIndex>();

export function indexOf(graph: Graph): GraphIndex {
  const known = indexes.get(graph);
  if (known !== undefined) return known;
  const byName = new Map<string, GraphNode>();
  const position = new Map<string, number>();
  const dependents = new Map<string, string[]>();
  graph.nodes.forEach((node, index) => {
    byName.set(node.name, node);
    position.set(node.name, index);
    dependents.set(node.name, []);
  });
  for (const node of graph.nodes) for (const dependency of node.dependencies) dependents.get(dependency)?.push(node.name);
  const index = { byName, position, dependents };
  indexes.set(graph, index);
  return index;
}

/** The nodes that a run added itself. */
export function addedNames({ nodes }: Graph): Set<string> {
  return new Set(nodes.flatMap(({ name, addedBy }) => (addedBy === undefined ? [] : [name])));
}

/** The nodes themselves and everything that depends on them, however far. */
export function withDescendants(graph: Graph, roots: Iterable<string>): Set<string> {
  const { dependents } = indexOf(graph);
  const found = new Set<string>(roots);
  for (const name of found) for (const dependent of dependents.get(name) ?? []) found.add(dependent);
  return found;
}

/**
 * The longest-path levels (Kahn 1962): a node's level is one more than the highest of its dependencies among `nodes`.
 * Within a level, nodes stand in the order given. `circular` names what could not be placed.
 */
export function levelsOf(nodes: readonly Dependent[]): { levels: string[][]; circular: string[] } {
  const level = new Map<string, number>();
  const open = new Map<string, number>();
  const dependents = new Map<string, string[]>();
  for (const node of nodes) dependents.set(node.name, []);
  for (const node of nodes) {
    let count = 0;
    for (const dependency of node.dependencies) {
      const known = dependents.get(dependency);
      if (known === undefined) continue;
      known.push(node.name);
      count++;
    }
    open.set(node.name, count);
    if (count === 0) level.set(node.name, 0);
  }
  // A Map iterates over what is added while it iterates: the queue of Kahn's algorithm.
  for (const [name, depth] of level) {
    for (const dependent of dependents.get(name) ?? []) {
      const left = (open.get(dependent) as number) - 1;
      open.set(dependent, left);
      // The last dependency to be placed is one of the deepest, since levels are placed in order.
      if (left === 0) level.set(dependent, depth + 1);
    }
  }
  const levels: string[][] = [];
  const circular: string[] = [];
  for (const { name } of nodes) {
    const depth = level.get(name);
    if (depth === undefined) circular.push(name);
    else {
      while (levels.length <= depth) levels.push([]);
      (levels[depth] as string[]).push(name);
    }
  }
  return { levels, circular };
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
export function graphFaults(nodes: readonly GraphNode[]): GraphFault[] {
  const faults = duplicateFaults(nodes);
  const names = new Set(nodes.map(({ name }) => name));
  for (const node of nodes) {
    for (const dependency of node.dependencies) {
      if (!names.has(dependency)) {
        faults.push({
          code: "graph-unknown-dependency",
          message: `Node ${quote(node.name)} depends on ${quote(dependency)}, which the graph does not hold.`,
        });
      }
    }
    for (const target of node.targets) {
      if (!names.has(target)) {
        faults.push({
          code: "graph-unknown-target",
          message: `Node ${quote(node.name)} may jump to ${quote(target)}, which the graph does not hold.`,
        });
      }
    }
  }
  const { circular } = levelsOf(nodes);
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
  requireFaultless(graphFaults(nodes));
  return { nodes };
}

function requireFaultless(faults: readonly GraphFault[]): void {
  const [first] = faults;
  if (first === undefined) return;
  throw new GraphError(
    faults.map(({ message }) => message),
    first.code,
  );
}

/** Two modules of a node may add the same one; two that differ both stay, as the fault they are. */
function withoutRepetition(nodes: readonly GraphNode[]): GraphNode[] {
  return [...new Map(nodes.map((node) => [JSON.stringify(node), node])).values()];
}

/**
 * The graph with nodes that `creator` added: each depends on its creator and on what it declares,
 * what depended on the creator depends on the new nodes too.
 *
 * @throws GraphError when the new graph would have a fault
 */
export function extendGraph(graph: Graph, creator: string, added: readonly GraphNode[]): Graph {
  const { byName } = indexOf(graph);
  const fresh = withoutRepetition(added.filter((node) => !byName.has(node.name)));
  if (fresh.length === 0) return graph;
  const freshNames = fresh.map(({ name }) => name);
  const widened = graph.nodes.map((node) =>
    node.dependencies.includes(creator) ? { ...node, dependencies: [...node.dependencies, ...freshNames] } : node,
  );
  const attached = fresh.map((node) => ({ ...node, dependencies: [...new Set([creator, ...node.dependencies])], addedBy: creator }));
  return requireGraph([...widened, ...attached]);
}
