/** Questions are asked once, listed from anywhere, and answered by exactly one answer, on every driver. */
import {
  Agent,
  type AgentEvent,
  type AgentRun,
  defineModule,
  defineQuestion,
  MemoryStore,
  type ModuleContext,
  Node,
  type Question,
  type QuestionError,
  type RunStore,
  Runs,
  Task,
} from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { z as z3 } from "zod3";
import { all, storesOf } from "../runs/stores.ts";

const HOUR = 3_600_000;
const taskOf = (id = "t") => new Task({ id, type: "test", objective: "Ask" });
const draft = () =>
  new Node({ name: "draft", modules: [defineModule({ name: "draft", process: () => ({ status: "success", result: "text" }) })] });

interface Asked {
  store: RunStore;
  clock: SimulatedClock;
  shows?: string[];
  onQuestion?: (question: Question) => void;
  question?: Partial<Parameters<typeof defineQuestion>[0]>;
}

function approving({ store, clock, shows = [], onQuestion = () => {}, question = {} }: Asked): Agent {
  const approve = defineQuestion({
    name: "approve",
    show: ({ results }) => {
      shows.push("shown");
      return { draft: results.draft };
    },
    answer: z.object({ ok: z.boolean() }),
    to: "lead",
    ...question,
  });
  return new Agent({
    name: "approving",
    store,
    clock,
    onQuestion,
    nodes: [draft(), new Node({ name: "approve", modules: [approve], dependencies: ["draft"] })],
  });
}

const only = async (runs: Runs, query = {}): Promise<Question> => {
  const open = await all(runs.questions(query));
  expect(open).toHaveLength(1);
  return open[0] as Question;
};

