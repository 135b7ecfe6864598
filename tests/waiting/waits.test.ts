/** Waiting is a state of nodes and of their run: it costs no permit and no time limit, holds up nothing, and survives any restart. */
import {
  Agent,
  type AgentRun,
  defineModule,
  FlowControlModule,
  type ModuleContext,
  Node,
  type NodeConfig,
  type Question,
  Task,
} from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { createActor } from "xstate";
import { z } from "zod";
import { opening, storesOf } from "../runs/stores.ts";

const HOUR = 3_600_000;
const taskOf = () => new Task({ id: "t", type: "test", objective: "Wait" });
const moduleOf = (name: string, work: (context: ModuleContext) => unknown) =>
  defineModule({ name, process: async (context) => ({ status: "success", result: (await work(context)) ?? null }) });
const nodeOf = (name: string, work: (context: ModuleContext) => unknown, init: { after?: string[]; config?: NodeConfig } = {}) =>
  new Node({
    name,
    modules: [moduleOf(name, work)],
    dependencies: init.after ?? [],
    ...(init.config === undefined ? {} : { nodeConfig: init.config }),
  });

/** The states of the run's own machine, and of a node's. */
function statesOf(run: { actor: { getSnapshot(): unknown } }, node: string): unknown[] {
  const { value, children } = run.actor.getSnapshot() as {
    value: unknown;
    children: { nodes: { getSnapshot(): { nodes: Map<string, { getSnapshot(): { value: unknown } }> } } };
  };
  return [value, children.nodes.getSnapshot().nodes.get(node)?.getSnapshot().value];
}

/** The question that the run opens as the nth. */
async function asked(run: AgentRun, nth: number): Promise<Question> {
  let count = 0;
  for await (const event of run.events({ from: 1 })) if (event.type === "question.opened" && ++count === nth) return event.question;
  throw new Error(`the run ended with ${count} questions`);
}

describe.each(storesOf())("a module that waits in its middle (%s)", (_, make) => {
  it("goes on from what it had, in other processes, each time as far as it comes", async () => {
    const clock = new SimulatedClock();
    const store = make({ clock });
    const log: string[] = [];
    const agent = () =>
      new Agent({
        name: "waiting",
        clock,
        store,
        nodes: [
          nodeOf("work", async ({ step, sleep, receive }) => {
            log.push("top");
            const page = await step("download", () => {
              log.push("download");
              return { page: 1 };
            });
            await sleep(HOUR);
            const news = await receive<string>("news");
            const none = await receive<string>("news", { timeoutMs: HOUR });
            return [page, news, none];
          }),
        ],
      });
    const start = clock.now();
    expect(await agent().runTask(taskOf(), { whenWaiting: "park" })).toEqual({
      status: "PARKED",
      taskId: "t",
      questions: [],
      dueAt: start + HOUR,
    });
    const { runs } = agent();
    expect((await runs.get("t")).status).toBe("PARKED");
    await clock.advance(HOUR);
    expect((await runs.get("t")).status).toBe("READY");
    const again = async () => await (await agent().resume("t", { whenWaiting: "park" })).outcome;
    expect(await again()).toEqual({ status: "PARKED", taskId: "t", questions: [] });
    expect((await runs.get("t")).nodes.work?.waiting).toEqual([{ for: "message", mailbox: "news" }]);
    await runs.send("t", "news", "hello", { id: "once" });
    await runs.send("t", "news", "hello", { id: "once" });
    expect(await again()).toMatchObject({ status: "PARKED", dueAt: clock.now() + HOUR });
    await clock.advance(HOUR);
    expect(await again()).toMatchObject({ status: "COMPLETE", results: { work: [{ page: 1 }, "hello", null] } });
    expect(log).toEqual(["top", "download", "top", "top", "top"]);
    await store.close();
  });
});

