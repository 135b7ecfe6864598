/** An agent in a user's machine tells that machine all that a run of its own tells. */
import { Agent, type AgentEvent, type AgentLogic, type Node } from "asimov-agents";
import { applyEvents, type RunView } from "asimov-agents/view";
import { describe, expect, it } from "vitest";
import { type ActorRefFrom, createActor, type Snapshot, setup, toPromise } from "xstate";
import { fold, overTheWire } from "../support/told.ts";
import { deferred, failing, newTask, nodeOf, success, within } from "./support.ts";

const machineOf = (agent: AgentLogic) =>
  setup({ actors: { agent } }).createMachine({
    initial: "working",
    states: {
      working: { invoke: { src: "agent", id: "agent", input: () => ({ task: newTask() }), onDone: "done" } },
      done: { type: "final" },
    },
  });

type Machine = ReturnType<typeof machineOf>;

const childOf = (parent: ActorRefFrom<Machine>) => parent.getSnapshot().children.agent as unknown as ActorRefFrom<AgentLogic>;

/** As it is stored with the user's machine. */
function storedView(persisted: unknown): RunView {
  const { children } = persisted as { children: { agent: { snapshot: { view: RunView } } } };
  return overTheWire(children.agent.snapshot.view);
}

describe("the events of an embedded agent", () => {
  it("are all emitted by its actor, those of modules and nested graphs too, each once, and give its view", async () => {
    const held = deferred();
    const entered = deferred();
    const nodes = [
      nodeOf("a", [], ({ emit }) => {
        emit({ type: "token", text: "hi" });
        return success(1);
      }),
      within(1, failing("leaf"), { dependencies: ["a"], nodeConfig: { retryOnFailure: false } }),
      nodeOf("last", ["a"], async () => {
        entered.resolve();
        await held.promise;
        return success(2);
      }),
    ];
    const parent = createActor(machineOf(new Agent({ nodes }).logic)).start();
    const events: AgentEvent[] = [];
    const tokens: unknown[] = [];
    childOf(parent).on("*", (event) => events.push(event));
    childOf(parent).on("module.emitted", ({ event }) => tokens.push(event));
    await entered.promise;
    expect(storedView(parent.getPersistedSnapshot())).toEqual(overTheWire(fold(events)));
    held.resolve();
    await toPromise(parent);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(tokens).toEqual([{ type: "token", text: "hi" }]);
    expect(events).toContainEqual(expect.objectContaining({ type: "node.failed", node: "leaf", graph: ["around 1"] }));
    expect(fold(events)).toMatchObject({ status: "PARTIAL", nodes: { a: { result: 1 }, last: { result: 2 } } });
  });

  it("go on after the user's machine was stored and restored", async () => {
    const entered = deferred();
    const nodes = (work: () => unknown): Node[] => [nodeOf("a"), nodeOf("b", ["a"], work), nodeOf("c", ["b"])];
    const first = new Agent({
      nodes: nodes(() => {
        entered.resolve();
        return new Promise(() => {});
      }),
      abortGraceMs: 1,
    });
    const parent = createActor(machineOf(first.logic)).start();
    await entered.promise;
    const persisted = overTheWire(parent.getPersistedSnapshot());
    parent.stop();
    const before = storedView(persisted);
    expect(before).toMatchObject({ status: "RUNNING", nodes: { a: { status: "COMPLETE" }, b: { status: "EXECUTING" } } });

    const events: AgentEvent[] = [];
    const second = new Agent({ nodes: nodes(() => success("b")) });
    const restored = createActor(machineOf(second.logic), { snapshot: persisted as Snapshot<unknown> });
    childOf(restored).on("*", (event) => events.push(event));
    restored.start();
    await toPromise(restored);
    expect(events[0]?.seq).toBe(before.seq + 1);
    expect(applyEvents(before, events)).toMatchObject({
      status: "COMPLETE",
      nodes: { b: { status: "COMPLETE", visit: 1 }, c: { result: "c" } },
    });
  });

  it("are made for nobody once the last listener has left", async () => {
    const seen: string[] = [];
    const agent = new Agent({ nodes: [nodeOf("a"), nodeOf("b", ["a"])] });
    const parent = createActor(machineOf(agent.logic)).start();
    const subscription = childOf(parent).on("*", ({ type }) => {
      seen.push(type);
      if (type === "node.completed") subscription.unsubscribe();
    });
    await toPromise(parent);
    expect(seen.at(-1)).toBe("node.completed");
    expect(seen).not.toContain("run.ended");
  });
});