describe.each(storesOf())("a question in a parked run (%s)", (_, make) => {
  const setUp = () => {
    const clock = new SimulatedClock();
    const store = make({ clock });
    return { clock, store, runs: new Runs(store, { clock }) };
  };

  it("is listed, shown, answered once, and taken up by whoever goes on", async () => {
    const { clock, store, runs } = setUp();
    const shows: string[] = [];
    const told: Question[] = [];
    const agent = () => approving({ store, clock, shows, onQuestion: (question) => told.push(question) });
    const parked = await agent().runTask(taskOf(), { whenWaiting: "park" });
    const question = await only(runs);
    expect(question).toMatchObject({
      taskId: "t",
      agent: "approving",
      node: "approve",
      path: [],
      name: "approve",
      shown: { draft: "text" },
      to: "lead",
      kind: "question",
      askedAt: clock.now(),
      schema: { type: "object", required: ["ok"] },
    });
    expect(question.id).toMatch(/^[0-9a-f]{32}\.t$/);
    expect(parked).toEqual({ status: "PARKED", taskId: "t", questions: [question] });
    expect(told).toEqual([question]);
    const view = await runs.get("t");
    expect([view.status, view.questions, view.nodes.approve?.waiting]).toEqual([
      "PARKED",
      [question],
      [{ for: "answer", question: question.id }],
    ]);
    expect([await all(runs.questions({ to: "head" })), await all(runs.questions({ agent: "approving", taskId: "t", limit: 1 }))]).toEqual([
      [],
      [question],
    ]);

    await expect(runs.answer(question.id, { ok: 1 })).rejects.toMatchObject({
      code: "answer-invalid",
      message: expect.stringContaining("ok"),
    });
    await expect(runs.answer(question.id, { ok: true }, { shownHash: "other" })).rejects.toMatchObject({ code: "question-changed" });
    await expect(runs.answer("nothing.t", { ok: true })).rejects.toMatchObject({ code: "question-not-found", questionId: "nothing.t" });
    await runs.answer(question.id, { ok: true }, { by: "ada", shownHash: question.shownHash });
    const again = runs.answer(question.id, { ok: false });
    await expect(again).rejects.toMatchObject({ code: "question-closed", message: expect.stringContaining("answered by ada") });
    expect([await all(runs.questions()), (await runs.get("t")).status]).toEqual([[], "READY"]);

    const outcome = await (await agent().resume("t", { whenWaiting: "park" })).outcome;
    expect(outcome).toMatchObject({ status: "COMPLETE", results: { draft: "text", approve: { ok: true } } });
    expect([shows, told]).toEqual([["shown"], [question]]);
    await expect(runs.answer(question.id, { ok: false })).rejects.toMatchObject({ code: "question-closed" });
    await store.close();
  });

  it("has a deadline by the store's clock, after which its own answer counts", async () => {
    const { clock, store, runs } = setUp();
    const agent = () => approving({ store, clock, question: { deadlineMs: HOUR, onDeadline: { answer: { ok: false } } } });
    const parked = await agent().runTask(taskOf(), { whenWaiting: "park" });
    expect(parked).toMatchObject({ status: "PARKED", dueAt: clock.now() + HOUR });
    const { id } = await only(runs, { dueBefore: new Date(clock.now() + HOUR + 1) });
    expect(await all(runs.questions({ dueBefore: new Date(clock.now() + HOUR) }))).toEqual([]);
    await clock.advance(HOUR);
    await expect(runs.answer(id, { ok: true })).rejects.toMatchObject({
      code: "question-closed",
      message: expect.stringContaining("deadline"),
    });
    expect((await runs.get("t")).status).toBe("READY");
    expect(await (await agent().resume("t")).outcome).toMatchObject({ status: "COMPLETE", results: { approve: { ok: false } } });
    await store.close();
  });

  it("fails its module finally at its deadline, where nothing else was said", async () => {
    const { clock, store } = setUp();
    const agent = () => approving({ store, clock, question: { deadlineMs: HOUR } });
    await agent().runTask(taskOf(), { whenWaiting: "park" });
    await clock.advance(HOUR);
    const outcome = await (await agent().resume("t")).outcome;
    expect([outcome.status, outcome.nodes.approve]).toMatchObject(["PARTIAL", { status: "error", code: "question-deadline" }]);
    await store.close();
  });

  it("may be asked again by a module that had no answer in time, which finds each where it was", async () => {
    const { clock, store, runs } = setUp();
    const asks = async ({ ask }: ModuleContext): Promise<number> => {
      for (let reminders = 0; ; reminders++) {
        try {
          await ask("sure", { answer: z.boolean(), deadlineMs: HOUR });
          return reminders;
        } catch (error) {
          if ((error as QuestionError).code !== "question-deadline") throw error;
        }
      }
    };
    const sure = defineModule({ name: "sure", process: async (context) => ({ status: "success", result: await asks(context) }) });
    const agent = () => new Agent({ name: "asks", store, clock, nodes: [new Node({ name: "sure", modules: [sure] })] });
    await agent().runTask(taskOf(), { whenWaiting: "park" });
    const asked = [(await only(runs)).id];
    for (let late = 0; late < 2; late++) {
      await clock.advance(HOUR);
      expect(await (await agent().resume("t", { whenWaiting: "park" })).outcome).toMatchObject({ dueAt: clock.now() + HOUR });
      asked.push((await only(runs)).id);
    }
    expect(new Set(asked).size).toBe(3);
    await runs.answer(asked[2] as string, true);
    expect(await (await agent().resume("t")).outcome).toMatchObject({ status: "COMPLETE", results: { sure: 2 } });
    await store.close();
  });

  it("that had no answer in time is asked anew, for as long, where its run is retried", async () => {
    const { clock, store, runs } = setUp();
    const agent = () => approving({ store, clock, question: { deadlineMs: HOUR } });
    await agent().runTask(taskOf(), { whenWaiting: "park" });
    const first = await only(runs);
    await clock.advance(HOUR);
    await (await agent().resume("t")).outcome;
    await clock.advance(HOUR);
    const parked = await (await agent().retry("t", { whenWaiting: "park" })).outcome;
    const second = await only(runs);
    expect(parked).toMatchObject({ status: "PARKED", dueAt: clock.now() + HOUR, questions: [second] });
    expect([second.id === first.id, second.shown]).toEqual([false, first.shown]);
    await runs.answer(second.id, { ok: true });
    expect(await (await agent().resume("t")).outcome).toMatchObject({ status: "COMPLETE", results: { approve: { ok: true } } });
    await store.close();
  });

  it("is stored before anybody is told of it", async () => {
    const { clock, store, runs } = setUp();
    const looks: Promise<string[]>[] = [];
    const onQuestion = () => void looks.push(all(runs.questions()).then((open) => open.map(({ id }) => id)));
    await approving({ store, clock, onQuestion }).runTask(taskOf(), { whenWaiting: "park" });
    expect(await Promise.all(looks)).toEqual([[(await only(runs)).id]]);
    await store.close();
  });

  it("is closed with its run by a cancel that nobody's code hears of", async () => {
    const { clock, store, runs } = setUp();
    await approving({ store, clock }).runTask(taskOf(), { whenWaiting: "park" });
    const { id } = await only(runs);
    await runs.cancel("t", "enough");
    expect(await all(runs.questions())).toEqual([]);
    await expect(runs.answer(id, { ok: true })).rejects.toMatchObject({
      code: "question-closed",
      message: expect.stringContaining("cancelled"),
    });
    expect(await runs.get("t")).toMatchObject({ status: "CANCELLED", questions: [] });
    await store.close();
  });

  it("is asked of somebody else when the time for that has come", async () => {
    const { clock, store, runs } = setUp();
    const told: unknown[] = [];
    const onQuestion = ({ to }: Question) => void told.push(to);
    const agent = () => approving({ store, clock, onQuestion, question: { escalate: [{ afterMs: HOUR, to: "head" }] } });
    expect(await agent().runTask(taskOf(), { whenWaiting: "park" })).toMatchObject({ dueAt: clock.now() + HOUR });
    await clock.advance(HOUR);
    const parked = await (await agent().resume("t", { whenWaiting: "park" })).outcome;
    expect(parked).toMatchObject({ status: "PARKED", questions: [{ to: "head" }] });
    expect([await all(runs.questions({ to: "lead" })), (await only(runs, { to: "head" })).to]).toEqual([[], "head"]);
    expect(told).toEqual(["lead", "head"]);
    const { seq } = await runs.get("t");
    const escalated: unknown[] = [];
    for await (const event of runs.events("t")) {
      if (event.type === "question.escalated") escalated.push(event.id, event.to);
      if (event.seq === seq) break;
    }
    expect(escalated).toEqual([(await only(runs)).id, "head"]);
    await store.close();
  });

  it("is opened again for what its own schema alone refuses, and says why", async () => {
    const { clock, store, runs } = setUp();
    const answer = z.object({ count: z.number().refine((count) => count % 2 === 0, "must be even") });
    const agent = () => approving({ store, clock, question: { answer } });
    await agent().runTask(taskOf(), { whenWaiting: "park" });
    const first = await only(runs);
    await runs.answer(first.id, { count: 1 });
    const parked = await (await agent().resume("t", { whenWaiting: "park" })).outcome;
    const second = await only(runs);
    expect(parked).toMatchObject({ status: "PARKED", questions: [second] });
    expect(second).toMatchObject({ shown: first.shown, shownHash: first.shownHash, problem: expect.stringContaining("must be even") });
    expect(second.id).not.toBe(first.id);
    await runs.answer(second.id, { count: 2 });
    expect(await (await agent().resume("t")).outcome).toMatchObject({ results: { approve: { count: 2 } } });
    const events = (await all(runs.events("t"))).map(({ type }) => type).filter((type) => type.startsWith("question."));
    expect(events).toEqual(["question.opened", "question.closed", "question.reopened", "question.closed"]);
    await store.close();
  });

  it("is opened again by what newer code wants for an answer that only the older took", async () => {
    const { clock, store, runs } = setUp();
    const agent = (answer: z.ZodType) => approving({ store, clock, question: { answer } });
    const newer = z.strictObject({ grade: z.int() });
    await agent(z.strictObject({ ok: z.boolean() })).runTask(taskOf(), { whenWaiting: "park" });
    await runs.answer((await only(runs)).id, { ok: true });
    await (await agent(newer).resume("t", { whenWaiting: "park" })).outcome;
    const second = await only(runs);
    expect(second).toMatchObject({ problem: expect.stringContaining("grade"), schema: { required: ["grade"] } });
    await expect(runs.answer(second.id, { ok: true })).rejects.toMatchObject({ code: "answer-invalid" });
    await runs.answer(second.id, { grade: 1 });
    expect(await (await agent(newer).resume("t")).outcome).toMatchObject({ results: { approve: { grade: 1 } } });
    await store.close();
  });

  it("fails at its deadline where what is given then does not fit newer code", async () => {
    const { clock, store } = setUp();
    const late = { deadlineMs: HOUR, onDeadline: { answer: { ok: false } } };
    await approving({ store, clock, question: late }).runTask(taskOf(), { whenWaiting: "park" });
    await clock.advance(HOUR);
    const newer = { deadlineMs: HOUR, answer: z.object({ grade: z.int() }), onDeadline: { answer: { grade: 5 } } };
    const outcome = await (await approving({ store, clock, question: newer }).resume("t")).outcome;
    expect(outcome.nodes.approve).toMatchObject({
      code: "question-deadline",
      error: expect.stringMatching(/does not fit any more \(grade: /),
    });
    await store.close();
  });

  it("parks a fork that is told to, and a run that is retried", async () => {
    const { clock, store, runs } = setUp();
    let isBroken = true;
    const fails = defineModule({
      name: "fails",
      process: () => (isBroken ? { status: "error", error: "not yet" } : { status: "success" }),
    });
    const approve = defineQuestion({ name: "approve", show: () => null, answer: z.object({ ok: z.boolean() }) });
    const nodes = [
      new Node({ name: "fails", modules: [fails], nodeConfig: { maxRetries: 1 } }),
      new Node({ name: "approve", modules: [approve], dependencies: ["fails"] }),
    ];
    const agent = () => new Agent({ name: "approving", store, clock, nodes });
    await agent().runTask(taskOf());
    isBroken = false;
    expect(await (await agent().retry("t", { whenWaiting: "park" })).outcome).toMatchObject({ status: "PARKED", taskId: "t" });
    const fork = await agent().fork("t", { taskId: "fork", whenWaiting: "park" });
    expect(await fork.outcome).toMatchObject({ status: "PARKED", taskId: "fork" });
    expect((await all(runs.questions())).map(({ taskId }) => taskId).sort()).toEqual(["fork", "t"]);
    await store.close();
  });

  it("is asked anew by a fork, which leaves the original's as it was", async () => {
    const { clock, store, runs } = setUp();
    const agent = approving({ store, clock });
    await agent.runTask(taskOf(), { whenWaiting: "park" });
    const original = await only(runs);
    const fork = await agent.fork("t", { taskId: "fork" });
    await clock.runUntil(store.read("fork"));
    while ((await all(runs.questions({ taskId: "fork" }))).length === 0) await clock.advance(1);
    const own = await only(runs, { taskId: "fork" });
    expect([own.id.endsWith(".fork"), own.shown, (await only(runs, { taskId: "t" })).id]).toEqual([true, original.shown, original.id]);
    await runs.answer(own.id, { ok: true });
    expect(await clock.runUntil(fork.outcome)).toMatchObject({ results: { approve: { ok: true } } });
    await store.close();
  });
});

describe("a question that is asked of one after the other", () => {
  const later = [
    { afterMs: 2 * HOUR, to: "c" },
    { afterMs: HOUR, to: "b" },
  ];
  const of = { to: "a", escalate: later, deadlineMs: 3 * HOUR };
  const setUp = () => {
    const clock = new SimulatedClock();
    const store = new MemoryStore({ clock });
    const told: unknown[] = [];
    const onQuestion = ({ to }: Question) => void told.push(to);
    const agent = () => approving({ store, clock, onQuestion, question: { ...of, onDeadline: { answer: { ok: false } } } });
    const escalations = async () => (await all(new Runs(store).events("t"))).filter(({ type }) => type === "question.escalated");
    return { clock, told, agent, escalations };
  };

  it("goes from each to the next by their moments, whatever their order, and ends at its deadline", async () => {
    const { clock, told, agent, escalations } = setUp();
    expect(await clock.runUntil(agent().runTask(taskOf()))).toMatchObject({ results: { approve: { ok: false } } });
    expect([told, await escalations()]).toMatchObject([
      ["a", "b", "c"],
      [{ to: "b" }, { to: "c" }],
    ]);
  });

  it("goes to the latest of those that were to be asked while nobody hosted it, and to none once it is too late", async () => {
    const { clock, told, agent, escalations } = setUp();
    await agent().runTask(taskOf(), { whenWaiting: "park" });
    await clock.advance(2.5 * HOUR);
    await (await agent().resume("t", { whenWaiting: "park" })).outcome;
    expect(told).toEqual(["a", "c"]);
    const late = setUp();
    await late.agent().runTask(taskOf(), { whenWaiting: "park" });
    await late.clock.advance(10 * HOUR);
    expect(await (await late.agent().resume("t")).outcome).toMatchObject({ results: { approve: { ok: false } } });
    expect([late.told, await late.escalations()]).toEqual([["a"], []]);
    expect(await clock.runUntil((await agent().resume("t")).outcome)).toMatchObject({ status: "COMPLETE" });
    expect(await escalations()).toMatchObject([{ to: "c" }]);
  });
});

describe("a question in a run that is held", () => {
  it("is answered in this process or from another, and nothing else is held up", async () => {
    const clock = new SimulatedClock();
    const [, make] = storesOf()[0] as ReturnType<typeof storesOf>[number];
    const store = make({ clock });
    const agent = approving({ store, clock });
    const run = agent.start(taskOf());
    const events: AgentEvent[] = [];
    const reading = (async () => {
      for await (const event of run.events()) events.push(event);
    })();
    while (run.view().questions.length === 0) await clock.advance(1);
    expect(run.view()).toMatchObject({ status: "RUNNING", nodes: { approve: { status: "EXECUTING" } } });
    await agent.runs.answer((await only(agent.runs)).id, { ok: true });
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "COMPLETE", results: { approve: { ok: true } } });
    await reading;
    const told = events.map(({ type }) => type);
    expect(told.indexOf("question.opened")).toBeLessThan(told.indexOf("question.closed"));
    await store.close();
  });

  it("settles at its deadline by itself", async () => {
    const clock = new SimulatedClock();
    const [, make] = storesOf()[0] as ReturnType<typeof storesOf>[number];
    const store = make({ clock });
    const agent = approving({ store, clock, question: { deadlineMs: HOUR, onDeadline: { answer: { ok: false } } } });
    const before = clock.now();
    expect(await clock.runUntil(agent.runTask(taskOf()))).toMatchObject({ results: { approve: { ok: false } } });
    expect(clock.now() - before).toBeGreaterThanOrEqual(HOUR);
    await store.close();
  });
});

