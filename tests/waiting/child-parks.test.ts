/** A parent is put down when its child is, or goes on elsewhere, and never misses its child's end, whenever it comes. */
import { AsimovError, defineModule, Node, Runs } from "asimov-agents";
import { describe, expect, it, vi } from "vitest";
import { all, storesOf } from "../runs/stores.ts";
import { approve, childOf, HOUR, inStore, nodeOf, pairOf, taskOf } from "./pair.ts";

describe.each(storesOf())("a parent (%s)", (_, make) => {
  it("that would park stays as long as its child works in its process", async () => {
    const { clock, store, runs } = inStore(make);
    const work = defineModule({
      name: "work",
      config: { timeoutMs: 2 * HOUR },
      process: async () => {
        await new Promise<void>((resolve) => clock.setTimeout(resolve, HOUR));
        return { status: "success" };
      },
    });
    const { outer } = pairOf({ store, clock, nodes: [new Node({ name: "work", modules: [work] })] });
    const run = outer.start(taskOf(), { whenWaiting: "park" });
    await clock.advance(HOUR / 2);
    expect([(await runs.get("t")).status, run.view().nodes.research?.waiting]).toEqual(["RUNNING", [{ for: "run" }]]);
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "COMPLETE" });
  });

  it("that is put down leaves its child working, and finds what it gave", async () => {
    const { clock, store, runs } = inStore(make);
    let works = 0;
    const done = Promise.withResolvers<string>();
    const nodes = [
      nodeOf("work", () => {
        works++;
        return done.promise;
      }),
    ];
    const { outer, inner } = pairOf({ store, clock, nodes });
    const run = outer.start(taskOf());
    run.outcome.catch(() => {});
    await clock.advance(100);
    await clock.runUntil(run.park());
    const id = await childOf(runs);
    // What kept it in its process goes on without it: whoever likes may look.
    expect([(await runs.get("t")).status, (await runs.get(id)).status]).toEqual(["READY", "RUNNING"]);
    const elsewhere = pairOf({ store, clock, nodes });
    expect(await clock.runUntil((await elsewhere.outer.resume("t", { whenWaiting: "park" })).outcome)).toMatchObject({ status: "PARKED" });
    done.resolve("done");
    while ((await inner.runs.get(id)).status !== "COMPLETE") await clock.advance(10);
    expect((await runs.get("t")).status).toBe("READY");
    expect(await clock.runUntil((await elsewhere.outer.resume("t")).outcome)).toMatchObject({ results: { research: "done" } });
    expect(works).toBe(1);
  });

  it("in another process than its child hears of its end, held as it is", async () => {
    const { clock, store, runs } = inStore(make);
    const done = Promise.withResolvers<string>();
    const nodes = [nodeOf("work", () => done.promise)];
    const first = pairOf({ store, clock, nodes }).outer.start(taskOf());
    first.outcome.catch(() => {});
    await clock.advance(100);
    await clock.runUntil(first.park());
    const second = await pairOf({ store, clock, nodes }).outer.resume("t");
    await clock.advance(100);
    expect((await runs.get("t")).nodes.research).toMatchObject({ status: "EXECUTING", waiting: [{ for: "run" }] });
    done.resolve("done");
    expect(await clock.runUntil(second.outcome)).toMatchObject({ status: "COMPLETE", results: { research: "done" } });
  });

  it("that hears of an end that is not stored yet stays until it is, or until the child goes on elsewhere", async () => {
    for (const isLost of [false, true]) {
      const { clock, store, runs } = inStore(make);
      const gate = Promise.withResolvers<void>();
      const nodes = [approve()];
      const pair = () => pairOf({ store, clock, nodes });
      await clock.runUntil(pair().outer.runTask(taskOf(), { whenWaiting: "park" }));
      const id = await childOf(runs);
      await runs.answer((await all(runs.questions()))[0]?.id ?? "", { ok: true });
      const isEnding = Promise.withResolvers<void>();
      const commit = store.commit.bind(store);
      const held = vi.spyOn(store, "commit").mockImplementation(async (lease, changes) => {
        if (lease.taskId === id && changes.run?.status === "COMPLETE") {
          isEnding.resolve();
          await gate.promise;
        }
        return await commit(lease, changes);
      });
      const child = await pair().inner.resume(id);
      child.outcome.catch(() => {});
      await clock.runUntil(isEnding.promise);
      expect([(await runs.get("t")).status, (await runs.get(id)).status]).toEqual(["READY", "RUNNING"]);
      const parent = await pair().outer.resume("t", { whenWaiting: "park" });
      await clock.advance(1_000);
      expect((await runs.get("t")).status).toBe("RUNNING");
      if (isLost) {
        held.mockRestore();
        // As by a process that dies before it is: somebody else has the child, and is to say so again.
        await store.claim(id, { id: "heir", leaseMs: 100 }, { over: (await store.read(id))?.lease?.token ?? 0 });
        expect(await clock.runUntil(parent.outcome)).toMatchObject({ status: "PARKED" });
        await clock.advance(100);
        await clock.runUntil((await pair().inner.resume(id)).outcome);
        expect((await runs.get("t")).status).toBe("READY");
      } else gate.resolve();
      const ended = isLost ? await pair().outer.resume("t") : parent;
      expect(await clock.runUntil(ended.outcome as Promise<unknown>)).toMatchObject({
        status: "COMPLETE",
        results: { research: { ok: true } },
      });
    }
  });

  it("that hears of its child's end after it has looked at it, and before it is put down, looks again", async () => {
    const { clock, store, runs } = inStore(make);
    const pair = () => pairOf({ store, clock, nodes: [approve()] });
    await clock.runUntil(pair().outer.runTask(taskOf(), { whenWaiting: "park" }));
    const id = await childOf(runs);
    const [mayEnd, isThere] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { now, read, commit } = { now: store.now.bind(store), read: store.read.bind(store), commit: store.commit.bind(store) };
    let hasLooked = false;
    vi.spyOn(store, "read").mockImplementation((taskId) => {
      hasLooked ||= taskId === id;
      return read(taskId);
    });
    vi.spyOn(store, "now").mockImplementation(async () => {
      if (!hasLooked) return await now();
      vi.mocked(store.now).mockImplementation(now);
      // What the parent has read is old by now: its child has gone on, and says that it is about to end.
      await runs.answer((await all(runs.questions()))[0]?.id ?? "", { ok: true });
      (await pair().inner.resume(id)).outcome.catch(() => {});
      await isThere.promise;
      return await now();
    });
    vi.spyOn(store, "commit").mockImplementation(async (lease, changes) => {
      if (lease.taskId === id && changes.run?.status === "COMPLETE") await mayEnd.promise;
      const made = await commit(lease, changes);
      if (lease.taskId === "t" && changes.consumed.length > 0) isThere.resolve();
      return made;
    });
    const parent = await pair().outer.resume("t", { whenWaiting: "park" });
    await clock.runUntil(isThere.promise);
    await clock.advance(1_000);
    mayEnd.resolve();
    expect(await clock.runUntil(parent.outcome as Promise<unknown>)).toMatchObject({
      status: "COMPLETE",
      results: { research: { ok: true } },
    });
  });

  it("is told of its child's end by a store that is away for a while, and looks for it there", async () => {
    const { clock, store, runs } = inStore(make);
    const pair = () => pairOf({ store, clock, nodes: [approve()] });
    await clock.runUntil(pair().outer.runTask(taskOf(), { whenWaiting: "park" }));
    const id = await childOf(runs);
    await runs.answer((await all(runs.questions()))[0]?.id ?? "", { ok: true });
    const away = new AsimovError("The store is away.", { code: "store-unavailable", retryable: true });
    const post = store.post.bind(store);
    let isAway = true;
    const told: unknown[] = [];
    vi.spyOn(store, "post").mockImplementation(async (taskId, order) => {
      told.push((await store.read(id))?.status);
      if (isAway) throw away;
      return await post(taskId, order);
    });
    const child = await pair().inner.resume(id);
    // Longer than the run waits for its end to be stored: that is tried on all the same.
    await clock.advance(40_000);
    expect((await child.outcome).errors).toMatchObject([{ code: "end-unstored" }]);
    expect([(await runs.get(id)).status, (await runs.get("t")).status]).toEqual(["RUNNING", "PARKED"]);
    isAway = false;
    await clock.advance(5_000);
    expect([(await runs.get(id)).status, (await runs.get("t")).status]).toEqual(["COMPLETE", "READY"]);
    expect(new Set(told)).toEqual(new Set(["open"]));

    const read = store.read.bind(store);
    let refused = 0;
    vi.spyOn(store, "read").mockImplementation(async (taskId) => {
      if (taskId === id && refused++ < 5) throw away;
      return await read(taskId);
    });
    const parent = await pair().outer.resume("t");
    expect(await clock.runUntil(parent.outcome)).toMatchObject({ status: "COMPLETE", results: { research: { ok: true } }, errors: [] });
    expect(refused).toBeGreaterThan(5);
  });

  it("that is held resumes a child that nobody owns", async () => {
    const { clock, store, runs } = inStore(make);
    const pair = () => pairOf({ store, clock, nodes: [approve()] });
    await clock.runUntil(pair().outer.runTask(taskOf(), { whenWaiting: "park" }));
    const { outer } = pair();
    const run = await outer.resume("t");
    await clock.advance(100);
    expect((await runs.get(await childOf(runs))).status).toBe("RUNNING");
    await runs.answer((await all(runs.questions()))[0]?.id ?? "", { ok: false });
    expect(await clock.runUntil(run.outcome)).toMatchObject({ results: { research: { ok: false } } });
  });

  it("with another store than its child does not park, and hears of its end where it is", async () => {
    const { clock, store, runs } = inStore(make);
    const childStore = make({ clock });
    const pair = () => pairOf({ store, clock, childStore, nodes: [approve()] });
    const run = pair().outer.start(taskOf(), { whenWaiting: "park" });
    await clock.advance(HOUR);
    expect((await runs.get("t")).status).toBe("RUNNING");
    const others = new Runs(childStore, { clock });
    const [question] = await all(others.questions());
    await others.answer(question?.id ?? "", { ok: true });
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "COMPLETE", results: { research: { ok: true } } });
  });
});
