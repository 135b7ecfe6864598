/** What a graph is known by, to tell whether a run of it fits: its nodes with what they depend on and are made of. */
import type { Graph } from "#contract/graph/graph";
import { digestOf } from "#contract/store/digest";

const known = new WeakMap<Graph, string>();

export function graphHashOf(graph: Graph): string {
  let hash = known.get(graph);
  if (hash === undefined) {
    hash = digestOf(JSON.stringify(graph.nodes.map(({ name, dependencies, parts }) => [name, dependencies, parts])));
    known.set(graph, hash);
  }
  return hash;
}
