/** Whoever keeps a stored run's picture by its events, from the first one on, has the picture that the store gives. */
import { Agent, type AgentRun, type Commit, MemoryStore, Node, type RunStore, Runs } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { applyEvent, applyEvents, type RunView } from "asimov-agents/view";
import { describe, expect, it } from "vitest";
import { deferred, failing, failure, held, nodeOf, success, within } from "../run/support.ts";
import { fold, overTheWire } from "../support/told.ts";
import { all, opening, storesOf, taskOf } from "./stores.ts";

const withoutOwner = ({ owner: _owner, ...view }: RunView): RunView => view;

describe.each(storesOf())("the events of a run of a %s store", (_, make) => {
  const open = opening(make);

  /** Folded at once and one by one, and from a view that was taken at any moment. */
  async function expectFolded(store: RunStore, taskId = "t"): Promise<void> {
    const runs = new Runs(store);
    const view = withoutOwner(await runs.get(taskId));
    const { events } = await told(store, taskId, view.seq);
    expect(fold(events)).toEqual(view);
    expect(events.reduce<RunView | undefined>((kept, event) => overTheWire(applyEvent(kept, event)), undefined)).toEqual(view);
    for (const { generation } of await all(runs.history(taskId)))
      expect(applyEvents(await runs.at(taskId, generation), events)).toEqual(view);
  }

  async function told(store: RunStore, taskId: string, last: number) {
    const events = [];
    for await (const event of new Runs(store).events(taskId)) {
      events.push(event);
      if (event.seq === last) break;
    }
    return { events };
  }

  /** What whoever looks is shown when each commit was made. @param before what happens before each */
  function lookAtEach(store: RunStore, before: (given: Commit) => Promise<void> = async () => {}): RunView[] {
    const seen: RunView[] = [];
    const commit = store.commit.bind(store);
    store.commit = async (lease, given) => {
      await before(given);
      const result = await commit(lease, given);
      if (result.ok) seen.push(withoutOwner(await new Runs(store).get("t")));
      return result;
    };
    return seen;
  }

  async function parked(run: AgentRun): Promise<void> {
    await run.park();
    await expect(run.outcome).rejects.toMatchObject({ code: "run-parked" });
  }

  it("give its picture while it runs, when it is put down, taken up, cancelled by somebody else, and tried again", async () => {
    const store = open();
    const [first, second] = [held("a"), held("a")];
    const rest = () => [within(1, failing("x"), { dependencies: ["a"] }), nodeOf("b", ["a"])];
    const run = new Agent({ store, nodes: [first.node, ...rest()] }).start(taskOf());
    await first.entered;
    await run.snapshot();
    await expectFolded(store);
    await parked(run);
    await expectFolded(store);
    const again = await new Agent({ store, nodes: [second.node, ...rest()] }).resume("t");
    await second.entered;
    await again.snapshot();
    await expectFolded(store);
    await parked(again);
    await new Runs(store).cancel("t", "enough");
    expect(await new Runs(store).get("t")).toMatchObject({ status: "CANCELLED" });
    await expectFolded(store);
    const retried = await new Agent({ store, nodes: [nodeOf("a"), ...rest()] }).retry("t");
    expect(await retried.outcome).toMatchObject({ status: "PARTIAL" });
    await expectFolded(store);
  });

  it("give it where somebody's cancel comes before it is put down", async () => {
    const store = open();
    const runs = new Runs(store);
    const node = held("a");
    const run = new Agent({ store, nodes: [node.node] }).start(taskOf());
    await node.entered;
    const seen = lookAtEach(store, async ({ release }) => {
      if (release !== undefined) await runs.cancel("t", "enough");
    });
    await expect(run.park()).rejects.toMatchObject({ code: "run-ended" });
    await run.outcome;
    const { events } = await told(store, "t", run.view().seq);
    expect(events.map(({ type }) => type)).toContain("run.parked");
    expect(seen.map(({ status }) => status)).toEqual(["RUNNING", "CANCELLED"]);
    for (const view of seen) expect(fold(events.slice(0, view.seq))).toEqual(view);
  });

  it("give it while the run waits, is put down for that, and goes on", async () => {
    const clock = new SimulatedClock();
    const store = open({ clock });
    const runs = new Runs(store, { clock });
    const seen = lookAtEach(store);
    const asks = nodeOf("asks", [], async ({ ask }) => success(await ask("sure", { show: { what: "this" }, answer: { type: "boolean" } })));
    const sleeps = nodeOf("sleeps", [], async ({ sleep }) => success(await sleep(3_600_000)));
    const receives = within(
      1,
      nodeOf("receives", [], async ({ receive }) => success(await receive("news"))),
    );
    const agent = new Agent({ store, clock, nodes: [asks, sleeps, receives] });
    expect(await agent.runTask(taskOf(), { whenWaiting: "park" })).toMatchObject({ status: "PARKED" });
    const waiting = await runs.get("t");
    expect(waiting).toMatchObject({ status: "PARKED", questions: [{ name: "sure" }], nodes: { sleeps: { waiting: [{ for: "moment" }] } } });
    await expectFolded(store);
    await runs.answer(waiting.questions[0]?.id ?? "", true);
    await runs.send("t", "news", "none");
    await clock.advance(3_600_000);
    const run = await agent.resume("t");
    expect(await run.outcome).toMatchObject({ status: "COMPLETE" });
    await expectFolded(store);
    const { events } = await told(store, "t", run.view().seq);
    expect(seen.length).toBeGreaterThan(4);
    for (const view of seen) if (view.seq > 0) expect(fold(events.slice(0, view.seq))).toEqual(view);
  });

  it("give it where a question was open when somebody cancelled it", async () => {
    const store = open();
    const asks = nodeOf("asks", [], async ({ ask }) => success(await ask("sure", { show: {}, answer: { type: "boolean" } })));
    await new Agent({ store, nodes: [asks] }).runTask(taskOf(), { whenWaiting: "park" });
    await new Runs(store).cancel("t");
    expect(await new Runs(store).get("t")).toMatchObject({ status: "CANCELLED", questions: [] });
    await expectFolded(store);
  });

  it.each([
    ["its end is stored", (commit: Commit) => commit.run?.status !== undefined],
    ["what comes before its end is stored", ({ generation }: Commit) => generation > 2],
  ])("give it where the run had ended before %s", async (_what, isLate) => {
    const store = open();
    const runs = new Runs(store);
    const back = deferred();
    const commit = store.commit.bind(store);
    store.commit = async (lease, given) => {
      if (isLate(given)) await back.promise;
      return await commit(lease, given);
    };
    const agent = new Agent({ store, effectTimeoutMs: 20, durability: "async", nodes: [nodeOf("a"), nodeOf("b", ["a"])] });
    const run = agent.start(taskOf());
    expect((await run.outcome).errors).toContainEqual(expect.objectContaining({ code: "end-unstored" }));
    back.resolve();
    await expect.poll(async () => (await runs.get("t")).status).toBe("COMPLETE");
    await expectFolded(store);
  });

  it("give it of a task that was submitted, and that somebody begins", async () => {
    const store = open();
    const seen = lookAtEach(store);
    await new Runs(store).submit(taskOf(), { agent: "begins" });
    const run = await new Agent({ name: "begins", store, nodes: [nodeOf("a"), within(1, failing("b"))] }).resume("t");
    await run.outcome;
    await expectFolded(store);
    const { events } = await told(store, "t", run.view().seq);
    for (const view of seen) if (view.seq > 0) expect(fold(events.slice(0, view.seq))).toEqual(view);
  });

  it("say how a task ended that was submitted, and that nobody had begun", async () => {
    const store = open();
    const runs = new Runs(store);
    await runs.submit(taskOf(), { agent: "begins", delayMs: 3_600_000 });
    const before = await runs.get("t");
    expect(before).toMatchObject({ status: "PARKED", seq: 0, generation: 1 });
    await runs.cancel("t", "enough");
    const view = await runs.get("t");
    expect(view).toMatchObject({ status: "CANCELLED", seq: 2, errors: [{ code: "cancelled", error: "The run was cancelled: enough" }] });
    expect(applyEvents(before, await all(runs.events("t")))).toEqual(view);
    expect(await runs.at("t", 1)).toMatchObject({ seq: 0, errors: [] });
  });

  it("give it where the run goes on from before, or as another one, with another graph too", async () => {
    const store = open();
    const nodes = () => [nodeOf("a"), nodeOf("b", ["a"]), nodeOf("c", ["b"])];
    await new Agent({ store, nodes: nodes() }).runTask(taskOf());
    const { generation } = await new Runs(store).get("t");
    const agent = new Agent({ store, nodes: [...nodes(), nodeOf("more", ["c"])] });
    for (let older = 1; older < generation; older++) {
      const fork = await agent.fork("t", { generation: older, taskId: `from ${older}` });
      await fork.outcome;
      await expectFolded(store, fork.id);
      expect((await new Runs(store).get(fork.id)).graph.nodes.map(({ name }) => name)).toContain("more");
    }
    for (const older of [1, generation - 2]) {
      const before = await agent.startFromSnapshot({ taskId: "t", generation: older });
      expect(await before.outcome).toMatchObject({ status: "COMPLETE" });
      await expectFolded(store);
    }
    const again = await agent.fork("t", { rerun: ["b"], taskId: "again" });
    await again.outcome;
    await expectFolded(store, "again");
  });

  it("give it where the run was lost before it had told anything", async () => {
    const store = open();
    const entered = held("a");
    const first = new Agent({ store, nodes: [entered.node] });
    const run = first.start(taskOf());
    // Stored, and no node of it has begun.
    await expect.poll(async () => (await store.read("t"))?.generation ?? 0).toBeGreaterThan(0);
    const { generation } = (await all(new Runs(store).history("t"))).at(-1) ?? { generation: 0 };
    expect(await new Runs(store).at("t", generation)).toMatchObject({ seq: 0, generation: 1 });
    await run.cancel();
    const fork = await new Agent({ store, nodes: [nodeOf("a")] }).fork("t", { generation: 1, taskId: "fork" });
    await fork.outcome;
    await expectFolded(store, "fork");
    const again = await new Agent({ store, nodes: [nodeOf("a")] }).startFromSnapshot({ taskId: "t", generation: 1 });
    await again.outcome;
    await expectFolded(store);
  });
});

