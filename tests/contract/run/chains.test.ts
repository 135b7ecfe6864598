import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { extendGraph } from "#contract/graph/extend";
import { type Graph, type GraphNode, withDescendants } from "#contract/graph/graph";
import { failedChains, inFailedChain, passChainsOn, withFailed } from "#contract/run/chains";
import type { NameList } from "#contract/run/name-list";
import { beginStep, type RunState, runnable, settleStep, startState, statusOf } from "#contract/run/state";
import { anyGraph, graphFrom, graphNode, nameIn, reachable, reportsOf } from "../graph/graphs.ts";

/** Nodes that count who looks at their dependencies. */
function watched(nodes: readonly GraphNode[]): { graph: Graph; looks: () => number } {
  let count = 0;
  const counting = nodes.map(({ dependencies, ...node }) => ({
    ...node,
    get dependencies() {
      count++;
      return dependencies;
    },
  }));
  return { graph: { nodes: counting }, looks: () => count };
}

const chainOf = (length: number, start: readonly string[] = []): GraphNode[] =>
  Array.from({ length }, (_, index) => graphNode(`n${index}`, index === 0 ? start : [`n${index - 1}`]));

/** Each step to its end: a node fails or is skipped by its name, the others are COMPLETE. */
function play(start: RunState): RunState {
  let state = start;
  while (state.index < state.levels.length) {
    const reports = reportsOf(runnable(state), (name) =>
      name.startsWith("bad") ? { status: "FAILED" } : name.startsWith("left") ? { status: "SKIPPED" } : {},
    );
    state = settleStep(beginStep(state), reports).state;
  }
  return state;
}

describe("failed chains", () => {
  it("stand in declaration order, each root before its descendants, which do too", () => {
    fc.assert(
      fc.property(
        anyGraph().chain((graph) => fc.tuple(fc.constant(graph), fc.uniqueArray(nameIn(graph)))),
        ([graph, roots]) => {
          const names = graph.nodes.map(({ name }) => name);
          const expected = names
            .filter((name) => roots.includes(name))
            .map((root) => [root, ...names.filter((name) => name !== root && reachable(graph, root).has(name))]);
          expect(failedChains({ graph, failed: [roots] })).toEqual(expected);
        },
      ),
    );
  });

  it("are united as they come, over added nodes too, as if they were looked for anew", () => {
    fc.assert(
      fc.property(
        anyGraph().chain((graph) => fc.tuple(fc.constant(graph), fc.uniqueArray(nameIn(graph)), nameIn(graph), nameIn(graph))),
        ([start, roots, creator, needed]) => {
          let graph = start;
          let failed: NameList = [];
          for (const root of roots) {
            failed = withFailed({ graph, failed }, [root]);
            expect(inFailedChain({ graph, failed })).toEqual(withDescendants(graph, failed.flat()));
          }
          const before = graph;
          try {
            graph = extendGraph(graph, creator, [graphNode("x", [needed]), graphNode("y", ["x"])]);
          } catch {
            return;
          }
          passChainsOn({ graph: before, failed }, graph);
          expect(inFailedChain({ graph, failed })).toEqual(withDescendants(graph, failed.flat()));
        },
      ),
    );
  });

  it("of 1,000 roots over one tail are one walk and one union, and give a status that counts each node once", () => {
    const roots = Array.from({ length: 1_000 }, (_, index) => graphNode(`bad${index}`));
    const tail = chainOf(
      1_000,
      roots.map(({ name }) => name),
    );
    const { graph, looks } = watched([...roots, ...tail, graphNode("free")]);
    const state = play(startState(graph));
    expect([statusOf(state), inFailedChain(state).size]).toEqual(["PARTIAL", 2_000]);
    const before = looks();
    const chains = failedChains(state);
    expect([chains.length, new Set(chains.map(({ length }) => length)), looks() - before]).toEqual([1_000, new Set([1_001]), 0]);
    expect(failedChains(state)).toBe(chains);
    expect(JSON.stringify(state)).not.toContain(JSON.stringify(tail.slice(0, 3).map(({ name }) => name)));
  });
});

describe("chain that is passed over", () => {
  it.each([
    ["blocked by a failure", "bad"],
    ["skipped by a condition", "left"],
  ])("%s is looked at as often a node, however long it is", (_, first) => {
    const looksOf = (length: number): number => {
      const { graph, looks } = watched([graphNode(first), ...chainOf(length - 1, [first])]);
      const state = play(startState(graph));
      expect(state.totalIterations).toBe(1);
      expect(state.skipped.flat()).toHaveLength(first === "bad" ? length - 1 : length);
      return looks() / length;
    };
    expect(looksOf(20_000)).toBeLessThanOrEqual(looksOf(200) + 0.1);
  });

  it("shares what was passed over before with the state before, beside a chain that runs", () => {
    const pairs = Array.from({ length: 500 }, (_, index) => [
      graphNode(`ok${index}`, index === 0 ? [] : [`ok${index - 1}`]),
      graphNode(`n${index}`, index === 0 ? ["bad"] : [`n${index - 1}`]),
    ]).flat();
    let state = startState({ nodes: [graphNode("bad"), ...pairs] });
    let copied = 0;
    while (state.index < state.levels.length) {
      const before = new Set(state.skipped);
      const reports = reportsOf(runnable(state), (name) => (name === "bad" ? { status: "FAILED" } : {}));
      state = settleStep(beginStep(state), reports).state;
      for (const chunk of state.skipped) if (!before.has(chunk)) copied += chunk.length;
    }
    expect(state.skipped.flat()).toHaveLength(500);
    expect(copied).toBeLessThan(500 * 10);
  });
});

describe("root of a chain", () => {
  it("that succeeds on a later visit leaves the chains, and the others stay", () => {
    const graph = graphFrom({ bad: [], worse: [], after: ["bad"] });
    const failed = settleStep(
      beginStep(startState(graph)),
      reportsOf(["bad", "worse"], () => ({ status: "FAILED" })),
    ).state;
    const healed = settleStep({ ...failed, levels: [["bad"], ["after"]], index: 0 }, reportsOf(["bad"])).state;
    expect(failedChains(failed)).toEqual([["bad", "after"], ["worse"]]);
    expect(failedChains(healed)).toEqual([["worse"]]);
    expect(inFailedChain(healed)).toEqual(new Set(["worse"]));
  });
});