describe.each(storesOf())("waiting (%s)", (_, make) => {
  const open = opening(make);

  it("is a state of the node and of its run, without a permit, and ends as it began", async () => {
    const clock = new SimulatedClock();
    const agent = new Agent({
      clock,
      store: open({ clock }),
      maxConcurrentTasks: 1,
      nodes: [
        nodeOf("waits", ({ sleep }) => sleep(HOUR)),
        nodeOf("works", () => "worked"),
        nodeOf("after", () => "after", { after: ["works"] }),
      ],
    });
    const run = agent.start(taskOf());
    await clock.advance(1_000);
    expect(statesOf(run, "waits")).toEqual([{ running: "waiting" }, { EXECUTING: "waiting" }]);
    expect(run.view().nodes).toMatchObject({ waits: { status: "EXECUTING", waiting: [{ for: "moment" }] }, after: { status: "COMPLETE" } });
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "COMPLETE" });
  });

  it("counts for no time limit, of the module, its node or the composite around it, and is no failure", async () => {
    const clock = new SimulatedClock();
    const inner = new Node({
      name: "inner",
      modules: [
        defineModule({
          name: "inner",
          config: { timeoutMs: 100 },
          process: async ({ sleep }) => {
            await sleep(HOUR);
            return { status: "success" };
          },
        }),
      ],
      config: { timeoutMs: 100 },
    });
    const outer = new Node({ name: "outer", nodes: [inner], config: { timeoutMs: 100 } });
    const agent = new Agent({ clock, store: open({ clock }), nodes: [outer] });
    const run = agent.start(taskOf());
    await clock.advance(1_000);
    expect(statesOf(run, "outer")).toEqual([{ running: "waiting" }, { EXECUTING: "waiting" }]);
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "COMPLETE", errors: [] });
  });

  it("of one module in parallel leaves the others working, and their node waits when they have ended", async () => {
    const clock = new SimulatedClock();
    const modules = [
      moduleOf("waits", ({ sleep }) => sleep(HOUR)),
      moduleOf("works", () => new Promise<void>((resolve) => clock.setTimeout(resolve, 100))),
    ];
    const agent = new Agent({
      clock,
      store: open({ clock }),
      nodes: [new Node({ name: "both", modules, nodeConfig: { parallel: true } })],
    });
    const run = agent.start(taskOf());
    await clock.advance(50);
    expect(statesOf(run, "both")).toEqual([{ running: "executing" }, { EXECUTING: "parallel" }]);
    await clock.advance(100);
    expect(statesOf(run, "both")).toEqual([{ running: "waiting" }, { EXECUTING: "waiting" }]);
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "COMPLETE" });
  });

  it("for a backoff parks the run, which is due when that is over", async () => {
    const clock = new SimulatedClock();
    const store = open({ clock });
    let tries = 0;
    const agent = () =>
      new Agent({
        name: "a",
        clock,
        store,
        nodes: [
          nodeOf(
            "flaky",
            () => {
              if (++tries === 1) throw new Error("not yet");
            },
            { config: { backoff: { initialMs: HOUR } } },
          ),
        ],
      });
    expect(await agent().runTask(taskOf(), { whenWaiting: "park" })).toMatchObject({ status: "PARKED", dueAt: clock.now() + HOUR });
    await clock.advance(HOUR);
    const resumed = await agent().resume("t");
    expect(await clock.runUntil(resumed.outcome)).toMatchObject({ status: "COMPLETE" });
  });

  it("is withdrawn by a jump to what it depends on, without a failure, and begins anew", async () => {
    const goOn = Promise.withResolvers<void>();
    const again = new FlowControlModule({ name: "again", flowConfig: { decisions: [{ nextNode: "draft", condition: "rounds < 2" }] } });
    const agent = new Agent({
      store: open(),
      nodes: [
        nodeOf("draft", ({ values }) => values.increment("rounds")),
        nodeOf("approve", async ({ ask, node }) => [node.visit, (await ask("ok?", { answer: z.boolean() })).answer], { after: ["draft"] }),
        new Node({ name: "again", modules: [moduleOf("a while", () => goOn.promise), again], dependencies: ["draft"] }),
      ],
    });
    const run = agent.start(taskOf());
    const first = await asked(run, 1);
    goOn.resolve();
    const second = await asked(run, 2);
    expect([second.id === first.id, run.view().questions]).toEqual([false, [second]]);
    expect(run.view().nodes.approve).toMatchObject({ status: "EXECUTING", visit: 2 });
    await expect(agent.runs.answer(first.id, true)).rejects.toMatchObject({
      code: "question-closed",
      message: expect.stringContaining("gone another way"),
    });
    await agent.runs.answer(second.id, true);
    expect(await run.outcome).toMatchObject({ status: "COMPLETE", results: { approve: [2, true] }, errors: [] });
  });

  it("ends with its run when that is cancelled, or over its deadline", async () => {
    const clock = new SimulatedClock();
    const store = open({ clock });
    const agent = () => new Agent({ name: "a", clock, store, nodes: [nodeOf("waits", ({ ask }) => ask("ever?", { answer: {} }))] });
    const run = agent().start(taskOf());
    await clock.advance(10);
    expect(await clock.runUntil(run.cancel("enough"))).toMatchObject({
      status: "FAILED",
      task: { error: expect.stringContaining("enough") },
    });
    const other = new Task({ id: "other", type: "test", objective: "Wait" });
    expect(await agent().runTask(other, { whenWaiting: "park", deadlineMs: HOUR })).toMatchObject({ dueAt: clock.now() + HOUR });
    await clock.advance(HOUR);
    const resumed = await agent().resume("other");
    expect(await clock.runUntil(resumed.outcome)).toMatchObject({
      status: "FAILED",
      errors: [{ code: "run-deadline" }, { code: "run-deadline", node: "waits" }],
    });
  });

  it("in a nested graph keeps what it had over the attempts of the node around it", async () => {
    const clock = new SimulatedClock();
    let fails = 0;
    const inner = [
      nodeOf("asks", async ({ ask }) => (await ask("name?", { answer: z.string() })).answer),
      nodeOf(
        "fails",
        () => {
          if (++fails === 1) throw new Error("once");
        },
        { after: ["asks"], config: { retryOnFailure: false } },
      ),
    ];
    const agent = new Agent({ clock, store: open({ clock }), nodes: [new Node({ name: "outer", nodes: inner })] });
    const run = agent.start(taskOf());
    const asked = async () => {
      for await (const event of run.events({ from: 1 })) if (event.type === "question.opened") return event.question.id;
      return "";
    };
    await agent.runs.answer(await clock.runUntil(asked()), "Ada");
    const outcome = await clock.runUntil(run.outcome);
    expect([outcome.status, fails]).toEqual(["COMPLETE", 2]);
    expect((await agent.runs.get("t")).questions).toEqual([]);
  });

  it("leaves nothing open that a module does not wait for any more, and tells what its code asks no more", async () => {
    const clock = new SimulatedClock();
    const store = open({ clock });
    const agent = (isNew: boolean) =>
      new Agent({
        name: "a",
        clock,
        store,
        nodes: [
          nodeOf("races", async ({ ask, sleep, step }) => {
            if (!isNew) await step("old", () => 1);
            await Promise.race([ask("in time?", { answer: {} }), sleep(HOUR)]);
          }),
        ],
      });
    await agent(false).runTask(taskOf(), { whenWaiting: "park" });
    await clock.advance(HOUR);
    const run = await agent(true).resume("t");
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "COMPLETE" });
    const { questions } = await agent(true).runs.get("t");
    expect(questions).toEqual([]);
    const told = [];
    for await (const event of agent(true).runs.events("t")) if (event.type === "replay.unused") told.push(event);
    expect(told).toMatchObject([{ node: "races", module: "races", kind: "step", name: "old", number: 1 }]);
  });
});

describe("a question of an agent that is embedded", () => {
  it("is told to whoever embeds it, answered by an event, and in the actor's snapshot", async () => {
    const agent = new Agent({ nodes: [nodeOf("asks", async ({ ask }) => (await ask("name?", { answer: z.string() })).answer)] });
    const first = createActor(agent.logic, { input: { task: taskOf() } });
    const asked = new Promise<{ id: string }>((resolve) => first.on("question.opened", ({ question }) => resolve(question)));
    first.start();
    const { id } = await asked;
    const stored = JSON.parse(JSON.stringify(first.getPersistedSnapshot()));
    first.stop();
    const second = createActor(agent.logic, { snapshot: stored } as never);
    const done = new Promise((resolve) => second.subscribe({ complete: () => resolve(second.getSnapshot().output) }));
    second.start();
    second.send({ type: "question.answer", id, value: "Ada" });
    expect(await done).toMatchObject({ status: "COMPLETE", results: { asks: "Ada" } });
  });
});
