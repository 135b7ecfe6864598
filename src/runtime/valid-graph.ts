/** The graph of nodes as plain data, checked whole, nested graphs too. */
import { GraphError } from "#contract/base/errors";
import { type Graph, requireGraph } from "#contract/graph/graph";
import { graphNodeOf } from "#contract/node/definition";
import type { Node } from "#contract/node/node";

/** Each nested graph is three actors deeper, and XState's own recursion ends near 500 actors. */
const MAX_DEPTH = 64;

export function graphOf(nodes: Iterable<Node>): Graph {
  return { nodes: Array.from(nodes, graphNodeOf) };
}

export const byName = (nodes: readonly Node[]): ReadonlyMap<string, Node> => new Map(nodes.map((node) => [node.name, node]));

/** Before anything else, since the rest walks nested graphs by recursion. */
function requireDepth(nodes: readonly Node[], depth: number): void {
  for (const node of nodes) {
    if (node.nodes.length === 0) continue;
    if (depth >= MAX_DEPTH) throw new GraphError([`Node "${node.name}" is nested deeper than ${MAX_DEPTH} graphs.`], "graph-too-deep");
    requireDepth(node.nodes, depth + 1);
  }
}

/**
 * @param path the nodes whose nested graph this is
 * @throws GraphError with every fault, those of nested graphs too
 */
export function validGraph(nodes: readonly Node[], path: readonly string[] = []): Graph {
  if (nodes.length === 0)
    throw new GraphError(["The agent has no nodes; give it some, by the option `nodes` or by `addNode`."], "graph-empty");
  requireDepth(nodes, path.length);
  const faults: string[] = [];
  let code: string | undefined;
  const collect = (inner: readonly Node[], where: readonly string[]): Graph | undefined => {
    let graph: Graph | undefined;
    try {
      graph = requireGraph(graphOf(inner).nodes);
    } catch (error) {
      if (!(error instanceof GraphError)) throw error;
      code ??= error.code;
      faults.push(
        ...error.faults.map((fault) => (where.length === 0 ? fault : `In ${where.map((name) => `"${name}"`).join(" → ")}: ${fault}`)),
      );
    }
    for (const node of inner) if (node.nodes.length > 0) collect(node.nodes, [...where, node.name]);
    return graph;
  };
  const graph = collect(nodes, path);
  if (code !== undefined) throw new GraphError(faults, code);
  return graph as Graph;
}
