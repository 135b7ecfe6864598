/** Our own machines, with stubs for their effects, through random events: compiled they show the same as interpreted. */
import { Task } from "asimov-agents";
import { agentMachine, nodeMachine, taskMachine, toolLoopMachine } from "asimov-agents/machines";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AnyActorLogic, AnyMachineSnapshot, AnyStateMachine } from "xstate";
import { compileChart } from "#compile/compile";
import type { GraphKeys } from "#contract/node/attempt";
import type { NodeDefinition } from "#contract/node/definition";
import { NOTHING_ENDED } from "#contract/run/end";
import { compare, reportOf, type Step, type StepEvent, type Subject } from "./trace.ts";

/** Enough to come into every state. */
const RUNS = 400;

type Output = (input: never) => unknown;

/** Ends when it is told to, by one of its outputs. */
function stub(...outputs: readonly Output[]): AnyActorLogic {
  const logic = {
    getInitialSnapshot: (_: unknown, input: unknown) => ({ status: "active", output: undefined, error: undefined, input }),
    transition: (snapshot: { input: never }, { type, pick = 0 }: { type: string; pick?: number }) => {
      if (type === "settle") return { ...snapshot, status: "done", output: outputs[pick % outputs.length]?.(snapshot.input) };
      if (type === "fail") return { ...snapshot, status: "error", error: new Error("no") };
      return type === "xstate.stop" ? { ...snapshot, status: "stopped" } : snapshot;
    },
    getPersistedSnapshot: (snapshot: unknown) => snapshot,
    restoreSnapshot: (snapshot: unknown) => snapshot,
  };
  return logic as unknown as AnyActorLogic;
}
const gives = (...values: unknown[]): AnyActorLogic => stub(...values.map((value) => () => value));

interface Ours {
  machine: AnyStateMachine;
  inputs: readonly unknown[];
  actors: Record<string, AnyActorLogic>;
  eventsOf(snapshot: AnyMachineSnapshot): StepEvent[];
  /** Where its random runs come at least. */
  reaches: readonly string[];
}

const task = new Task({ type: "test", objective: "Be compared", id: "task" }).toJSON();
const failure = { error: "broken", code: "broken" };
const fault = { status: "error", ...failure };
const usage = { inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0 };

const agentEvents = (): StepEvent[] => [
  { type: "nodes.ended" },
  { type: "nodes.ended" },
  { type: "nodes.exhausted", limit: 3 },
  { type: "nodes.waiting", waits: true },
  { type: "nodes.waiting", waits: false },
  { type: "nodes.faulted", faults: [fault] },
  { type: "run.cancel", reason: "enough" },
  { type: "node.failed", report: { node: "a", status: "FAILED", failure } },
  { type: "message.publish", mailbox: "inbox", message: 1 },
  { type: "message.publish", mailbox: "inbox", message: 1, node: "a" },
  { type: "message.published" },
  { type: "message.published", node: "a" },
  { type: "message.failed", mailbox: "inbox", error: "no room" },
  { type: "usage.recorded", node: "a", usage, spent: { cost: 1 } },
];

const outcome =
  (over: object): Output =>
  ({ module = 0 }: { module?: number } = {}) => ({ module, retryable: true, endedAt: 2, ...over });
const success = outcome({ status: "success", json: '{"status":"success","result":1}' });
const module = stub(
  success,
  success,
  outcome({ status: "error", error: "again", json: '{"status":"error","error":"again"}' }),
  outcome({ status: "error", error: "never", code: "final", retryable: false, partial: true }),
);
const nodeOf = (over: Partial<NodeDefinition>): { keys: GraphKeys; definition: NodeDefinition } => ({
  keys: { visit: "run", attempt: "run" },
  definition: {
    name: "node",
    mode: "ordered",
    modules: ["a", "b"].map((name) => ({ name, dependencies: 0, dependents: [], stops: false })),
    first: [0, 1],
    stopOnSuccess: false,
    checks: false,
    filters: false,
    verifies: false,
    attempts: 2,
    maxVisits: 2,
    timeoutMs: 0,
    backoff: { initialMs: 0, factor: 2, maxMs: 0 },
    ...over,
  },
});

const said = { kind: "answered", message: '{"role":"ASSISTANT","content":[]}', text: "hi", calls: [], usage };
const answered = { ...said, end: "finished", finishReason: { unified: "stop", raw: "stop" }, warnings: ["a"] };
const calling = { ...answered, calls: [{ id: "a", name: "x", input: "{}" }] };
const ran = (over: object): unknown => [{ id: "a", content: "done", isError: false, ...over }];

