/** Items that wait: for people, messages and moments, over restarts, on every driver. */
import { Agent, type ModuleContext, Node, type RunStore, Runs } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { nodeOf, success } from "../run/support.ts";
import { all, opening, storesOf, taskOf } from "../runs/stores.ts";
import { itemsNodes } from "./support.ts";

const HOUR = 3_600_000;
const yesOrNo = { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] } as const;
const asks = async ({ item, ask }: ModuleContext) => {
  const { answer } = await ask("sure", { show: { item }, answer: yesOrNo });
  return success([item, (answer as { ok: boolean }).ok]);
};

describe.each(storesOf())("items that wait (%s)", (_, make) => {
  const open = opening(make);
  const setUp = (work: (context: ModuleContext) => unknown, init: Parameters<typeof itemsNodes>[0] = {}) => {
    const clock = new SimulatedClock();
    const store: RunStore = open({ clock });
    const agent = () => new Agent({ name: "items", store, clock, nodes: itemsNodes({ work, ...init }) });
    return { clock, store, agent, runs: new Runs(store, { clock }) };
  };

  it("ask one question each, are parked together, and answered in any order, by processes that come one after the other", async () => {
    const begun: unknown[] = [];
    const { agent, runs } = setUp(async (context) => {
      begun.push(context.item);
      return asks(context);
    });
    const parked = await agent().runTask(taskOf(), { whenWaiting: "park" });
    expect(parked).toMatchObject({ status: "PARKED", questions: [{}, {}, {}] });
    const questions = await all(runs.questions());
    expect(questions.map(({ node, path, shown }) => [node, path, shown])).toEqual(
      expect.arrayContaining(["a", "b", "c"].map((item) => ["search", [], { item }])),
    );
    for (const { id, shown } of questions.toReversed()) {
      await runs.answer(id, { ok: (shown as { item: string }).item !== "b" });
      const run = await agent().resume("t", { whenWaiting: "park" });
      await run.outcome;
    }
    const { status, nodes } = await runs.get("t");
    expect({ status, result: nodes.search?.result, questions: await all(runs.questions()) }).toEqual({
      status: "COMPLETE",
      result: [
        ["a", true],
        ["b", false],
        ["c", true],
      ],
      questions: [],
    });
    expect(nodes.search?.items?.map(({ status, waiting }) => [status, waiting])).toEqual(Array(3).fill(["COMPLETE", undefined]));
  });

  it("hold up no others, and leave room for them", async () => {
    const { agent, runs } = setUp(async (context) => (context.item === "a" ? asks(context) : success(context.item)), {
      nodeConfig: { maxParallelItems: 1 },
    });
    expect(await agent().runTask(taskOf(), { whenWaiting: "park" })).toMatchObject({ status: "PARKED" });
    const { nodes, status } = await runs.get("t");
    expect(status).toBe("PARKED");
    expect(nodes.search?.items).toMatchObject([
      { status: "EXECUTING", waiting: [{ for: "answer" }] },
      { status: "COMPLETE", result: "b" },
      { status: "COMPLETE", result: "c" },
    ]);
  });

  it("sleep until their own moments, and what has ended does not begin again", async () => {
    const begun: unknown[] = [];
    const { agent, clock, runs } = setUp(async ({ item, index = 0, sleep }) => {
      begun.push(item);
      await sleep((index + 1) * HOUR);
      return success(clock.now());
    });
    const start = clock.now();
    await agent().runTask(taskOf(), { whenWaiting: "park" });
    for (let hour = 1; hour <= 3; hour++) {
      await clock.advance(HOUR);
      await (await agent().resume("t", { whenWaiting: "park" })).outcome;
    }
    expect((await runs.get("t")).nodes.search?.result).toEqual([1, 2, 3].map((hour) => start + hour * HOUR));
    expect(begun.filter((item) => item === "a")).toHaveLength(2);
    expect(begun.filter((item) => item === "c")).toHaveLength(4);
  });

  it("are held in memory, and answered there", async () => {
    const { agent, runs } = setUp(asks);
    const run = agent().start(taskOf());
    const answered = new Set<string>();
    for await (const event of run.events()) {
      if (event.type !== "question.opened") continue;
      answered.add(event.question.id);
      await runs.answer(event.question.id, { ok: true });
      if (answered.size === 3) break;
    }
    expect((await run.outcome).results.search).toEqual(["a", "b", "c"].map((item) => [item, true]));
  });

  it("do a step once, whatever they wait for behind it", async () => {
    const steps: unknown[] = [];
    const { agent, runs } = setUp(async (context) => {
      await context.step("once", () => void steps.push(context.item));
      return asks(context);
    });
    await agent().runTask(taskOf(), { whenWaiting: "park" });
    for (const { id } of await all(runs.questions())) await runs.answer(id, { ok: true });
    expect(await (await agent().resume("t")).outcome).toMatchObject({ status: "COMPLETE" });
    expect(steps.sort()).toEqual(["a", "b", "c"]);
  });

  it("are those of the list as it was taken, whatever becomes of the value that held it", async () => {
    const { store, clock, runs } = setUp(asks);
    const work = async (context: ModuleContext) => {
      await context.values.set("list", ["something", "else"]);
      return asks(context);
    };
    const [, search] = itemsNodes({ work, forEach: "list", dependencies: [] });
    const agent = () => new Agent({ name: "items", store, clock, nodes: [search as Node] });
    await agent().runTask(taskOf(), { whenWaiting: "park", values: { list: ["a", "b"] } });
    for (const { id } of await all(runs.questions())) await runs.answer(id, { ok: true });
    const { results } = await (await agent().resume("t")).outcome;
    expect(results.search).toEqual([
      ["a", true],
      ["b", true],
    ]);
  });

  it("take a message each from a mailbox of the run", async () => {
    const { agent, runs } = setUp(async ({ receive }) => success(await receive("offers")));
    await agent().runTask(taskOf(), { whenWaiting: "park" });
    for (const offer of [1, 2, 3]) await runs.send("t", "offers", offer);
    const { results } = await (await agent().resume("t")).outcome;
    expect([...(results.search as number[])].sort()).toEqual([1, 2, 3]);
  });

  it("are closed with a cancel, and with the first that fails", async () => {
    const { agent, runs } = setUp(asks);
    await agent().runTask(taskOf(), { whenWaiting: "park" });
    await runs.cancel("t", "enough");
    expect([await all(runs.questions()), (await runs.get("t")).status]).toEqual([[], "CANCELLED"]);
    const failing = setUp(async (context) => {
      if (context.item === "b") throw new Error("no b");
      return asks(context);
    });
    const { status, errors } = await failing.agent().runTask(taskOf());
    expect({ status, errors }).toMatchObject({ status: "PARTIAL", errors: [{ error: "item 1: no b" }] });
    expect(await all(failing.runs.questions())).toEqual([]);
  });

  it("are withdrawn by a jump to what they depend on, and asked anew", async () => {
    let jumps = 0;
    const { runs, store, clock } = setUp(asks);
    const nodes = [
      ...itemsNodes({ work: asks }),
      nodeOf("hurry", ["plan"], () => ({ ...success(), decision: jumps++ === 0 ? "plan" : null })),
    ];
    const jumping = () => new Agent({ name: "items", store, clock, nodes });
    expect(await jumping().runTask(taskOf(), { whenWaiting: "park" })).toMatchObject({ status: "PARKED", questions: [{}, {}, {}] });
    expect((await runs.get("t")).nodes.search).toMatchObject({ visit: 2, items: [{}, {}, {}] });
    for (const { id } of await all(runs.questions())) await runs.answer(id, { ok: true });
    expect(await (await jumping().resume("t")).outcome).toMatchObject({ status: "COMPLETE" });
  });

  it("do all this in nested graphs, too", async () => {
    const { store, clock, runs } = setUp(asks);
    const agent = () =>
      new Agent({
        name: "items",
        store,
        clock,
        nodes: [new Node({ name: "outer", nodes: [new Node({ name: "inner", nodes: itemsNodes({ work: asks }) })] })],
      });
    await agent().runTask(taskOf(), { whenWaiting: "park" });
    const questions = await all(runs.questions());
    expect(questions.map(({ node, path }) => [...path, node])).toEqual(Array(3).fill(["outer", "inner", "search"]));
    for (const { id } of questions) await runs.answer(id, { ok: true });
    expect((await (await agent().resume("t")).outcome).results.outer).toEqual(["a", "b", "c"].map((item) => [item, true]));
  });

  it("keep what succeeded when the run is retried, and when it is forked", async () => {
    const begun: unknown[] = [];
    let isBroken = true;
    const { agent } = setUp(
      async ({ item }) => {
        begun.push(item);
        if (item === "b" && isBroken) throw new Error("no b");
        return success(item);
      },
      { nodeConfig: { maxRetries: 1, maxParallelItems: 1 } },
    );
    expect(await agent().runTask(taskOf())).toMatchObject({ status: "PARTIAL" });
    isBroken = false;
    const fork = await (await agent().retry("t")).outcome;
    expect({ status: fork.status, search: fork.results.search }).toEqual({ status: "COMPLETE", search: ["a", "b", "c"] });
    expect(begun).toEqual(["a", "b", "b", "c"]);
    expect(await (await agent().fork("t", { taskId: "f", rerun: ["write"] })).outcome).toMatchObject({ status: "COMPLETE" });
    expect(begun).toEqual(["a", "b", "b", "c"]);
  });
});
