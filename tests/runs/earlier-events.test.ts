/** What a live run's process does not remember of its events, its store gives: without a gap, and nothing twice. */
import { Agent, type AgentEvent, type AgentRun, MemoryStore, type RunStore, Runs } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { deferred, held, nodeOf, success } from "../run/support.ts";
import { all, allStores, opening, taskOf } from "./stores.ts";

const upTo = (count: number): number[] => Array.from({ length: count }, (_each, at) => at + 1);
const numbersOf = (events: readonly AgentEvent[]): number[] => events.map(({ seq }) => seq);

/** Each number once: given, or among those that are said to be gone, which come before it. */
function expectUnbroken(events: readonly AgentEvent[], from = 1): void {
  let next = from;
  for (const event of events) {
    expect(event.seq).toBe(event.type === "events.dropped" ? next + event.count - 1 : next);
    next = event.seq + 1;
  }
}

/** A node that emits so many events, then is held. */
function emitting(count: number) {
  const [told, go] = [deferred(), deferred()];
  const node = nodeOf("emits", [], async ({ emit }) => {
    for (let tick = 0; tick < count; tick++) emit({ type: "tick", tick });
    told.resolve();
    await go.promise;
    return success();
  });
  return { node, told: told.promise, go: () => go.resolve() };
}

describe.each(allStores())("the events of a live run of a %s store", (_, make) => {
  const open = opening(make);

  async function resumed(store: RunStore): Promise<{ run: AgentRun; agent: Agent; node: ReturnType<typeof held> }> {
    const [first, second] = [held("b"), held("b")];
    const run = new Agent({ store, nodes: [nodeOf("a"), first.node] }).start(taskOf());
    await first.entered;
    await run.park();
    await run.outcome.catch(() => {});
    const agent = new Agent({ store, nodes: [nodeOf("a"), second.node] });
    return { run: await agent.resume("t"), agent, node: second };
  }

  it("go on from those of the process before it", async () => {
    const store = open();
    const { run, agent, node } = await resumed(store);
    const [early, late] = [all(run.events({ from: 1 })), all(run.events({ from: 3 }))];
    await node.entered;
    const middle = all(run.events({ from: 1 }));
    node.go();
    await run.outcome;
    const told = await all(new Runs(store).events("t"));
    expect(numbersOf(told)).toEqual(upTo(told.length));
    expect(told.map(({ type }) => type)).toContain("run.restored");
    for (const events of [await early, await middle, await all(run.events({ from: 1 })), await all(agent.runs.events("t"))])
      expect(events).toEqual(told);
    expect(await late).toEqual(told.slice(2));
  });

  it("are there of a run that was found ended", async () => {
    const store = open();
    await new Agent({ store, nodes: [nodeOf("a")] }).runTask(taskOf());
    const told = await all(new Runs(store).events("t"));
    const found = new Agent({ store, nodes: [nodeOf("a")] }).start(taskOf(), { ifExists: "attach" });
    expect(await all(found.events({ from: 1 }))).toEqual(told);
  });

  it("are all that its store keeps, also where that is more than its process does", async () => {
    const store = open({ keepEvents: 100_000 });
    const { node, told, go } = emitting(2_500);
    const run = new Agent({ store, nodes: [node] }).start(taskOf());
    await told;
    const early = all(run.events({ from: 1 }));
    go();
    await run.outcome;
    for (const events of [await early, await all(run.events({ from: 1 }))]) {
      expect(events.length).toBeGreaterThan(2_500);
      expect(numbersOf(events)).toEqual(upTo(events.length));
    }
  });

  it("say how many are gone, and no more than are", async () => {
    const store = open({ keepEvents: 20 });
    const { node, told, go } = emitting(300);
    const first = new Agent({ store, nodes: [node] }).start(taskOf());
    await told;
    go();
    await first.outcome;
    const { lastSeq } = (await store.read("t")) ?? { lastSeq: 0 };
    const fork = held("emits");
    const run = await new Agent({ store, nodes: [fork.node] }).startFromSnapshot({ taskId: "t", generation: 1 });
    const events = all(run.events({ from: 1 }));
    await fork.entered;
    fork.go();
    await run.outcome;
    const [gone, ...rest] = await events;
    // What the run tells meanwhile may have others dropped before they are read.
    const { seq } = gone as AgentEvent;
    expect(gone).toMatchObject({ type: "events.dropped", count: seq });
    expect(seq).toBeGreaterThanOrEqual(lastSeq - 20);
    expect(rest.length).toBeGreaterThanOrEqual(20);
    expectUnbroken([gone as AgentEvent, ...rest]);
    expect(rest.filter(({ type }) => type === "events.dropped")).toEqual([]);
    expect(rest.at(-1)).toMatchObject({ type: "run.ended" });
  });

  it("come in the order of the calls of `next`, however many are open at once", async () => {
    const { run, node } = await resumed(open());
    const reader = run.events({ from: 1 })[Symbol.asyncIterator]();
    const calls = Array.from({ length: 60 }, () => reader.next());
    await node.entered;
    calls.push(...Array.from({ length: 5 }, () => reader.next()));
    node.go();
    await run.outcome;
    const results = await Promise.all(calls);
    const given = results.flatMap(({ done, value }) => (done === true ? [] : [value as AgentEvent]));
    expect(numbersOf(given)).toEqual(upTo(given.length));
    expect(given.at(-1)).toMatchObject({ type: "run.ended" });
    expect(results.slice(given.length).every(({ done }) => done === true)).toBe(true);
  });
});

