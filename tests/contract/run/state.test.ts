import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Graph, withDescendants } from "#contract/graph/graph";
import { planOfJump } from "#contract/graph/plan";
import { failedChains, inFailedChain } from "#contract/run/chains";
import { HISTORY_LIMIT, pastPlans } from "#contract/run/history";
import {
  beginStep,
  markSaved,
  nodesToSave,
  type RunState,
  runnable,
  settleStep,
  startState,
  statusOf,
  toExecutionState,
} from "#contract/run/state";
import { anyGraph, graphFrom, graphNode, nameIn, reachable, reportsOf } from "../graph/graphs.ts";

type Fate = "COMPLETE" | "FAILED" | "SKIPPED";

/** Runs a plan to its end, each node by its fate; gives the nodes that ran or were skipped by themselves, in order. */
function play(start: RunState, fateOf: (name: string) => Fate): { state: RunState; ran: string[] } {
  let state = start;
  const ran: string[] = [];
  while (state.index < state.levels.length) {
    const names = runnable(state);
    ran.push(...names);
    state = settleStep(
      beginStep(state),
      reportsOf(names, (name) => ({ status: fateOf(name) })),
    ).state;
  }
  return { state, ran };
}

const withFates = fc
  .tuple(anyGraph(), fc.infiniteStream(fc.constantFrom<Fate>("COMPLETE", "COMPLETE", "COMPLETE", "FAILED", "SKIPPED")))
  .map(([graph, fates]) => ({ graph, fates: new Map(graph.nodes.map(({ name }) => [name, fates.next().value as Fate])) }));

/** What becomes of each node, by the contract's words and nothing else. */
function oracle(graph: Graph, fates: ReadonlyMap<string, Fate>): Map<string, Fate | "BLOCKED" | "PASSED"> {
  const ends = new Map<string, Fate | "BLOCKED" | "PASSED">();
  const endOf = (name: string): Fate | "BLOCKED" | "PASSED" => {
    const known = ends.get(name);
    if (known !== undefined) return known;
    const before = (graph.nodes.find((node) => node.name === name) as { dependencies: readonly string[] }).dependencies.map(endOf);
    const end = before.some((one) => one === "FAILED" || one === "BLOCKED")
      ? "BLOCKED"
      : before.length > 0 && before.every((one) => one === "SKIPPED" || one === "PASSED")
        ? "PASSED"
        : (fates.get(name) as Fate);
    ends.set(name, end);
    return end;
  };
  for (const { name } of graph.nodes) endOf(name);
  return ends;
}

describe("run of any graph", () => {
  it("runs each node once, after all it depends on, and never what is blocked or passed over", () => {
    fc.assert(
      fc.property(withFates, ({ graph, fates }) => {
        const { ran } = play(startState(graph), (name) => fates.get(name) as Fate);
        const ends = oracle(graph, fates);
        expect([...ran].sort()).toEqual([...ends].flatMap(([name, end]) => (end === "BLOCKED" || end === "PASSED" ? [] : [name])).sort());
        for (const { name, dependencies } of graph.nodes) {
          if (!ran.includes(name)) continue;
          for (const before of dependencies) if (ran.includes(before)) expect(ran.indexOf(before)).toBeLessThan(ran.indexOf(name));
        }
      }),
    );
  });

  it("has as failed chains each failed node with all that can be reached from it", () => {
    fc.assert(
      fc.property(withFates, ({ graph, fates }) => {
        const { state } = play(startState(graph), (name) => fates.get(name) as Fate);
        const ends = oracle(graph, fates);
        const failed = graph.nodes.map(({ name }) => name).filter((name) => ends.get(name) === "FAILED");
        const chains = new Map(failedChains(state).map(([root, ...rest]) => [root, new Set([root, ...rest])]));
        expect(chains).toEqual(new Map(failed.map((name) => [name, reachable(graph, name)])));
        expect(inFailedChain(state)).toEqual(new Set(failed.flatMap((name) => [...reachable(graph, name)])));
      }),
    );
  });

  it("ends by the union of its chains: COMPLETE for none, FAILED for all, PARTIAL otherwise", () => {
    fc.assert(
      fc.property(withFates, ({ graph, fates }) => {
        const { state } = play(startState(graph), (name) => fates.get(name) as Fate);
        const ends = [...oracle(graph, fates).values()];
        const count = ends.filter((end) => end === "FAILED" || end === "BLOCKED").length;
        expect(statusOf(state)).toBe(count === 0 ? "COMPLETE" : count === ends.length ? "FAILED" : "PARTIAL");
      }),
    );
  });

  it("tells of each node of the past whether it ran or was skipped, and of none of the future", () => {
    fc.assert(
      fc.property(withFates, fc.nat(4), ({ graph, fates }, steps) => {
        let state = startState(graph);
        for (let step = 0; step < steps && state.index < state.levels.length; step++) {
          state = settleStep(
            beginStep(state),
            reportsOf(runnable(state), (name) => ({ status: fates.get(name) as Fate })),
          ).state;
        }
        const { currentPlan, executionIndex } = toExecutionState(state);
        currentPlan.forEach(({ nodes, executed, skipped }, index) => {
          nodes.forEach((_, place) => {
            expect([executed[place], skipped[place]].filter(Boolean)).toHaveLength(index < executionIndex ? 1 : 0);
          });
        });
      }),
    );
  });

  it("survives JSON before every step", () => {
    fc.assert(
      fc.property(withFates, ({ graph, fates }) => {
        const fateOf = (name: string) => fates.get(name) as Fate;
        let state = startState(graph);
        while (state.index < state.levels.length) {
          state = JSON.parse(JSON.stringify(state)) as RunState;
          const names = runnable(state);
          state = settleStep(
            beginStep(state),
            reportsOf(names, (name) => ({ status: fateOf(name) })),
          ).state;
        }
        expect(state).toEqual(JSON.parse(JSON.stringify(play(startState(graph), fateOf).state)));
      }),
    );
  });
});

