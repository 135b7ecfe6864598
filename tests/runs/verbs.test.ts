/** What an agent does with runs that are stored: all of them after a restart, the one of a task, one that is late. */
import {
  Agent,
  type AgentOptions,
  type AgentRun,
  type Commit,
  type CommitResult,
  type Lease,
  MemoryStore,
  type Node,
  type RunStore,
  Runs,
  Task,
} from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { aborted, deferred, nodeOf, runNodes, success } from "../run/support.ts";
import { all, opening, storesOf } from "./stores.ts";

const taskOf = (id: string, params: Record<string, unknown> = {}): Task => new Task({ id, type: "test", objective: "Go on", params });

/** A chain of two, of which the second works until it is aborted, or not at all. */
function chain(log: string[], stays: boolean): { nodes: Node[]; entered: Promise<void> } {
  const entered = deferred();
  const work = nodeOf("b", ["a"], async ({ idempotencyKey, signal }) => {
    log.push(idempotencyKey);
    entered.resolve();
    if (stays) await aborted(signal);
    signal.throwIfAborted();
    return success("b");
  });
  const first = nodeOf("a", [], ({ idempotencyKey }) => {
    log.push(idempotencyKey);
    return success("a");
  });
  return { nodes: [first, work], entered: entered.promise };
}

async function park(store: RunStore, id: string, options: AgentOptions = {}): Promise<void> {
  const { nodes, entered } = chain([], true);
  const run = new Agent({ name: "worker", store, nodes, ...options }).start(taskOf(id));
  await entered;
  await run.park();
}

describe.each(storesOf())("an agent with a %s store", (_, make) => {
  const open = opening(make);

  it("goes on with all runs of its name that nobody owns, and with no others", async () => {
    const store = open();
    for (const id of ["t1", "t2", "t3"]) await park(store, id);
    await park(store, "other", { name: "other" });
    const owned = chain([], true);
    const busy = new Agent({ name: "worker", store, nodes: owned.nodes }).start(taskOf("busy"));
    await owned.entered;
    const log: string[] = [];
    const runs = await all(new Agent({ name: "worker", store, nodes: chain(log, false).nodes }).resumeAll());
    expect(runs.map(({ id }) => id).toSorted()).toEqual(["t1", "t2", "t3"]);
    for (const { outcome } of runs) expect((await outcome).status).toBe("COMPLETE");
    expect(log.toSorted()).toEqual(["t1/b.1/b", "t2/b.1/b", "t3/b.1/b"]);
    await busy.cancel();
    await expect(all(new Agent({ store, nodes: owned.nodes }).resumeAll())).rejects.toMatchObject({ code: "agent-unnamed" });
  });

  it("says nothing of a run that another process took, ended or removed meanwhile", async () => {
    const store = open();
    for (const id of ["t1", "t2", "t3", "t4"]) await park(store, id);
    const mine = new Agent({ name: "worker", store, nodes: chain([], false).nodes });
    const runs = new Runs(store);
    const taken = new Set<string>();
    let other: AgentRun | undefined;
    for await (const run of mine.resumeAll({ onRefused: (error) => expect.fail(error.message) })) {
      taken.add(run.id);
      await run.outcome;
      if (other !== undefined) continue;
      const [owned, ended, removed] = ["t1", "t2", "t3", "t4"].filter((id) => id !== run.id) as [string, string, string];
      other = await new Agent({ name: "worker", store, nodes: chain([], true).nodes }).resume(owned);
      await runs.cancel(ended);
      await runs.cancel(removed);
      await runs.remove(removed);
    }
    expect(taken.size).toBe(1);
    await other?.cancel();
  });

  it("does not try a graph again that did not fit, whichever run is of it, and says so once", async () => {
    const store = open();
    for (const id of ["t1", "t2", "t3"]) await park(store, id);
    const agent = new Agent({ name: "worker", store, nodes: [nodeOf("elsewhere")] });
    const refused: [string, string][] = [];
    const onRefused = (error: Error, taskId: string) => refused.push([(error as Error & { code: string }).code, taskId]);
    expect(await all(agent.resumeAll({ onRefused }))).toEqual([]);
    expect(await all(agent.resumeAll({ onRefused }))).toEqual([]);
    expect(refused).toEqual([["snapshot-other-graph", expect.stringMatching(/^t[123]$/)]]);
    for (const id of ["t1", "t2", "t3"]) expect(await new Runs(store).get(id)).toMatchObject({ status: "READY" });
    await all(new Agent({ name: "worker", store, nodes: chain([], false).nodes }).resumeAll());
  });

  it("attaches a task to its run of this process, to one that nobody owns, and to the outcome of one that has ended", async () => {
    const store = open();
    const { nodes, entered } = chain([], true);
    const agent = new Agent({ name: "worker", store, nodes });
    const run = agent.start(taskOf("t", { a: 1, b: [2] }));
    await entered;
    expect(agent.start(taskOf("t", { b: [2], a: 1 }), { ifExists: "attach" })).toBe(run);
    const other = agent.start(taskOf("t", { a: 2 }), { ifExists: "attach" });
    await expect(other.outcome).rejects.toMatchObject({ code: "run-differs" });
    expect(await all(other.events())).toEqual([]);
    const stranger = new Agent({ name: "worker", store, nodes: chain([], false).nodes });
    await expect(stranger.runTask(taskOf("t", { a: 1, b: [2] }), { ifExists: "attach" })).rejects.toMatchObject({ code: "run-owned" });
    await run.park();
    await expect(stranger.runTask(taskOf("t", { a: 2 }), { ifExists: "attach" })).rejects.toMatchObject({
      code: "run-differs",
      taskId: "t",
    });
    const attached = stranger.start(taskOf("t", { a: 1, b: [2] }), { ifExists: "attach" });
    const events = all(attached.events());
    const outcome = await attached.outcome;
    expect(outcome).toMatchObject({ status: "COMPLETE", results: { a: "a", b: "b" } });
    expect((await events).map(({ type }) => type)).toEqual(expect.arrayContaining(["run.restored", "run.ended"]));
    expect(attached.view()).toMatchObject({ status: "COMPLETE" });
    const again = await new Agent({ name: "worker", store, nodes }).runTask(taskOf("t", { a: 1, b: [2] }), { ifExists: "attach" });
    expect({ ...again, task: again.task.toJSON() }).toEqual({ ...outcome, task: outcome.task.toJSON() });
    await expect(stranger.runTask(taskOf("t"))).rejects.toMatchObject({ code: "run-exists" });
    expect((await stranger.runTask(taskOf("new"), { ifExists: "attach" })).status).toBe("COMPLETE");
    expect(await new Runs(store).get("new")).toMatchObject({ status: "COMPLETE" });
  });
});

