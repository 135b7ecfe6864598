/** Random graphs for the property tests, and naive answers to compare with. */
import fc from "fast-check";
import type { Graph, GraphNode } from "#contract/graph/graph";

export const graphNode = (name: string, dependencies: readonly string[] = []): GraphNode => ({
  name,
  dependencies,
  parts: [],
  targets: [],
});

export const graphFrom = (edges: Readonly<Record<string, readonly string[]>>): Graph => ({
  nodes: Object.entries(edges).map(([name, dependencies]) => graphNode(name, dependencies)),
});

/** A graph without circles of up to `size` nodes, declared in any order. */
export const anyGraph = (size = 12): fc.Arbitrary<Graph> =>
  fc.integer({ min: 1, max: size }).chain((count) =>
    fc
      .tuple(
        fc.tuple(...Array.from({ length: count }, (_, index) => fc.subarray(Array.from({ length: index }, (__, before) => `n${before}`)))),
        fc.shuffledSubarray(
          Array.from({ length: count }, (_, index) => index),
          { minLength: count },
        ),
      )
      .map(([dependencies, order]) => ({ nodes: order.map((index) => graphNode(`n${index}`, dependencies[index] as string[])) })),
  );

export const nameIn = ({ nodes }: Graph): fc.Arbitrary<string> => fc.constantFrom(...nodes.map(({ name }) => name));

/** The length of the longest path to a node, by trying them all. */
export function longestPath({ nodes }: Graph, name: string, among = new Set(nodes.map((node) => node.name))): number {
  const node = nodes.find((candidate) => candidate.name === name) as GraphNode;
  return (
    Math.max(-1, ...node.dependencies.filter((before) => among.has(before)).map((before) => longestPath({ nodes }, before, among))) + 1
  );
}

/** A node and everything that can be reached from it, by looking at every path. */
export function reachable({ nodes }: Graph, from: string): Set<string> {
  return new Set([
    from,
    ...nodes.filter(({ dependencies }) => dependencies.includes(from)).flatMap(({ name }) => [...reachable({ nodes }, name)]),
  ]);
}