describe("whoever is told of a question", () => {
  it("may begin a run, which is not the asking module's: it neither waits for it nor ends it", async () => {
    const clock = new SimulatedClock();
    const [, make] = storesOf()[0] as ReturnType<typeof storesOf>[number];
    const store = make({ clock });
    const told = Promise.withResolvers<void>();
    const tells = defineModule({ name: "tells", process: () => told.promise.then(() => ({ status: "success" }) as const) });
    const mailer = new Agent({ name: "mailer", clock, nodes: [new Node({ name: "tells", modules: [tells] })] });
    const mails: AgentRun[] = [];
    const agent = approving({ store, clock, onQuestion: ({ id }) => void mails.push(mailer.start(taskOf(`mail-${id}`))) });
    const run = agent.start(taskOf());
    while (mails.length === 0) await clock.advance(1);
    await agent.runs.answer((await only(agent.runs)).id, { ok: true });
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "COMPLETE" });
    told.resolve();
    expect(await clock.runUntil((mails[0] as AgentRun).outcome)).toMatchObject({ status: "COMPLETE" });
    await store.close();
  });

  it("may fail at that, at once or later, and nothing else does", async () => {
    const store = new MemoryStore();
    const told: string[] = [];
    const fails = async (): Promise<never> => {
      told.push("told");
      throw new Error("no mail today");
    };
    const agent = approving({ store, clock: new SimulatedClock(), onQuestion: fails });
    expect(await agent.runTask(taskOf(), { whenWaiting: "park" })).toMatchObject({ status: "PARKED" });
    // An unhandled rejection would end the test's process.
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual(["told"]);
  });
});

