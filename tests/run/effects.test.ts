/** Nothing hangs: a cache or store that never answers ends by the run's own limit or by a cancel, and an end that was not told is told. */
import { Agent, MemoryCache, MemoryStore } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../support/manual-clock.ts";
import { SilentStore, snapshotsOf } from "../support/snapshots.ts";
import { inCache, logging, newTask, nodeOf, success, within } from "./support.ts";

const never = <T>(): Promise<T> => new Promise<T>(() => {});

/** A cache that answers until it is told to stop. */
class SilentCache extends MemoryCache {
  isSilent = false;
  override set(...args: Parameters<MemoryCache["set"]>): Promise<void> {
    return this.isSilent ? never() : super.set(...args);
  }
  override setMany(values: Readonly<Record<string, unknown>>): Promise<void> {
    return this.isSilent ? never() : super.setMany(values);
  }
  override getMany(keys: readonly string[]): Promise<Record<string, unknown>> {
    return this.isSilent ? never() : super.getMany(keys);
  }
  override publishToMailbox(mailbox: string, message: unknown): Promise<void> {
    return this.isSilent ? never() : super.publishToMailbox(mailbox, message);
  }
}

const SILENT_STORE = new SilentStore();

const going = { ...inCache, effectTimeoutMs: 20 };
const silencing = (cache: SilentCache, dependencies: string[] = []) =>
  nodeOf("silences", dependencies, () => {
    cache.isSilent = true;
    return success();
  });

