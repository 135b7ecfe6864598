import { Task } from "asimov-agents";
import { type AgentMachineContext, type AgentMachineInput, agentMachine } from "asimov-agents/machines";
import { describe, expect, it } from "vitest";
import { type AnyMachineSnapshot, transition } from "xstate";
import { getShortestPaths } from "xstate/graph";
import type { EndedGraph } from "#contract/run/end";
import { endsOf, explore, idle, type ModelEvent, restored, statesOf, textOf } from "./explore.ts";

const effects = ["nodes", "outbox", "openRun", "closeNodes", "closeRun"];
const machine = agentMachine.provide({ actors: Object.fromEntries(effects.map((name) => [name, idle])) as never });

const input: AgentMachineInput = {
  runId: "run",
  task: new Task({ type: "test", objective: "Be modelled", id: "task" }).toJSON(),
  keys: { visit: "run", attempt: "run" },
  path: [],
  outputMailbox: "output",
  errorMailbox: "errors",
};

const broken = { error: "broken", code: "broken" };

const ended: EndedGraph = {
  status: "PARTIAL",
  failed: ["a"],
  failedChains: [["a", "b"]],
  last: ["b", "c"],
  totalIterations: 2,
  nodes: { a: { status: "error", ...broken, results: [] } },
  results: { c: 1 },
  executions: { a: 1, c: 1 },
};

function eventsOf(snapshot: AnyMachineSnapshot): ModelEvent[] {
  const { errors, unpublished } = snapshot.context as AgentMachineContext;
  const isExecuting = snapshot.matches({ running: "executing" }) || snapshot.matches({ running: "stopping" });
  // Bounded, as the walk must end: each error makes the state grow.
  const hasRoom = errors.length < 2;
  const events: ModelEvent[] = [{ type: "run.cancel", reason: "cancelled" }];
  if (isExecuting) events.push({ type: "nodes.ended" }, { type: "nodes.exhausted", limit: 3 });
  const isWaiting = snapshot.matches({ running: "waiting" });
  if (snapshot.matches({ running: "executing" })) events.push({ type: "nodes.waiting", waits: true });
  if (isWaiting) events.push({ type: "nodes.waiting", waits: true }, { type: "nodes.waiting", waits: false });
  if (isExecuting && hasRoom) {
    events.push({ type: "node.failed", report: { node: "a", status: "FAILED", failure: broken } });
    events.push({ type: "nodes.faulted", faults: [{ status: "error", node: "a", ...broken }] });
  }
  if (unpublished < 1) events.push({ type: "message.publish", mailbox: "inbox", message: 1, node: "a" });
  if (unpublished > 0) events.push({ type: "message.published", node: "a" });
  if (unpublished > 0 && hasRoom) events.push({ type: "message.failed", mailbox: "inbox", error: "no room", node: "a" });
  const outputs = {
    openRun: [{}, { failure: { error: "no cache", code: "cache-failed" } }],
    closeNodes: [ended, { ...ended, status: "COMPLETE", failed: [], failedChains: [] }, { ...ended, status: "FAILED" }],
    closeRun: [{ faults: [] }, ...(hasRoom ? [{ faults: [{ status: "error", ...broken }] }] : [])],
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
      "running.executing",
      "running.opening",
      "running.stopping",
      "running.waiting",
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
    expect([...values].sort()).toEqual(statesOf(machine));
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
              ? { type: "nodes.ended" }
              : endsOf(snapshot, {
                  openRun: [{}],
                  closeNodes: [ended],
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
          ({ type, params }) => type === "xstate.sendTo" && JSON.stringify((params as { event: unknown }).event).includes("nodes.begin"),
        );
        expect(orders, `${nameOf(snapshot.value)} after ${event.type}`).toEqual([]);
      }
    }
  });
});