describe("bad input of a question", () => {
  it("is refused where it is defined", () => {
    const answer = z.object({ ok: z.boolean() });
    const refused = (init: object, message: RegExp) =>
      expect(() => defineQuestion({ name: "q", answer, ...init } as never)).toThrow(
        expect.objectContaining({ message: expect.stringMatching(message) }),
      );
    refused({ deadlineMs: -1 }, /deadlineMs/);
    refused({ escalate: [{ afterMs: 1 }] }, /escalate/);
    refused({ deadlineMs: 5, escalate: [{ afterMs: 5, to: "head" }] }, /escalate: expected each afterMs to be less than deadlineMs/);
    refused({ answer: z.date() }, /answer/);
    refused(
      { answer: z.object({ list: z.array(z.object({ at: z.bigint() })) }) },
      /answer: .*at #\/properties\/list\/items\/properties\/at: /,
    );
    refused({ answer: 1 }, /answer/);
    refused({ onDeadline: "later" }, /onDeadline/);
    refused({ onDeadline: { answer: { ok: "yes" } } }, /onDeadline: expected an answer that fits \(ok:/);
    refused({ onDeadline: { answer: { ok: 1n } } }, /onDeadline/);
    refused({ whom: "me" }, /whom/);
    expect(() => defineQuestion({ name: "", answer })).toThrow(expect.objectContaining({ code: "invalid-name" }));
  });

  it.each<[string, unknown]>([
    ["Valibot", v.object({ list: v.array(v.object({ at: v.date() })) })],
    ["zod 3", z3.object({ list: z3.array(z3.object({ at: z3.date() })) })],
  ])("is refused before the first node, by its place, where its exporter is loaded late: %s", async (_, answer) => {
    const begun: string[] = [];
    const first = defineModule({ name: "first", process: async () => ({ status: "success", result: begun.push("first") }) });
    const question = defineQuestion({ name: "q", answer: answer as z.ZodType });
    const run = new Agent({ nodes: [new Node({ name: "n", modules: [first, question] })] }).runTask(taskOf());
    await expect(run).rejects.toMatchObject({
      code: "invalid-schema",
      message: expect.stringMatching(/^Question "q": answer: .*at #\/properties\/list\/items\/properties\/at: /),
    });
    expect(begun).toEqual([]);
  });

  it.each([
    ["JSON Schema", { const: false }],
    ["a schema that waits", z.boolean().refine(async (ok) => !ok)],
  ])("is refused before the first node where only %s knows of it", async (_, answer) => {
    const begun: string[] = [];
    const first = defineModule({ name: "first", process: async () => ({ status: "success", result: begun.push("first") }) });
    const asks = (deadlineAnswer: boolean) =>
      defineQuestion({ name: "q", answer, deadlineMs: 1, onDeadline: { answer: deadlineAnswer } } as Parameters<typeof defineQuestion>[0]);
    const run = (module: ReturnType<typeof asks>) =>
      new Agent({ nodes: [new Node({ name: "n", modules: [first, module], nodeConfig: { parallel: false } })] }).runTask(taskOf());
    await expect(run(asks(true))).rejects.toMatchObject({
      code: "invalid-options",
      message: expect.stringMatching(/onDeadline: expected an answer that fits/),
    });
    expect(begun).toEqual([]);
    expect(await run(asks(false))).toMatchObject({ status: "COMPLETE" });
  });
});
