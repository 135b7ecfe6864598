/** What waits for a commit, and what does not: the store holds commits back until the test lets them go. */
import {
  Agent,
  type AgentEvent,
  type AgentOptions,
  type Commit,
  type Lease,
  MemoryCache,
  MemoryStore,
  type Node,
  Runs,
} from "asimov-agents";
import { describe, expect, it } from "vitest";
import { deferred, nodeOf, success } from "../run/support.ts";
import { RecordedStore } from "../support/recorded-store.ts";
import { taskOf } from "./stores.ts";

/** Each commit waits for its turn; what was let go of is stored in the order in which it came. */
class HeldStore extends RecordedStore {
  readonly #waiting: (() => void)[] = [];
  #arrived = deferred();
  isHolding = true;

  override async commit(lease: Lease, commit: Commit) {
    if (this.isHolding) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        this.#arrived.resolve();
      });
    }
    return await super.commit(lease, commit);
  }

  get held(): number {
    return this.#waiting.length;
  }

  /** Settles when a commit waits. */
  async arrived(): Promise<void> {
    while (this.#waiting.length === 0) {
      this.#arrived = deferred();
      await this.#arrived.promise;
    }
  }

  letGo(): void {
    this.#waiting.shift()?.();
  }

  letAllGo(): void {
    this.isHolding = false;
    for (const go of this.#waiting.splice(0)) go();
  }
}

/** All that goes on without a timer has gone on. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
};

const chain = (log: string[]): Node[] =>
  ["a", "b", "c"].map((name, at, names) =>
    nodeOf(name, names.slice(Math.max(0, at - 1), at), ({ idempotencyKey }) => success(log.push(idempotencyKey))),
  );

const agentOf = (store: HeldStore, log: string[], options: AgentOptions = {}): Agent => new Agent({ store, nodes: chain(log), ...options });

describe("a run whose durability is sync", () => {
  it("starts nothing that depends on a commit before it is made", async () => {
    const store = new HeldStore();
    const log: string[] = [];
    const run = agentOf(store, log).start(taskOf());
    for (const ran of [[], ["t/a.1/a"], ["t/a.1/a", "t/b.1/b"], ["t/a.1/a", "t/b.1/b", "t/c.1/c"]]) {
      await store.arrived();
      await settled();
      expect(log).toEqual(ran);
      store.letGo();
    }
    store.letAllGo();
    expect(await run.outcome).toMatchObject({ status: "COMPLETE" });
  });

  it("repeats after a crash at any commit at most what was in flight", async () => {
    const store = new RecordedStore();
    await new Agent({ store, nodes: chain([]) }).runTask(taskOf());
    for (let generations = 1; generations <= store.unended; generations++) {
      const copy = new MemoryStore();
      await store.replay(copy, generations);
      const log: string[] = [];
      await (await new Agent({ store: copy, nodes: chain(log) }).resume("t")).outcome;
      const ended = store.told(generations).filter(({ type }) => type === "node.completed").length;
      expect(log).toEqual(["t/a.1/a", "t/b.1/b", "t/c.1/c"].slice(ended));
    }
  });
});

describe("a run whose durability is async", () => {
  it("goes on beside its commits, of which one is under way at a time, in their order", async () => {
    const store = new HeldStore();
    const log: string[] = [];
    const run = agentOf(store, log, { durability: "async" }).start(taskOf());
    await store.arrived();
    await settled();
    // All its work is done, and nothing of it is stored yet.
    expect(log).toEqual(["t/a.1/a", "t/b.1/b", "t/c.1/c"]);
    expect(store.held).toBe(1);
    expect(store.commits).toEqual([]);
    store.letGo();
    await store.arrived();
    await settled();
    expect(store.held).toBe(1);
    store.letAllGo();
    expect(await run.outcome).toMatchObject({ status: "COMPLETE" });
    expect(store.commits.map(({ generation }) => generation)).toEqual(store.commits.map((_, index) => index + 2));
    // What came while one was under way is in the next.
    expect(store.commits.length).toBeLessThan(4);
  });

  it("repeats after a crash what the last commits did not hold, under the same keys", async () => {
    const store = new HeldStore();
    const log: string[] = [];
    const lost = agentOf(store, log, { durability: "async" }).start(taskOf());
    await store.arrived();
    await settled();
    expect(log).toHaveLength(3);
    // Its process is gone with what was not stored.
    const copy = new MemoryStore();
    await store.replay(copy, 1);
    const again: string[] = [];
    await (await new Agent({ store: copy, nodes: chain(again), durability: "async" }).resume("t")).outcome;
    expect(again).toEqual(log);
    store.letAllGo();
    await lost.outcome;
  });

  it("is found as no generation that never was: each holds what had ended by then, with its events", async () => {
    const store = new RecordedStore();
    const nodes = (log: string[]) =>
      ["a", "b", "c", "d"].map((name, at, names) =>
        nodeOf(name, names.slice(Math.max(0, at - 1), at), async ({ values, idempotencyKey }) => {
          log.push(idempotencyKey);
          return success(await values.increment("count"));
        }),
      );
    await new Agent({ store, nodes: nodes([]), durability: "async" }).runTask(taskOf());
    for (let generations = 1; generations <= store.unended; generations++) {
      const copy = new MemoryStore();
      await store.replay(copy, generations);
      const log: string[] = [];
      const { results } = await (await new Agent({ store: copy, nodes: nodes(log) }).resume("t")).outcome;
      expect(results).toEqual({ a: 1, b: 2, c: 3, d: 4 });
      const ended = store.told(generations).filter(({ type }) => type === "node.completed").length;
      expect(log).toHaveLength(4 - ended);
    }
  });
});

describe.each(["sync", "async"] as const)("the end of a run whose durability is %s", (durability) => {
  it("is told, published and given as outcome only after its commit, and so are its events", async () => {
    const store = new HeldStore();
    const cache = new MemoryCache();
    const run = agentOf(store, [], { durability, cache, outputMailbox: "ends" }).start(taskOf());
    const heard: AgentEvent[] = [];
    const hearing = (async () => {
      for await (const event of run.events()) heard.push(event);
    })();
    let isOver = false;
    void run.outcome.then(() => {
      isOver = true;
    });
    // Until the commit of the end has come.
    for (let ended = false; !ended; ) {
      await store.arrived();
      await settled();
      expect(isOver).toBe(false);
      expect(heard.some(({ type }) => type === "run.ended")).toBe(false);
      expect(await cache.peekMailbox("ends")).toEqual([]);
      const stored = await new Runs(store).get("t");
      expect(stored.status).toBe("RUNNING");
      expect(heard.at(-1)?.seq ?? 0).toBeLessThanOrEqual(stored.seq);
      const before = store.commits.length;
      store.letGo();
      while (store.commits.length === before) await settled();
      ended = store.commits.at(-1)?.run?.status === "COMPLETE";
    }
    expect(await run.outcome).toMatchObject({ status: "COMPLETE" });
    await hearing;
    expect(heard.at(-1)).toMatchObject({ type: "run.ended", status: "COMPLETE" });
    expect(await cache.peekMailbox("ends")).toHaveLength(1);
  });
});
