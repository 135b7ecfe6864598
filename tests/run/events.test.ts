import { Agent, type AgentEvent, MemoryStore, Node } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { snapshotsOf } from "../support/snapshots.ts";
import { deferred, failing, newTask, nodeOf, runWithEvents, success } from "./support.ts";

/** A run of one node that emits so many events at once, when it is told to. */
function emitting(count: number) {
  const go = deferred();
  const work = nodeOf("a", [], async ({ emit }) => {
    await go.promise;
    for (let index = 0; index < count; index++) emit({ type: "tick", index });
    return success();
  });
  return { run: new Agent({ nodes: [work] }).start(newTask()), go: () => go.resolve() };
}

async function allOf(events: AsyncIterable<AgentEvent>): Promise<AgentEvent[]> {
  const all: AgentEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const numbersOf = (events: readonly AgentEvent[]): number[] => events.map(({ seq }) => seq);
const upTo = (last: number, first = 1): number[] => Array.from({ length: last - first + 1 }, (_, index) => first + index);

describe("events of a run", () => {
  it("come in the order in which things happen, and end with the run", async () => {
    const { events } = await runWithEvents([
      nodeOf("a", [], ({ emit }) => {
        emit({ type: "progress", done: 0.5 });
        return success();
      }),
      failing("b", ["a"]),
    ]);
    expect(events.map(({ type }) => type)).toEqual([
      "run.started",
      "node.started",
      "module.started",
      "module.emitted",
      "module.ended",
      "node.completed",
      "node.started",
      "module.started",
      "module.ended",
      "node.failed",
      "error.reported",
      "run.ended",
    ]);
    expect(events[3]).toMatchObject({ type: "module.emitted", node: "a", module: "a", event: { type: "progress", done: 0.5 }, graph: [] });
    expect(events.at(-1)).toMatchObject({ type: "run.ended", status: "PARTIAL", graph: [] });
  });

  it("name the nested graph that they are of", async () => {
    const { events } = await runWithEvents([new Node({ name: "outer", nodes: [new Node({ name: "inner", nodes: [nodeOf("leaf")] })] })]);
    expect(events).toContainEqual(expect.objectContaining({ type: "node.completed", node: "leaf", graph: ["outer", "inner"] }));
    expect(events).toContainEqual(expect.objectContaining({ type: "node.completed", node: "outer", graph: [] }));
  });

  it("end also for whoever comes after the end, or leaves before", async () => {
    const run = new Agent({ nodes: [nodeOf("a"), nodeOf("b", ["a"])] }).start(newTask());
    for await (const event of run.events()) {
      expect(event.type).toBe("run.started");
      break;
    }
    await run.outcome;
    for await (const event of run.events()) expect.unreachable(event.type);
  });
});

describe("an event", () => {
  it("has its number, the moment and the task, in nested graphs too", async () => {
    const before = Date.now();
    const { events, outcome } = await runWithEvents([nodeOf("a"), new Node({ name: "outer", nodes: [nodeOf("leaf"), failing("broken")] })]);
    expect(numbersOf(events)).toEqual(upTo(events.length));
    const moments = [before, ...events.map(({ at }) => at), Date.now()];
    expect(moments).toEqual(moments.toSorted((a, b) => a - b));
    expect(new Set(events.map(({ taskId }) => taskId))).toEqual(new Set([outcome.task.id]));
  });

  it("has the same number for every subscriber, and counts while nobody listens", async () => {
    const ready = deferred();
    const late = deferred();
    const nodes = [
      nodeOf("a", [], async () => {
        ready.resolve();
        await late.promise;
        return success();
      }),
    ];
    const run = new Agent({ nodes }).start(newTask());
    await ready.promise;
    const [first, second] = [run.events(), run.events()];
    late.resolve();
    const [one, two] = await Promise.all([allOf(first), allOf(second)]);
    expect(one).toEqual(two);
    // Before: run.started, node.started, module.started.
    expect(one[0]).toMatchObject({ type: "module.ended", seq: 4 });
  });

  it("of another run is numbered from 1", async () => {
    const agent = new Agent({ nodes: [nodeOf("a")] });
    for (let run = 0; run < 2; run++) expect((await allOf(agent.start(newTask()).events()))[0]).toMatchObject({ seq: 1 });
  });

  it("of a restored run goes on from the last that the run ever told, also where it goes on from before that", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const nodes = () => [nodeOf("a"), nodeOf("b", ["a"], undefined, { snapshot: "ALWAYS" })];
    const run = new Agent({ nodes: nodes(), store, snapshot: "NEVER" }).start(newTask());
    const first = await allOf(run.events());
    const [ref] = await snapshotsOf(store, run.task.id);
    const restored = await allOf((await new Agent({ nodes: nodes(), store, snapshot: "NEVER" }).startFromSnapshot(ref ?? "")).events());
    expect(first.at(-1)).toMatchObject({ type: "run.ended" });
    expect(restored[0]).toMatchObject({ type: "run.restored", seq: first.length + 1, generation: ref?.generation });
    const all = [...first, ...restored];
    expect(numbersOf(all)).toEqual(upTo(all.length));
    expect((await store.events(run.task.id, { from: 1, limit: 1_000 })).map(({ seq }) => seq)).toEqual(upTo(all.length));
  });
});

