/** Stored runs, seen and spoken to by whoever has none of their agents' code. */
import { isDeepStrictEqual } from "node:util";
import { Agent, type AgentEvent, type AgentRun, MemoryStore, Node, Runs } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { applyEvents, type RunView } from "asimov-agents/view";
import { describe, expect, it } from "vitest";
import { deferred, failing, held, moduleOf, nodeOf, success, within } from "../run/support.ts";
import { overTheWire } from "../support/told.ts";
import { all, opening, storesOf, taskOf } from "./stores.ts";

async function parked(run: AgentRun): Promise<void> {
  await run.park();
  await expect(run.outcome).rejects.toMatchObject({ code: "run-parked" });
}

describe.each(storesOf())("runs in a %s store", (_, make) => {
  const open = opening(make);

  it("are shown as the process shows them that they run in, and as they were", async () => {
    const store = open();
    const { node, entered, go } = held("b", ["a"]);
    const agent = new Agent({
      name: "shown",
      version: "3",
      store,
      nodes: [nodeOf("a"), node, within(1, failing("x"), { dependencies: ["b"] })],
    });
    const run = agent.start(taskOf("t"));
    const runs = new Runs(store);
    await entered;
    // Once what it has told is stored.
    await expect.poll(async () => isDeepStrictEqual(await runs.get("t"), overTheWire(run.view()))).toBe(true);
    const view = await runs.get("t");
    expect(view).toMatchObject({ agent: "shown", version: "3", status: "RUNNING", owner: { id: expect.any(String) } });
    go();
    await run.outcome;
    const ended = await runs.get("t");
    expect(ended).toEqual(overTheWire(run.view()));
    expect(ended).toMatchObject({ status: "PARTIAL", endedAt: expect.any(Number), nodes: { b: { result: "b" } } });
    expect(ended).not.toHaveProperty("owner");
    const { owner: _owner, ...before } = view;
    expect(await runs.at("t", view.generation)).toEqual(before);
    const history = await all(runs.history("t"));
    expect(history.map(({ generation }) => generation)).toEqual(Array.from({ length: ended.generation }, (_, at) => ended.generation - at));
    expect(history[0]).toMatchObject({ why: "ended", bytes: expect.any(Number), at: expect.any(Number) });
    expect(history.at(-1)).toMatchObject({ why: "started", generation: 1 });
  });

  it("tell their events from any number on, as they come, and end with the run", async () => {
    const store = open();
    const { node, entered, go } = held("b", ["a"]);
    const run = new Agent({ store, nodes: [nodeOf("a"), node, nodeOf("c", ["b"])] }).start(taskOf("t"));
    const live = all(run.events({ from: 1 }));
    await entered;
    const told: AgentEvent[] = [];
    const early = new Runs(store).events("t");
    for (let next = await early.next(); !next.done; next = await early.next()) {
      told.push(next.value);
      if (next.value.type === "module.started" && next.value.node === "b") go();
    }
    expect(told).toEqual(overTheWire(await live));
    expect(told.at(-1)).toMatchObject({ type: "run.ended", status: "COMPLETE" });
    expect(await all(new Runs(store).events("t", { from: 5 }))).toEqual(told.slice(4));
    const view = await new Runs(store).get("t");
    expect(applyEvents(undefined, told)).toEqual(view);
  });

  it("say how many of their first events are kept no more", async () => {
    const store = open({ keepEvents: 5 });
    await new Agent({ store, nodes: [nodeOf("a"), nodeOf("b", ["a"])] }).start(taskOf("t")).outcome;
    const events = await all(new Runs(store).events("t"));
    const last = events.at(-1)?.seq ?? 0;
    expect(events[0]).toMatchObject({ type: "events.dropped", count: last - 5, seq: last - 5 });
    expect(events).toHaveLength(6);
  });

  it("take a message once, however often it is sent, and from before they were resumed", async () => {
    const store = open();
    const log: unknown[] = [];
    const entered = deferred();
    const listener = nodeOf("listener", [], async ({ values, signal }) => {
      entered.resolve();
      for (let left = 2; left > 0; left--) log.push(await values.getMessage("news", { signal }));
      return success();
    });
    const nodes = [listener];
    const runs = new Runs(store);
    const first = new Agent({ store, nodes }).start(taskOf("t"));
    await entered.promise;
    await parked(first);
    await runs.send("t", "news", { n: 1 }, { id: "m1" });
    await runs.send("t", "news", { n: 1 }, { id: "m1" });
    const second = await new Agent({ store, nodes }).resume("t");
    await runs.send("t", "news", { n: 1 }, { id: "m1" });
    await runs.send("t", "news", { n: 2 });
    await second.outcome;
    expect(log).toEqual([{ n: 1 }, { n: 2 }]);
    await expect(runs.send("t", "news", 3)).rejects.toMatchObject({ code: "run-ended", taskId: "t" });
  });

  it("are cancelled where they run, and where nobody owns them, with the same last words", async () => {
    const store = open();
    const runs = new Runs(store);
    const agent = () => {
      const { node, entered } = held("a");
      return { agent: new Agent({ store, nodes: [node, nodeOf("b", ["a"])] }), entered };
    };
    const one = agent();
    const live = one.agent.start(taskOf("live"));
    await one.entered;
    await runs.cancel("live", "enough");
    expect(await live.outcome).toMatchObject({ status: "FAILED", task: { error: "The run was cancelled: enough" } });
    const two = agent();
    const put = two.agent.start(taskOf("parked"));
    await two.entered;
    await parked(put);
    expect(await runs.get("parked")).toMatchObject({ status: "READY" });
    await runs.cancel("parked", "enough");
    for (const id of ["live", "parked"]) {
      const view = await runs.get(id);
      expect(view).toMatchObject({
        status: "CANCELLED",
        endedAt: expect.any(Number),
        errors: [{ code: "cancelled", error: "The run was cancelled: enough" }, ...(id === "live" ? [{}] : [])],
      });
      const events = await all(runs.events(id));
      expect(events.at(-1)).toMatchObject({ type: "run.ended", status: "FAILED", code: "cancelled" });
      expect(applyEvents(undefined, events)).toEqual(view);
    }
    await expect(runs.cancel("parked")).rejects.toMatchObject({ code: "run-ended" });
  });

  it("give values whole that their view cuts and masks, nested ones too", async () => {
    const store = open();
    const long = "long ".repeat(1_000);
    const two = new Node({ name: "two", modules: [moduleOf("x", () => success({ deep: [1, { long }] })), moduleOf("y")] });
    const keeps = nodeOf("keeps", [], async ({ values }) => {
      await values.set("secret", { password: "hunter22" });
      return success(long);
    });
    const run = new Agent({
      store,
      nodes: [
        keeps,
        two,
        within(
          2,
          nodeOf("leaf", [], () => success({ long })),
        ),
      ],
    }).start(taskOf("t"));
    await run.outcome;
    const runs = new Runs(store);
    expect(await runs.value("t", ["nodes", "keeps", "result"])).toBe(long);
    expect(await runs.value("t", ["nodes", "two", "result", "x", "deep", "1", "long"])).toBe(long);
    expect(await runs.value("t", ["values", "secret", "password"])).toBe("hunter22");
    expect(await runs.value("t", ["values", "nothing"])).toBeUndefined();
    expect(await runs.value("t", ["nodes", "around 1", "result"])).toEqual({ long });
    await expect(runs.value("t", ["nodes", "nobody", "result"])).rejects.toMatchObject({ code: "unknown-node" });
    await expect(runs.value("t", ["results", "a"])).rejects.toMatchObject({ code: "invalid-options" });
  });

  it("are found by what they are, newest first, page by page", async () => {
    const store = open();
    const runs = new Runs(store);
    const agent = new Agent({ name: "finder", store, nodes: [nodeOf("a")] });
    for (let at = 0; at < 60; at++) await agent.runTask(taskOf(`t${at}`, { labels: { parity: String(at % 2) } }));
    await new Agent({ name: "other", store, nodes: [failing("a")] }).runTask(taskOf("failed", { type: "odd" }));
    const ids = async (query: Parameters<Runs["find"]>[0]) => (await all(runs.find(query))).map(({ taskId }) => taskId);
    const found = await ids({ agent: "finder" });
    expect(found).toHaveLength(60);
    const sorted = (await all(runs.find({ agent: "finder" }))).map(({ startedAt }) => startedAt);
    expect(sorted).toEqual(sorted.toSorted((a, b) => b - a));
    expect(await ids({ agent: "finder", after: found[9] as string, limit: 3 })).toEqual(found.slice(10, 13));
    expect(await ids({ labels: { parity: "1" } })).toHaveLength(30);
    expect(await ids({ status: "FAILED" })).toEqual(["failed"]);
    expect(await ids({ type: "odd", status: ["COMPLETE", "PARTIAL"] })).toEqual([]);
    expect(await ids({ updatedBefore: new Date(0) })).toEqual([]);
    await runs.remove("failed");
    expect(await ids({ agent: "other" })).toEqual([]);
    expect(await runs.prune({ keep: 10 })).toBe(50);
    expect(await ids({})).toHaveLength(10);
  });

  it("say who is not there, and what is no option", async () => {
    const runs = new Runs(open());
    const gone = { code: "run-not-found", taskId: "nobody", message: expect.stringContaining("nobody") };
    await expect(runs.get("nobody")).rejects.toMatchObject(gone);
    await expect(runs.at("nobody", 1)).rejects.toMatchObject(gone);
    await expect(all(runs.history("nobody"))).rejects.toMatchObject(gone);
    await expect(all(runs.watch("nobody"))).rejects.toMatchObject(gone);
    await expect(all(runs.events("nobody"))).rejects.toMatchObject(gone);
    await expect(all(runs.find({ after: "nobody" }))).rejects.toMatchObject(gone);
    await expect(runs.send("nobody", "news", 1)).rejects.toMatchObject(gone);
    await expect(runs.cancel("nobody")).rejects.toMatchObject(gone);
    await expect(runs.value("nobody", ["values", "a"])).rejects.toMatchObject(gone);
    await expect(runs.remove("nobody")).rejects.toMatchObject(gone);
    await expect(all(runs.find({ state: "READY" } as never))).rejects.toMatchObject({ code: "invalid-options" });
    expect(() => new Runs({} as never)).toThrow(expect.objectContaining({ code: "invalid-options" }));
  });

  it("are watched from their present view to their last", async () => {
    const store = open();
    const { node, entered, go } = held("b", ["a"]);
    const run = new Agent({ store, nodes: [nodeOf("a"), node] }).start(taskOf("t"));
    await entered;
    const views: RunView[] = [];
    for await (const view of new Runs(store).watch("t")) {
      views.push(view);
      if (view.nodes.b?.status === "EXECUTING") go();
    }
    await run.outcome;
    expect(views.length).toBeGreaterThan(1);
    expect(views.at(-1)).toEqual(await new Runs(store).get("t"));
    expect(views.at(-1)).toMatchObject({ status: "COMPLETE" });
  });
});

