/** What somebody who holds a run is told that is done is stored by then. */
import { Agent, AsimovError, type Commit, type CommitResult, type Lease, MemoryStore, Node, Runs } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { aborted, deferred, moduleOf, nodeOf, success } from "../run/support.ts";
import { all, taskOf } from "./stores.ts";

/** Commits wait while they are held. */
class HeldStore extends MemoryStore {
  #gate: PromiseWithResolvers<void> | undefined;
  asked = deferred();

  hold(): void {
    this.#gate = Promise.withResolvers();
    this.asked = deferred();
  }

  letGo(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  override async commit(lease: Lease, commit: Commit): Promise<CommitResult> {
    if (this.#gate !== undefined) {
      this.asked.resolve();
      await this.#gate.promise;
    }
    return await super.commit(lease, commit);
  }
}

/** Its only node works until it is aborted. */
const busy = (entered: PromiseWithResolvers<void>): Node[] => [
  nodeOf("a", [], async ({ signal }) => {
    entered.resolve();
    await aborted(signal);
    signal.throwIfAborted();
  }),
];

describe("a message by run.send", () => {
  it("is stored when the send resolves", async () => {
    const store = new HeldStore();
    const entered = Promise.withResolvers<void>();
    const run = new Agent({ store, nodes: busy(entered) }).start(taskOf("t"));
    await entered.promise;
    store.hold();
    let isSent = false;
    const sent = run.send("box", "important").then(() => {
      isSent = true;
    });
    await store.asked.promise;
    expect(isSent).toBe(false);
    store.letGo();
    await sent;
    run.actor.stop();
    const heir = await new Agent({ store, nodes: busy(Promise.withResolvers()) }).resume("t", { takeOver: true });
    expect(await heir.values.peekMailbox("box")).toEqual(["important"]);
    await heir.cancel();
  });

  it("is stored when the send resolves also where the run is still being stored for the first time", async () => {
    const store = new MemoryStore();
    const entered = Promise.withResolvers<void>();
    const run = new Agent({ store, nodes: busy(entered) }).start(taskOf("t"));
    await run.send("box", "early");
    run.actor.stop();
    const heir = await new Agent({ store, nodes: busy(entered) }).resume("t", { takeOver: true });
    expect(await heir.values.peekMailbox("box")).toEqual(["early"]);
    await heir.cancel();
  });

  it("stores a run that was not, where there is a store", async () => {
    const store = new MemoryStore();
    const entered = Promise.withResolvers<void>();
    const run = new Agent({ store, snapshot: "NEVER", nodes: busy(entered) }).start(taskOf("t"));
    await entered.promise;
    await expect(new Runs(store).get("t")).rejects.toMatchObject({ code: "run-not-found" });
    await run.send("box", 1);
    expect(await new Runs(store).get("t")).toMatchObject({ status: "RUNNING" });
    await run.cancel();
  });
});

describe("modules in order", () => {
  it("start when the end of the one before is stored", async () => {
    const store = new HeldStore();
    const log: string[] = [];
    const ended = deferred();
    const node = new Node({
      name: "n",
      modules: [
        moduleOf("draw", () => {
          store.hold();
          ended.resolve();
          return success(1);
        }),
        moduleOf("charge", () => {
          log.push("charge");
          return success();
        }),
      ],
    });
    const run = new Agent({ store, nodes: [node] }).start(taskOf("t"));
    await ended.promise;
    await store.asked.promise;
    expect(log).toEqual([]);
    store.letGo();
    expect((await run.outcome).status).toBe("COMPLETE");
    expect(log).toEqual(["charge"]);
  });
});

describe("a task that is stored already", () => {
  it("is refused, or attached to, also by an agent that stores nothing by itself", async () => {
    const store = new MemoryStore();
    const agent = () => new Agent({ store, snapshot: "NEVER", nodes: [nodeOf("a")] });
    const entered = Promise.withResolvers<void>();
    const run = new Agent({ store, snapshot: "NEVER", nodes: busy(entered) }).start(taskOf("t"));
    await entered.promise;
    await run.snapshot();
    await expect(agent().runTask(taskOf("t"))).rejects.toMatchObject({ code: "run-exists" });
    await expect(agent().runTask(taskOf("t"), { ifExists: "attach" })).rejects.toMatchObject({ code: "run-owned" });
    await run.cancel();
  });

  it("gives its outcome as often as it is attached to, and tells its end once", async () => {
    const store = new MemoryStore();
    const agent = new Agent({ store, nodes: [nodeOf("a")], outputMailbox: "ends" });
    await agent.runTask(taskOf("t"));
    const before = await all(new Runs(store).events("t"));
    for (let n = 0; n < 3; n++) {
      const run = agent.start(taskOf("t"), { ifExists: "attach" });
      expect(await run.outcome).toMatchObject({ status: "COMPLETE", results: { a: "a" } });
      expect(run.view()).toMatchObject({ status: "COMPLETE", seq: before.length });
    }
    expect(await agent.cache.peekMailbox("ends")).toHaveLength(1);
    expect(await all(new Runs(store).events("t"))).toEqual(before);
  });

  it("is begun once by all who attach to it at once, and others are told who owns it", async () => {
    const store = new MemoryStore();
    let begun = 0;
    const agent = () => new Agent({ store, nodes: [nodeOf("a", [], () => success(++begun))] });
    const told = await Promise.allSettled([1, 2, 3].map(() => agent().runTask(taskOf("t"), { ifExists: "attach" })));
    expect(begun).toBe(1);
    for (const each of told) {
      if (each.status === "rejected") expect(each.reason).toMatchObject({ code: "run-owned" });
      else expect(each.value).toMatchObject({ status: "COMPLETE", results: { a: 1 } });
    }
  });

  it("tells whoever attaches all of it that is told from then on, whenever that is read", async () => {
    const run = new Agent({ store: new MemoryStore(), nodes: [nodeOf("a")] }).start(taskOf("t"), { ifExists: "attach" });
    const events = run.events()[Symbol.asyncIterator]();
    await run.outcome;
    const first = await events.next();
    expect(first.value).toMatchObject({ type: "run.started", seq: 1 });
    await events.return?.();
    expect(await all(run.events())).toEqual([]);
  });
});

describe("a run that is parked before it is stored", () => {
  it("starts nothing, and goes on when it is taken up", async () => {
    const store = new MemoryStore();
    const log: string[] = [];
    const agent = new Agent({ store, nodes: [nodeOf("a", [], () => success(log.push("a")))] });
    const run = agent.start(taskOf("t"), { values: { first: 1 } });
    await run.park();
    await expect(run.outcome).rejects.toMatchObject({ code: "run-parked" });
    expect(log).toEqual([]);
    const heir = await agent.resume("t");
    expect(await heir.outcome).toMatchObject({ status: "COMPLETE" });
    expect(await heir.values.get("first")).toBe(1);
    expect(log).toEqual(["a"]);
  });
});

describe("a run whose end was asked for", () => {
  it.each(["before", "after"])("ends, also where it is parked at that moment (parked %s)", async (when) => {
    const store = new MemoryStore();
    const entered = Promise.withResolvers<void>();
    const run = new Agent({ store, nodes: busy(entered) }).start(taskOf("t"));
    await entered.promise;
    const [parked, cancelled] =
      when === "before"
        ? await Promise.allSettled([run.park(), run.cancel("enough")])
        : (await Promise.allSettled([run.cancel("enough"), run.park()])).reverse();
    expect(parked).toMatchObject({ status: "rejected", reason: { code: "run-ended" } });
    expect(cancelled).toMatchObject({ status: "fulfilled", value: { status: "FAILED" } });
    expect(await new Runs(store).get("t")).toMatchObject({ status: "CANCELLED" });
  });
});

describe("a store that is closed, or answers nonsense, while a run goes on", () => {
  it("is told as closed, and not as a run that was removed", async () => {
    const { SimulatedClock } = await import("asimov-agents/testing");
    const clock = new SimulatedClock();
    const store = new MemoryStore({ clock });
    const entered = Promise.withResolvers<void>();
    const run = new Agent({ store, clock, nodes: busy(entered) }).start(taskOf("t"));
    await entered.promise;
    await store.close();
    await expect(clock.runUntil(run.outcome)).rejects.toMatchObject({ code: "store-closed", taskId: "t" });
  });

  it("is asked again, and the run ends as it would have", async () => {
    class Nonsense extends MemoryStore {
      left = 2;
      override commit(lease: Lease, commit: Commit): Promise<CommitResult> {
        return this.left-- > 0 ? Promise.resolve({} as CommitResult) : super.commit(lease, commit);
      }
    }
    const outcome = await new Agent({ store: new Nonsense(), nodes: [nodeOf("a")] }).runTask(taskOf("t"));
    expect(outcome).toMatchObject({ status: "COMPLETE", errors: [{ code: "store-failed" }] });
    expect(outcome).not.toBeInstanceOf(AsimovError);
  });
});