/** Its events are given page by page, when the test says so. */
class SlowStore extends MemoryStore {
  readonly asked: { from: number; give(): void; fail(error: Error): void }[] = [];
  isSlow = false;
  override async events(taskId: string, query: { from: number; limit: number }) {
    if (this.isSlow) {
      const { promise, resolve, reject } = deferred();
      this.asked.push({ from: query.from, give: resolve, fail: reject });
      await promise;
    }
    return await super.events(taskId, query);
  }
}

describe("a reader of what a store holds of a live run", () => {
  async function longRun(keepEvents = 100_000) {
    const store = new SlowStore({ keepEvents });
    const first = emitting(1_600);
    const run = new Agent({ store, nodes: [first.node] }).start(taskOf());
    await first.told;
    await run.park();
    await run.outcome.catch(() => {});
    const second = emitting(10);
    const again = await new Agent({ store, nodes: [second.node] }).resume("t");
    await second.told;
    store.isSlow = true;
    return { store, run: again, go: second.go };
  }

  async function nextAsked({ asked }: SlowStore) {
    await expect.poll(() => asked.length).toBeGreaterThan(0);
    return asked.shift() as (typeof asked)[number];
  }

  it("asks for a page when the one before is read, and never for two at once", async () => {
    const { store, run, go } = await longRun();
    const reader = run.events({ from: 1 })[Symbol.asyncIterator]();
    const given: AgentEvent[] = [];
    for (const page of [1, 501, 1_001]) {
      const calls = Array.from({ length: 500 }, () => reader.next());
      const { from, give } = await nextAsked(store);
      expect([from, store.asked.length]).toEqual([page, 0]);
      give();
      for (const { value } of await Promise.all(calls)) given.push(value as AgentEvent);
    }
    expect(numbersOf(given)).toEqual(upTo(1_500));
    go();
    await run.outcome;
    const rest = (async () => {
      for (let next = await reader.next(); next.done !== true; next = await reader.next()) given.push(next.value);
    })();
    (await nextAsked(store)).give();
    await rest;
    expectUnbroken(given);
    expect(given.at(-1)).toMatchObject({ type: "run.ended" });
  });

  it("is told what was dropped from the store while it read, and what it lost of the new ones itself", async () => {
    const { store, run, go } = await longRun(700);
    const events = all(run.events({ from: 1_000, maxBuffered: 2 }));
    const { give } = await nextAsked(store);
    go();
    await run.outcome;
    give();
    store.isSlow = false;
    const given = await events;
    expectUnbroken(given, 1_000);
    expect(given.map(({ type }) => type).at(-1)).toBe("run.ended");
  });

  it("can leave while it waits for the store", async () => {
    const { store, run, go } = await longRun();
    const reader = run.events({ from: 1 })[Symbol.asyncIterator]();
    const [one, two] = [reader.next(), reader.next()];
    const { give } = await nextAsked(store);
    await reader.return?.();
    expect(await Promise.all([one, two])).toEqual([
      { done: true, value: undefined },
      { done: true, value: undefined },
    ]);
    give();
    go();
    await run.outcome;
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  it("hears what its store cannot give, and is done", async () => {
    const { store, run, go } = await longRun();
    const reader = run.events({ from: 1 })[Symbol.asyncIterator]();
    const [one, two] = [reader.next(), reader.next()];
    (await nextAsked(store)).fail(new Error("away"));
    await expect(one).rejects.toThrow("away");
    expect(await two).toEqual({ done: true, value: undefined });
    expect(await reader.next()).toEqual({ done: true, value: undefined });
    store.isSlow = false;
    go();
    expect(await run.outcome).toMatchObject({ status: "COMPLETE" });
  });
});
