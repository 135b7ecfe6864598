/** A run's values are its own: no other run sees them, and what is stored of them is what ended attempts did. */
import { Agent, MemoryCache, MemoryStore, type ModuleContext, Node, type SnapshotRef, Task } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { deciding, deferred, inCache, moduleOf, newTask, nodeOf, success } from "../run/support.ts";
import { loadedFrom, snapshotsOf } from "../support/snapshots.ts";

const mailboxesOf = async (cache: Agent["cache"]): Promise<Record<string, unknown>> =>
  Object.fromEntries(await Promise.all([...(await cache.mailboxes())].map(async (name) => [name, await cache.peekMailbox(name)])));

describe("a run's own values", () => {
  it("are seen by no other run, at once or one after the other, and lie in no cache", async () => {
    const both = deferred();
    let entered = 0;
    const agent = new Agent({
      nodes: [
        nodeOf("load", [], async ({ task, values }) => {
          await values.set("secret", task.params.user);
          await values.publishToMailbox("box", task.params.user);
          if (++entered === 2) both.resolve();
          await both.promise;
          return success(await values.increment("count"));
        }),
        nodeOf("answer", ["load"], async ({ values }) => success([await values.get("secret"), await values.peekMailbox("box")])),
      ],
    });
    const runs = [..."abc"].map((user) => agent.start(newTask({ user })));
    for (const [index, user] of [..."abc"].entries())
      expect((await runs[index]?.outcome)?.results).toEqual({ load: 1, answer: [user, [user]] });
    expect([...(await agent.cache.keys()), ...(await agent.cache.mailboxes())]).toEqual([]);
    expect(await runs[0]?.values.getAll()).toEqual({ secret: "a", count: 1, task: runs[0]?.task.toJSON() });
  });

  it("are another thing than the agent's cache, which its runs share", async () => {
    const agent = new Agent({
      nodes: [
        nodeOf("n", [], async ({ cache, values }) => {
          await values.set("mine", 1);
          await cache.publishToMailbox("told", 1);
          return success([await cache.increment("count"), await cache.get("mine", "unknown")]);
        }),
      ],
    });
    expect((await agent.runTask(newTask())).results.n).toEqual([1, "unknown"]);
    expect((await agent.runTask(newTask())).results.n).toEqual([2, "unknown"]);
    expect([await agent.cache.getAll(), await mailboxesOf(agent.cache)]).toEqual([{ count: 2 }, { told: [1, 1] }]);
  });

  it("are those that it is given before its first node, beside its task, which they cannot replace", async () => {
    const given = { n: 3, list: [{ deep: true }] };
    const agent = new Agent({
      nodes: [nodeOf("sees", [], ({ values }) => values.getAll().then(success), { nodeConfig: { condition: "n > 2", inputs: ["list"] } })],
    });
    const run = agent.start(newTask(), { values: given });
    given.list.length = 0;
    const { results } = await run.outcome;
    expect(results.sees).toEqual({ n: 3, list: [{ deep: true }], task: { ...run.task.toJSON(), status: "EXECUTING", result: undefined } });
    const refused: [unknown, string][] = [
      [{ task: 1 }, "invalid-options"],
      [{ "": 1 }, "invalid-options"],
      [[1], "invalid-options"],
      [null, "invalid-options"],
      [{ n: 1n }, "not-json"],
    ];
    for (const [values, code] of refused) {
      const task = newTask();
      expect(() => agent.start(task, { values: values as never })).toThrow(expect.objectContaining({ code }));
      expect((await agent.runTask(task, { values: { n: 3, list: [] } })).status).toBe("COMPLETE");
    }
  });

  it("are set from outside too, and settled at once", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const entered = deferred();
    const leave = deferred();
    const waits = nodeOf("waits", [], async ({ values }) => {
      entered.resolve();
      await leave.promise;
      return success(await values.get("said", "nothing"));
    });
    const agent = new Agent({ store, snapshot: "NEVER", nodes: [waits] });
    const run = agent.start(newTask());
    await entered.promise;
    await run.values.set("said", "from outside");
    const ref = await run.snapshot();
    await run.values.set("said", "later");
    leave.resolve();
    expect((await run.outcome).results.waits).toBe("later");
    expect((await agent.runFromSnapshot(ref)).results.waits).toBe("from outside");
  });
});

