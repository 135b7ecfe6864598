import { Task } from "asimov-agents";
import { type AgentMachineContext, type AgentMachineInput, agentMachine } from "asimov-agents/machines";
import { describe, expect, it } from "vitest";
import { type AnyMachineSnapshot, transition } from "xstate";
import { getShortestPaths } from "xstate/graph";
import { endsOf, explore, idle, type ModelEvent, restored, statesOf, textOf } from "./explore.ts";

const effects = ["nodes", "outbox", "openRun", "saveSnapshot", "closeGenerators", "closeNodes", "closeRun"];
const machine = agentMachine.provide({ actors: Object.fromEntries(effects.map((name) => [name, idle])) as never });

const input: AgentMachineInput = {
  runId: "run",
  task: new Task({ type: "test", objective: "Be modelled", id: "task" }).toJSON(),
  graph: {
    nodes: [
      { name: "a", dependencies: [], snapshot: "ONCE", parts: [], targets: [] },
      { name: "b", dependencies: ["a"], snapshot: "NEVER", parts: [], targets: ["a"] },
      { name: "c", dependencies: ["a"], snapshot: "NEVER", parts: [], targets: [] },
    ],
  },
  keys: { visit: "run", attempt: "run" },
  path: [],
  maxTotalIterations: 3,
  autoSnapshot: true,
  outputMailbox: "output",
  errorMailbox: "errors",
};

const broken = { error: "broken", code: "broken" };

type Report = { node: string; status: string; failure?: object; decision?: string; cleanup?: boolean };

/** The ways in which the step's nodes may settle. */
function reportsOf({ state: { levels, index } }: AgentMachineContext): Report[][] {
  const names = levels[index] ?? [];
  const all = (init: Omit<Report, "node">): Report[] => names.map((node) => ({ node, ...init }));
  const ways = [all({ status: "COMPLETE" }), all({ status: "SKIPPED" }), all({ status: "FAILED", failure: broken })];
  if (names.includes("b")) {
    const jump = (to: string, cleanup: boolean): Report[] => [
      { node: "b", status: "COMPLETE", decision: to, cleanup },
      ...all({ status: "COMPLETE" }).filter(({ node }) => node !== "b"),
    ];
    ways.push(jump("a", true), jump("a", false), jump("nowhere", false), [
      { node: "b", status: "COMPLETE" },
      ...all({ status: "PARTIAL", failure: broken }).filter(({ node }) => node !== "b"),
    ]);
  }
  return ways;
}

function eventsOf(snapshot: AnyMachineSnapshot): ModelEvent[] {
  const context = snapshot.context as AgentMachineContext;
  const isExecuting = snapshot.matches({ running: "executing" }) || snapshot.matches({ running: "stopping" });
  const events: ModelEvent[] = [{ type: "run.cancel", reason: "cancelled" }];
  if (isExecuting) events.push(...reportsOf(context).map((reports) => ({ type: "step.completed", reports })));
  // Bounded, as the walk must end: each makes the state grow.
  if (isExecuting && context.state.errors.length < 1)
    events.push({ type: "node.failed", report: { node: "a", status: "FAILED", failure: broken } });
  if (context.unpublished < 1) events.push({ type: "message.publish", mailbox: "inbox", message: 1 });
  if (context.unpublished > 0) events.push({ type: "message.published" });
  if (context.unpublished > 0 && context.state.errors.length < 1)
    events.push({ type: "message.failed", mailbox: "inbox", error: "no room" });
  const outputs = {
    openRun: [{}, { failure: { error: "no cache", code: "cache-failed" } }],
    saveSnapshot: [
      { ref: { taskId: "task", generation: 0, location: "there" } },
      ...(context.state.errors.length < 1 ? [{ fault: { status: "error", error: "disk full", code: "snapshot-write-failed" } }] : []),
    ],
    closeGenerators: [undefined],
    closeNodes: [{ results: { a: { status: "success", results: [] } }, executions: { a: 1 } }],
    closeRun: [{ faults: [] }, ...(context.state.errors.length < 1 ? [{ faults: [{ status: "error", ...broken }] }] : [])],
  };
  return [...events, ...endsOf(snapshot, outputs)];
}

const nameOf = (value: unknown): string =>
  typeof value === "string" ? value : (Object.entries(value as object).map(([outer, inner]) => `${outer}.${nameOf(inner)}`)[0] as string);

