/** `Runs` in one process, of runs that other processes own, kill and resume. */
import { mkdirSync } from "node:fs";
import { Agent, type AgentEvent, Runs } from "asimov-agents";
import { applyEvent, applyEvents, type RunView } from "asimov-agents/view";
import { afterEach, describe, expect, it } from "vitest";
import { newPlace } from "../store/place.ts";
import { sharedStores } from "../store/shared-stores.ts";
import { openStore } from "../store/story.ts";
import { OwnerProcess } from "./owner.ts";
import { asksFor, type Graph } from "./owner-graphs.ts";
import { all } from "./stores.ts";

describe.each(sharedStores())("a run of another process, in a %s store", (driver) => {
  const newFolder = newPlace();
  const toEnd: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of toEnd.splice(0)) await end();
  });

  /** The place of a test: its store as this process has it, and owners in others. */
  function open() {
    const folder = newFolder();
    mkdirSync(folder);
    const store = openStore(driver, folder, { keep: 10_000, keepEvents: 10_000 });
    const runs = new Runs(store);
    toEnd.push(() => store.close());
    const own = (taskId: string, graph: Graph, how?: "start" | "resume"): OwnerProcess => {
      const owner = new OwnerProcess(driver, folder, taskId, graph, how);
      toEnd.unshift(() => owner.kill());
      return owner;
    };
    const ids = async (query: Parameters<Runs["find"]>[0]): Promise<string[]> => (await all(runs.find(query))).map(({ taskId }) => taskId);
    /** The run is there, and its picture is as that. */
    const until = async (taskId: string, isSo: (view: RunView) => boolean): Promise<RunView> => {
      await expect.poll(async () => (await store.read(taskId))?.taskId, { timeout: 60_000 }).toBe(taskId);
      for await (const view of runs.watch(taskId)) if (isSo(view)) return view;
      throw new Error(`run ${taskId} ended before it was so`);
    };
    const listening = (taskId: string): Promise<RunView> => until(taskId, ({ nodes }) => nodes.b?.status === "EXECUTING");
    return { store, runs, own, ids, until, listening };
  }

  it("is shown, found, valued, told of and watched to its end as its owner sees it, and is not removed under it", async () => {
    const { store, runs, own, ids, listening } = open();
    const owner = own("t", "holds");
    const view = await listening("t");
    expect(view).toMatchObject({ status: "RUNNING", agent: "elsewhere", owner: { id: expect.stringContaining(`/${owner.pid}/`) } });
    expect(await runs.get("t")).toMatchObject({ status: "RUNNING", nodes: { a: { status: "COMPLETE" } } });
    expect([await ids({ status: "RUNNING" }), await ids({ status: ["READY", "PARKED"] })]).toEqual([["t"], []]);
    expect(await ids({ agent: "elsewhere", labels: { graph: "holds" }, type: "test" })).toEqual(["t"]);
    expect(await runs.value("t", ["nodes", "a", "result"])).toBe("a ".repeat(400));
    // What a module sets is stored with its end.
    expect(await runs.value("t", ["values", "listening"])).toBeUndefined();
    const [newest, ...older] = await all(runs.history("t"));
    expect(older.at(-1)).toMatchObject({ generation: 1, why: "started" });
    expect(await runs.at("t", newest?.generation as number)).toMatchObject({ nodes: { b: { status: "EXECUTING" } } });
    expect(await runs.at("t", 1)).toMatchObject({ nodes: { a: { visit: 0 } } });
    expect(await runs.prune({})).toBe(0);
    const views: RunView[] = [];
    const watching = (async () => {
      for await (const each of runs.watch("t")) views.push(each);
    })();
    await runs.send("t", "news", "end");
    await watching;
    const { outcome, view: last } = await owner.end();
    expect(outcome).toEqual({ status: "COMPLETE" });
    expect([views.at(-1), await runs.get("t")]).toEqual([last, last]);
    expect(await runs.value("t", ["values", "listening", 'to/the "one"', "0"])).toBe("news");
    const seqs = views.map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.toSorted((one, two) => one - two));
    await runs.remove("t");
    expect(await store.read("t")).toBeUndefined();
  });

  it("is READY as soon as its owner is killed, and its events have no gap and no second meaning when a third process resumes it", async () => {
    const { runs, own, ids, until, listening } = open();
    const owner = own("t", "holds");
    await listening("t");
    const live: AgentEvent[] = [];
    const following = (async () => {
      for await (const event of runs.events("t")) live.push(event);
    })();
    const watched = until("t", ({ status }) => status === "READY");
    await owner.kill();
    const view = await runs.get("t");
    expect(view).toMatchObject({ status: "READY", nodes: { b: { status: "EXECUTING" } } });
    expect(view).not.toHaveProperty("owner");
    expect([await ids({ status: "READY" }), await ids({ status: ["RUNNING", "PARKED"] }), await ids({})]).toEqual([["t"], [], ["t"]]);
    expect(await watched).toEqual(view);
    const heir = own("t", "holds", "resume");
    await until("t", ({ status }) => status === "RUNNING");
    await runs.send("t", "news", "end");
    const { outcome, view: last } = await heir.end();
    expect(outcome).toEqual({ status: "COMPLETE" });
    await following;
    expect(live.map(({ seq }) => seq)).toEqual(live.map((_, index) => index + 1));
    expect(live.at(-1)).toMatchObject({ type: "run.ended", status: "COMPLETE" });
    expect(await all(runs.events("t"))).toEqual(live);
    expect(await runs.get("t")).toEqual(last);
    expect(applyEvents(undefined, live)).toEqual(last);
    expect(owner.keys).toEqual(["t/a.1/work", "t/b.1/listen"]);
    expect(heir.keys).toEqual(["t/b.1/listen", "t/c.1/work"]);
  });

  it("takes each message once, that its owner had taken and lost, that came while nobody owned it, and that was sent twice", async () => {
    const { store, runs, own, listening } = open();
    const owner = own("t", "holds");
    await listening("t");
    await runs.send("t", "news", { n: 1 }, { id: "m1" });
    expect((await store.read("t"))?.inbox.last).toBe(1);
    // It is in the run's mailbox by now, and handed to the module.
    await expect.poll(async () => (await store.read("t"))?.inbox.count).toBe(0);
    await runs.send("t", "news", { n: 2 });
    await owner.kill();
    await runs.send("t", "news", { n: 1 }, { id: "m1" });
    await runs.send("t", "news", { n: 3 }, { id: "m3" });
    const heir = own("t", "holds", "resume");
    await runs.send("t", "news", { n: 3 }, { id: "m3" });
    await runs.send("t", "news", "end", { id: "last" });
    expect((await heir.end()).outcome).toEqual({ status: "COMPLETE" });
    expect(await runs.value("t", ["nodes", "b", "result"])).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    await expect(runs.send("t", "news", "late", { id: "late" })).rejects.toMatchObject({ code: "run-ended", taskId: "t" });
    await runs.send("t", "news", "end", { id: "last" });
  });

  it("is ended by a cancel where it runs", async () => {
    const { runs, own, listening } = open();
    const owner = own("t", "holds");
    await listening("t");
    const events = all(runs.events("t"));
    await runs.cancel("t", "enough");
    const told = (await events).filter(({ type }) => ["module.ended", "node.blocked", "run.ended"].includes(type));
    expect(told).toMatchObject([
      { type: "module.ended", node: "a" },
      { type: "module.ended", node: "b" },
      { type: "node.blocked", node: "c" },
      { type: "run.ended", status: "FAILED", code: "cancelled" },
    ]);
    const { outcome, view } = await owner.end();
    expect(outcome).toEqual({ status: "FAILED", error: "The run was cancelled: enough" });
    expect(view).toMatchObject({ status: "CANCELLED" });
    expect(await runs.get("t")).toEqual(view);
    expect(owner.keys).toEqual(["t/a.1/work", "t/b.1/listen"]);
  });

  it.each(["parked", "killed"] as const)("is ended by a cancel in the same step, without its code, where its owner was %s", async (how) => {
    const { store, runs, own, ids, listening } = open();
    const owner = own("t", how === "parked" ? "parks" : "holds");
    if (how === "parked") expect((await owner.end()).outcome).toEqual({ code: "run-parked" });
    else {
      await listening("t");
      await owner.kill();
    }
    expect(await ids({ status: "READY" })).toEqual(["t"]);
    const before = await runs.get("t");
    const views = all(runs.watch("t"));
    await runs.cancel("t", "enough");
    expect(await store.read("t")).toMatchObject({ status: "CANCELLED", lease: null, generation: before.generation });
    const view = await runs.get("t");
    expect(view).toMatchObject({ status: "CANCELLED", errors: [{ code: "cancelled", error: "The run was cancelled: enough" }] });
    expect((await views).at(-1)).toEqual(view);
    const events = await all(runs.events("t"));
    expect(applyEvents(undefined, events)).toEqual(view);
    let kept = JSON.parse(JSON.stringify(before)) as RunView;
    for (const event of events.slice(before.seq)) kept = applyEvent(kept, event);
    expect(kept).toEqual(view);
    expect([await ids({ status: "READY" }), await ids({ status: "CANCELLED" })]).toEqual([[], ["t"]]);
    const heir = new Agent({ name: "elsewhere", store, outputMailbox: "ends", nodes: asksFor("holds", () => {}).nodes });
    for (let n = 0; n < 2; n++) {
      await expect(heir.resume("t")).rejects.toMatchObject({ code: "run-ended", message: expect.stringContaining("CANCELLED") });
    }
    expect(await heir.cache.peekMailbox("ends")).toMatchObject([{ id: "t/end/1", taskId: "t", status: "FAILED" }]);
    await expect(runs.cancel("t")).rejects.toMatchObject({ code: "run-ended" });
  });

  it("can be read whole at any moment while it commits", async () => {
    const { store, runs, own } = open();
    const owner = own("t", "chain");
    await expect.poll(async () => (await store.read("t"))?.taskId, { timeout: 20_000 }).toBe("t");
    const events = all(runs.events("t"));
    let reads = 0;
    for (let last: RunView | undefined; last?.endedAt === undefined; reads++) {
      const view = await runs.get("t");
      expect(view.generation).toBeGreaterThanOrEqual(last?.generation ?? 1);
      expect(view.seq).toBeGreaterThanOrEqual(last?.seq ?? 0);
      const generations = (await all(runs.history("t"))).map(({ generation }) => generation);
      const newest = generations[0] as number;
      expect(newest).toBeGreaterThanOrEqual(view.generation);
      expect(generations).toEqual(Array.from({ length: newest }, (_, index) => newest - index));
      const { owner: _owner, status: _status, ...stood } = view;
      const { status: _then, ...at } = await runs.at("t", view.generation);
      expect(at).toEqual(stood);
      last = view;
    }
    const { view } = await owner.end();
    expect(await runs.get("t")).toEqual(view);
    expect((await events).map(({ seq }) => seq)).toEqual(Array.from({ length: view.seq }, (_, index) => index + 1));
    expect(reads).toBeGreaterThan(1);
  });
});