describe("values in the agent's cache", () => {
  const node = nodeOf("n", [], async ({ values, cache, task }) => {
    const before = await values.get("last", null);
    await values.set("last", task.params.user);
    return success([before, values.prefix, cache.prefix]);
  });

  it("are shared by runs that name the same key space, under the cache's own prefix, and stay", async () => {
    const root = new MemoryCache();
    for (const team of ["team-a", "team-b"]) {
      const agent = new Agent({ cache: root.withPrefix(team), nodes: [node] });
      const seen = [];
      for (const user of ["ann", "bob"]) seen.push((await agent.runTask(newTask({ user }), { cachePrefix: "desk" })).results.n);
      expect(seen).toEqual([
        [null, `${team}:desk`, team],
        ["ann", `${team}:desk`, team],
      ]);
      expect((await agent.runTask(newTask({ user: "eve" }), { cachePrefix: "other" })).results.n).toEqual([null, `${team}:other`, team]);
      expect(await agent.cache.keys()).toEqual(new Set());
    }
    expect(await root.withPrefix("desk").keys()).toEqual(new Set());
    expect(await root.withPrefix("team-a:desk").keys()).toEqual(new Set(["last", "task"]));
  });

  it("lie in a space of their own however it is named: no other prefix and name make the same", async () => {
    const root = new MemoryCache();
    const places: [prefix: string, name: string][] = [
      ["a", "b:c"],
      ["a:b", "c"],
      ["a", "b%3Ac"],
      ["", "a:b"],
      ["a", "b"],
    ];
    for (const [prefix, cachePrefix] of places) {
      const agent = new Agent({ cache: root.withPrefix(prefix), nodes: [node] });
      expect((await agent.runTask(newTask({ user: 1 }), { cachePrefix })).results.n).toEqual([null, expect.any(String), prefix]);
    }
  });

  it("lie straight in it by `valuesIn`, mailboxes and the task included", async () => {
    const writes = nodeOf("w", [], async ({ values }) => success(await values.increment("n")), { outputMailbox: "box" });
    const agent = new Agent({ ...inCache, outputMailbox: null, nodes: [writes] });
    const run = agent.start(newTask());
    await run.outcome;
    expect((await agent.runTask(newTask())).results.w).toBe(2);
    expect(await agent.cache.getAll()).toEqual({ n: 2, task: expect.objectContaining({ status: "COMPLETE" }) });
    expect(await run.values.get("n")).toBe(2);
    expect(await agent.cache.peekMailbox("box")).toHaveLength(2);
  });
});