describe("agent machine", () => {
  it("reaches every state, and goes on the same from JSON at every step", { timeout: 120_000 }, () => {
    const { reached, rests, steps } = explore(machine, input, eventsOf);
    expect([...reached].sort()).toEqual(statesOf(machine));
    expect(statesOf(machine)).toEqual([
      "COMPLETE",
      "FAILED",
      "PARTIAL",
      "closing.messages",
      "closing.nodes",
      "closing.run",
      "running.cleaning",
      "running.deciding",
      "running.executing",
      "running.opening",
      "running.routing",
      "running.saving",
      "running.stopping",
    ]);
    expect(steps).toBeGreaterThan(1_000);
    for (const { status, value, output, context } of rests.values()) {
      expect(status).toBe(["COMPLETE", "FAILED", "PARTIAL"].includes(String(value)) ? "done" : "active");
      if (status !== "done") continue;
      expect(output).toMatchObject({ status: value, task: { status: value } });
      expect((context as AgentMachineContext).unpublished).toBeGreaterThanOrEqual(0);
    }
  });

  it("ends along every shortest path as when it goes through JSON before each step", { timeout: 120_000 }, () => {
    const paths = getShortestPaths(machine, {
      input,
      events: eventsOf as never,
      limit: 200_000,
      serializeState: (state) => textOf(machine, state),
    });
    const values = new Set<string>();
    const endings = new Map(paths.map((path) => [nameOf(path.state.value), path]));
    for (const { steps, state } of [...paths.slice(0, 500), ...endings.values()]) {
      let snapshot: AnyMachineSnapshot = (steps[0] as (typeof steps)[number]).state;
      for (const { event } of steps.slice(1))
        [snapshot] = transition(machine, restored(machine, textOf(machine, snapshot)) as never, event);
      expect(textOf(machine, snapshot)).toBe(textOf(machine, state));
      expect(snapshot.output).toEqual(state.output);
      values.add(nameOf(state.value));
    }
    // `deciding` is passed at once.
    expect([...values].sort()).toEqual(statesOf(machine).filter((state) => state !== "running.deciding"));
  });

  it("can end from every state, and FAILED from every one before it closes", { timeout: 120_000 }, () => {
    const { rests } = explore(machine, input, eventsOf);
    for (const start of rests.values()) {
      let snapshot = start;
      const wasClosing = snapshot.status === "done" || snapshot.matches("closing");
      if (snapshot.status === "active") [snapshot] = transition(machine, snapshot as never, { type: "run.cancel", reason: "enough" });
      for (let step = 0; snapshot.status === "active" && step < 30; step++) {
        const context = snapshot.context as AgentMachineContext;
        const next: ModelEvent | undefined =
          context.unpublished > 0
            ? { type: "message.published" }
            : snapshot.matches({ running: "stopping" })
              ? {
                  type: "step.completed",
                  reports: (context.state.levels[context.state.index] ?? []).map((node) => ({
                    node,
                    status: "FAILED",
                    failure: { error: "cancelled", code: "cancelled" },
                  })),
                }
              : endsOf(snapshot, {
                  openRun: [{}],
                  saveSnapshot: [{}],
                  closeGenerators: [undefined],
                  closeNodes: [{ results: {}, executions: {} }],
                  closeRun: [{ faults: [] }],
                })[0];
        [snapshot] = transition(machine, snapshot as never, next as never);
      }
      expect(snapshot.status).toBe("done");
      if (!wasClosing) expect(snapshot.output).toMatchObject({ status: "FAILED", task: { status: "FAILED" } });
    }
  });

  it("executes nothing after it was cancelled", { timeout: 120_000 }, () => {
    const { rests } = explore(machine, input, eventsOf);
    for (const snapshot of rests.values()) {
      if (snapshot.status !== "active" || (snapshot.context as AgentMachineContext).failure === undefined) continue;
      for (const event of eventsOf(snapshot)) {
        const [, actions] = transition(machine, snapshot as never, event as never);
        const orders = (actions as { type: string; params: unknown }[]).filter(
          ({ type, params }) => type === "xstate.sendTo" && JSON.stringify((params as { event: unknown }).event).includes("step.execute"),
        );
        expect(orders, `${nameOf(snapshot.value)} after ${event.type}`).toEqual([]);
      }
    }
  });
});
