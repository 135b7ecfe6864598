import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GraphError } from "#contract/base/errors";
import { graphFaults, requireGraph, withDescendants } from "#contract/graph/graph";
import { levelsOf } from "#contract/graph/graph-index";
import { anyGraph, graphFrom, graphNode, longestPath, nameIn, reachable } from "./graphs.ts";

describe("levels of a graph", () => {
  it("are the longest paths, for any graph in any order of declaration", () => {
    fc.assert(
      fc.property(anyGraph(), (graph) => {
        const { levels, circular } = levelsOf(graph.nodes);
        expect(circular).toEqual([]);
        expect(levels.flat()).toHaveLength(graph.nodes.length);
        levels.forEach((names, level) => {
          for (const name of names) expect(longestPath(graph, name)).toBe(level);
        });
      }),
    );
  });

  it("keep declaration order within a level", () => {
    fc.assert(
      fc.property(anyGraph(), (graph) => {
        const place = new Map(graph.nodes.map(({ name }, index) => [name, index]));
        for (const names of levelsOf(graph.nodes).levels) {
          const places = names.map((name) => place.get(name) as number);
          expect(places).toEqual([...places].sort((a, b) => a - b));
        }
      }),
    );
  });

  it("leave out what is in a circle, or behind one, and no more", () => {
    const { levels, circular } = levelsOf(graphFrom({ a: [], b: ["c"], c: ["b"], d: ["c"], e: ["a"] }).nodes);
    expect(levels).toEqual([["a"], ["e"]]);
    expect(circular).toEqual(["b", "c", "d"]);
  });

  it("take 100,000 nodes in a chain, declared leaf first", () => {
    const nodes = Array.from({ length: 100_000 }, (_, index) => graphNode(`n${index}`, index === 0 ? [] : [`n${index - 1}`])).reverse();
    expect(levelsOf(nodes).levels).toHaveLength(100_000);
  });
});

describe("descendants", () => {
  it("are what can be reached, for any graph", () => {
    fc.assert(
      fc.property(
        anyGraph().chain((graph) => fc.tuple(fc.constant(graph), nameIn(graph))),
        ([graph, name]) => {
          expect(withDescendants(graph, [name])).toEqual(reachable(graph, name));
        },
      ),
    );
  });

  it("of many layers that all depend on each other are found in linear time", () => {
    const layer = (index: number) => Array.from({ length: 20 }, (_, place) => `l${index}-${place}`);
    const nodes = Array.from({ length: 100 }, (_, index) =>
      layer(index).map((name) => graphNode(name, index === 0 ? [] : layer(index - 1))),
    ).flat();
    expect(withDescendants({ nodes }, ["l0-0"]).size).toBe(1 + 99 * 20);
  });
});

describe("faults of a graph", () => {
  it("are none for any graph without circles, strangers or namesakes", () => {
    fc.assert(
      fc.property(anyGraph(), (graph) => {
        expect(graphFaults(graph)).toEqual([]);
      }),
    );
  });

  it("show a circle that is there: each step of it is a dependency", () => {
    fc.assert(
      fc.property(
        anyGraph().chain((graph) => fc.tuple(fc.constant(graph), nameIn(graph), nameIn(graph))),
        ([graph, from, to]) => {
          // An edge back from a node to one that it reaches.
          fc.pre(reachable(graph, from).has(to));
          const nodes = graph.nodes.map((node) => (node.name === from ? { ...node, dependencies: [...node.dependencies, to] } : node));
          const circle =
            graphFaults({ nodes })
              .find(({ code }) => code === "graph-cycle")
              ?.message.match(/"n\d+"/g) ?? [];
          expect(circle.length).toBeGreaterThan(1);
          expect(circle[0]).toBe(circle.at(-1));
          for (let index = 1; index < circle.length; index++) {
            const [before, after] = [circle[index - 1], circle[index]].map((name) => JSON.parse(name as string));
            expect(nodes.find(({ name }) => name === after)?.dependencies).toContain(before);
          }
        },
      ),
    );
  });

  it("come all at once, with the code of the first", () => {
    const nodes = [graphNode("a", ["ghost"]), graphNode("a"), { ...graphNode("b", ["b"]), targets: ["phantom"] }];
    try {
      requireGraph(nodes);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(GraphError);
      expect((error as GraphError).code).toBe("graph-duplicate-node");
      expect((error as GraphError).faults).toHaveLength(4);
    }
  });
});
