/** Which stored runs are found, in which order, while others come, go and break. */
import { Agent, type AgentRun, type FindQuery, MemoryStore, type RunStore, Runs, type StoredRun } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { aborted, deferred, failing, nodeOf } from "../run/support.ts";
import { all, opening, storesOf, taskOf } from "./stores.ts";

type Query = Parameters<Runs["find"]>[0];

const idsOf = async (runs: Runs, query?: Query): Promise<string[]> => (await all(runs.find(query))).map(({ taskId }) => taskId);

/** A run that works until it is ended, put down or lost. */
async function working(store: RunStore, id: string, options = {}): Promise<AgentRun> {
  const entered = deferred();
  const node = nodeOf("a", [], async ({ signal }) => {
    entered.resolve();
    await aborted(signal);
    signal.throwIfAborted();
  });
  const run = new Agent({ name: "finder", store, nodes: [node], ...options }).start(taskOf(id));
  await entered.promise;
  return run;
}

describe.each(storesOf())("runs that are found in a %s store", (_, make) => {
  const open = opening(make);
  const done = (store: RunStore, ...ids: string[]) =>
    Promise.all(ids.map((id) => new Agent({ name: "finder", store, nodes: [nodeOf("a")] }).runTask(taskOf(id))));

  it("come once each, though others come and go between two pages", async () => {
    const store = open();
    const runs = new Runs(store);
    for (let at = 0; at < 12; at++) await done(store, `t${at}`);
    const expected = await idsOf(runs);
    const found: string[] = [];
    for (let page = 0; page < 4; page++) {
      const after = found.at(-1);
      const ids = await idsOf(runs, { limit: 3, ...(after === undefined ? {} : { after }) });
      found.push(...ids);
      await done(store, `new ${page}`);
      // Of a page that was seen, and not the one to go on behind.
      await runs.remove(ids[0] as string);
    }
    expect(found).toEqual(expected);
    expect(await idsOf(runs, { after: found.at(-1) as string })).toEqual([]);
  });

  it("come once each to one iteration, too, whatever comes meanwhile, and go on behind one that is gone", async () => {
    const store = open();
    const runs = new Runs(store);
    const ids = Array.from({ length: 120 }, (_, at) => `t${at}`);
    await done(store, ...ids);
    const found: string[] = [];
    for await (const { taskId } of runs.find()) {
      found.push(taskId);
      if (found.length % 20 !== 0) continue;
      await done(store, `new ${found.length}`);
      await runs.remove(taskId);
    }
    expect(found.toSorted()).toEqual(ids.toSorted());
  });

  it("are as many as were asked for, also where some have gone since the page was read", async () => {
    const store = open();
    const runs = new Runs(store);
    await done(store, ...Array.from({ length: 80 }, (_, at) => `t${at}`));
    const expected = await idsOf(runs);
    const found = runs.find({ limit: 60 });
    const first = (await found.next()).value?.taskId;
    // The rest of its page.
    for (const id of expected.slice(1, 50)) await runs.remove(id);
    expect([first, ...(await all(found)).map(({ taskId }) => taskId)]).toEqual([expected[0], ...expected.slice(50)]);
  });

  it("have the status that was asked for when they are given, not only when the page was read", async () => {
    const store = open();
    const runs = new Runs(store);
    const ids = ["t1", "t2", "t3"];
    for (const id of ids) await (await working(store, id)).park();
    const found = runs.find({ status: "READY" });
    expect((await found.next()).value).toMatchObject({ status: "READY" });
    for (const id of ids) await runs.cancel(id);
    expect(await all(found)).toEqual([]);
    expect(await idsOf(runs, { status: "CANCELLED" })).toHaveLength(3);
  });

  it("are those that each filter says, alone and together", async () => {
    const store = open();
    const runs = new Runs(store);
    await done(store, "done");
    await new Agent({ name: "other", store, nodes: [failing("a")] }).runTask(taskOf("failed", { type: "odd", labels: { "a b": 'x"%_' } }));
    const half = [nodeOf("a"), failing("b")];
    await new Agent({ name: "other", store, nodes: half }).runTask(taskOf("partial", { labels: { "a b": "x" } }));
    await (await working(store, "ready")).park();
    const running = await working(store, "running");
    await runs.cancel((await working(store, "cancelled")).id);
    await expect.poll(() => idsOf(runs, { status: "CANCELLED" })).toEqual(["cancelled"]);
    const found = async (query: Query): Promise<string[]> => (await idsOf(runs, query)).toSorted();
    for (const [status, id] of [
      ["COMPLETE", "done"],
      ["FAILED", "failed"],
      ["PARTIAL", "partial"],
      ["READY", "ready"],
      ["RUNNING", "running"],
    ] as const)
      expect(await found({ status })).toEqual([id]);
    expect(await found({ status: "PARKED" })).toEqual([]);
    expect(await found({ status: ["RUNNING", "READY", "RUNNING"] })).toEqual(["ready", "running"]);
    expect(await found({ status: [] })).toEqual([]);
    expect(await found({ agent: "other" })).toEqual(["failed", "partial"]);
    expect(await found({ agent: "other", type: "test" })).toEqual(["partial"]);
    expect(await found({ type: "odd" })).toEqual(["failed"]);
    expect(await found({ labels: { "a b": 'x"%_' } })).toEqual(["failed"]);
    expect(await found({ labels: { "a b": "x%" } })).toEqual([]);
    expect(await found({ labels: {} })).toHaveLength(6);
    const { updatedAt } = await runs.get("done");
    expect(await found({ updatedBefore: new Date(updatedAt) })).toEqual([]);
    expect(await found({ updatedBefore: new Date(Date.now() + 1_000), status: "COMPLETE" })).toEqual(["done"]);
    expect(await found({ agent: "other", status: ["FAILED", "COMPLETE"], type: "odd", labels: { "a b": 'x"%_' }, limit: 5 })).toEqual([
      "failed",
    ]);
    await running.cancel();
  });

  it("are refused with what is no query, before any run is given, naming what was wrong", async () => {
    const store = open();
    const agent = new Agent({ name: "finder", store, nodes: [nodeOf("a")] });
    for (const runs of [new Runs(store), agent.runs]) {
      const refused: [unknown, string][] = [
        [{ state: "READY" }, "state"],
        [{ status: "DONE" }, "status"],
        [{ status: ["READY", "DONE"] }, "status"],
        [{ labels: { a: 1 } }, "labels"],
        [{ labels: JSON.parse('{ "__proto__": "x" }') }, "__proto__"],
        [{ updatedBefore: 5 }, "updatedBefore"],
        [{ updatedBefore: new Date("nonsense") }, "updatedBefore"],
        [{ limit: 0 }, "limit"],
        [{ limit: 1.5 }, "limit"],
        [{ after: "" }, "after"],
        [{ agent: "" }, "agent"],
        ["READY", "find"],
      ];
      for (const [query, named] of refused) {
        const error = { code: "invalid-options", message: expect.stringContaining(named) };
        await expect(all(runs.find(query as never))).rejects.toMatchObject(error);
      }
    }
  });
});