/** Its end is never acknowledged, as where the process dies with it. */
class EndlessStore extends MemoryStore {
  readonly closing = deferred();

  override commit(lease: Lease, commit: Commit): Promise<CommitResult> {
    if (commit.run?.status === undefined || this.#isOver) return super.commit(lease, commit);
    this.#isOver = true;
    return super.commit(lease, { ...commit, run: {} }).then(() => {
      this.closing.resolve();
      return new Promise(() => {});
    });
  }

  #isOver = false;
}

describe("a run whose process dies while it closes", () => {
  it("closes anew when it is taken up, with all that it had", async () => {
    const store = new EndlessStore();
    const nodes = [nodeOf("a"), nodeOf("b", ["a"])];
    new Agent({ store, nodes }).start(taskOf("t"));
    await store.closing.promise;
    const heir = await new Agent({ store, nodes }).resume("t", { takeOver: true });
    expect(await heir.outcome).toMatchObject({
      status: "COMPLETE",
      results: { a: "a", b: "b" },
      task: { status: "COMPLETE", result: "b" },
    });
    expect(await new Runs(store).get("t")).toMatchObject({ status: "COMPLETE" });
  });
});

describe("a run with a deadline", () => {
  const limit = 30_000;

  it("fails at that moment from its start, wherever it is by then", async () => {
    const clock = new SimulatedClock();
    const store = new MemoryStore({ clock });
    const since = clock.now();
    const one = chain([], true);
    const first = new Agent({ store, clock, nodes: one.nodes }).start(taskOf("t"), { deadlineMs: limit });
    await clock.runUntil(one.entered);
    await first.park();
    const two = chain([], true);
    const outcome = await clock.runUntil(new Agent({ store, clock, nodes: two.nodes }).resume("t").then((run) => run.outcome));
    expect(outcome).toMatchObject({ status: "FAILED", errors: [{ code: "run-deadline" }, {}] });
    expect(clock.now() - since).toBe(limit);
    expect(await new Runs(store).get("t")).toMatchObject({ status: "FAILED" });
  });

  it("fails when it is taken up after it", async () => {
    const clock = new SimulatedClock();
    const store = new MemoryStore({ clock });
    const { nodes, entered } = chain([], true);
    const first = new Agent({ store, clock, nodes }).start(taskOf("t"), { deadlineMs: limit });
    await clock.runUntil(entered);
    await first.park();
    await clock.advance(2 * limit);
    const log: string[] = [];
    const late = await new Agent({ store, clock, nodes: chain(log, false).nodes }).resume("t");
    expect(await clock.runUntil(late.outcome)).toMatchObject({
      status: "FAILED",
      errors: expect.arrayContaining([expect.objectContaining({ code: "run-deadline" })]),
    });
  });

  it("is not held up by it when it ends before, and refuses one that is none", async () => {
    const clock = new SimulatedClock();
    const run = new Agent({ clock, nodes: [nodeOf("a")] }).start(taskOf("t"), { deadlineMs: limit });
    expect((await clock.runUntil(run.outcome)).status).toBe("COMPLETE");
    expect(clock.pending).toBe(0);
    await expect(new Agent({ nodes: [nodeOf("a")] }).runTask(taskOf("t"), { deadlineMs: 0 })).rejects.toMatchObject({
      code: "invalid-options",
    });
  });
});

describe("the runs of an agent without a store", () => {
  it("are those of this process, until they have ended", async () => {
    const { nodes, entered } = chain([], true);
    const agent = new Agent({ nodes });
    const run = agent.start(taskOf("t"));
    await entered;
    expect(await agent.runs.get("t")).toEqual(run.view());
    expect(await all(agent.runs.find({ status: "RUNNING" }))).toEqual([run.view()]);
    expect(await all(agent.runs.find({ type: "another" }))).toEqual([]);
    const events = all(agent.runs.events("t"));
    const views = all(agent.runs.watch("t"));
    await agent.runs.cancel("t", "enough");
    expect((await run.outcome).task.error).toContain("enough");
    expect((await events).at(-1)).toMatchObject({ type: "run.ended", code: "cancelled" });
    expect((await views).at(-1)).toMatchObject({ status: "CANCELLED" });
    await expect(agent.runs.get("t")).rejects.toMatchObject({ code: "run-not-found" });
    expect((await runNodes(nodes.slice(0, 1))).status).toBe("COMPLETE");
  });
});

/** What gives a lease back waits until it is let go. */
class SlowToPark extends MemoryStore {
  readonly reached = deferred();
  readonly gate = deferred();

