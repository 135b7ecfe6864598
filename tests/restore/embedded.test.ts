import { Agent, type AgentLogic, type ModuleContext, Node, type TaskOutcome } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { assign, createActor, type Snapshot, setup, toPromise, waitFor } from "xstate";
import { gate, logged, newTask } from "./fixture.ts";

/** A user's machine, with an agent as one of its children. */
const machineOf = (agent: AgentLogic) =>
  setup({
    types: { context: {} as { outcome?: TaskOutcome }, output: {} as TaskOutcome | undefined },
    actors: { agent },
  }).createMachine({
    context: {},
    initial: "working",
    states: {
      working: {
        invoke: {
          src: "agent",
          id: "agent",
          input: () => ({ task: newTask() }),
          onDone: { target: "done", actions: assign({ outcome: ({ event }) => event.output }) },
          onError: "broken",
        },
      },
      broken: { type: "final" },
      done: { type: "final" },
    },
    output: ({ context }) => context.outcome,
  });

const graph = (log: string[], during: (context: ModuleContext) => Promise<void>): Node[] => [
  new Node({
    name: "before",
    modules: [
      logged(log, "before", async ({ values }) => {
        await values.set("before", true);
        for (const note of ["one", "two"]) await values.publishToMailbox("notes", note);
      }),
    ],
  }),
  new Node({
    name: "nested",
    dependencies: ["before"],
    nodes: [
      new Node({ name: "inner before", modules: [logged(log, "inner before", ({ values }) => values.getMessage("notes"))] }),
      new Node({ name: "during", dependencies: ["inner before"], modules: [logged(log, "during", during)] }),
    ],
  }),
  new Node({ name: "after", dependencies: ["nested"], modules: [logged(log, "after", ({ values }) => values.get("before"))] }),
];

describe("an agent in a user's machine", () => {
  it("goes on after the user's root was persisted, sent through JSON, and restored in a fresh agent", async () => {
    const log: string[] = [];
    const entered = gate();
    const first = new Agent({
      nodes: graph(log, async ({ values }) => {
        // Of an attempt that never ends: as if it had not been.
        await values.set("during", 1);
        await values.getMessage("notes");
        entered.open();
        return new Promise(() => {});
      }),
      abortGraceMs: 1,
    });
    const actor = createActor(machineOf(first.logic)).start();
    await entered.opened;
    const text = JSON.stringify(actor.getPersistedSnapshot());
    actor.stop();
    expect(log).toEqual(["before.1.1", "inner before.1.1", "during.1.1"]);

    log.length = 0;
    const statuses: unknown[] = [];
    const second = new Agent({
      nodes: graph(log, async ({ values }) => {
        statuses.push((await values.get<{ status: string }>("task")).status, await values.keys(), await values.peekMailbox("notes"));
      }),
    });
    const restored = createActor(machineOf(second.logic), { snapshot: JSON.parse(text) as Snapshot<unknown> }).start();
    const outcome = (await toPromise(restored)) as TaskOutcome;
    expect(log).toEqual(["during.1.1", "after.1.1"]);
    expect(statuses).toEqual(["EXECUTING", new Set(["task", "before"]), ["two"]]);
    expect(outcome).toMatchObject({
      status: "COMPLETE",
      totalIterations: 3,
      executions: { before: 1, nested: 1, after: 1 },
      task: { status: "COMPLETE", result: true },
    });
  });

  it("fails in the user's machine, without running anything, when it is restored over another graph", async () => {
    const log: string[] = [];
    const entered = gate();
    const first = new Agent({
      nodes: graph(log, () => {
        entered.open();
        return new Promise(() => {});
      }),
      abortGraceMs: 1,
    });
    const actor = createActor(machineOf(first.logic)).start();
    await entered.opened;
    const text = JSON.stringify(actor.getPersistedSnapshot());
    actor.stop();
    log.length = 0;
    for (const nodes of [graph(log, async () => {}).slice(0, 1), [new Node({ name: "nested", modules: [logged(log, "nested")] })]]) {
      const restored = createActor(machineOf(new Agent({ nodes }).logic), { snapshot: JSON.parse(text) as Snapshot<unknown> }).start();
      expect((await waitFor(restored, ({ status }) => status !== "active")).value).toBe("broken");
    }
    expect(log).toEqual([]);
  });

  it("is of the version of the code that it was restored with, where its graph is another one", async () => {
    const entered = gate();
    const hangs = async (): Promise<void> => {
      entered.open();
      return new Promise(() => {});
    };
    const actor = createActor(new Agent({ version: "1", nodes: graph([], hangs), abortGraceMs: 1 }).logic, { input: { task: newTask() } });
    actor.start();
    await entered.opened;
    const text = JSON.stringify(actor.getPersistedSnapshot());
    actor.stop();
    const nodes = [...graph([], async () => {}), new Node({ name: "new", modules: [logged([], "new")] })];
    const versions: unknown[] = [];
    const restored = createActor(new Agent({ version: "2", nodes }).logic, { snapshot: JSON.parse(text) } as never);
    restored.on("graph.changed", ({ version }) => versions.push(version));
    await toPromise(restored.start());
    expect(versions).toEqual(["2"]);
    expect(restored.getPersistedSnapshot()).toMatchObject({ view: { version: "2" } });
  });

  it("has the values that it was given, also when it is persisted before it has begun", async () => {
    const nodes = [new Node({ name: "reads", modules: [logged([], "reads", ({ values }) => values.getMany(["given", "task"]))] })];
    const agent = new Agent({ nodes });
    const actor = createActor(agent.logic, { input: { task: newTask(), values: { given: [1] } } });
    const text = JSON.stringify(actor.getPersistedSnapshot());
    const restored = createActor(new Agent({ nodes }).logic, { snapshot: JSON.parse(text) } as never).start();
    const { results } = await toPromise(restored);
    expect(results.reads).toEqual({ given: [1], task: expect.objectContaining({ status: "EXECUTING" }) });
  });
});
