/** A worker's health is what it last saw: plain JSON, also while its store is away. */
import { Agent, AsimovError, type Commit, defineModule, type FindQuery, type Lease, MemoryStore, Node, Task } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { AgentWorker, localQueue } from "asimov-agents/worker";
import { describe, expect, it } from "vitest";
import { Looks } from "#worker/health";

class Leaving extends MemoryStore {
  isAway = false;
  override async find(query: FindQuery) {
    if (this.isAway) throw new AsimovError("The store is away.", { code: "store-unavailable", retryable: true });
    return await super.find(query);
  }
}

describe("a worker's health", () => {
  it("says what it does, and when its store last answered", async () => {
    const clock = new SimulatedClock();
    const store = new Leaving({ clock });
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    const work = defineModule({
      name: "work",
      process: async ({ signal }) => {
        resolve();
        return await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    });
    const agent = new Agent({ name: "report", clock, nodes: [new Node({ name: "work", modules: [work] })] });
    const told: string[] = [];
    const worker = new AgentWorker({
      ...{ agents: [agent], store, clock, concurrency: 3, queue: localQueue({ pollMs: 1_000 }) },
      onRefused: ({ message }) => void told.push(message),
    });
    const start = clock.now();
    const nothing = { running: 0, free: 0, unstored: 0, heldMs: 0, lastLookAt: null, isStoreReachable: null, lastError: null };
    expect(worker.health()).toEqual({ state: "new", ...nothing });
    await worker.start();
    expect(worker.health()).toEqual({ ...nothing, state: "started", free: 3, lastLookAt: start, isStoreReachable: true });
    await worker.submit(new Task({ id: "a", type: "test", objective: "Work" }), { agent: "report" });
    await clock.runUntil(begun);
    expect(worker.health()).toMatchObject({ running: 1, free: 2 });

    await clock.advance(2_000);
    const lastLookAt = worker.health().lastLookAt as number;
    expect(lastLookAt).toBeGreaterThan(start);
    store.isAway = true;
    await clock.advance(2_000);
    const away = worker.health();
    expect(away).toMatchObject({ running: 1, lastLookAt, isStoreReachable: false });
    expect(away.lastError).toEqual({ at: expect.any(Number), code: "store-unavailable", message: "The store is away." });
    expect(new Set(told)).toEqual(new Set(["The store is away."]));
    expect(JSON.parse(JSON.stringify(away))).toEqual(away);
    store.isAway = false;
    await clock.advance(2_000);
    expect(worker.health()).toMatchObject({ isStoreReachable: true, lastError: away.lastError && { code: "store-unavailable" } });

    const stopping = worker.stop({ graceMs: 500 });
    expect(worker.health()).toMatchObject({ state: "stopping", running: 1, free: 0 });
    await clock.runUntil(stopping);
    expect(worker.health()).toMatchObject({ state: "stopped", running: 0, free: 0 });
    await store.close();
  });
});

class Full extends MemoryStore {
  isFull = false;
  override async commit(lease: Lease, commit: Commit) {
    if (this.isFull) throw new AsimovError("The store is full.", { code: "store-full", retryable: true });
    return await super.commit(lease, commit);
  }
}

describe("a worker whose store takes no commits", () => {
  it("says so once for each run, counts those that are not stored, and they are when it takes them again", async () => {
    const clock = new SimulatedClock();
    const store = new Full({ clock });
    const done = Promise.withResolvers<string>();
    const ended = Promise.withResolvers<void>();
    let begun = 0;
    const both = Promise.withResolvers<void>();
    const work = defineModule({
      name: "work",
      process: async ({ signal }) => {
        if (++begun === 2) both.resolve();
        const abort = new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        return { status: "success", result: await Promise.race([done.promise, abort]) };
      },
    });
    const agent = new Agent({ name: "report", clock, nodes: [new Node({ name: "work", modules: [work] })] });
    const told: [code: unknown, taskId: string][] = [];
    const onRefused = (error: Error, taskId: string): void => {
      told.push([(error as { code?: unknown }).code, taskId]);
      if (told.length === 2) ended.resolve();
    };
    const worker = new AgentWorker({ agents: [agent], store, clock, queue: localQueue({ pollMs: 100 }), onRefused });
    await worker.start();
    for (const id of ["a", "b"]) await worker.submit(new Task({ id, type: "test", objective: "Work" }), { agent: "report" });
    await clock.runUntil(both.promise);
    store.isFull = true;
    done.resolve("done");
    await clock.runUntil(ended.promise);
    await clock.advance(5_000);
    expect(told.sort()).toEqual([
      ["store-full", "a"],
      ["store-full", "b"],
    ]);
    const full = { running: 2, unstored: 2, isStoreReachable: true, lastError: { code: "store-full", message: "The store is full." } };
    expect(worker.health()).toMatchObject(full);
    store.isFull = false;
    await clock.runUntil(worker.drain());
    expect(worker.health()).toMatchObject({ running: 0, unstored: 0, lastError: { code: "store-full" } });
    expect((await store.find({ limit: 9 })).map(({ status }) => status)).toEqual(["COMPLETE", "COMPLETE"]);
    await clock.runUntil(worker.stop());
    await store.close();
  });
});

describe("what is said of a store", () => {
  it("is that it is away where it has been silent for two seconds, until it answers", () => {
    const looks = new Looks();
    looks.begun(0);
    looks.done(5);
    looks.begun(10);
    expect([2_009, 2_010].map((now) => looks.at(now))).toEqual([
      { lastLookAt: 5, isStoreReachable: true, lastError: null },
      { lastLookAt: 5, isStoreReachable: false, lastError: null },
    ]);
    looks.done(3_000);
    expect(looks.at(9_000)).toEqual({ lastLookAt: 3_000, isStoreReachable: true, lastError: null });
  });
});
