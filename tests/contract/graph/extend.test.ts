import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GraphError } from "#contract/base/errors";
import { extendGraph } from "#contract/graph/extend";
import { type Graph, type GraphNode, indexOf, requireGraph } from "#contract/graph/graph";
import { heightOf, isHigherThan } from "#contract/graph/height";
import { planOf } from "#contract/graph/plan";
import { anyGraph, graphFrom, graphNode } from "./graphs.ts";

interface Addition {
  creator: number;
  nodes: { dependencies: number[] }[];
}

const additions: fc.Arbitrary<Addition[]> = fc.array(
  fc.record({
    creator: fc.nat(),
    nodes: fc.array(fc.record({ dependencies: fc.array(fc.nat(), { maxLength: 2 }) }), { minLength: 1, maxLength: 3 }),
  }),
  { maxLength: 8 },
);

/** The nodes of an addition, each of which depends on any that the graph will hold. */
function freshNodes({ nodes }: Graph, addition: Addition): { creator: string; added: GraphNode[] } {
  const names = addition.nodes.map((_, index) => `x${nodes.length + index}`);
  const all = [...nodes.map(({ name }) => name), ...names];
  const pick = (place: number): string => all[place % all.length] as string;
  const added = addition.nodes.map(({ dependencies }, index) => graphNode(names[index] as string, [...new Set(dependencies.map(pick))]));
  return { creator: (nodes[addition.creator % nodes.length] as GraphNode).name, added };
}

/** By the contract's words: everything checked, nothing kept. */
function naive({ nodes }: Graph, creator: string, added: readonly GraphNode[]): Graph {
  const names = added.map(({ name }) => name);
  return requireGraph([
    ...nodes.map((node) => (node.dependencies.includes(creator) ? { ...node, dependencies: [...node.dependencies, ...names] } : node)),
    ...added.map((node) => ({ ...node, dependencies: [...new Set([creator, ...node.dependencies])], addedBy: creator })),
  ]);
}

/** The graph after each addition that it takes. */
function grow(start: Graph, all: readonly Addition[], look: (before: Graph, after: Graph, creator: string) => void): Graph {
  let graph = start;
  for (const addition of all) {
    const { creator, added } = freshNodes(graph, addition);
    let expected: Graph | undefined;
    try {
      expected = naive(graph, creator, added);
    } catch (error) {
      expect(() => extendGraph(graph, creator, added)).toThrow((error as GraphError).message);
      continue;
    }
    const before = graph;
    graph = extendGraph(before, creator, added);
    expect(graph).toEqual(expected);
    look(before, graph, creator);
  }
  return graph;
}

const asSets = (graph: Graph) => {
  const index = indexOf(graph);
  return graph.nodes.map(({ name }) => [index.node(name), index.position(name), [...index.dependents(name)].sort(), index.isLast(name)]);
};

/** A chain whose nodes count who looks at their dependencies. */
function watchedChain(length: number): { graph: Graph; looks: () => number } {
  let count = 0;
  const nodes = Array.from({ length }, (_, index) => ({
    ...graphNode(`n${index}`),
    get dependencies() {
      count++;
      return index === 0 ? [] : [`n${index - 1}`];
    },
  }));
  return { graph: { nodes }, looks: () => count };
}

describe("graph that grows", () => {
  it("has each new node depend on its creator and on what it declares, and what depended on the creator depend on the new", () => {
    const graph = extendGraph(graphFrom({ a: [], creator: ["a"], after: ["creator"], other: ["a"] }), "creator", [
      graphNode("x", ["other"]),
      graphNode("y", ["x"]),
    ]);
    expect(Object.fromEntries(graph.nodes.map(({ name, dependencies }) => [name, dependencies]))).toEqual({
      a: [],
      creator: ["a"],
      after: ["creator", "x", "y"],
      other: ["a"],
      x: ["creator", "other"],
      y: ["creator", "x"],
    });
    expect(graph.nodes.filter(({ addedBy }) => addedBy === "creator").map(({ name }) => name)).toEqual(["x", "y"]);
  });

  it("is what it would be if it were made anew, and refuses what that would refuse", () => {
    fc.assert(fc.property(anyGraph(), additions, (graph, all) => void grow(graph, all, () => {})));
  });

  it("has an index, handed on, that equals a new one; the graph before keeps its own", () => {
    fc.assert(
      fc.property(anyGraph(), additions, (graph, all) => {
        grow(graph, all, (before, after) => {
          expect(asSets(after)).toEqual(asSets({ nodes: after.nodes }));
          expect(asSets(before)).toEqual(asSets({ nodes: before.nodes }));
          indexOf(after);
        });
      }),
    );
  });

  it("knows its height, as it would be counted anew", () => {
    fc.assert(
      fc.property(anyGraph(), additions, (graph, all) => {
        const { nodes } = grow(graph, all, (_, after) => {
          const height = planOf({ nodes: after.nodes }).length;
          expect([isHigherThan(after, height - 1), isHigherThan(after, height)]).toEqual([true, false]);
        });
        const last = grow(graph, all, () => {});
        expect(heightOf(last)).toBe(planOf({ nodes }).length);
      }),
    );
  });

  it("is looked at no more for being long: each addition at its end costs what it adds", () => {
    const looksOf = (length: number): number => {
      const { graph, looks } = watchedChain(length);
      let grown = extendGraph(graph, `n${length - 1}`, [graphNode("x0")]);
      const before = looks();
      for (let index = 1; index < 50; index++) grown = extendGraph(grown, `x${index - 1}`, [graphNode(`x${index}`, ["n5"])]);
      expect(isHigherThan(grown, length + 49)).toBe(true);
      return looks() - before;
    };
    expect(looksOf(5_000)).toBe(looksOf(50));
  });

  it("takes a node of the same name again without a change, and refuses two that differ", () => {
    const graph = graphFrom({ a: [], b: ["a"] });
    const before = structuredClone(graph);
    expect(extendGraph(graph, "a", [graphNode("b", ["a"])])).toBe(graph);
    expect(extendGraph(graph, "a", [graphNode("x"), graphNode("x")]).nodes).toHaveLength(3);
    expect(() => extendGraph(graph, "a", [graphNode("x"), graphNode("x", ["b"])])).toThrow(GraphError);
    expect(() => extendGraph(graph, "a", [{ ...graphNode("x"), targets: ["ghost"] }])).toThrow(/ghost/);
    expect(() => extendGraph(graph, "a", [graphNode("x", ["b"])])).toThrow(/circle/);
    expect(graph).toEqual(before);
  });
});