describe("a subscription to a run's events", () => {
  it("keeps what is unread up to its bound, and tells in the place of the oldest how many were dropped", async () => {
    const { run, go } = emitting(10);
    const events = run.events({ maxBuffered: 4 });
    go();
    await run.outcome;
    const all = await allOf(events);
    // 3 before the ticks, 10 ticks, module.ended, node.completed, run.ended.
    expect(all[0]).toMatchObject({ type: "events.dropped", count: 12, seq: 12, graph: [], taskId: run.task.id });
    expect(numbersOf(all)).toEqual(upTo(16, 12));
    expect(all.at(-1)).toMatchObject({ type: "run.ended" });
  });

  it("drops nothing at its bound, and nothing that is read in time", async () => {
    const { run, go } = emitting(10);
    const [unread, read] = [run.events({ maxBuffered: 16 }), run.events({ maxBuffered: 1 })];
    const inTime: AgentEvent[] = [];
    const reader = read[Symbol.asyncIterator]();
    // As many readers as events: each waits before its event comes.
    const reading = Promise.all(
      upTo(17).map(async () => {
        const { value } = await reader.next();
        if (value !== undefined) inTime.push(value);
      }),
    );
    go();
    await run.outcome;
    await reading;
    expect(numbersOf(inTime)).toEqual(upTo(16));
    expect(numbersOf(await allOf(unread))).toEqual(upTo(16));
  });

  it("counts anew what is dropped after the count was read", async () => {
    const halves = [deferred(), deferred()];
    const between = deferred();
    const work = nodeOf("a", [], async ({ emit }) => {
      await halves[0]?.promise;
      for (let index = 0; index < 5; index++) emit({ type: "tick", index });
      between.resolve();
      await halves[1]?.promise;
      for (let index = 0; index < 5; index++) emit({ type: "tick", index });
      return success();
    });
    const run = new Agent({ nodes: [work] }).start(newTask());
    const events = run.events({ maxBuffered: 2 })[Symbol.asyncIterator]();
    halves[0]?.resolve();
    await between.promise;
    expect((await events.next()).value).toMatchObject({ type: "events.dropped", count: 6, seq: 6 });
    expect((await events.next()).value).toMatchObject({ type: "module.emitted", seq: 7 });
    halves[1]?.resolve();
    await run.outcome;
    // 8 was unread; 9 to 13 are the second ticks, then the three ends.
    expect((await events.next()).value).toMatchObject({ type: "events.dropped", count: 7, seq: 14 });
    expect((await events.next()).value).toMatchObject({ type: "node.completed", seq: 15 });
    expect((await events.next()).value).toMatchObject({ type: "run.ended", seq: 16 });
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  it("holds 10,000 events by default, and any number when it is told so", async () => {
    const { run, go } = emitting(10_100);
    const [bounded, unbounded] = [run.events(), run.events({ maxBuffered: Number.POSITIVE_INFINITY })];
    go();
    await run.outcome;
    const kept = await allOf(bounded);
    expect(kept[0]).toMatchObject({ type: "events.dropped", count: 106 });
    expect(kept).toHaveLength(10_001);
    expect(await allOf(unbounded)).toHaveLength(10_106);
  });

  it("begins by the number that it is given, also after the end, and in the future", async () => {
    const { run, go } = emitting(4);
    const later = run.events({ from: 6 });
    go();
    await run.outcome;
    expect(numbersOf(await allOf(run.events({ from: 1 })))).toEqual(upTo(10));
    expect(numbersOf(await allOf(run.events({ from: 9 })))).toEqual([9, 10]);
    expect(numbersOf(await allOf(later))).toEqual(upTo(10, 6));
    expect(await allOf(run.events({ from: 11 }))).toEqual([]);
    expect(await allOf(run.events())).toEqual([]);
  });

  it("goes on, without a break, from what came before to what comes", async () => {
    const ready = deferred();
    const go = deferred();
    const work = nodeOf("a", [], async ({ emit }) => {
      emit({ type: "before" });
      ready.resolve();
      await go.promise;
      emit({ type: "after" });
      return success();
    });
    const run = new Agent({ nodes: [work] }).start(newTask());
    const whole = run.events();
    await ready.promise;
    const late = run.events({ from: 2 });
    go.resolve();
    expect(await allOf(late)).toEqual((await allOf(whole)).slice(1));
  });

  it("tells which of those that it asks for are kept no more: the newest 1,000 are", async () => {
    const { run, go } = emitting(1_500);
    go();
    await run.outcome;
    const all = await allOf(run.events({ from: 3 }));
    expect(all[0]).toMatchObject({ type: "events.dropped", count: 504, seq: 506, taskId: run.task.id });
    expect(numbersOf(all.slice(1))).toEqual(upTo(1_506, 507));
    const bounded = await allOf(run.events({ from: 3, maxBuffered: 10 }));
    expect(bounded[0]).toMatchObject({ type: "events.dropped", count: 1_494, seq: 1_496 });
    expect(numbersOf(bounded.slice(1))).toEqual(upTo(1_506, 1_497));
  });

  it("gives each reader a copy of its own, of results too", async () => {
    const run = new Agent({ nodes: [nodeOf("a", [], () => success({ list: [1] }))] }).start(newTask());
    const [one, two] = await Promise.all([allOf(run.events()), allOf(run.events())]);
    for (const event of one) if (event.type === "node.completed") (event.result as { list: number[] }).list.push(2);
    expect(two).toContainEqual(expect.objectContaining({ type: "node.completed", result: { list: [1] } }));
    expect(await allOf(run.events({ from: 1 }))).toEqual(two);
  });

  it.each([0, -1, 1.5, "first"])("refuses to begin by %s", async (from) => {
    const { run, go } = emitting(0);
    expect(() => run.events({ from: from as number })).toThrow(expect.objectContaining({ code: "invalid-options" }));
    go();
    await run.outcome;
  });

  it.each([0, -1, 1.5, Number.NaN, "many"])("refuses a bound of %s", async (maxBuffered) => {
    const { run, go } = emitting(0);
    expect(() => run.events({ maxBuffered: maxBuffered as number })).toThrow(expect.objectContaining({ code: "invalid-options" }));
    expect(() => run.events({ most: 1 } as never)).toThrow(/events: Unrecognized key: "most"/);
    go();
    await run.outcome;
  });

  it("answers calls of `next` that do not wait for each other in order, and all of them at the end", async () => {
    const { run, go } = emitting(0);
    const events = run.events()[Symbol.asyncIterator]();
    const asked = upTo(9).map(() => events.next());
    go();
    const answers = await Promise.all(asked);
    expect(answers.map(({ value }) => value?.type)).toEqual([
      "run.started",
      "node.started",
      "module.started",
      "module.ended",
      "node.completed",
      "run.ended",
      undefined,
      undefined,
      undefined,
    ]);
    expect(answers.map(({ done }) => done)).toEqual([...Array(6).fill(false), ...Array(3).fill(true)]);
  });

  it("answers every waiting `next` when it is left, and gives nothing more", async () => {
    const { run, go } = emitting(3);
    const events = run.events()[Symbol.asyncIterator]();
    for (let index = 0; index < 3; index++) await events.next();
    const waiting = [events.next(), events.next()];
    const done = { done: true, value: undefined };
    expect(await events.return?.()).toEqual(done);
    expect(await Promise.all(waiting)).toEqual([done, done]);
    go();
    await run.outcome;
    expect(await events.next()).toEqual(done);
  });

  it("is left with events unread: they are gone", async () => {
    const { run, go } = emitting(3);
    const events = run.events({ maxBuffered: 2 })[Symbol.asyncIterator]();
    go();
    await run.outcome;
    await events.return?.();
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });
});
