/** The order of a stored run over a graph that has changed meanwhile: nodes stand as they stood, new ones are still to come. */
import { extendGraph } from "#contract/graph/extend";
import { addedNames, type Graph, type GraphNode, indexOf } from "#contract/graph/graph";
import type { StoredOrder } from "./order.ts";
import { OrderCells, Phase } from "./order-cells.ts";

/** The code's graph with what the run has added to its own. @throws GraphError where that fits it no more */
export function rebaseGraph(stored: Graph, current: Graph): Graph {
  const added = addedNames(stored);
  let graph: Graph = { nodes: current.nodes.filter(({ name }) => !added.has(name)) };
  for (const { addedBy, ...node } of stored.nodes) if (addedBy !== undefined) graph = extendGraph(graph, addedBy, [node as GraphNode]);
  return graph;
}

/** Plans that jumps have replaced were of the graph before, and are forgotten. */
export function rebaseOrder(stored: Graph, order: StoredOrder, graph: Graph): StoredOrder {
  const before = indexOf(stored);
  const index = indexOf(graph);
  const cells = graph.nodes.flatMap(({ name }) => {
    const position = before.position(name);
    const row = position === undefined ? undefined : order.cells.slice(position * OrderCells.WIDTH, (position + 1) * OrderCells.WIDTH);
    if (row === undefined) return Array.from({ length: OrderCells.WIDTH }, () => Phase.PENDING);
    // It may have to wait for more by now; who waits for nothing is found when the run goes on.
    if (row[0] === Phase.READY) row[0] = Phase.PENDING;
    return row;
  });
  const sent = order.sent.flatMap(([position, jump]): StoredOrder["sent"] => {
    const place = index.position(before.nameAt(position));
    return place === undefined ? [] : [[place, jump]];
  });
  return { ...order, cells, sent, past: [] };
}
