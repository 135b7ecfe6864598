/** A process that submits, or lets the next run of a key go, is lost after each of its writes: nothing that is stored is lost, and no limit is broken. */
import { MemoryStore, type RunStore, Runs } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { localQueue } from "asimov-agents/worker";
import { describe, expect, it } from "vitest";
import { ForwardingStore } from "#contract/store/forwarding-store";
import { all } from "../runs/stores.ts";
import { type Bench, benches, limited, taskOf } from "./bench.ts";

const SECOND = 1_000;
/** Until the lease of whoever was lost has run out, and what it left was looked at. */
const LATER = 40 * SECOND;

/** Writes so often, and is never heard of again. */
class LostStore extends ForwardingStore {
  #left: number;
  /** Whether it has been lost. */
  isLost = false;

  constructor(store: RunStore, writes: number) {
    super(store);
    this.#left = writes;
  }

  #write<T>(work: () => Promise<T>): Promise<T> {
    if (this.#left-- > 0) return work();
    this.isLost = true;
    return new Promise(() => {});
  }

  override create(...given: Parameters<RunStore["create"]>) {
    return this.#write(() => super.create(...given));
  }
  override claim(...given: Parameters<RunStore["claim"]>) {
    return this.#write(() => super.claim(...given));
  }
  override renew(...given: Parameters<RunStore["renew"]>) {
    return this.#write(() => super.renew(...given));
  }
  override commit(...given: Parameters<RunStore["commit"]>) {
    return this.#write(() => super.commit(...given));
  }
  override post(...given: Parameters<RunStore["post"]>) {
    return this.#write(() => super.post(...given));
  }
  override remove(...given: Parameters<RunStore["remove"]>) {
    return this.#write(() => super.remove(...given));
  }
}

describe("a process that is lost in the middle", () => {
  const open = benches((options) => new MemoryStore(options));

  /** What is done by whoever is lost after so many writes, for each number of them until it is lost no more. */
  async function eachLoss(
    work: (bench: Bench, lost: Runs) => Promise<{ done: Promise<unknown>; check: () => Promise<void> }>,
  ): Promise<number> {
    for (let writes = 0; ; writes++) {
      const clock = new SimulatedClock();
      const bench = open(clock);
      bench.work = () => new Promise<void>((resolve) => clock.setTimeout(resolve, SECOND));
      const store = new LostStore(bench.store, writes);
      const { done, check } = await work(bench, new Runs(store, { clock, effectTimeoutMs: 3_600 * SECOND }));
      let isDone = false;
      const over = (): void => {
        isDone = true;
      };
      done.then(over, over);
      while (!isDone && !store.isLost) await new Promise((resolve) => setImmediate(resolve));
      await bench.worker({ queue: localQueue() });
      await clock.advance(LATER);
      await check();
      expect(bench.working.get("k")?.most ?? 1).toBe(1);
      if (!store.isLost) return writes;
    }
  }

  const statusesOf = async ({ runs }: Bench): Promise<string[]> =>
    (await all(runs.find())).map(({ taskId, status }) => `${taskId} ${status}`);

  it("of a submit leaves a run that has its turn, or none, and the same submit once more makes it", async () => {
    const losses = await eachLoss(async (bench, lost) => {
      await bench.runs.submit(taskOf("k-1"), limited({ concurrent: 1 }));
      return {
        done: lost.submit(taskOf("k-2"), limited({ concurrent: 1 })),
        check: async () => {
          const left = await statusesOf(bench);
          expect(["k-1 COMPLETE", "k-2 COMPLETE,k-1 COMPLETE"]).toContain(left.join());
          await bench.runs.submit(taskOf("k-2"), limited({ concurrent: 1 }));
          await bench.clock?.advance(LATER);
          expect((await statusesOf(bench)).toSorted()).toEqual(["k-1 COMPLETE", "k-2 COMPLETE"]);
        },
      };
    });
    expect(losses).toBeGreaterThan(3);
  });

  it("of the first submit of a key leaves nothing that stands in the way of the next", async () => {
    const losses = await eachLoss(async (bench, lost) => ({
      done: lost.submit(taskOf("k-1"), limited({ concurrent: 1, perMinute: 5 })),
      check: async () => {
        await bench.runs.submit(taskOf("k-2"), limited({ concurrent: 1 }));
        await bench.clock?.advance(LATER);
        const left = await statusesOf(bench);
        expect(["k-2 COMPLETE", "k-2 COMPLETE,k-1 COMPLETE"]).toContain(left.join());
      },
    }));
    expect(losses).toBeGreaterThan(5);
  });

  it("as it lets the next run go leaves a place that is taken by that one, and by no other", async () => {
    const losses = await eachLoss(async (bench, lost) => {
      for (const id of ["k-1", "k-2", "k-3"]) await bench.runs.submit(taskOf(id), limited({ concurrent: 1 }));
      return {
        done: lost.cancel("k-1"),
        check: async () => {
          const [first, ...others] = (await statusesOf(bench)).toSorted();
          expect(["k-1 CANCELLED", "k-1 COMPLETE"]).toContain(first);
          expect(others).toEqual(["k-2 COMPLETE", "k-3 COMPLETE"]);
        },
      };
    });
    expect(losses).toBeGreaterThan(5);
  });

  it("of a submit that takes another's place leaves one of both to begin, and loses neither before the other is there", async () => {
    const losses = await eachLoss(async (bench, lost) => {
      const quiet = { agent: "report", key: "k", debounceMs: 5 * SECOND };
      await bench.runs.submit(taskOf("k-1"), quiet);
      return {
        done: lost.submit(taskOf("k-2"), quiet),
        check: async () => expect(["k-1 COMPLETE", "k-2 COMPLETE,k-1 CANCELLED"]).toContain((await statusesOf(bench)).join()),
      };
    });
    expect(losses).toBeGreaterThan(5);
  });

  it("of a submit of the one run leaves one that stands, and whoever comes then is told of it, or is it", async () => {
    const losses = await eachLoss(async (bench, lost) => {
      const only = { agent: "report", key: "k", singleton: true } as const;
      const waits = Promise.withResolvers<void>();
      bench.work = (taskId) => (taskId === "k-1" ? waits.promise : Promise.resolve());
      return {
        done: lost.submit(taskOf("k-1"), only),
        check: async () => {
          const isThere = (await statusesOf(bench)).length > 0;
          if (isThere) expect(await statusesOf(bench)).toEqual(["k-1 RUNNING"]);
          const told = await bench.runs.submit(taskOf("k-2"), only);
          expect(told).toEqual(isThere ? { taskId: "k-1", isNew: false } : { taskId: "k-2", isNew: true });
          waits.resolve();
          await bench.clock?.advance(LATER);
          expect(await statusesOf(bench)).toEqual([`${told.taskId} COMPLETE`]);
        },
      };
    });
    expect(losses).toBeGreaterThan(5);
  });
});