describe("what an attempt does to the values", () => {
  /** A run of one node that is stored in the middle of its attempt, and what the attempts of the run that is restored from there find. */
  async function restoredIn(attempt: number): Promise<unknown[]> {
    const store = new MemoryStore({ keep: 10_000 });
    const found: unknown[] = [];
    let stored: Promise<SnapshotRef> | undefined;
    const work = nodeOf("work", ["before"], async ({ node, values }) => {
      found.push([node.attempt, await values.get("n"), await values.get("old", null), await mailboxesOf(values)]);
      await values.increment("n");
      await values.set("mine", node.attempt);
      await values.delete("old");
      await values.publishToMailbox("out", node.attempt);
      await values.getMessage("in", { timeoutMs: 0 });
      if (node.attempt === attempt && stored === undefined) {
        stored = run.snapshot();
        await stored;
      }
      if (node.attempt < 3) throw new Error("again");
      return success(await values.get("n"));
    });
    const before = nodeOf("before", [], async ({ values }) => {
      await values.setMany({ n: 0, old: 1 });
      for (const message of ["a", "b", "c"]) await values.publishToMailbox("in", message);
      return success();
    });
    const agent = new Agent({ store, snapshot: "NEVER", nodes: [before, work] });
    const run = agent.start(newTask());
    expect((await run.outcome).results.work).toBe(3);
    const all = [...found];
    found.length = 0;
    const again = await agent.startFromSnapshot((await stored) as SnapshotRef);
    expect((await again.outcome).results.work).toBe(3);
    expect(found).toEqual(all.slice(attempt - 1));
    expect(await again.values.getAll()).toEqual({ ...(await run.values.getAll()) });
    expect(await mailboxesOf(again.values)).toEqual(await mailboxesOf(run.values));
    return all;
  }

  it("is seen by the next attempt, and stored with its end: a repeat finds what the first try found", async () => {
    for (const attempt of [1, 2, 3]) {
      expect(await restoredIn(attempt)).toEqual([
        [1, 0, 1, { in: ["a", "b", "c"] }],
        [2, 1, null, { in: ["b", "c"], out: [1] }],
        [3, 2, null, { in: ["c"], out: [1, 2] }],
      ]);
    }
  });

  it("is left out by a commit that comes while others of its node have ended: each stores its own", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const ended = deferred();
    const modules = [
      moduleOf("quick", async ({ values }) => {
        await values.increment("n", 10);
        await values.publishToMailbox("box", "quick");
        return success();
      }),
      moduleOf("slow", async ({ values }) => {
        await values.increment("n", 1);
        await values.publishToMailbox("box", "slow");
        await ended.promise;
        if (run.task.status === "EXECUTING") await run.snapshot();
        return success(await values.get("n"));
      }),
    ];
    const agent = new Agent({ store, snapshot: "NEVER", nodes: [new Node({ name: "wide", modules, nodeConfig: { parallel: true } })] });
    const run = agent.start(new Task({ type: "t", objective: "o", id: "one" }));
    setImmediate(ended.resolve);
    expect((await run.outcome).results.wide).toEqual({ quick: null, slow: 11 });
    const [ref] = await snapshotsOf(store, "one");
    const { parts } = await loadedFrom(store, ref as SnapshotRef);
    expect([...parts].filter(([part]) => /^(?:value\/n|mailbox)/.test(part)).map(([, text]) => text)).toEqual(['{"value":10}', '"quick"']);
    const again = await agent.startFromSnapshot(ref as SnapshotRef);
    expect((await again.outcome).results.wide).toEqual({ quick: null, slow: 11 });
    expect((await again.values.peekMailbox("box")).sort()).toEqual(["quick", "slow"]);
  });

  it("is stored visit by visit, where a generator does it", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const counts = nodeOf("counts", [], async function* ({ values }: ModuleContext) {
      for (;;) yield success(await values.increment("n"));
    } as never);
    const decide = deciding("decide", ["counts"], () => (++decisions < 3 ? "counts" : null));
    let decisions = 0;
    const watched = nodeOf("watched", ["decide"], undefined, { snapshot: "ALWAYS" });
    const agent = new Agent({ store, snapshot: "NEVER", nodes: [counts, decide, watched] });
    const task = newTask();
    await agent.runTask(task);
    const [ref] = await snapshotsOf(store, task.id);
    expect((await loadedFrom(store, ref as SnapshotRef)).parts.get("value/n")).toBe('{"value":3}');
  });

  it("is stored when a jump has closed it, with what it did last", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const counts = nodeOf("counts", [], async function* ({ values }: ModuleContext) {
      try {
        for (;;) yield success(await values.increment("n"));
      } finally {
        await values.increment("closed");
      }
    } as never);
    const decide = nodeOf("decide", ["counts"], ({ node }) => ({
      ...success(),
      decision: node.visit === 1 ? "counts" : null,
      cleanup: true,
    }));
    const watched = nodeOf("watched", ["decide"], undefined, { snapshot: "ALWAYS" });
    const run = new Agent({ store, snapshot: "NEVER", nodes: [counts, decide, watched] }).start(newTask());
    await run.outcome;
    const [ref] = await snapshotsOf(store, run.task.id);
    const { parts } = await loadedFrom(store, ref as SnapshotRef);
    expect([parts.get("value/n"), parts.get("value/closed")]).toEqual(['{"value":2}', '{"value":1}']);
    expect(await run.values.get("closed")).toBe(2);
  });
});