describe("the runs of an agent, stored or not", () => {
  it("are refused with what is no query, also where runs of this process would be given first", async () => {
    const entered = deferred();
    const node = nodeOf("a", [], async ({ signal }) => {
      entered.resolve();
      await aborted(signal);
    });
    const agent = new Agent({ nodes: [node] });
    const run = agent.start(taskOf("t"));
    await entered.promise;
    const found: string[] = [];
    const asked = (async () => {
      for await (const { taskId } of agent.runs.find({ state: "READY" } as never)) found.push(taskId);
    })();
    await expect(asked).rejects.toMatchObject({ code: "invalid-options" });
    expect(found).toEqual([]);
    expect(await idsOf(agent.runs, { limit: 1 })).toEqual(["t"]);
    await run.cancel();
  });
});

describe("a run of this process that no store holds at first", () => {
  it("is found once, by whatever it is, before and after it has come to a store", async () => {
    const store = new MemoryStore();
    await new Agent({ name: "finder", store, nodes: [nodeOf("a")] }).runTask(taskOf("done"));
    const entered = deferred();
    const node = nodeOf("a", [], async ({ signal }) => {
      entered.resolve();
      await aborted(signal);
    });
    const own = new Agent({ name: "finder", store, snapshot: "NEVER", nodes: [node] });
    const live = own.start(taskOf("t"));
    await entered.promise;
    expect([await idsOf(own.runs), await idsOf(own.runs, { limit: 1 })]).toEqual([["t", "done"], ["t"]]);
    expect(await idsOf(own.runs, { status: "COMPLETE" })).toEqual(["done"]);
    expect(await idsOf(own.runs, { after: "done" })).toEqual([]);
    const found = own.runs.find();
    expect((await found.next()).value).toMatchObject({ taskId: "t", generation: 0 });
    await live.snapshot();
    expect((await all(found)).map(({ taskId }) => taskId)).toEqual(["done"]);
    expect(await idsOf(own.runs)).toEqual(["t", "done"]);
    expect(await own.runs.get("t")).toMatchObject({ status: "RUNNING", owner: { id: expect.any(String) } });
    await live.cancel();
  });
});

