/** What a worker does about a held event loop: it knows for how long, renews first, puts half down, and comes back step by step. */
import { Agent, type Commit, defineModule, type Lease, MemoryStore, Node, Task } from "asimov-agents";
import { AgentWorker, type LoopHeld } from "asimov-agents/worker";
import { describe, expect, it, onTestFinished } from "vitest";
import { LoopWatch } from "#worker/loop-watch";
import { RunLimit } from "#worker/run-limit";
import { ManualClock } from "../support/manual-clock.ts";

class HeldClock extends ManualClock {
  #heldMs = 0;
  monotonic(): number {
    return this.now() + this.#heldMs;
  }
  hold(ms: number): void {
    this.#heldMs += ms;
  }
}

describe("the watch over an event loop", () => {
  it("tells by how much its timer came late, and remembers the longest for a minute", async () => {
    const clock = new HeldClock();
    const told: number[] = [];
    const watch = new LoopWatch({ clock, everyMs: 500, held: (ms) => void told.push(ms) });
    watch.start();
    await clock.pass(1_000);
    expect([told, watch.longestMs]).toEqual([[0, 0], 0]);
    clock.hold(3_000);
    await clock.pass(500);
    clock.hold(1_000);
    await clock.pass(500);
    expect([told.slice(2), watch.longestMs]).toEqual([[3_000, 1_000], 3_000]);
    await clock.pass(59_000);
    expect(watch.longestMs).toBe(1_000);
    await clock.pass(1_500);
    expect(watch.longestMs).toBe(0);
    watch.stop();
    expect(clock.armed).toBe(0);
  });

  it("tells of a hold that is over when it stops, before its timer came", async () => {
    const clock = new HeldClock();
    const told: number[] = [];
    const watch = new LoopWatch({ clock, everyMs: 500, held: (ms) => void told.push(ms) });
    watch.start();
    watch.stop();
    expect(told).toEqual([]);
    watch.start();
    clock.hold(3_000);
    watch.stop();
    watch.stop();
    expect([told, watch.longestMs, clock.armed]).toEqual([[2_500], 2_500, 0]);
  });
});

describe("the limit of runs", () => {
  it("is halved by each hold, down to one, and comes back by a tenth for each calm stretch", () => {
    const limit = new RunLimit(20, 1_000);
    expect(limit.at(5_000)).toBe(20);
    limit.halve(20, 5_000);
    expect([limit.at(5_000), limit.at(5_999), limit.at(6_000), limit.at(9_999), limit.at(10_000), limit.at(1e6)]).toEqual([
      10, 10, 12, 18, 20, 20,
    ]);
    limit.halve(7, 6_500);
    expect(limit.at(6_500)).toBe(3);
    limit.halve(3, 6_600);
    limit.halve(1, 6_700);
    expect([limit.at(7_699), limit.at(7_700)]).toEqual([1, 3]);
  });
});

describe("a worker whose event loop was held", () => {
  /** Notes what was asked of the store. */
  class Noted extends MemoryStore {
    readonly asked: string[] = [];
    override async renew(lease: Lease, ms: number) {
      this.asked.push(`renew ${lease.taskId}`);
      return await super.renew(lease, ms);
    }
    override async commit(lease: Lease, commit: Commit) {
      if (commit.release !== undefined) this.asked.push(`put down ${lease.taskId}`);
      return await super.commit(lease, commit);
    }
  }

  async function working(ids: string[], onHeld: (held: LoopHeld) => void) {
    const store = new Noted();
    const { promise: all, resolve } = Promise.withResolvers<void>();
    let begun = 0;
    const wait = defineModule({
      name: "wait",
      process: async ({ signal }) => {
        if (++begun === ids.length) resolve();
        return await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    });
    const agent = new Agent({ name: "waits", nodes: [new Node({ name: "wait", modules: [wait] })] });
    const worker = new AgentWorker({ agents: [agent], store, leaseMs: 600, onHeld });
    onTestFinished(() => worker.stop({ graceMs: 0 }));
    for (const [at, id] of ids.entries()) {
      await worker.submit(new Task({ id, type: "test", objective: "Wait" }), { agent: "waits", priority: -at });
    }
    await worker.start();
    await all;
    store.asked.length = 0;
    return { store, hold: () => hold(300) };
  }

  function hold(ms: number): void {
    for (const start = performance.now(); performance.now() - start < ms; );
  }

  it("renews all of its leases before it puts the first run down, and says what it did", async () => {
    const { promise: told, resolve } = Promise.withResolvers<LoopHeld>();
    const { store, hold } = await working(["a", "b", "c"], resolve);
    hold();
    expect((await told).putDown).toEqual(["b", "c"]);
    while (store.asked.filter((what) => what.startsWith("put down")).length < 2) await new Promise((done) => setImmediate(done));
    const first = store.asked.findIndex((what) => what.startsWith("put down"));
    expect(new Set(store.asked.slice(0, first))).toEqual(new Set(["renew a", "renew b", "renew c"]));
    expect(store.asked.filter((what) => what.startsWith("put down"))).toEqual(["put down b", "put down c"]);
  });

  it("says so though all that it had was another's before it looked", async () => {
    class Taken extends MemoryStore {
      isTaken = false;
      override async renew(lease: Lease, ms: number) {
        return this.isTaken ? ({ ok: false, why: "fenced" } as const) : await super.renew(lease, ms);
      }
    }
    const clock = new HeldClock();
    const store = new Taken({ clock });
    const begun = Promise.withResolvers<void>();
    const wait = defineModule({
      name: "wait",
      process: async ({ signal }) => {
        begun.resolve();
        return await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    });
    const agent = new Agent({ name: "waits", clock, nodes: [new Node({ name: "wait", modules: [wait] })] });
    const told: LoopHeld[] = [];
    const worker = new AgentWorker({ agents: [agent], store, clock, leaseMs: 6_000, onHeld: (held) => void told.push(held) });
    onTestFinished(() => worker.stop({ graceMs: 0 }));
    await worker.submit(new Task({ id: "a", type: "test", objective: "Wait" }), { agent: "waits" });
    await worker.start();
    await begun.promise;
    await clock.pass(1_950);
    store.isTaken = true;
    clock.hold(10_000);
    // The lease is renewed before the watch looks.
    await clock.pass(50);
    expect([told.at(-1)?.putDown, worker.health().running]).toEqual([[], 0]);
    expect(told.at(-1)?.heldMs).toBeGreaterThan(6_000);
  });

  it("keeps the only run that it has: nobody else is in danger", async () => {
    const { promise: told, resolve } = Promise.withResolvers<LoopHeld>();
    const { hold } = await working(["a"], resolve);
    hold();
    expect((await told).putDown).toEqual([]);
  });
});
