/** What charts seldom do, and what is easily got wrong: each was a difference once, or would be. */
import { describe, expect, it } from "vitest";
import {
  type AnyStateMachine,
  and,
  assign,
  createMachine,
  emit,
  fromCallback,
  raise,
  sendParent,
  sendTo,
  spawnChild,
  stopChild,
} from "xstate";
import { compileChart } from "#compile/compile";
import { compare, type Difference, reportOf, type StepEvent } from "./trace.ts";

const quiet = fromCallback(() => {});
const loop = { initial: "a", states: { a: { always: "b" }, b: { always: "a" } } } as const;

function differenceOf(machine: AnyStateMachine, events: readonly unknown[]): Difference | undefined {
  const compiled = compileChart(machine);
  expect(compiled.interpreted).toBeUndefined();
  const about = {
    asked: events as StepEvent[],
    steps: events.map((event) => ({ send: event as StepEvent })),
    cut: 0,
    watch: "all",
  } as const;
  return compare({ ...about, build: () => machine }, { ...about, build: () => compiled.machine }).difference;
}

const go = { type: "go" };
const badParams = () => {
  throw new Error("no params");
};
const inherited = JSON.parse('{"__proto__":{"from":"outside"}}') as object;

const CHARTS: Record<string, [AnyStateMachine, ...events: unknown[]]> = {
  "an end has its exit actions once, from the inside out": [
    createMachine({
      exit: emit({ type: "root left" }),
      invoke: { src: quiet, id: "child" },
      initial: "a",
      states: { a: { on: { go: "end" } }, end: { type: "final", exit: emit({ type: "end left" }) } },
    }),
    go,
  ],
  "an end tells its tags and meta from the inside out": [
    createMachine({
      tags: "outer",
      meta: "outer",
      initial: "a",
      states: { a: { on: { go: "end" } }, end: { type: "final", tags: "inner", meta: "inner" } },
    }),
    go,
  ],
  "a machine that failed as it started goes on by pure transitions": [
    createMachine({
      id: "m",
      initial: "a",
      entry: sendParent({ type: "to nobody" }),
      states: { a: { initial: "b", states: { b: { on: { go: "#m.a.c" } }, c: { tags: "deep", on: { go: { actions: emit(go) } } } } } },
    }),
    go,
    go,
  ],
  "a child whose logic is missing is there, and is nothing": [
    createMachine({
      entry: [spawnChild("nobody" as never, { id: "child" }), stopChild("child")],
      on: { go: { actions: spawnChild("nobody" as never) } },
    }),
    go,
  ],
  "parameters are worked out for a guard made of others too": [
    createMachine({ on: { go: { guard: { type: "both", params: badParams } as never } } }, { guards: { both: and([() => false]) } }),
    go,
  ],
  "what is no event is refused": [createMachine({ on: { "*": { actions: emit({ type: "taken" }) } } }), {}],
  "an event of the type * is XState's affair": [createMachine({ on: { "*": { actions: emit({ type: "taken" }) } } }), { type: "*" }],
  "a first event that comes again takes no transition": [
    createMachine({ initial: "a", states: { a: { on: { "*": "b" } }, b: {} } }),
    { type: "xstate.init" },
    go,
  ],
  "nothing is raised, and what is raised after it": [
    createMachine({ on: { go: { actions: [raise((() => undefined) as never), raise({ type: "next" })] }, next: { actions: emit(go) } } }),
    go,
  ],
  "a name that stands for a name is refused": [
    createMachine({ on: { go: { actions: "alias" } } }, { actions: { alias: "action" as never, action: () => {} } }),
    go,
  ],
  "what an assignment gives may be nothing, or have a prototype as a member": [
    createMachine({ context: { n: 1 }, on: { go: { actions: [assign((() => null) as never), assign((() => inherited) as never)] } } }),
    go,
    go,
  ],
  "charts of one state": [createMachine({ on: { go: { actions: emit(go), target: "#(machine)", reenter: true } } }), go],
  "a final root": [createMachine({ type: "final", output: ({ event }) => event.type })],
  "a loop without end, stopped by its limit": [createMachine({ ...loop, options: { maxIterations: 10 } })],
  "actors that are invoked are sent to as the state is entered": [
    createMachine({
      initial: "a",
      states: { a: { on: { go: "b" } }, b: { entry: sendTo("child", { type: "early" }), invoke: { src: quiet, id: "child" } } },
    }),
    go,
  ],
};

describe("a compiled machine, as the interpreted one", () => {
  it.each(Object.entries(CHARTS))("%s", (_, [machine, ...events]) => {
    const difference = differenceOf(machine, events);
    expect(difference && reportOf(difference)).toBeUndefined();
  });

  it("is not the same when it differs", () => {
    const [expected, received] = ["one", "another"].map((type) => createMachine({ on: { go: { actions: emit({ type }) } } }));
    const about = { asked: [], steps: [{ send: go }], cut: 0, watch: "all" } as const;
    const { difference } = compare(
      { ...about, build: () => expected as AnyStateMachine },
      { ...about, build: () => received as AnyStateMachine },
    );
    expect(difference?.where).toBe("live");
    expect(reportOf(difference as Difference)).toMatch(/XState .*"one"(.|\n)*compiled .*"another"/);
  });
});