describe.each(storesOf())("runs of this process that no %s store holds", (_, make) => {
  /** Begun one after the other: those of an even number are stored at their end, the others are nobody's but this process's. */
  async function begun(count: number) {
    const clock = new SimulatedClock();
    const store = make({ clock });
    const stored = new Agent({ name: "finder", store, clock, nodes: [nodeOf("a")] });
    const own = new Agent({ name: "finder", store, clock, snapshot: "NEVER", nodes: [nodeOf("a", [], ({ signal }) => aborted(signal))] });
    const live: AgentRun[] = [];
    const begin = async (id: string, isStored: boolean) => {
      await clock.advance(1);
      if (isStored) await stored.runTask(taskOf(id));
      else live.push(own.start(taskOf(id)));
    };
    for (let at = 0; at < count; at++) await begin(`t${at}`, at % 2 === 0);
    const leave = async () => {
      for (const run of live) await run.cancel();
      await store.close();
    };
    return { runs: own.runs, live, begin, leave };
  }

  it("are found where they began, among those of the store", async () => {
    const { runs, leave } = await begun(6);
    const newestFirst = ["t5", "t4", "t3", "t2", "t1", "t0"];
    expect(await idsOf(runs)).toEqual(newestFirst);
    for (const [at, after] of newestFirst.entries()) {
      expect(await idsOf(runs, { limit: 2, after })).toEqual(newestFirst.slice(at + 1, at + 3));
    }
    expect(await idsOf(runs, { status: "RUNNING" })).toEqual(["t5", "t3", "t1"]);
    await expect(idsOf(runs, { after: "nobody" })).rejects.toMatchObject({ code: "run-not-found" });
    await leave();
  });

  it("come once each, page by page, though they come to their store, end, and others begin between two pages", async () => {
    const { runs, live, begin, leave } = await begun(12);
    const found: string[] = [];
    for (let page = 0; ; page++) {
      const after = found.at(-1);
      const ids = await idsOf(runs, { limit: 2, ...(after === undefined ? {} : { after }) });
      found.push(...ids);
      if (ids.length === 0) break;
      await begin(`new ${page}`, page % 2 === 0);
      // The one to go on behind has ended, and one that is still to come is stored from now on, or has ended as a stored one.
      await live.find(({ id }) => id === ids[0])?.cancel();
      const next = live.find(({ id }) => id === `t${9 - 2 * page}`);
      await next?.snapshot();
      if (page % 2 === 1) await next?.cancel();
    }
    expect(found).toEqual(Array.from({ length: 12 }, (_each, at) => `t${11 - at}`));
    await leave();
  });

  it("come once each to one iteration, too", async () => {
    const { runs, live, leave } = await begun(12);
    const found: string[] = [];
    for await (const { taskId } of runs.find()) {
      found.push(taskId);
      const next = live.find(({ id }) => id === `t${11 - found.length}`);
      if (found.length % 3 === 0) await next?.snapshot();
    }
    expect(found).toEqual(Array.from({ length: 12 }, (_each, at) => `t${11 - at}`));
    await leave();
  });
});

describe("runs of one moment", () => {
  it("come in the order of their ids, and are paged without loss", async () => {
    const store = new MemoryStore({ clock: new SimulatedClock() });
    const runs = new Runs(store);
    const ids = ["a", "é", "z", "🙂", "B", "b"];
    for (const id of ids) await new Agent({ store, nodes: [nodeOf("a")] }).runTask(taskOf(id));
    const found: string[] = [];
    for (let page = await idsOf(runs, { limit: 1 }); page.length > 0; page = await idsOf(runs, { limit: 1, after: found.at(-1) as string }))
      found.push(...page);
    expect(found).toEqual(["🙂", "é", "z", "b", "a", "B"]);
  });
});

describe("a driver that somebody else made", () => {
  /** As one that knows nothing of processes. */
  class Foreign extends MemoryStore {
    // Rows as another process of this machine that is gone would have left them. */
    override async read(taskId: string): Promise<StoredRun | undefined> {
      return this.#left(await super.read(taskId));
    }
    override async find(query: FindQuery): Promise<StoredRun[]> {
      const { statuses, limit, isGone = () => false, ...rest } = query;
      const found = (await super.find({ ...rest, limit: 1_000 })).map((run) => this.#left(run) as StoredRun);
      const now = await this.now();
      const statusOf = ({ status, lease }: StoredRun) => {
        if (status !== "open") return status;
        const process = lease?.owner.process;
        return lease !== null && lease.until > now && !(process !== undefined && isGone(process)) ? "RUNNING" : "READY";
      };
      return found.filter((run) => statuses?.includes(statusOf(run)) ?? true).slice(0, limit);
    }
    #left(run: StoredRun | undefined): StoredRun | undefined {
      if (run?.lease?.owner.process === undefined || run.taskId !== "left") return run;
      const process = { ...run.lease.owner.process, boot: "one before" };
      return { ...run, lease: { ...run.lease, owner: { ...run.lease.owner, process } } };
    }
  }

  it("has the runs of a process that is gone as READY, not as RUNNING, and they end by a cancel at once", async () => {
    const store = new Foreign();
    const runs = new Runs(store);
    const left = await working(store, "left");
    const live = await working(store, "live");
    expect([await idsOf(runs, { status: "READY" }), await idsOf(runs, { status: "RUNNING" })]).toEqual([["left"], ["live"]]);
    expect(await runs.get("left")).toMatchObject({ status: "READY" });
    await runs.cancel("left", "enough");
    expect(await runs.get("left")).toMatchObject({ status: "CANCELLED" });
    await expect(left.outcome).rejects.toMatchObject({ code: "run-fenced" });
    for (const id of ["left", "live"]) await runs.remove(id);
    await expect(live.outcome).rejects.toMatchObject({ code: "run-not-found" });
  });
});
