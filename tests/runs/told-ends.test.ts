/** The message of a run's end is told at least once, by whoever hosts its agent next where its own process did not. */
import { join } from "node:path";
import { Agent, type AgentOptions, FileStore, MemoryCache, MemoryStore, type Node, type RunStore, Runs, Task } from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import { afterEach, describe, expect, it } from "vitest";
import { aborted, deferred, failing, nodeOf, success } from "../run/support.ts";
import { newPlace } from "../store/place.ts";
import { all } from "./stores.ts";

const taskOf = (id: string): Task => new Task({ id, type: "test", objective: "Be told" });
const place = newPlace();

const STORES: [name: string, make: () => RunStore][] = [
  ["memory", () => new MemoryStore()],
  ["file", () => new FileStore({ dir: place(), fsync: false })],
  ["SQLite", () => new SqliteStore({ file: join(place(), "runs.db") })],
];

/** Of `a` and `c` that have ended, `x` that has failed, and `b` that works while it stays. */
function graph(stays?: () => void): Node[] {
  const b = nodeOf("b", ["a"], async ({ signal }) => {
    stays?.();
    if (stays !== undefined) await aborted(signal);
    signal.throwIfAborted();
    return success("b");
  });
  return [
    nodeOf("a", [], () => success("a")),
    nodeOf("c", ["a"], () => success({ done: true })),
    failing("x", ["c"]),
    nodeOf("d", ["c"], () => success("d")),
    b,
  ];
}

