/** A store that is away when a run starts, ends, or is put down: nothing is lost, who waits is told what is true, and the run goes on when it can. */
import { Agent, AsimovError, type Commit, type CommitResult, type Lease, MemoryStore, type NewRun, Runs, Task } from "asimov-agents";
import { ScriptedInferenceClient, SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { aborted, deferred, nodeOf, success } from "../run/support.ts";
import { all } from "./stores.ts";

const taskOf = (id = "t"): Task => new Task({ id, type: "test", objective: "Go on" });
const busy = (): AsimovError => new AsimovError("held by another process", { code: "store-busy", retryable: true });

/** What is asked of it waits, or fails, as a test says. */
class AwayStore extends MemoryStore {
  /** What became of each creation. */
  readonly asked: NewRun[] = [];
  creates: () => Promise<void> | void = () => {};
  commits: (commit: Commit) => Promise<void> | void = () => {};
  reads: () => Promise<void> | void = () => {};

  override async create(...[run, owner]: Parameters<MemoryStore["create"]>) {
    this.asked.push(run);
    await this.creates();
    return await super.create(run, owner);
  }

  override async commit(lease: Lease, commit: Commit): Promise<CommitResult> {
    await this.commits(commit);
    return await super.commit(lease, commit);
  }

  override async read(taskId: string) {
    await this.reads();
    return await super.read(taskId);
  }
}

/** Two nodes; the second works until it is let go, or is aborted. */
function two() {
  const [entered, go] = [deferred(), deferred()];
  const log: string[] = [];
  const nodes = [
    nodeOf("a", [], () => success(log.push("a"))),
    nodeOf("b", ["a"], async ({ signal }) => {
      log.push("b");
      entered.resolve();
      await Promise.race([go.promise, aborted(signal)]);
      signal.throwIfAborted();
      return success("b");
    }),
  ];
  return { nodes, entered: entered.promise, go: () => go.resolve(), log };
}

describe("a store that is away when a run starts", () => {
  it.each(["ALWAYS", "NEVER"] as const)("is asked until it is there, and the run says so once (snapshot %s)", async (snapshot) => {
    const clock = new SimulatedClock();
    const store = new AwayStore({ clock });
    const since = clock.now();
    const away = (): void => {
      if (clock.now() < since + 10_000) throw busy();
    };
    store.creates = away;
    store.reads = away;
    const { nodes, go, log } = two();
    go();
    const run = new Agent({ store, clock, snapshot, nodes }).start(taskOf());
    const events = all(run.events({ from: 1 }));
    const outcome = await clock.runUntil(run.outcome);
    expect(outcome).toMatchObject({ status: "COMPLETE", errors: [{ code: "store-busy" }] });
    expect(outcome.errors).toHaveLength(1);
    expect(clock.now() - since).toBeGreaterThanOrEqual(10_000);
    expect(clock.now() - since).toBeLessThan(13_000);
    expect(log).toEqual(["a", "b"]);
    const told = await events;
    expect(told.map(({ seq }) => seq)).toEqual(told.map((_, index) => index + 1));
    if (snapshot === "NEVER") return expect(store.asked).toEqual([]);
    // The same each time: what came since is in the commits after it.
    expect(store.asked.length).toBeGreaterThan(5);
    expect(new Set(store.asked).size).toBe(1);
    expect(await all(new Runs(store).events("t"))).toEqual(told.map((event) => JSON.parse(JSON.stringify(event))));
  });

  it("fails the run at once where waiting mends nothing", async () => {
    for (const error of [
      new Error("no place"),
      new AsimovError("too large", { code: "part-too-large" }),
      new AsimovError("not ours", { code: "store-unavailable" }),
      new AsimovError("read only", { code: "store-read-only", retryable: true }),
      new AsimovError("no rights", {
        code: "snapshot-write-failed",
        retryable: true,
        cause: Object.assign(new Error(), { code: "EACCES" }),
      }),
    ]) {
      const clock = new SimulatedClock();
      const store = new AwayStore({ clock });
      store.creates = () => {
        throw error;
      };
      const since = clock.now();
      const { nodes, log } = two();
      const ended = new Agent({ store, clock, nodes }).runTask(taskOf()).catch((refusal: AsimovError) => ({ status: refusal.code }));
      expect((await clock.runUntil(ended)).status).toMatch(/^FAILED|part-too-large$/);
      expect([clock.now() - since, store.asked.length, log]).toEqual([0, 1, []]);
    }
  });

  it("is asked no more when the run is cancelled meanwhile, and holds nothing of it", async () => {
    const clock = new SimulatedClock();
    const store = new AwayStore({ clock });
    store.creates = () => {
      throw busy();
    };
    const { nodes, log } = two();
    const run = new Agent({ store, clock, nodes }).start(taskOf());
    await clock.advance(5_000);
    const since = clock.now();
    const outcome = await clock.runUntil(run.cancel("enough"));
    const { length } = store.asked;
    expect(outcome).toMatchObject({ status: "FAILED", task: { error: "The run was cancelled: enough" } });
    expect(clock.now() - since).toBe(0);
    store.creates = () => {};
    await clock.advance(60_000);
    expect([store.asked.length - length, log, clock.pending]).toEqual([0, [], 0]);
    expect(await store.read("t")).toBeUndefined();
  });

  it("ends the run when it takes it after that was given up", async () => {
    const clock = new SimulatedClock();
    const store = new AwayStore({ clock });
    const gate = deferred();
    store.creates = () => gate.promise;
    const { nodes, log } = two();
    const run = new Agent({ store, clock, nodes }).start(taskOf());
    await clock.advance(5_000);
    const outcome = await clock.runUntil(run.cancel("enough"));
    expect(outcome.status).toBe("FAILED");
    gate.resolve();
    await clock.advance(0);
    expect(await store.read("t")).toMatchObject({ status: "CANCELLED", lease: null, untold: false });
    expect(await new Runs(store).get("t")).toMatchObject({ status: "CANCELLED", seq: run.view().seq });
    expect(clock.pending).toBe(0);
    store.creates = () => {};
    const heir = new Agent({ store, clock, nodes: [nodeOf("a", [], () => success(log.push("a"))), nodeOf("b", ["a"])] });
    expect(await clock.runUntil((await heir.retry("t")).outcome)).toMatchObject({ status: "COMPLETE" });
    expect(log).toEqual(["a"]);
  });
});

describe("a run that is cancelled while its store is held", () => {
  /** Whether the commit that is held is that of the end, or one before it. */
  describe.each([true, false])("(at its end: %s)", (atEnd) => {
    async function cancelled() {
      const clock = new SimulatedClock();
      const store = new AwayStore({ clock });
      const { nodes, entered, log } = two();
      const agent = new Agent({ name: "worker", store, clock, nodes, outputMailbox: "ends" });
      const run = agent.start(taskOf());
      await clock.runUntil(entered);
      const gate = deferred();
      const held = deferred();
      store.commits = async (commit) => {
        if (atEnd && commit.run?.status === undefined) return;
        held.resolve();
        await gate.promise;
      };
      if (!atEnd) {
        void run.snapshot().catch(() => {});
        await held.promise;
      }
      const outcome = await clock.runUntil(run.cancel("enough"));
      const letGo = async (): Promise<void> => {
        store.commits = () => {};
        gate.resolve();
        await clock.advance(5_000);
      };
      return { clock, store, agent, run, outcome, letGo, log };
    }

    it("ends here in time and says that this is not stored yet, and is owned and tried on until it is", async () => {
      const { clock, store, agent, outcome, letGo } = await cancelled();
      expect(outcome).toMatchObject({ status: "FAILED", task: { error: "The run was cancelled: enough" } });
      expect(outcome.errors.at(-1)).toMatchObject({ code: "end-unstored", error: expect.stringContaining("within 1000 ms") });
      await clock.advance(120_000);
      const row = await store.read("t");
      expect(row?.status).toBe("open");
      expect(row?.lease?.until).toBeGreaterThan(clock.now());
      // Nobody hears of an end before its store does.
      expect(await agent.cache.peekMailbox("ends")).toEqual([]);
      await letGo();
      expect(await store.read("t")).toMatchObject({ status: "CANCELLED", lease: null, untold: false });
      expect(await agent.cache.peekMailbox("ends")).toEqual([
        { id: "t/end/1", taskId: "t", status: "FAILED", result: null, failedChains: [["b"]] },
      ]);
      expect(clock.pending).toBe(0);
    });

    it("is stored whole, as what it is when it ended", async () => {
      const { clock, store, run, letGo, log } = await cancelled();
      await letGo();
      const view = JSON.parse(JSON.stringify(run.view()));
      // What was told of the end that was not stored yet was told after it.
      const { errors, seq, updatedAt, ...stored } = await new Runs(store).get("t");
      expect(view).toMatchObject(stored);
      const events = await all(new Runs(store).events("t"));
      expect(events.at(-1)?.seq).toBe(seq);
      expect(events.filter(({ type }) => type === "run.ended")).toMatchObject([{ code: "cancelled" }]);
      const { nodes, go } = two();
      go();
      const heir = await new Agent({ name: "worker", store, clock, nodes }).retry("t");
      expect(await clock.runUntil(heir.outcome)).toMatchObject({ status: "COMPLETE", results: { b: "b" }, executions: { a: 1, b: 1 } });
      expect(log).toEqual(["a", "b"]);
    });

    it("is the heir's where it is taken over meanwhile, and tells nothing here", async () => {
      const { clock, store, agent, letGo } = await cancelled();
      const { nodes, go } = two();
      go();
      const commits = store.commits;
      store.commits = () => {};
      const heir = await new Agent({ name: "worker", store, clock, nodes }).resume("t", { takeOver: true });
      expect((await clock.runUntil(heir.outcome)).status).toBe(atEnd ? "FAILED" : "COMPLETE");
      store.commits = commits;
      await letGo();
      expect(await store.read("t")).toMatchObject({ status: atEnd ? "CANCELLED" : "COMPLETE", token: 2 });
      expect(await agent.cache.peekMailbox("ends")).toEqual([]);
      expect(clock.pending).toBe(0);
    });
  });

  it("lets its process go when the store is closed", async () => {
    const clock = new SimulatedClock();
    const store = new AwayStore({ clock });
    const { nodes, entered } = two();
    const run = new Agent({ store, clock, nodes }).start(taskOf());
    await clock.runUntil(entered);
    store.commits = () => {
      throw new Error("the disk is full");
    };
    expect((await clock.runUntil(run.cancel())).errors.at(-1)).toMatchObject({ code: "end-unstored" });
    expect(clock.pending).toBeGreaterThan(0);
    store.commits = () => {};
    await store.close();
    await clock.advance(2_000);
    expect(clock.pending).toBe(0);
  });
});

describe("a run that is parked while its store is away", () => {
  async function running() {
    const clock = new SimulatedClock();
    const store = new AwayStore({ clock });
    const graph = two();
    const run = new Agent({ store, clock, nodes: graph.nodes, effectTimeoutMs: 3_000 }).start(taskOf());
    await clock.runUntil(graph.entered);
    const gate = deferred();
    return { clock, store, run, gate, ...graph };
  }

  it("is told in time that the run goes on, where nothing was given back, and it does", async () => {
    const { clock, store, run, gate, go } = await running();
    store.commits = () => gate.promise;
    void run.snapshot().catch(() => {});
    await clock.advance(10);
    const since = clock.now();
    for (let n = 0; n < 2; n++) {
      const error = await clock.runUntil(run.park().catch((refusal: unknown) => refusal));
      expect(error).toMatchObject({ code: "run-not-parked", taskId: "t", retryable: true, cause: { code: "effect-timeout" } });
    }
    expect(clock.now() - since).toBe(6_000);
    store.commits = () => {};
    gate.resolve();
    go();
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "COMPLETE" });
  });

  it("can be parked after that was refused", async () => {
    const { clock, store, run, gate } = await running();
    store.commits = () => gate.promise;
    void run.snapshot().catch(() => {});
    await clock.advance(10);
    await expect(clock.runUntil(run.park())).rejects.toMatchObject({ code: "run-not-parked" });
    store.commits = () => {};
    gate.resolve();
    await clock.runUntil(run.park());
    await expect(run.outcome).rejects.toMatchObject({ code: "run-parked" });
    expect(await new Runs(store).get("t")).toMatchObject({ status: "READY" });
  });

  it("is told in time that it is not known yet, where it may be given back, and the run stands still until it is", async () => {
    const { clock, store, run, gate, go, log } = await running();
    store.commits = ({ release }) => (release === undefined ? undefined : gate.promise);
    for (let n = 0; n < 2; n++) {
      const error = await clock.runUntil(run.park().catch((refusal: unknown) => refusal));
      expect(error).toMatchObject({ code: "run-parking", taskId: "t", retryable: true });
    }
    go();
    await clock.advance(10_000);
    expect(log).toEqual(["a", "b"]);
    const parked = run.park();
    gate.resolve();
    await clock.runUntil(parked);
    await expect(run.outcome).rejects.toMatchObject({ code: "run-parked" });
    expect(await new Runs(store).get("t")).toMatchObject({ status: "READY", nodes: { b: { status: "EXECUTING" } } });
  });

  it("is told in time that the run goes on, where it is not stored and cannot be", async () => {
    const clock = new SimulatedClock();
    const store = new AwayStore({ clock });
    store.creates = () => new Promise(() => {});
    const { nodes, entered, go } = two();
    const run = new Agent({ store, clock, snapshot: "NEVER", nodes, effectTimeoutMs: 3_000 }).start(taskOf());
    await clock.runUntil(entered);
    await expect(clock.runUntil(run.park())).rejects.toMatchObject({ code: "run-not-parked" });
    go();
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "COMPLETE" });
  });

  it("is told that the run ends, where somebody wants that meanwhile", async () => {
    const { clock, store, run, gate } = await running();
    store.commits = () => gate.promise;
    void run.snapshot().catch(() => {});
    await clock.advance(10);
    const parked = run.park().catch((refusal: unknown) => refusal);
    await clock.advance(10);
    const outcome = run.cancel("enough");
    expect(await clock.runUntil(parked)).toMatchObject({ code: "run-ended" });
    expect(await clock.runUntil(outcome)).toMatchObject({ status: "FAILED" });
    store.commits = () => {};
    gate.resolve();
    await clock.advance(5_000);
    expect(await store.read("t")).toMatchObject({ status: "CANCELLED" });
  });

  it("is nobody's in its store, where it comes there after that was given up", async () => {
    const clock = new SimulatedClock();
    const store = new AwayStore({ clock });
    const gate = deferred();
    store.creates = () => gate.promise;
    const { nodes, entered, go } = two();
    const run = new Agent({ store, clock, snapshot: "NEVER", nodes, effectTimeoutMs: 3_000 }).start(taskOf());
    await clock.runUntil(entered);
    await expect(clock.runUntil(run.snapshot())).rejects.toMatchObject({ code: "effect-timeout" });
    await clock.advance(10);
    gate.resolve();
    store.creates = () => {};
    await clock.advance(10);
    expect(await store.read("t")).toBeUndefined();
    // It can be stored all the same.
    await run.snapshot();
    go();
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "COMPLETE" });
    expect(await store.read("t")).toMatchObject({ status: "COMPLETE", lease: null });
    expect(clock.pending).toBe(0);
  });
});

