/** Starts of a key by the clock: at most so many in a minute, after a delay, and once nothing more comes. */
import { type RunStore, Runs } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { storesOf } from "../runs/stores.ts";
import { type Bench, benches, limited, taskOf } from "./bench.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** Who has begun, and in which second. */
const begunIn = ({ begun }: Bench, start: number): [taskId: string, second: number][] =>
  begun.map(({ taskId, at }) => [taskId, Math.floor((at - start) / SECOND)]);

/** The same store, from which a key is far away. */
function claimingKeysAfter(promise: Promise<void>, store: RunStore): RunStore {
  const claim: RunStore["claim"] = async (taskId, ...rest) => {
    if (taskId.startsWith("asimov.key/")) await promise;
    return await store.claim(taskId, ...rest);
  };
  return new Proxy(store, {
    get: (of, name) => {
      if (name === "claim") return claim;
      const value = Reflect.get(of, name, of) as unknown;
      return typeof value === "function" ? value.bind(of) : value;
    },
  });
}

describe.each(storesOf())("the moments at which runs of a key begin (%s)", (_, make) => {
  const open = benches(make);

  it("are at most so many in any minute, and come as soon as that allows", async () => {
    const clock = new SimulatedClock();
    const bench = open(clock);
    const start = clock.now();
    await bench.worker();
    for (let n = 0; n < 10; n++) {
      await bench.runs.submit(taskOf(`k-${n}`), limited({ perMinute: 3 }));
      await clock.advance(7 * SECOND);
    }
    await clock.advance(3 * MINUTE);
    expect(bench.begun.map(({ taskId }) => taskId)).toEqual(Array.from({ length: 10 }, (_each, n) => `k-${n}`));
    const at = bench.begun.map((each) => each.at - start);
    for (const [n, moment] of at.entries()) expect(moment - (at[n - 3] ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(MINUTE);
    expect(begunIn(bench, start).slice(0, 3)).toEqual([
      ["k-0", 0],
      ["k-1", 7],
      ["k-2", 14],
    ]);
    // Each start is known within a look of it.
    for (const [n, moment] of at.entries()) expect(moment - (at[n - 3] ?? moment)).toBeLessThan(MINUTE + 5 * SECOND);
  });

  it("do not come in a burst after a time in which nobody took them", async () => {
    const clock = new SimulatedClock();
    const bench = open(clock);
    for (let n = 0; n < 6; n++) await bench.runs.submit(taskOf(`k-${n}`), limited({ perMinute: 2 }));
    const busy = Promise.withResolvers<void>();
    bench.work = (taskId) => (taskId === "busy" ? busy.promise : Promise.resolve());
    await bench.runs.submit(taskOf("busy"), { agent: "report", priority: 9 });
    await bench.worker({ concurrency: 1 });
    await clock.advance(5 * MINUTE);
    busy.resolve();
    const before = clock.now();
    await clock.advance(4 * MINUTE);
    const at = bench.begun.filter(({ taskId }) => taskId !== "busy").map((each) => each.at - before);
    expect(at).toHaveLength(6);
    for (const [n, moment] of at.entries()) expect(moment - (at[n - 2] ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(MINUTE);
  });

  it("are not before its delay is over, and hold nobody else up until then", async () => {
    const clock = new SimulatedClock();
    const bench = open(clock);
    const start = clock.now();
    await bench.worker();
    await bench.runs.submit(taskOf("late"), { ...limited({ concurrent: 1 }), delayMs: MINUTE, priority: 9 });
    await bench.runs.submit(taskOf("now"), limited({ concurrent: 1 }));
    await clock.advance(59 * SECOND);
    expect(bench.begun.map(({ taskId }) => taskId)).toEqual(["now"]);
    expect(await bench.statuses("late")).toEqual(["PARKED"]);
    await clock.advance(2 * SECOND);
    expect(begunIn(bench, start)[1]).toEqual(["late", 60]);
  });

  it("are when nothing of the key came for the time that it says; what came before is CANCELLED, and says by which task", async () => {
    const clock = new SimulatedClock();
    const bench = open(clock);
    const start = clock.now();
    await bench.worker();
    const quiet = { agent: "report", key: "k", debounceMs: 10 * SECOND };
    for (const id of ["a", "b", "c"]) {
      expect(await bench.runs.submit(taskOf(id), quiet)).toEqual({ taskId: id, isNew: true });
      await clock.advance(6 * SECOND);
    }
    expect(await bench.statuses("a", "b", "c")).toEqual(["CANCELLED", "CANCELLED", "PARKED"]);
    const [a, b] = [await bench.runs.get("a"), await bench.runs.get("b")];
    expect(a.errors).toEqual([expect.objectContaining({ code: "run-replaced", error: expect.stringContaining("Run b of the same key") })]);
    expect(b.errors[0]).toMatchObject({ code: "run-replaced", error: expect.stringContaining("Run c of the same key") });
    await clock.advance(10 * SECOND);
    expect(begunIn(bench, start)).toEqual([["c", 22]]);
    // It has begun: the next one stands beside it.
    await bench.runs.submit(taskOf("d"), quiet);
    await clock.advance(11 * SECOND);
    expect(await bench.statuses("c", "d")).toEqual(["COMPLETE", "COMPLETE"]);
  });

  it("are put off by what has come, however long that waits for its key", async () => {
    const clock = new SimulatedClock();
    const bench = open(clock);
    const start = clock.now();
    await bench.worker();
    const quiet = { agent: "report", key: "k", debounceMs: 10 * SECOND };
    await bench.runs.submit(taskOf("a"), quiet);
    await clock.advance(6 * SECOND);
    const { promise: heldUp, resolve: letThrough } = Promise.withResolvers<void>();
    const far = new Runs(claimingKeysAfter(heldUp, bench.store), { clock });
    const submitted = far.submit(taskOf("b"), quiet);
    await clock.advance(6 * SECOND);
    expect(await bench.statuses("a")).toEqual(["PARKED"]);
    letThrough();
    expect(await clock.runUntil(submitted)).toEqual({ taskId: "b", isNew: true });
    await clock.advance(6 * SECOND);
    expect(await bench.statuses("a", "b")).toEqual(["CANCELLED", "COMPLETE"]);
    expect(begunIn(bench, start)).toEqual([["b", 16]]);
  });

  it("of a debounced task that is submitted once more are later, and it stays the same run", async () => {
    const clock = new SimulatedClock();
    const bench = open(clock);
    const start = clock.now();
    await bench.worker();
    const quiet = { agent: "report", key: "k", debounceMs: 10 * SECOND };
    await bench.runs.submit(taskOf("a"), quiet);
    await clock.advance(6 * SECOND);
    expect(await bench.runs.submit(taskOf("a"), quiet)).toEqual({ taskId: "a", isNew: false });
    await clock.advance(MINUTE);
    expect(begunIn(bench, start)).toEqual([["a", 16]]);
    expect(await bench.statuses("a")).toEqual(["COMPLETE"]);
  });

  it("of debounced tasks wait for the limit of their key besides", async () => {
    const clock = new SimulatedClock();
    const bench = open(clock);
    const first = Promise.withResolvers<void>();
    bench.work = (taskId) => (taskId === "first" ? first.promise : Promise.resolve());
    await bench.worker();
    await bench.runs.submit(taskOf("first"), limited({ concurrent: 1 }));
    await bench.runs.submit(taskOf("a"), { agent: "report", key: "k", debounceMs: SECOND });
    await clock.advance(MINUTE);
    expect(await bench.statuses("first", "a")).toEqual(["RUNNING", "PARKED"]);
    first.resolve();
    await clock.advance(10 * SECOND);
    expect(await bench.statuses("first", "a")).toEqual(["COMPLETE", "COMPLETE"]);
  });

  it("count against a deadline from their submission, waiting included", async () => {
    const clock = new SimulatedClock();
    const bench = open(clock);
    const first = Promise.withResolvers<void>();
    bench.work = (taskId) => (taskId === "first" ? first.promise : Promise.resolve());
    await bench.worker();
    await bench.runs.submit(taskOf("first"), limited({ concurrent: 1 }));
    await bench.runs.submit(taskOf("a"), { ...limited({ concurrent: 1 }), deadlineMs: MINUTE });
    await clock.advance(2 * MINUTE);
    first.resolve();
    bench.work = () => new Promise<void>((resolve) => clock.setTimeout(resolve, MINUTE));
    await clock.advance(10 * SECOND);
    expect((await bench.runs.get("a")).errors[0]).toMatchObject({ code: "run-deadline" });
  });
});