  override async commit(lease: Lease, commit: Commit): Promise<CommitResult> {
    if (commit.release !== undefined) {
      this.reached.resolve();
      await this.gate.promise;
    }
    return await super.commit(lease, commit);
  }
}

describe("a run that is parked", () => {
  /** Of `a` and `b` beside each other and `c` after `a`; both work until they are let go. */
  function twoAndOne(store: RunStore) {
    const [a, b] = [deferred(), deferred()];
    const [inA, inB] = [deferred(), deferred()];
    const log: string[] = [];
    const nodes = [
      nodeOf("a", [], async () => {
        inA.resolve();
        await a.promise;
        return success("a");
      }),
      nodeOf("b", [], async ({ signal }) => {
        inB.resolve();
        await Promise.race([b.promise, aborted(signal)]);
        signal.throwIfAborted();
        return success("b");
      }),
      nodeOf("c", ["a"], () => {
        log.push("c");
        return success("c");
      }),
    ];
    const agent = new Agent({ name: "worker", store, nodes });
    return { agent, a, b, inA, inB, log };
  }

  it("is so once for all who ask, tells it last, and starts nothing more while that is stored", async () => {
    const store = new SlowToPark();
    const { agent, a, inA, inB, log } = twoAndOne(store);
    const run = agent.start(taskOf("t"));
    const told = all(run.events({ from: 1 }));
    await Promise.all([inA.promise, inB.promise]);
    const parks = [run.park(), run.park()];
    await store.reached.promise;
    const ended = (async () => {
      for await (const { type } of run.events()) if (type === "node.completed") return;
    })();
    a.resolve();
    store.gate.resolve();
    await Promise.all(parks);
    await run.park();
    await ended;
    await expect(run.outcome).rejects.toMatchObject({ code: "run-parked", taskId: "t" });
    expect(log).toEqual([]);
    expect((await told).at(-1)).toMatchObject({ type: "run.parked" });
    expect(run.view()).toEqual(JSON.parse(JSON.stringify(await new Runs(store).get("t"))));
    expect(run.view().owner).toBeUndefined();
    expect(await new Runs(store).get("t")).toMatchObject({ status: "READY", nodes: { b: { status: "EXECUTING" } } });
    const rest = all(new Runs(store).events("t", { from: 1 }));
    const heir = await agent.resume("t");
    expect(log).toEqual([]);
    await heir.cancel();
    expect((await rest).map(({ type }) => type)).toEqual(expect.arrayContaining(["run.parked", "run.restored", "run.ended"]));
  });

  it("ends instead where somebody had asked for its end", async () => {
    const store = new SlowToPark();
    const { agent, inA, inB, log } = twoAndOne(store);
    const run = agent.start(taskOf("t"));
    await Promise.all([inA.promise, inB.promise]);
    const parked = run.park();
    await store.reached.promise;
    await new Runs(store).cancel("t", "enough");
    store.gate.resolve();
    await expect(parked).rejects.toMatchObject({ code: "run-ended" });
    expect(await run.outcome).toMatchObject({ status: "FAILED", task: { error: expect.stringContaining("enough") } });
    expect(await new Runs(store).get("t")).toMatchObject({ status: "CANCELLED" });
    expect(log).toEqual([]);
  });

  it("ends instead where it was cancelled here before that was stored", async () => {
    const store = new MemoryStore();
    const { agent, inA, inB } = twoAndOne(store);
    const run = agent.start(taskOf("t"));
    await Promise.all([inA.promise, inB.promise]);
    const [parked, cancelled] = await Promise.allSettled([run.park(), run.cancel("enough")]);
    // Whichever came first: nothing is left open, and the store says the same.
    const { status } = await new Runs(store).get("t");
    if (parked.status === "fulfilled") expect([cancelled.status, status]).toEqual(["rejected", "READY"]);
    else expect([parked.reason.code, cancelled.status, status]).toEqual(["run-ended", "fulfilled", "CANCELLED"]);
  });

  it("says so to who parks it where an heir took it meanwhile", async () => {
    const store = new SlowToPark();
    const { agent, a, b, inA, inB } = twoAndOne(store);
    const run = agent.start(taskOf("t"));
    await Promise.all([inA.promise, inB.promise]);
    const parked = run.park();
    await store.reached.promise;
    const heir = await twoAndOne(store).agent.resume("t", { takeOver: true });
    store.gate.resolve();
    await expect(parked).rejects.toMatchObject({ code: "run-fenced" });
    await expect(run.outcome).rejects.toMatchObject({ code: "run-fenced" });
    a.resolve();
    b.resolve();
    await heir.cancel();
  });
});

describe("a snapshot that is asked for while the run closes", () => {
  it("is that of the end, or refused where the run has ended; it is never waited for in vain", async () => {
    const store = new MemoryStore();
    const agent = new Agent({ store, nodes: [nodeOf("a")] });
    const told: (number | string)[] = [];
    for (let hops = 0; hops < 20; hops++) {
      const run = agent.start(taskOf(`t${hops}`));
      for await (const { type } of run.events()) {
        if (type !== "node.completed") continue;
        for (let hop = 0; hop < hops; hop++) await undefined;
        const { generation } = (await run.snapshot().catch(({ code }) => ({ generation: code }))) as { generation: number | string };
        const newest = (await store.read(run.id))?.generation;
        told.push(generation === newest ? "end" : generation);
      }
    }
    expect(told).toContain("end");
    expect(new Set(told)).toEqual(new Set(["end", "run-ended"]));
  });
});