describe("a live run that has told more than is stored", () => {
  it("is shown as it is stored, and tells the rest once that is, also to whoever listens from now on", async () => {
    const clock = new SimulatedClock();
    const store = new MemoryStore({ clock });
    const node = held("a");
    const run = new Agent({ store, clock, nodes: [node.node] }).start(taskOf());
    await node.entered;
    const runs = new Runs(store, { clock });
    const view = run.view();
    expect(view).toEqual(await runs.get("t"));
    expect(view.nodes.a).toMatchObject({ status: "WAITING" });
    const events = run.events()[Symbol.asyncIterator]();
    const next = events.next();
    await clock.advance(100);
    expect((await next).value).toMatchObject({ seq: view.seq + 1, type: "node.started" });
    expect(run.view()).toEqual(await runs.get("t"));
    expect(run.view().nodes.a).toMatchObject({ status: "EXECUTING" });
    await run.cancel();
  });
});

describe("the picture that a run goes on from", () => {
  it("is told where it is another one, and not where its events have told it", async () => {
    const store = new MemoryStore();
    const node = held("a");
    const run = new Agent({ store, nodes: [node.node] }).start(taskOf());
    await node.entered;
    await run.park();
    await run.outcome.catch(() => {});
    const agent = new Agent({ store, nodes: [nodeOf("a")] });
    const restored = async (taskId: string) => (await all(new Runs(store).events(taskId))).filter(({ type }) => type === "run.restored");
    await (await agent.resume("t")).outcome;
    expect(await restored("t")).toEqual([expect.not.objectContaining({ view: expect.anything() })]);
    await (await agent.fork("t", { taskId: "fork" })).outcome;
    expect(await restored("fork")).toEqual([
      expect.objectContaining({ seq: 1, view: expect.objectContaining({ taskId: "fork", seq: 0, forkedFrom: expect.anything() }) }),
    ]);
  });

  it("is asked for anew where it has no room in an event", async () => {
    const store = new MemoryStore({ maxPartBytes: 20_000 });
    const large = (name: string) => nodeOf(name, [], () => ({ status: "success", result: "x".repeat(900) }));
    const nodes = Array.from({ length: 30 }, (_, at) => large(`n${at}`));
    const agent = new Agent({ store, nodes });
    await agent.runTask(taskOf());
    const fork = await agent.fork("t", { taskId: "fork", rerun: ["n1"] });
    expect(await fork.outcome).toMatchObject({ status: "COMPLETE" });
    const runs = new Runs(store);
    const events = await all(runs.events("fork"));
    expect(events[0]).toMatchObject({ type: "run.restored", view: null });
    expect(() => fold(events)).toThrow(expect.objectContaining({ code: "view-unstarted" }));
    const view = await runs.get("fork");
    expect(applyEvents(view, events)).toEqual(view);
  });
});

describe("a graph that is nested", () => {
  it("works again, to whoever looks, when it goes on where an attempt before left it", async () => {
    const store = new MemoryStore();
    let tries = 0;
    const work = () => (++tries < 4 ? failure("broken") : success());
    const inner = () => nodeOf("x", [], work, { nodeConfig: { retryOnFailure: false } });
    const outer = () => new Node({ name: "outer", nodes: [inner()], nodeConfig: { maxRetries: 2, backoff: { initialMs: 1 } } });
    await new Agent({ store, nodes: [outer()] }).runTask(taskOf());
    const run = await new Agent({ store, nodes: [outer()] }).retry("t");
    let view = run.view();
    const waiting: string[] = [];
    for await (const event of run.events({ from: view.seq + 1 })) {
      view = applyEvent(view, event);
      if (view.nodes.outer?.waiting !== undefined) waiting.push(event.type);
    }
    // With what is stored meanwhile.
    expect(waiting.filter((type) => type !== "snapshot.saved")).toEqual(["node.retrying"]);
    expect(await run.outcome).toMatchObject({ status: "COMPLETE" });
  });
});
