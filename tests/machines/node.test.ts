import { TaskStatus } from "asimov-agents";
import { type NodeMachineContext, type NodeMachineInput, nodeMachine } from "asimov-agents/machines";
import { describe, expect, it } from "vitest";
import { type AnyMachineSnapshot, createActor, fromPromise, type StateValue, transition } from "xstate";
import { getShortestPaths } from "xstate/graph";
import { endsOf, explore, idle, type ModelEvent, restored, statesOf, textOf } from "./explore.ts";

type Definition = NodeMachineInput["definition"];

const machine = nodeMachine.provide({
  actors: { runModule: idle, runSubgraph: idle, checkNode: idle, verifyOutputs: idle, sleepUntil: idle, timeLimit: idle } as never,
});

type Module = Definition["modules"][number];
const module = (name: string, init: Partial<Module> = {}): Module => ({ name, dependencies: 0, dependents: [], stops: false, ...init });

const define = ({ modules = ["a", "b"].map((name) => module(name)), ...init }: Partial<Definition>): NodeMachineInput => ({
  keys: { visit: "run", attempt: "run" },
  definition: {
    name: "node",
    mode: "ordered",
    modules,
    first: modules.flatMap(({ dependencies }, position) => (dependencies === 0 ? [position] : [])),
    stopOnSuccess: false,
    checks: false,
    filters: false,
    verifies: false,
    attempts: 2,
    maxVisits: 1,
    timeoutMs: 0,
    backoff: { initialMs: 0, factor: 2, maxMs: 0 },
    ...init,
  },
});

/** The kinds of nodes that there are; together they reach every state. */
const nodes: Record<string, NodeMachineInput> = {
  ordered: define({ checks: true, verifies: true, backoff: { initialMs: 1, factor: 2, maxMs: 4 } }),
  "ordered with fallbacks": define({ stopOnSuccess: true, attempts: 1, maxVisits: 2 }),
  "visited again": define({
    maxVisits: 2,
    attempts: 1,
    modules: [module("a", { outputMailbox: "out" })],
    outputMailbox: "node",
  }),
  parallel: define({ mode: "parallel", timeoutMs: 5 }),
  "parallel with an order": define({
    mode: "parallel",
    attempts: 1,
    modules: [module("a", { stops: true }), module("b", { dependents: [2] }), module("c", { dependencies: 1 })],
  }),
  "parallel, first wins": define({ mode: "parallel", stopOnSuccess: true, attempts: 1 }),
  nested: define({ mode: "nested", modules: [module("node")], timeoutMs: 5, verifies: true }),
  "nested, with middlewares": define({
    mode: "nested",
    modules: [module("node")],
    filters: true,
  }),
  empty: define({ mode: "empty", modules: [], checks: true, verifies: true }),
};

const outcome = (init: object): object => ({ module: 0, retryable: true, endedAt: 2, ...init });
const outcomes = [
  outcome({ status: "success", json: '{"status":"success","result":1}' }),
  outcome({ status: "success", json: '{"status":"success"}', decision: "elsewhere", cleanup: true }),
  outcome({ status: "error", error: "again", json: '{"status":"error","error":"again"}' }),
  outcome({ status: "error", error: "never", code: "final", retryable: false, partial: true }),
  outcome({ status: "aborted", error: "aborted" }),
];

/** Modules that run say that they wait, those that wait that they go on. */
function waitsOf(snapshot: AnyMachineSnapshot): ModelEvent[] {
  const { modules, waiting = [] } = snapshot.context as NodeMachineContext;
  const isOpen =
    ["ordered", "parallel", "waiting"].some((state) => snapshot.matches({ EXECUTING: state })) ||
    snapshot.matches({ EXECUTING: { nested: "graph" } });
  return isOpen ? modules.active.map((module) => ({ type: "module.waiting", module, waits: !waiting.includes(module) })) : [];
}

/** One that waits says that it goes on before it ends. */
const mayEnd = (snapshot: AnyMachineSnapshot, { type }: ModelEvent): boolean => {
  const { waiting = [] } = snapshot.context as NodeMachineContext;
  return snapshot.matches({ EXECUTING: "stopping" }) || !waiting.some((module) => type.endsWith(`.module.${module}`));
};

const eventsOf = (snapshot: AnyMachineSnapshot): ModelEvent[] => [
  { type: "node.execute", at: 1 },
  { type: "node.abort", reason: "cancelled", at: 3 },
  { type: "node.withdraw", at: 3 },
  { type: "node.refuse", error: "refused", code: "target-failed" },
  ...waitsOf(snapshot),
  ...endsOf(
    snapshot,
    { runModule: outcomes, runSubgraph: outcomes, checkNode: [true, false], verifyOutputs: [undefined], sleepUntil: [6], timeLimit: [6] },
    { checkNode: [{ message: "no" }], verifyOutputs: [{ message: "missing" }] },
  ).filter((event) => mayEnd(snapshot, event)),
];
/** Aborted again and again, a node would note each: one is enough to walk by. */
const bounded = (snapshot: AnyMachineSnapshot): ModelEvent[] => {
  const { ended } = (snapshot.context as { modules: { ended: { module: number }[][] } }).modules;
  const events = eventsOf(snapshot);
  return ended.flat().some(({ module }) => module < 0) ? events.filter(({ type }) => type !== "node.abort") : events;
};

