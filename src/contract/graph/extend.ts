/** Adds nodes to a graph at the cost of what is added and of what depends on who adds it: nothing is checked that was checked before. */
import { type Graph, type GraphNode, indexOf, passIndexOn, requireGraph } from "./graph.ts";
import { levelsOf } from "./graph-index.ts";
import { passHeightOn } from "./height.ts";

/** Two modules of a node may add the same one; two that differ both stay, as the fault they are. */
function withoutRepetition(nodes: readonly GraphNode[]): readonly GraphNode[] {
  return nodes.length < 2 ? nodes : [...new Map(nodes.map((node) => [JSON.stringify(node), node])).values()];
}

/**
 * The graph with nodes that `creator` added: each depends on its creator and on what it declares,
 * what depended on the creator depends on the new nodes too.
 *
 * @throws GraphError when the new graph would have a fault
 */
export function extendGraph(graph: Graph, creator: string, added: readonly GraphNode[]): Graph {
  const index = indexOf(graph);
  const fresh = withoutRepetition(added.filter((node) => !index.has(node.name)));
  if (fresh.length === 0) return graph;
  const freshNames = fresh.map(({ name }) => name);
  const widened = [...index.dependents(creator)].map((name) => {
    const node = index.node(name) as GraphNode;
    return { ...node, dependencies: [...node.dependencies, ...freshNames] };
  });
  const attached = fresh.map((node) => ({ ...node, dependencies: [...new Set([creator, ...node.dependencies])], addedBy: creator }));
  const nodes = graph.nodes.concat(attached);
  for (const node of widened) nodes[index.position(node.name) as number] = node;
  if (!isSound(graph, creator, attached)) requireGraph(nodes);
  const extended = { nodes };
  passIndexOn(graph, extended, widened, attached);
  passHeightOn(graph, extended, widened, attached);
  return extended;
}

/** Whether nodes may join a graph that has no fault itself; every new circle goes through what depends on the creator, or through new nodes alone. */
function isSound(graph: Graph, creator: string, attached: readonly GraphNode[]): boolean {
  const index = indexOf(graph);
  const names = new Set(attached.map(({ name }) => name));
  if (names.size < attached.length) return false;
  const isThere = (name: string): boolean => index.has(name) || names.has(name);
  if (!attached.every(({ dependencies, targets }) => dependencies.every(isThere) && targets.every(isThere))) return false;
  if (levelsOf(attached).circular.length > 0) return false;
  const declared = attached.flatMap(({ dependencies }) => dependencies.filter((name) => name !== creator && !names.has(name)));
  return declared.length === 0 || !leadsTo(graph, index.dependents(creator), new Set(declared));
}

/** Whether one of `to` descends from one of `from`: searched from both ends in turn, since either side may be the whole graph. */
function leadsTo(graph: Graph, from: Iterable<string>, to: ReadonlySet<string>): boolean {
  const index = indexOf(graph);
  const below = new Set(from);
  const above = new Set(to);
  const down = below.values();
  const up = above.values();
  for (;;) {
    const lower = down.next();
    if (lower.done) return false;
    if (above.has(lower.value)) return true;
    for (const name of index.dependents(lower.value)) below.add(name);
    const upper = up.next();
    if (upper.done) return false;
    if (below.has(upper.value)) return true;
    for (const name of index.node(upper.value)?.dependencies ?? []) above.add(name);
  }
}