describe("runs of a process that no store holds", () => {
  it("take a message of an id once, and let whoever watches or follows go by their signal", async () => {
    const heard: unknown[] = [];
    const entered = deferred();
    const node = nodeOf("a", [], async ({ values, signal }) => {
      entered.resolve();
      for (let left = 2; left > 0; left--) heard.push(await values.getMessage("news", { signal }));
      return success();
    });
    const agent = new Agent({ nodes: [node] });
    const run = agent.start(taskOf("t"));
    await entered.promise;
    const leaving = new AbortController();
    const { signal } = leaving;
    const watched = agent.runs.watch("t", { signal });
    const followed = agent.runs.events("t", { signal });
    expect((await watched.next()).value).toMatchObject({ status: "RUNNING" });
    expect((await followed.next()).value).toMatchObject({ type: "run.started", seq: 1 });
    const rest = Promise.all([all(watched), all(followed)]);
    leaving.abort();
    await rest;
    await expect(agent.runs.send("t", "", 0, { id: "m1" })).rejects.toMatchObject({ code: "invalid-name" });
    for (const [message, id] of [
      [1, "m1"],
      [1, "m1"],
      [2, "m2"],
    ] as const)
      await agent.runs.send("t", "news", message, { id });
    await run.outcome;
    expect(heard).toEqual([1, 2]);
  });
});