const nameOf = (value: StateValue): string =>
  typeof value === "string"
    ? value
    : (Object.entries(value).map(([outer, inner]) => `${outer}.${nameOf(inner as StateValue)}`)[0] as string);

describe("node machine", () => {
  it("has the five statuses of a task as its states", () => {
    expect(Object.keys(nodeMachine.states).sort()).toEqual(Object.keys(TaskStatus).sort());
  });

  it("reaches every state, and goes on the same from JSON at every step, for every kind of node", { timeout: 120_000 }, () => {
    const reached = new Set<string>();
    let steps = 0;
    for (const input of Object.values(nodes)) {
      const explored = explore(machine, input, bounded);
      for (const state of explored.reached) reached.add(state);
      steps += explored.steps;
    }
    expect([...reached].sort()).toEqual(statesOf(machine));
    expect(statesOf(machine)).toEqual([
      "COMPLETE",
      "EXECUTING.backingOff",
      "EXECUTING.checking",
      "EXECUTING.nested.filtering",
      "EXECUTING.nested.graph",
      "EXECUTING.ordered",
      "EXECUTING.parallel",
      "EXECUTING.starting",
      "EXECUTING.stopping",
      "EXECUTING.verifying",
      "EXECUTING.waiting",
      "FAILED",
      "PARTIAL",
      "WAITING",
    ]);
    expect(steps).toBeGreaterThan(1_000);
  });

  it("ends along every shortest path as when it goes through JSON before each step", { timeout: 120_000 }, () => {
    const values = new Set<string>();
    for (const input of Object.values(nodes)) {
      const paths = getShortestPaths(machine, {
        input,
        events: bounded as never,
        limit: 200_000,
        serializeState: (state) => textOf(machine, state),
      });
      for (const { steps, state } of paths) {
        values.add(nameOf(state.value));
        let snapshot: AnyMachineSnapshot = (steps[0] as (typeof steps)[number]).state;
        for (const { event } of steps.slice(1))
          [snapshot] = transition(machine, restored(machine, textOf(machine, snapshot)) as never, event);
        expect(textOf(machine, snapshot)).toBe(textOf(machine, state));
      }
    }
    // `starting` is passed at once.
    expect([...values].sort()).toEqual(statesOf(machine).filter((state) => state !== "EXECUTING.starting"));
  });

  it("runs no module, and waits for none, in a state where it has settled", { timeout: 120_000 }, () => {
    for (const input of Object.values(nodes)) {
      for (const { value, children, context } of explore(machine, input, bounded).rests.values()) {
        if (typeof value !== "string") continue;
        expect(Object.keys(children)).toEqual([]);
        expect((context as { modules: { active: number[] } }).modules.active).toEqual([]);
        if (value === "FAILED" || value === "PARTIAL") expect(context).toMatchObject({ failure: { error: expect.any(String) } });
      }
    }
  });

  it("never counts more visits than its limit", { timeout: 120_000 }, () => {
    for (const input of Object.values(nodes)) {
      for (const { context } of explore(machine, input, bounded).rests.values()) {
        expect((context as { visits: number }).visits).toBeLessThanOrEqual(input.definition.maxVisits);
      }
    }
  });

  it("has the children that its attempt says are active, in every state where modules run", { timeout: 120_000 }, () => {
    for (const input of Object.values(nodes)) {
      for (const { value, children, context } of explore(machine, input, bounded).rests.values()) {
        const running = Object.keys(children).filter((id) => id.startsWith("module."));
        const { active } = (context as { modules: { active: number[] } }).modules;
        expect(running.sort(), JSON.stringify(value)).toEqual(active.map((module) => `module.${module}`).sort());
      }
    }
  });

  it("tells its end every time that it is over its limit of visits, also when it had FAILED by it", () => {
    const once = define({ maxVisits: 1, attempts: 1, modules: [module("a")] });
    let snapshot: AnyMachineSnapshot = createActor(machine, { input: once }).getSnapshot();
    const told: unknown[] = [];
    const step = (event: ModelEvent | undefined): void => {
      const [next, actions] = transition(machine, snapshot as never, event as never);
      snapshot = next;
      for (const { type, params } of actions as { type: string; params: { event: { report: { status: string } } } }[]) {
        if (type === "xstate.sendTo") told.push(params.event.report.status);
      }
    };
    step({ type: "node.execute", at: 1 });
    step(endsOf(snapshot, { runModule: outcomes })[0]);
    for (let visit = 2; visit <= 4; visit++) step({ type: "node.execute", at: visit });
    expect(told).toEqual(["COMPLETE", "FAILED", "FAILED", "FAILED"]);
  });

  it("runs on its own, with actors of the user's", async () => {
    const actors = { runModule: fromPromise(async () => outcome({ status: "success", json: '{"status":"success","result":"mine"}' })) };
    const actor = createActor(nodeMachine.provide({ actors: actors as never }), {
      input: define({ modules: [module("a")] }),
    });
    const settled = new Promise<AnyMachineSnapshot>((resolve) =>
      actor.subscribe((snapshot) => snapshot.value === "COMPLETE" && resolve(snapshot)),
    );
    actor.start();
    actor.send({ type: "node.execute", at: 1 });
    expect((await settled).context.modules.ended.flat()).toMatchObject([{ status: "success" }]);
    actor.stop();
  });
});