describe("a cache that never answers", () => {
  it("fails a run that cannot begin", async () => {
    const cache = new SilentCache();
    cache.isSilent = true;
    const { status, errors } = await new Agent({ cache, ...going, nodes: [nodeOf("a")] }).runTask(newTask());
    expect(status).toBe("FAILED");
    expect(errors).toMatchObject([
      { code: "effect-timeout" },
      { code: "publish-failed" },
      { code: "effect-timeout" },
      { code: "effect-timeout" },
    ]);
    expect(errors[0]?.error).toMatch(/first values.*no answer.*20 ms.*effectTimeoutMs/s);
  });

  it.each([0, 2])("fails a node whose inputs, outputs or condition it should tell (within %i graphs)", async (depth) => {
    for (const nodeConfig of [{ inputs: ["key"] }, { outputs: ["key"] }, { condition: "key == 1" }]) {
      const cache = new SilentCache();
      const asks = nodeOf("asks", ["silences"], undefined, { nodeConfig: { ...nodeConfig, maxRetries: 1 } });
      const run = new Agent({
        cache,
        ...going,
        nodes:
          depth === 0
            ? [silencing(cache), asks]
            : [
                silencing(cache),
                within(depth, nodeOf("asks", [], undefined, { nodeConfig: { ...nodeConfig, maxRetries: 1 } }), {
                  nodeConfig: { maxRetries: 1 },
                }),
              ],
      });
      const { errors } = await run.runTask(newTask());
      expect(errors.filter(({ node }) => node === "asks")).toMatchObject([{ code: "effect-timeout" }]);
    }
  });

  it("holds up no publishing, and is told of the end that was not published", async () => {
    const cache = new SilentCache();
    const publishes = nodeOf("publishes", ["silences"], undefined, { outputMailbox: "out" });
    const { status, errors } = await new Agent({ cache, ...going, nodes: [silencing(cache), publishes] }).runTask(newTask());
    expect(status).toBe("COMPLETE");
    expect(errors.map(({ code, error }) => [code, error])).toEqual([
      ["publish-failed", expect.stringContaining("out")],
      ["publish-failed", expect.stringContaining("agent_error")],
      ["effect-timeout", expect.stringContaining("The ended task was not stored")],
      ["effect-timeout", expect.stringContaining("The end was not published")],
    ]);
  });

  it("has all of its limit where nobody cancels, whatever the run does meanwhile", async () => {
    const clock = new ManualClock();
    const cache = new SilentCache();
    const asks = nodeOf("asks", ["silences"], undefined, { nodeConfig: { inputs: ["key"], maxRetries: 1 } });
    const nodes = [silencing(cache), asks];
    const run = new Agent({ cache, valuesIn: "cache", clock, abortGraceMs: 5, effectTimeoutMs: 1_000, nodes }).start(newTask());
    await clock.pass(999);
    expect(run.task.status).toBe("EXECUTING");
    await clock.pass(1);
    await clock.pass(1_000);
    const { errors } = await run.outcome;
    expect(errors[0]).toMatchObject({ node: "asks", code: "effect-timeout" });
  });

  it("ends by a cancel, long before its limit", async () => {
    const cache = new SilentCache();
    cache.isSilent = true;
    const run = new Agent({ ...inCache, cache, effectTimeoutMs: 3_600_000, abortGraceMs: 5, nodes: [nodeOf("a")] }).start(newTask());
    queueMicrotask(() => void run.cancel("enough"));
    const { status, task } = await run.outcome;
    expect([status, task.error]).toEqual(["FAILED", expect.stringContaining("enough")]);
  });

  it("rejects a message that is sent to it, and a snapshot that is restored into it", async () => {
    const cache = new SilentCache();
    const agent = new Agent({
      cache,
      ...going,
      nodes: [nodeOf("a", [], async ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", reject)))],
    });
    const run = agent.start(newTask());
    await new Promise((resolve) => setImmediate(resolve));
    cache.isSilent = true;
    await expect(run.send("box", 1)).rejects.toMatchObject({ code: "publish-failed" });
    await run.cancel();
  });
});

describe("a store that never answers", () => {
  it("fails a run that is to be stored before any node of it has run", async () => {
    const ran: string[] = [];
    const { status, task } = await new Agent({ store: SILENT_STORE, ...going, nodes: [logging(ran, "a")] }).runTask(newTask());
    expect([status, ran]).toEqual(["FAILED", []]);
    expect(task.error).toContain("The run could not be stored: There was no answer to storing the run within 20 ms");
  });

  it("is asked again where it gave no answer in time, and the run goes on when it does", async () => {
    const store = new MemoryStore();
    const commit = store.commit.bind(store);
    let calls = 0;
    store.commit = (lease, next) => (++calls === 1 ? never() : commit(lease, next));
    const run = new Agent({ store, ...going, nodes: [nodeOf("a"), nodeOf("b", ["a"])] }).start(newTask());
    const { status, errors } = await run.outcome;
    expect(status).toBe("COMPLETE");
    expect(errors[0]).toMatchObject({ code: "effect-timeout", error: expect.stringContaining("is tried again until it is") });
    expect((await store.read(run.id))?.status).toBe("COMPLETE");
  });

  it("rejects a snapshot that is asked for or loaded", async () => {
    const agent = new Agent({
      store: SILENT_STORE,
      snapshot: "NEVER",
      ...going,
      nodes: [nodeOf("a", [], () => new Promise(() => {}))],
      abortGraceMs: 1,
    });
    const run = agent.start(newTask());
    await expect(run.snapshot()).rejects.toMatchObject({ code: "effect-timeout", retryable: true });
    await run.cancel();
    await expect(agent.runFromSnapshot("somewhere")).rejects.toMatchObject({ code: "effect-timeout" });
  });

  it("ends by a cancel", async () => {
    const node = nodeOf("a", [], undefined, { snapshot: "ALWAYS" });
    const run = new Agent({ store: SILENT_STORE, snapshot: "NEVER", abortGraceMs: 5, nodes: [node] }).start(newTask());
    const reason = new Promise<void>((resolve) => setImmediate(resolve));
    await reason;
    expect((await run.cancel("enough")).task.error).toContain("enough");
  });

  it.each(["before", "while"])("ends a restore by its signal too, aborted %s it waits", async (moment) => {
    class Silent extends MemoryCache {
      override setMany(): Promise<void> {
        return never();
      }
    }
    const nodes = [nodeOf("a", [], undefined, { snapshot: "ALWAYS" })];
    const store = new MemoryStore({ keep: 10_000 });
    const task = newTask();
    await new Agent({ nodes, store, snapshot: "NEVER", valuesIn: "cache" }).runTask(task);
    const [ref] = await snapshotsOf(store, task.id);
    for (const silent of [
      { store: SILENT_STORE, snapshot: "NEVER" as const },
      { store, snapshot: "NEVER" as const, cache: new Silent(), valuesIn: "cache" as const },
    ]) {
      const controller = new AbortController();
      if (moment === "before") controller.abort();
      const restoring = new Agent({ nodes, ...silent, abortGraceMs: 5 }).runFromSnapshot(ref as never, {
        signal: controller.signal,
        values: { first: 1 },
      });
      setImmediate(() => controller.abort());
      await expect(restoring).rejects.toMatchObject({ code: "effect-timeout", message: expect.stringContaining("within 5 ms") });
    }
  });
});

describe("an end", () => {
  /** What the end asks of the cache, and how it is told that it could not be done. */
  const STEPS = { set: "The ended task was not stored: no room", publishToMailbox: "The end was not published: no room" } as const;

  it.each([[["set"]], [["publishToMailbox"]], [["set", "publishToMailbox"]]] as const)(
    "does all that can be done, and is told of the rest: %j",
    async (broken) => {
      const cache = new MemoryCache();
      const node = nodeOf("a", [], () => {
        for (const name of broken) cache[name] = () => Promise.reject(new Error("no room"));
        return success();
      });
      const run = new Agent({ ...inCache, cache, nodes: [node] }).start(newTask());
      const told: string[] = [];
      for await (const event of run.events()) if (event.type === "error.reported") told.push(event.report.error);
      const { status, errors } = await run.outcome;
      expect(status).toBe("COMPLETE");
      expect(errors.map(({ error }) => error)).toEqual(broken.map((name) => STEPS[name]));
      expect(told).toEqual(errors.map(({ error }) => error));
      const isBroken = (name: keyof typeof STEPS): boolean => (broken as readonly string[]).includes(name);
      expect(await cache.get<{ status: string }>("task")).toMatchObject({ status: isBroken("set") ? "EXECUTING" : "COMPLETE" });
      expect(await cache.peekMailbox("agent_output")).toHaveLength(isBroken("publishToMailbox") ? 0 : 1);
    },
  );
});

describe("a start that is refused", () => {
  it("leaves its task as it was", async () => {
    const agent = new Agent({ nodes: [nodeOf("a")] });
    const task = newTask();
    expect(() => agent.start(task, { cachePrefix: "\ud800" })).toThrow(expect.objectContaining({ code: "invalid-prefix" }));
    expect(() => new Agent().start(task)).toThrow(expect.objectContaining({ code: "graph-empty" }));
    await expect(
      new Agent({ nodes: [nodeOf("a", [], undefined, { nodeConfig: { condition: "(" } })] }).runTask(task),
    ).rejects.toMatchObject({
      code: "condition-syntax",
    });
    expect(task.status).toBe("WAITING");
    expect((await agent.runTask(task)).status).toBe("COMPLETE");
  });
});

describe("snapshots of a store that answers", () => {
  it("are kept in spite of a short limit", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const task = newTask();
    await new Agent({
      store,
      snapshot: "NEVER",
      effectTimeoutMs: 1_000,
      nodes: [nodeOf("a", [], undefined, { snapshot: "ALWAYS" })],
    }).runTask(task);
    expect(await snapshotsOf(store, task.id)).toHaveLength(1);
  });
});