describe("a run that is watched", () => {
  it("is READY as soon as the lease of an owner that is gone runs out, though nobody writes", async () => {
    const clock = new SimulatedClock();
    const store = new MemoryStore({ clock });
    const { node, entered } = held("a");
    const run = new Agent({ store, nodes: [node], clock, leaseMs: 9_000 }).start(taskOf("t"));
    await clock.runUntil(entered);
    // As when its process is killed: nothing is given back.
    run.actor.stop();
    const watched = new Runs(store, { clock }).watch("t");
    expect((await watched.next()).value).toMatchObject({ status: "RUNNING" });
    const since = clock.now();
    const next = await clock.runUntil(watched.next());
    expect(next.value).toMatchObject({ status: "READY" });
    expect(clock.now() - since).toBeLessThanOrEqual(9_001);
    await watched.return(undefined);
  });

  it("is let go by its signal", async () => {
    const store = new MemoryStore();
    const { node, entered } = held("a");
    const run = new Agent({ store, nodes: [node] }).start(taskOf("t"));
    await entered;
    const leaving = new AbortController();
    const views = new Runs(store).watch("t", { signal: leaving.signal });
    await views.next();
    const rest = all(views);
    leaving.abort();
    await rest;
    const events = new Runs(store).events("t", { signal: AbortSignal.abort() });
    expect(await all(events)).toEqual([]);
    await run.cancel();
  });
});