const MACHINES: Record<string, Ours> = {
  task: {
    machine: taskMachine,
    inputs: [{ task }],
    actors: {},
    eventsOf: () => [
      { type: "task.start" },
      { type: "task.end", end: { status: "COMPLETE", result: 1 } },
      { type: "task.end", end: { status: "FAILED", error: "no" } },
      { type: "task.end", end: { status: "PARTIAL", result: 1, error: "in part" } },
    ],
    reaches: ["snapshot active", "snapshot done", "restored"],
  },
  agent: {
    machine: agentMachine,
    inputs: ["errors", null].map((errorMailbox) => ({
      runId: "run",
      task,
      keys: { visit: "run", attempt: "run" },
      path: [],
      outputMailbox: "output",
      errorMailbox,
    })),
    actors: {
      nodes: gives(undefined),
      outbox: gives(undefined),
      openRun: gives({}, {}, { failure }),
      closeNodes: gives(NOTHING_ENDED, { ...NOTHING_ENDED, status: "FAILED" }, { ...NOTHING_ENDED, status: "PARTIAL", failed: ["a"] }),
      closeRun: gives({ faults: [] }, { faults: [fault] }),
    },
    eventsOf: agentEvents,
    reaches: ["snapshot active", "snapshot done", "snapshot error", "restored", "stopped a child", "did xstate.emit", "did xstate.sendTo"],
  },
  node: {
    machine: nodeMachine,
    inputs: [
      nodeOf({ checks: true, verifies: true, backoff: { initialMs: 1, factor: 2, maxMs: 4 } }),
      nodeOf({ mode: "parallel", timeoutMs: 5 }),
      nodeOf({ mode: "nested", modules: [{ name: "node", dependencies: 0, dependents: [], stops: false }], first: [0], filters: true }),
      nodeOf({}),
    ],
    actors: {
      runModule: module,
      runSubgraph: module,
      checkNode: gives(true, true, false),
      verifyOutputs: gives(undefined),
      sleepUntil: gives(6),
      timeLimit: gives(6),
    },
    eventsOf: () => [
      { type: "node.execute", at: 1 },
      { type: "node.execute", at: 2 },
      { type: "node.abort", reason: "enough", code: "cancelled", at: 3 },
      { type: "module.waiting", module: 0, waits: true },
      { type: "module.waiting", module: 0, waits: true },
      { type: "module.waiting", module: 0, waits: false },
      { type: "node.withdraw", at: 3 },
      { type: "node.refuse", error: "refused", code: "target-failed" },
    ],
    reaches: [
      "snapshot active",
      "restored",
      "stopped a child",
      "did xstate.spawnChild",
      "step by xstate.done.actor",
      "step by xstate.error",
    ],
  },
  "tool loop": {
    machine: toolLoopMachine,
    inputs: [{ key: "k", messages: ['{"role":"USER","content":"go"}'], mode: null, maxIterations: 3 }],
    actors: {
      generate: gives(
        calling,
        calling,
        calling,
        answered,
        { ...calling, end: "length" },
        { ...calling, end: "refused" },
        { kind: "stopped" },
        { kind: "context-full", usage },
        { kind: "context-full", usage },
        { kind: "invalid-output", message: "{}", repair: "{}", usage },
      ),
      runTools: gives(ran({}), ran({}), ran({ stops: true }), ran({ mode: "other" })),
      trimConversation: gives(["x"], null, null),
    },
    eventsOf: () => [{ type: "chain.abort" }, { type: "nothing" }, { type: "nothing" }],
    reaches: ["snapshot active", "snapshot done", "restored", "stopped a child", "did xstate.spawnChild", "step by xstate.error"],
  },
};

/** The values of all states that a snapshot can be in. */
const valuesOf = ({ states }: AnyStateMachine["root"]): unknown[] =>
  Object.values(states).flatMap((inner): unknown[] =>
    Object.keys(inner.states).length === 0 ? [inner.key] : valuesOf(inner).map((value) => ({ [inner.key]: value })),
  );

/** A number says what happens next: to the machine, or to one of its children. */
const stepOf = (choice: number, eventsOf: Ours["eventsOf"]): Step => ({
  draw(snapshot) {
    const events = snapshot.status === "active" ? eventsOf(snapshot) : [{ type: "late" }];
    if (choice % 2 === 0) return { send: events[(choice >> 1) % events.length] as StepEvent };
    return { tell: choice >> 4, event: { type: choice % 16 === 15 ? "fail" : "settle", pick: choice >> 1 } };
  },
});

describe.each(Object.entries(MACHINES))("the %s machine, compiled", (_, { machine, inputs, actors, eventsOf, reaches }) => {
  const compiledTask = compileChart(taskMachine).machine;
  const interpreted = machine.provide({ actors: { task: taskMachine, ...actors } as never });
  const compiled = compileChart(machine.provide({ actors: { task: compiledTask, ...actors } as never }));

  it("is compiled", () => {
    expect(compiled.interpreted).toBeUndefined();
  });

  it("shows the same as the interpreted one", () => {
    const reached = new Set<string>();
    const choices = fc.array(fc.nat(1_023), { minLength: 1, maxLength: 30, size: "max" });
    fc.assert(
      fc.property(choices, fc.nat(), fc.nat(), (drawn, cut, which) => {
        const about: Omit<Subject, "build"> = {
          input: inputs[which % inputs.length],
          asked: [],
          steps: drawn.map((choice) => stepOf(choice, eventsOf)),
          cut: cut % drawn.length,
          watch: "all",
          most: 10_000,
        };
        const { difference, seen } = compare({ ...about, build: () => interpreted }, { ...about, build: () => compiled.machine });
        if (difference !== undefined) expect.fail(reportOf(difference));
        for (const what of seen) reached.add(what);
      }),
      { numRuns: RUNS },
    );
    expect([...reached]).toEqual(
      expect.arrayContaining([...valuesOf(machine.root).map((value) => `at ${JSON.stringify(value)}`), ...reaches]),
    );
  });
});