describe("jump in any graph", () => {
  const withJump = anyGraph().chain((graph) => fc.tuple(fc.constant(graph), nameIn(graph), nameIn(graph)));

  it("plans the target and its descendants, and what was pending and does not descend from the deciding node; nothing else", () => {
    fc.assert(
      fc.property(withJump, ([graph, from, to]) => {
        let state = startState(graph);
        while (!state.levels[state.index]?.includes(from)) state = settleStep(beginStep(state), reportsOf(runnable(state))).state;
        const pending = state.levels.slice(state.index + 1).flat();
        const { state: after, effects } = settleStep(
          beginStep(state),
          reportsOf(runnable(state), (name) => (name === from ? { decision: to } : {})),
        );
        const dropped = reachable(graph, from);
        const expected = new Set([...reachable(graph, to), ...pending.filter((name) => !dropped.has(name))]);
        expect(effects.jump).toEqual({ from, to });
        expect(new Set(after.levels.flat())).toEqual(expected);
        expect(after.index).toBe(0);
        expect(play(after, () => "COMPLETE").ran.sort()).toEqual([...expected].sort());
        expect(pastPlans(after.history)).toEqual([
          { id: 1 + state.totalIterations, levels: state.levels, index: state.index + 1, skipped: [] },
        ]);
      }),
    );
  });

  it("keeps every node of the new plan after those it depends on", () => {
    fc.assert(
      fc.property(withJump, ([graph, from, to]) => {
        const levels = planOfJump(graph, [], from, to);
        const levelOf = new Map(levels.flatMap((names, level) => names.map((name) => [name, level] as const)));
        for (const { name, dependencies } of graph.nodes) {
          for (const before of dependencies) {
            if (levelOf.has(name) && levelOf.has(before)) expect(levelOf.get(before)).toBeLessThan(levelOf.get(name) as number);
          }
        }
      }),
    );
  });

  it("is refused to any node in a failed chain, and fails the node that decided", () => {
    fc.assert(
      fc.property(withFates, ({ graph, fates }) => {
        const firstStep = runnable(startState(graph));
        const failed = firstStep.filter((name) => fates.get(name) === "FAILED");
        const [decider] = firstStep.filter((name) => fates.get(name) === "COMPLETE");
        fc.pre(failed.length > 0 && decider !== undefined);
        const [target] = withDescendants(graph, [failed.at(-1) as string]);
        const { state, effects } = settleStep(
          beginStep(startState(graph)),
          reportsOf(firstStep, (name) => ({
            status: fates.get(name) as Fate,
            ...(name === decider ? { decision: target as string } : {}),
          })),
        );
        expect(effects.jump).toBeUndefined();
        expect(effects.refused.map(({ node }) => node)).toEqual([decider]);
        expect(inFailedChain(state).has(decider as string)).toBe(true);
        expect(state.levels).toEqual(startState(graph).levels);
      }),
    );
  });
});

describe("run state", () => {
  const loop = graphFrom({ work: [], decide: ["work"] });

  it("keeps the newest plans alone", () => {
    let state = startState(loop);
    for (let round = 0; round < HISTORY_LIMIT + 50; round++) {
      state = settleStep(beginStep(state), reportsOf(["work"])).state;
      state = settleStep(
        beginStep(state),
        reportsOf(["decide"], () => ({ decision: "work" })),
      ).state;
    }
    expect(pastPlans(state.history)).toHaveLength(HISTORY_LIMIT);
    expect(state.totalIterations).toBe(2 * (HISTORY_LIMIT + 50));
  });

  it("asks for a snapshot at each visit for ALWAYS, at the first for ONCE, and never else", () => {
    const graph: Graph = { nodes: [{ ...graphNode("a"), snapshot: "ALWAYS" }, { ...graphNode("b"), snapshot: "ONCE" }, graphNode("c")] };
    const state = startState(graph);
    expect(nodesToSave(state)).toEqual(["a", "b"]);
    expect(nodesToSave(markSaved(state, ["a", "b"]))).toEqual(["a"]);
  });

  it("does not change the state it came from", () => {
    const state = beginStep(startState(loop));
    const before = structuredClone(state);
    settleStep(
      state,
      reportsOf(["work"], () => ({ status: "FAILED", error: "no" })),
    );
    settleStep(
      state,
      reportsOf(["work"], () => ({ decision: "work", added: [graphNode("x")] })),
    );
    expect(state).toEqual(before);
  });
});
