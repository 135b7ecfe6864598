import { Agent, type AgentEvent, defineModule, MemoryStore, Node, type RunStore, Task } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { openEvent, sealMessage } from "#contract/store/seal";
import { deferred, moduleOf, nodeOf, success } from "../run/support.ts";
import { all } from "../runs/stores.ts";

const newTask = (): Task => new Task({ type: "test", objective: "Be kept" });

/** The store with some of its steps changed. */
function changed(store: RunStore, steps: Partial<RunStore>): RunStore {
  return new Proxy(store, {
    get(target, name) {
      const own = (steps as Record<string | symbol, unknown>)[name];
      if (own !== undefined) return own;
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Away where a lease is to be renewed. */
class UnrenewedStore extends MemoryStore {
  isAway = true;
  override async renew(...asked: Parameters<MemoryStore["renew"]>) {
    if (this.isAway) throw new Error("away");
    return await super.renew(...asked);
  }
}

describe("a run whose store does not take what it writes", () => {
  it("says so once, waits with what depends on it, and loses nothing when the store is back", async () => {
    const store = new MemoryStore();
    let failures = 5;
    const log: string[] = [];
    const away = changed(store, {
      async commit(lease, commit) {
        if (commit.generation > 2 && failures-- > 0) throw new Error("the disk is full");
        return store.commit(lease, commit);
      },
    });
    const nodes = ["a", "b", "c"].map((name, index, all) =>
      nodeOf(name, all.slice(Math.max(0, index - 1), index), () => {
        log.push(`${name} ${Math.max(0, failures)}`);
        return success(name);
      }),
    );
    const task = newTask();
    const { status, errors, results } = await new Agent({ store: away, nodes }).runTask(task);
    expect(status).toBe("COMPLETE");
    expect(results).toEqual({ a: "a", b: "b", c: "c" });
    expect(errors).toEqual([expect.objectContaining({ error: expect.stringContaining("the disk is full") })]);
    // What depends on the commit waited for it.
    expect(log).toEqual(["a 5", "b 0", "c 0"]);
    expect(await store.read(task.id)).toMatchObject({ status: "COMPLETE", lease: null });
  });

  it("fails, and runs nothing, where it cannot be stored at all", async () => {
    const store = changed(new MemoryStore(), {
      create: async () => {
        throw new Error("no place");
      },
    });
    const log: string[] = [];
    const nodes = [nodeOf("a", [], () => success(log.push("a")))];
    const run = new Agent({ store, nodes }).start(newTask());
    const { status, errors } = await run.outcome;
    expect(status).toBe("FAILED");
    expect(run.view()).toMatchObject({ status: "FAILED", endedAt: expect.any(Number), errors: [{ code: "snapshot-write-failed" }] });
    expect(errors).toEqual([expect.objectContaining({ code: "snapshot-write-failed", error: expect.stringContaining("no place") })]);
    expect(log).toEqual([]);
  });
});

describe("the owner of a run", () => {
  it("is fenced when its lease has run out and an heir has taken it: it commits and publishes nothing more", async () => {
    const clock = new SimulatedClock();
    const store = new MemoryStore({ clock });
    const entered = deferred();
    const aborted = deferred();
    let isFirst = true;
    const stuck = defineModule({
      name: "stuck",
      config: { timeoutMs: Number.POSITIVE_INFINITY },
      async process({ signal, fence }) {
        if (!isFirst) return success(fence);
        signal.addEventListener("abort", () => aborted.resolve());
        entered.resolve();
        await aborted.promise;
        return success("too late");
      },
    });
    const nodes = [new Node({ name: "stuck", modules: [stuck] })];
    // Its renewals never reach the store.
    const lame = changed(store, { renew: () => new Promise(() => {}) });
    const task = newTask();
    const first = new Agent({ store: lame, nodes, clock, leaseMs: 1_000, outputMailbox: "ends" });
    const run = first.start(task);
    run.outcome.catch(() => {});
    await clock.runUntil(entered.promise);
    const heir = new Agent({ store, nodes, clock, outputMailbox: "ends" });
    await expect(heir.resume(task.id)).rejects.toMatchObject({ code: "run-owned" });
    await clock.advance(1_500);
    isFirst = false;
    const second = await clock.runUntil(heir.resume(task.id));
    await expect(run.outcome).rejects.toMatchObject({ code: "run-fenced", taskId: task.id });
    await aborted.promise;
    const { status, results } = await clock.runUntil(second.outcome);
    expect(status).toBe("COMPLETE");
    expect(results).toEqual({ stuck: 2 });
    expect(await first.cache.peekMailbox("ends")).toEqual([]);
    expect(await heir.cache.peekMailbox("ends")).toHaveLength(1);
  });

  it("starts nothing more while it cannot renew its lease, and goes on when it has", async () => {
    const clock = new SimulatedClock();
    const store = new UnrenewedStore({ clock });
    const gate = deferred();
    const log: string[] = [];
    const nodes = [
      nodeOf("a", [], async () => {
        await gate.promise;
        return success(log.push("a"));
      }),
      nodeOf("b", ["a"], () => success(log.push("b"))),
    ];
    const run = new Agent({ store, nodes, clock, leaseMs: 3_000 }).start(newTask());
    await clock.advance(2_500);
    gate.resolve();
    await clock.advance(200);
    expect(log).toEqual(["a"]);
    store.isAway = false;
    expect((await clock.runUntil(run.outcome)).status).toBe("COMPLETE");
    expect(log).toEqual(["a", "b"]);
  });

  it.each([
    ["starts the next module of a node before two thirds of a lease that it could not renew", 1_900, ["first", "second"]],
    ["starts no next module of a node after two thirds of it", 2_100, ["first"]],
  ])("%s", async (_law, ms, expected) => {
    const clock = new SimulatedClock();
    const store = new UnrenewedStore({ clock });
    const gate = deferred();
    const log: string[] = [];
    const first = moduleOf("first", async () => {
      await gate.promise;
      return success(log.push("first"));
    });
    const second = moduleOf("second", () => success(log.push("second")), { dependencies: ["first"] });
    const nodes = [new Node({ name: "a", modules: [first, second] })];
    const run = new Agent({ store, nodes, clock, leaseMs: 3_000 }).start(newTask());
    await clock.advance(ms);
    gate.resolve();
    await clock.advance(50);
    expect(log).toEqual(expected);
    store.isAway = false;
    expect((await clock.runUntil(run.outcome)).status).toBe("COMPLETE");
    expect(log).toEqual(["first", "second"]);
  });

  it("hears of a cancel from outside, and is stored as cancelled", async () => {
    const store = new MemoryStore();
    const entered = deferred();
    const nodes = [
      nodeOf("a", [], async ({ signal }) => {
        entered.resolve();
        await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        return success();
      }),
    ];
    const task = newTask();
    const run = new Agent({ store, nodes }).start(task);
    await entered.promise;
    await store.post(task.id, { kind: "cancel", reason: "enough", end: { events: [] } });
    expect(await run.outcome).toMatchObject({ status: "FAILED", task: { error: "enough" } });
    expect(await store.read(task.id)).toMatchObject({ status: "CANCELLED", lease: null });
  });

  it("puts a message from outside into the run's mailbox, and takes it out of the inbox with the commit that says so", async () => {
    const store = new MemoryStore();
    const nodes = [nodeOf("a", [], async ({ values }) => success(await values.getMessage("news")))];
    const task = newTask();
    const run = new Agent({ store, nodes }).start(task);
    for await (const { type } of run.events()) {
      if (type !== "module.started") continue;
      const message = { id: "m1", mailbox: "news" };
      const body = sealMessage(task.id, message, JSON.stringify({ hello: "there" }));
      expect(await store.post(task.id, { kind: "message", ...message, body })).toBe("stored");
    }
    expect((await run.outcome).results).toEqual({ a: { hello: "there" } });
    expect(await store.inbox(task.id, 0)).toEqual([]);
  });
});

describe("events of a stored run", () => {
  it("are told when they are stored, under the numbers that they are stored under", async () => {
    const store = new MemoryStore();
    const held = deferred();
    let commits = 0;
    const slow = changed(store, {
      async commit(lease, commit) {
        if (++commits === 1) await held.promise;
        return store.commit(lease, commit);
      },
    });
    const nodes = [nodeOf("a"), nodeOf("b", ["a"])];
    const task = newTask();
    const run = new Agent({ store: slow, nodes }).start(task);
    const heard: AgentEvent[] = [];
    const hearing = (async () => {
      for await (const event of run.events()) heard.push(event);
    })();
    await new Promise((resolve) => setImmediate(resolve));
    const before = heard.length;
    held.resolve();
    await run.outcome;
    await hearing;
    expect(before).toBeLessThan(heard.length);
    const stored = await store.events(task.id, { from: 1, limit: 100 });
    const read = stored.map((event) => ({ seq: event.seq, at: event.at, taskId: task.id, ...JSON.parse(openEvent(task.id, event)) }));
    expect(read).toEqual(heard.map((event) => JSON.parse(JSON.stringify(event))));
    expect(heard.at(-1)).toMatchObject({ type: "run.ended", status: "COMPLETE" });
    expect(await all(run.events({ from: 1 }))).toEqual(heard);
  });
});

describe("a module of a stored run", () => {
  it.each([true, false])("is given the fencing token, 0 where the run is not stored (stored: %s)", async (isStored) => {
    const nodes = [nodeOf("a", [], ({ fence }) => success(fence))];
    const { results } = await new Agent({ ...(isStored ? { store: new MemoryStore() } : {}), nodes }).runTask(newTask());
    expect(results).toEqual({ a: isStored ? 1 : 0 });
  });
});