describe.each(STORES)("an end in a %s store", (_, make) => {
  const opened: RunStore[] = [];
  const open = (): RunStore => {
    const store = make();
    opened.push(store);
    return store;
  };
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
  });

  const agentOf = (store: RunStore, more: AgentOptions = {}): Agent =>
    new Agent({ name: "worker", store, outputMailbox: "ends", nodes: graph(), ...more });
  const told = (cache: MemoryCache): Promise<{ id: string }[]> => cache.peekMailbox("ends");

  /** Cancelled while nobody owns it. */
  async function cancelled(store: RunStore, id: string, more: AgentOptions = {}): Promise<void> {
    const entered = deferred();
    const run = agentOf(store, { nodes: graph(entered.resolve), ...more }).start(taskOf(id));
    await entered.promise;
    const ended = new Set(["c", "d", "x"]);
    for await (const event of run.events({ from: 1 })) {
      if (event.type === "node.failed" || event.type === "node.completed") ended.delete(event.node);
      if (ended.size === 0) break;
    }
    await run.park();
    await new Runs(store).cancel(id, "enough");
  }

  const message = (id: string) => ({ id: `${id}/end/1`, taskId: id, status: "FAILED", result: { d: "d" }, failedChains: [["x"]] });

  it("that came while nobody owned the run is told by resumeAll, of all such runs of its agent and of no others, once", async () => {
    const store = open();
    for (const id of ["t1", "t2"]) await cancelled(store, id);
    await cancelled(store, "other", { name: "other" });
    await agentOf(store).runTask(taskOf("told already"));
    const cache = new MemoryCache();
    for (let n = 0; n < 2; n++) expect(await all(agentOf(store, { cache }).resumeAll())).toEqual([]);
    expect((await told(cache)).toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual([message("t1"), message("t2")]);
    const others = await store.find({ untold: true, limit: 10 });
    expect(others.map(({ taskId }) => taskId)).toEqual(["other"]);
    expect(await new Runs(store).get("t1")).toMatchObject({ status: "CANCELLED" });
  });

  it("that came while nobody owned the run is told by whoever resumes it, who is told that it has ended", async () => {
    const store = open();
    await cancelled(store, "t");
    const cache = new MemoryCache();
    for (let n = 0; n < 2; n++) await expect(agentOf(store, { cache }).resume("t")).rejects.toMatchObject({ code: "run-ended" });
    expect(await told(cache)).toEqual([message("t")]);
  });

  it("is told by an agent without a name, too, of a run that has none", async () => {
    const store = open();
    const unnamed = { store, outputMailbox: "ends" };
    const entered = deferred();
    const run = new Agent({ ...unnamed, nodes: graph(entered.resolve) }).start(taskOf("t"));
    await entered.promise;
    await run.park();
    await new Runs(store).cancel("t");
    const cache = new MemoryCache();
    await expect(new Agent({ ...unnamed, cache, nodes: graph() }).resume("t")).rejects.toMatchObject({ code: "run-ended" });
    expect(await told(cache)).toMatchObject([{ id: "t/end/1" }]);
  });

  it("is told before the run goes on from it, and each end has its number", async () => {
    const store = open();
    await cancelled(store, "t");
    const cache = new MemoryCache();
    const agent = agentOf(store, { cache });
    expect(await (await agent.retry("t")).outcome).toMatchObject({ status: "PARTIAL", results: { d: "d", b: "b" } });
    await (await agent.retry("t")).outcome;
    expect(await told(cache)).toMatchObject([message("t"), { id: "t/end/2", status: "PARTIAL" }, { id: "t/end/3", status: "PARTIAL" }]);
    expect(await store.read("t")).toMatchObject({ ends: 3, untold: false });
  });

  it("is told to whoever attaches to the task", async () => {
    const store = open();
    await cancelled(store, "t");
    const cache = new MemoryCache();
    const attached = agentOf(store, { cache }).runTask(taskOf("t"), { ifExists: "attach" });
    await expect(attached).rejects.toMatchObject({ code: "run-ended" });
    expect(await told(cache)).toEqual([message("t")]);
  });

  it("is told at least once by two who tell it at a time, and under the same id", async () => {
    const store = open();
    await cancelled(store, "t");
    const cache = new MemoryCache();
    await Promise.all([1, 2].map(() => all(agentOf(store, { cache }).resumeAll())));
    const messages = await told(cache);
    expect(messages.length).toBeGreaterThan(0);
    expect(new Set(messages.map((each) => JSON.stringify(each)))).toEqual(new Set([JSON.stringify(message("t"))]));
    expect(await store.read("t")).toMatchObject({ untold: false });
  });

  it("is told to nobody by an agent that publishes no ends", async () => {
    const store = open();
    await cancelled(store, "t");
    await all(agentOf(store, { outputMailbox: null }).resumeAll());
    const cache = new MemoryCache();
    await all(agentOf(store, { cache }).resumeAll());
    expect(await told(cache)).toEqual([]);
  });

  it("that its own process could not publish is told by the next, as it would have", async () => {
    const store = open();
    const lost = new MemoryCache();
    await lost.close();
    const { errors } = await agentOf(store, { cache: lost }).runTask(taskOf("t"));
    expect(errors.at(-1)).toMatchObject({ error: expect.stringContaining("The end was not published") });
    const refused: [string, string][] = [];
    const onRefused = (error: Error, taskId: string) => refused.push([(error as Error & { code: string }).code, taskId]);
    await all(agentOf(store, { cache: lost }).resumeAll({ onRefused }));
    expect(refused).toEqual([["cache-closed", "t"]]);
    const [cache, expected] = [new MemoryCache(), new MemoryCache()];
    await all(agentOf(store, { cache }).resumeAll({ onRefused: () => expect.fail() }));
    await agentOf(new MemoryStore(), { cache: expected }).runTask(taskOf("t"));
    expect(await told(cache)).toEqual(await told(expected));
    expect(await told(cache)).toMatchObject([{ id: "t/end/1", status: "PARTIAL", result: { b: "b", d: "d" }, failedChains: [["x"]] }]);
  });

  it("that was stored by a process that died before it told it is told by the next, as it would have", async () => {
    const store = open();
    const commit = store.commit.bind(store);
    const stored = deferred();
    store.commit = async (lease, change) => {
      const result = await commit(lease, change);
      if (change.run?.status === undefined) return result;
      stored.resolve();
      return await new Promise(() => {});
    };
    const died = agentOf(store).start(taskOf("t"));
    await stored.promise;
    died.actor.stop();
    const [cache, expected] = [new MemoryCache(), new MemoryCache()];
    await all(agentOf(store, { cache }).resumeAll({ onRefused: () => expect.fail() }));
    await agentOf(new MemoryStore(), { cache: expected }).runTask(taskOf("t"));
    expect(await told(cache)).toEqual(await told(expected));
    expect(await told(cache)).toHaveLength(1);
  });

  it("goes with its run, when that is removed before it was told", async () => {
    const store = open();
    for (const id of ["removed", "pruned"]) await cancelled(store, id);
    await new Runs(store).remove("removed");
    await new Runs(store).prune({});
    const cache = new MemoryCache();
    await all(agentOf(store, { cache }).resumeAll());
    expect(await told(cache)).toEqual([]);
  });

  it("is noted as told when it is, and as nothing to tell where nobody asks for it", async () => {
    const store = open();
    for (const outputMailbox of ["ends", null]) {
      const id = String(outputMailbox);
      await agentOf(store, { outputMailbox }).runTask(taskOf(id));
      expect(await store.read(id)).toMatchObject({ status: "PARTIAL", ends: 1, untold: false });
    }
    expect(await store.find({ untold: true, limit: 10 })).toEqual([]);
  });
});
