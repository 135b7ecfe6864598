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

/** Never changed in place; an index is kept for the newest of a line of graphs that extend each other. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
}

export interface GraphIndex {
  readonly byName: ReadonlyMap<string, GraphNode>;
  /** Position in declaration order. */
  readonly position: ReadonlyMap<string, number>;
  readonly dependents: ReadonlyMap<string, readonly string[]>;
}

interface GrowingIndex extends GraphIndex {
  readonly byName: Map<string, GraphNode>;
  readonly position: Map<string, number>;
  readonly dependents: Map<string, string[]>;
}

const indexes = new WeakMap<Graph, GrowingIndex>();

export function indexOf(graph: Graph): GraphIndex {
  let index = indexes.get(graph);
  if (index === undefined) {
    index = { byName: new Map(), position: new Map(), dependents: new Map() };
    for (const [position, node] of graph.nodes.entries()) {
      index.byName.set(node.name, node);
      index.position.set(node.name, position);
      index.dependents.set(node.name, []);
    }
    for (const node of graph.nodes) for (const dependency of node.dependencies) index.dependents.get(dependency)?.push(node.name);
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
  const index = indexOf(shorter) as GrowingIndex;
  indexes.delete(shorter);
  indexes.set(longer, index);
  const widenedNames = widened.map(({ name }) => name);
  for (const node of widened) index.byName.set(node.name, node);
  for (const node of fresh) {
    index.position.set(node.name, index.byName.size);
    index.byName.set(node.name, node);
    index.dependents.set(node.name, [...widenedNames]);
  }
  for (const { name, dependencies } of fresh) for (const dependency of dependencies) index.dependents.get(dependency)?.push(name);
}

/** The nodes that a run added itself. */
export function addedNames({ nodes }: Graph): Set<string> {
  return new Set(nodes.flatMap(({ name, addedBy }) => (addedBy === undefined ? [] : [name])));
}

/** The nodes themselves and everything that depends on them, however far. */
export function withDescendants(graph: Graph, roots: Iterable<string>): Set<string> {
  const found = new Set<string>();
  addDescendants(graph, found, roots);
  return found;
}

/** Adds nodes and everything that depends on them to a set that holds the descendants of all that it holds; costs what is new there. */
export function addDescendants(graph: Graph, found: Set<string>, roots: Iterable<string>): void {
  const { dependents } = indexOf(graph);
  const queue: string[] = [];
  const find = (name: string): void => {
    if (found.has(name)) return;
    found.add(name);
    queue.push(name);
  };
  for (const root of roots) find(root);
  for (const name of queue) for (const dependent of dependents.get(name) ?? []) find(dependent);
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
