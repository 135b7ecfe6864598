/** What the compiler leaves to XState's interpreter, and why it says so. */
import { describe, expect, it } from "vitest";
import { type AnyStateMachine, createActor, createMachine } from "xstate";
import { compileChart } from "#compile/compile";
import { Builder } from "./build-chart.ts";
import { randomCase } from "./random-chart.ts";
import { Recorder } from "./recorder.ts";

const CHARTS: Record<string, [AnyStateMachine, why: RegExp]> = {
  "a parallel root": [createMachine({ type: "parallel", states: { a: {}, b: {} } }), /^state "\(machine\)" is parallel$/],
  "a parallel state": [createMachine({ initial: "a", states: { a: { type: "parallel", states: { b: {}, c: {} } } } }), /a" is parallel$/],
  "a history state": [createMachine({ initial: "a", states: { a: {}, past: { type: "history" } } }), /past" is history$/],
  "a deep history state": [
    createMachine({ initial: "a", states: { a: { initial: "b", states: { b: {}, past: { type: "history", history: "deep" } } } } }),
    /past" is history$/,
  ],
  "a transition of several targets": [
    createMachine({ initial: "a", states: { a: { on: { go: { target: ["b", "c"] } } }, b: {}, c: {} } } as never),
    /has 2 targets$/,
  ],
  "an output whose parts are functions": [
    createMachine({ initial: "a", states: { a: { type: "final" } }, output: { part: () => 1 } } as never),
    /is an object of functions$/,
  ],
  "a chart that XState refuses to run": [createMachine({ initial: "b", states: { a: {} } } as never), /^Initial state node "b" not found/],
  "a wildcard within a descriptor": [createMachine({ on: { "a.*.b": {} } }), /"a\.\*\.b" has a wildcard/],
};

describe("the compiler leaves to the interpreter", () => {
  it.each(Object.entries(CHARTS))("%s", (_, [machine, why]) => {
    const { machine: left, interpreted } = compileChart(machine);
    expect(left).toBe(machine);
    expect(interpreted).toMatch(why);
  });

  it("a random chart as soon as it has such a state, and runs it", () => {
    const build = (seed: number, type?: "parallel" | "history"): AnyStateMachine => {
      const { chart } = randomCase(seed);
      if (type !== undefined) chart.states = { ...chart.states, more: { type } };
      return new Builder(new Recorder(10_000), (machine) => machine).build({ ...chart, initial: chart.initial ?? "more" });
    };
    for (let seed = 1; seed <= 100; seed++) {
      for (const type of ["parallel", "history"] as const) {
        const machine = build(seed, type);
        const { machine: left, interpreted } = compileChart(machine);
        expect(left, `seed ${seed}`).toBe(machine);
        expect(interpreted).toBe(`state "m.more" is ${type}`);
      }
    }
    const [left] = CHARTS["a parallel root"] as [AnyStateMachine, RegExp];
    expect(createActor(compileChart(left).machine).start().getSnapshot().value).toEqual({ a: {}, b: {} });
  });
});