describe("a run that is put down", () => {
  it.each(["deadline", "budget", "actor"])("ends instead where its %s wants that first", async (who) => {
    const clock = new SimulatedClock();
    const store = new AwayStore({ clock });
    const [entered, go] = [deferred(), deferred()];
    const node = nodeOf("a", [], async ({ signal }) => {
      entered.resolve();
      await Promise.race([go.promise, aborted(signal)]);
      signal.throwIfAborted();
      const client = new ScriptedInferenceClient(["Hello.", "Hello."]);
      for (let call = 0; call < 2; call++) await client.generate([{ role: "USER", content: "Hello" }], { signal });
      return success();
    });
    // It is left behind when the time of grace is over.
    const nodes = [node, nodeOf("slow", [], () => new Promise(() => {}))];
    const run = new Agent({ store, clock, nodes, budget: { maxCalls: 1 } }).start(taskOf(), { deadlineMs: 20_000 });
    await clock.runUntil(entered.promise);
    const gate = deferred();
    store.commits = () => gate.promise;
    void run.snapshot().catch(() => {});
    await clock.advance(10);
    // Behind a commit that is on its way.
    const parked = run.park();
    parked.catch(() => {});
    await clock.advance(10);
    if (who === "deadline") await clock.advance(20_000);
    else if (who === "budget") go.resolve();
    else run.actor.send({ type: "run.cancel", reason: "enough" });
    await clock.advance(10);
    store.commits = () => {};
    gate.resolve();
    await clock.advance(100);
    // It is not given back while it ends.
    expect((await store.read("t"))?.lease).not.toBeNull();
    await expect(clock.runUntil(parked)).rejects.toMatchObject({ code: "run-ended" });
    const code = { deadline: "run-deadline", budget: "budget-exceeded", actor: "cancelled" }[who];
    expect(await clock.runUntil(run.outcome)).toMatchObject({
      status: "FAILED",
      errors: expect.arrayContaining([expect.objectContaining({ code })]),
    });
    expect(await store.read("t")).toMatchObject({ status: who === "actor" ? "CANCELLED" : "FAILED", lease: null });
  });
});
