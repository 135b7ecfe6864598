/** Forks: another run from where a stored one stood, under keys of its own; of the first not a byte is changed. */
import { Agent, type AgentOptions, type AgentRun, MemoryStore, Node, type RunStore, Runs, Task } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { aborted, deferred, failing, nodeOf, success } from "../run/support.ts";
import { overTheWire } from "../support/told.ts";
import { all, opening, storesOf } from "./stores.ts";

const taskOf = (params: Record<string, unknown> = {}): Task =>
  new Task({ id: "t", type: "test", objective: "Be forked", params, labels: { kind: "first" } });

/** All that a store holds of a run. */
async function storedOf(store: RunStore, taskId: string): Promise<unknown> {
  const generations = await store.generations(taskId, { limit: 1_000 });
  return {
    row: await store.read(taskId),
    generations: await Promise.all(generations.map(async ({ generation }) => [generation, await store.load(taskId, generation)])),
    events: await store.events(taskId, { from: 1, limit: 10_000 }),
    inbox: await store.inbox(taskId, 0),
  };
}

/** `a → b → c`, and `d` beside; `b` works where it stays, and takes a message else. */
function graph(log: string[], entered?: { resolve(): void }): Node[] {
  const work =
    (name: string) =>
    ({ idempotencyKey }: { idempotencyKey: string }) =>
      success(log.push(idempotencyKey) > 0 ? name : "");
  return [
    nodeOf("a", [], async (context) => {
      await context.values.set("by", "a");
      await context.values.publishToMailbox("letters", { n: 1 });
      await context.values.publishToMailbox("letters", { n: 2 });
      return work("a")(context);
    }),
    nodeOf("b", ["a"], async ({ values, signal, idempotencyKey, task }) => {
      log.push(idempotencyKey);
      if (entered !== undefined) {
        entered.resolve();
        await aborted(signal);
        signal.throwIfAborted();
      }
      return success({
        letter: await values.getMessage("letters", { timeoutMs: 0 }),
        by: await values.get("by"),
        of: task.params.of ?? null,
      });
    }),
    nodeOf("c", ["b"], work("c")),
    nodeOf("d", [], work("d")),
  ];
}

describe.each(storesOf())("a fork in a %s store", (_, make) => {
  const open = opening(make);
  const agentOf = (store: RunStore, log: string[], options: AgentOptions = {}): Agent =>
    new Agent({ store, nodes: graph(log), ...options });

  it("has values, results, visits and untaken messages of its generation, and leaves every byte of the first as it was", async () => {
    const store = open();
    const entered = deferred();
    const first = new Agent({ store, nodes: graph([], entered) }).start(taskOf({ of: "first" }));
    await entered.promise;
    await first.park();
    const before = await storedOf(store, "t");
    const log: string[] = [];
    const fork = await agentOf(store, log).fork("t", { taskId: "f" });
    const outcome = await fork.outcome;
    expect(outcome).toMatchObject({
      status: "COMPLETE",
      results: { a: "a", b: { letter: { n: 1 }, by: "a", of: "first" }, c: "c", d: "d" },
      executions: { a: 1, b: 1, c: 1, d: 1 },
    });
    expect(log).toEqual(["f/b.1/b", "f/c.1/c"]);
    expect(await fork.values.peekMailbox("letters")).toEqual([{ n: 2 }]);
    expect(await store.read("f")).toMatchObject({ labels: { kind: "first" }, type: "test" });
    expect(await storedOf(store, "t")).toEqual(before);
    // The first takes the same message: it is its own.
    const own = await (await agentOf(store, []).resume("t")).outcome;
    expect(own.results.b).toMatchObject({ letter: { n: 1 } });
  });

  it("is made of a run that somebody else owns, which goes on", async () => {
    const store = open();
    const entered = deferred();
    const first = new Agent({ store, nodes: graph([], entered) }).start(taskOf());
    await entered.promise;
    const token = (await store.read("t"))?.token;
    const fork = await agentOf(store, []).fork("t");
    expect(await fork.outcome).toMatchObject({ status: "COMPLETE" });
    expect(await store.read("t")).toMatchObject({ token, status: "open", lease: { token } });
    expect((await new Runs(store).get(fork.id)).forkedFrom).toMatchObject({ taskId: "t" });
    await first.cancel();
  });

  it("of a run that has ended ends at once as it did; what is to run again does so with all that descends from it", async () => {
    const store = open();
    await agentOf(store, []).runTask(taskOf());
    const before = await storedOf(store, "t");
    const log: string[] = [];
    const agent = agentOf(store, log);
    const same = await agent.fork("t");
    expect(await same.outcome).toMatchObject({ status: "COMPLETE", executions: { a: 1, b: 1, c: 1, d: 1 } });
    expect(log).toEqual([]);
    const again = await agent.fork("t", { rerun: ["b"], params: { of: "fork" }, values: { by: "hand" }, taskId: "again" });
    expect(await again.outcome).toMatchObject({
      status: "COMPLETE",
      results: { b: { letter: { n: 2 }, by: "hand", of: "fork" } },
      executions: { a: 1, b: 2, c: 2, d: 1 },
      task: { id: "again", params: { of: "fork" } },
    });
    expect(log).toEqual(["again/b.2/b", "again/c.2/c"]);
    for (const fork of [same, again]) expect(await new Runs(store).get(fork.id)).toEqual(overTheWire(fork.view()));
    expect(await storedOf(store, "t")).toEqual(before);
    // A fork is a run as any other: it can be forked.
    const third = await agent.fork("again", { rerun: ["d"], taskId: "third" });
    expect(await third.outcome).toMatchObject({ executions: { b: 2, d: 2 } });
    expect(log.slice(2)).toEqual(["third/d.2/d"]);
  });

  it("keeps what failed as failed, unless it is to run again", async () => {
    const store = open();
    await new Agent({ store, nodes: [failing("x"), nodeOf("y", ["x"]), nodeOf("z")] }).runTask(taskOf());
    const mended = new Agent({ store, nodes: [nodeOf("x"), nodeOf("y", ["x"]), nodeOf("z")] });
    expect(await (await mended.fork("t")).outcome).toMatchObject({ status: "PARTIAL", failedChains: [["x", "y"]] });
    const again = await mended.fork("t", { rerun: ["x"] });
    expect(await again.outcome).toMatchObject({ status: "COMPLETE", executions: { x: 2, y: 1, z: 1 } });
    expect(await new Runs(store).get("t")).toMatchObject({ status: "PARTIAL" });
  });

  it("begins at every generation with what had ended by then", async () => {
    const store = open();
    await agentOf(store, []).runTask(taskOf());
    for (const { generation } of await all(new Runs(store).history("t"))) {
      const log: string[] = [];
      const fork = await agentOf(store, log).fork("t", { generation });
      expect(await fork.outcome).toMatchObject({ status: "COMPLETE", executions: { a: 1, b: 1, c: 1, d: 1 } });
      const view = await new Runs(store).at("t", generation);
      const ended = Object.values(view.nodes).filter(({ status }) => status === "COMPLETE").length;
      expect(log).toHaveLength(4 - ended);
      expect((await new Runs(store).get(fork.id)).forkedFrom).toEqual({ taskId: "t", generation });
    }
  });

  it.each<[what: string, options: object, error: object]>([
    ["a generation that is none", { generation: 0 }, { code: "invalid-options" }],
    ["a generation that is not kept", { generation: 99 }, { code: "snapshot-not-found", message: expect.stringContaining("99") }],
    ["an id that is taken", { taskId: "t" }, { code: "run-exists", taskId: "t" }],
    ["an empty id", { taskId: "" }, { code: "invalid-options" }],
    ["values that are no record", { values: [1] }, { code: "invalid-options" }],
    ["a value that is the task", { values: { task: 1 } }, { code: "invalid-options", message: expect.stringContaining("`task`") }],
    ["a value that is no JSON", { values: { bad: () => 1 } }, { code: "not-json" }],
    ["params that are no record", { params: [1] }, { message: expect.stringContaining("params") }],
    ["a node that is not there", { rerun: ["b", "nobody"] }, { code: "unknown-node", message: expect.stringContaining('"nobody"') }],
    ["an option that is unknown", { from: 1 }, { code: "invalid-options", message: expect.stringContaining("from") }],
  ])("refuses %s, and makes nothing", async (_what, options, error) => {
    const store = open();
    const agent = agentOf(store, []);
    await agent.runTask(taskOf());
    const before = await storedOf(store, "t");
    await expect(agent.fork("t", options)).rejects.toMatchObject(error);
    expect(await all(new Runs(store).find())).toHaveLength(1);
    expect(await storedOf(store, "t")).toEqual(before);
    await expect(agent.fork("nobody")).rejects.toMatchObject({ code: "run-not-found" });
  });
});

describe.each(storesOf())("messages that a run of a %s store was sent and has not taken", (_, make) => {
  /** Waits until it is put down; in a fork it gives all that came. */
  function reader(entered: { resolve(): void }): Node {
    return nodeOf("a", [], async ({ task, values, signal }) => {
      entered.resolve();
      if (task.id === "t") await aborted(signal);
      signal.throwIfAborted();
      return success(await values.peekMailbox("news"));
    });
  }

  it("are a fork's, too, behind those in its mailboxes, in their order", async () => {
    const store = make();
    const entered = deferred();
    const agent = new Agent({ store, nodes: [reader(entered)] });
    const run = agent.start(taskOf());
    await entered.promise;
    await run.send("news", "taken");
    await run.park();
    const runs = new Runs(store);
    for (const news of ["first", "second"]) await runs.send("t", "news", news);
    const before = await storedOf(store, "t");
    const { generation } = await runs.get("t");
    for (const options of [{}, { generation }]) {
      const fork = await agent.fork("t", options);
      expect((await fork.outcome).results).toEqual({ a: ["taken", "first", "second"] });
    }
    expect(await storedOf(store, "t")).toEqual(before);
    expect(await store.read("t")).toMatchObject({ inbox: { count: 2 } });
    const resumed = await agent.resume("t");
    await expect.poll(() => resumed.values.peekMailbox("news")).toEqual(["taken", "first", "second"]);
    await resumed.cancel();
    await store.close();
  });
});

describe("a message that no owner has taken up", () => {
  /** Its owners cannot read what is sent to them. */
  class DeafStore extends MemoryStore {
    isDeaf = true;
    override async inbox(taskId: string, after: number) {
      if (this.isDeaf) throw new Error("away");
      return await super.inbox(taskId, after);
    }
  }

  /** What works in the run itself stays. */
  const agentOf = (store: RunStore, entered?: { resolve(): void }): Agent => {
    const stay = nodeOf("a", [], async ({ task, signal }) => {
      entered?.resolve();
      if (task.id === "t") await aborted(signal);
      signal.throwIfAborted();
      return success();
    });
    return new Agent({ store, nodes: [stay] });
  };

  async function withMessage() {
    const clock = new SimulatedClock();
    const store = new DeafStore({ clock });
    const entered = deferred();
    const run = agentOf(store, entered).start(taskOf());
    await entered.promise;
    const { generation: before } = await run.snapshot();
    await clock.advance(1);
    await new Runs(store).send("t", "news", "for the run");
    await clock.advance(1);
    const { generation: since } = await run.snapshot();
    await run.snapshot();
    store.isDeaf = false;
    const newsOf = async (options: object) => {
      const fork = await agentOf(store).fork("t", options);
      await fork.outcome;
      return await fork.values.peekMailbox("news");
    };
    return { store, run, before, since, newsOf };
  }

  it("is there once where the run takes it up while it is forked", async () => {
    const { store, run, newsOf } = await withMessage();
    await run.park();
    const inbox = store.inbox.bind(store);
    let resumed: AgentRun | undefined;
    store.inbox = async (taskId, after) => {
      const found = await inbox(taskId, after);
      store.inbox = inbox;
      resumed = await agentOf(store).resume("t");
      await expect.poll(async () => (await store.read("t"))?.inbox.count).toBe(0);
      return found;
    };
    expect(await newsOf({})).toEqual(["for the run"]);
    await resumed?.cancel();
  });

  it("is of the generations that were made since, and of none before", async () => {
    const { run, before, since, newsOf } = await withMessage();
    expect(await newsOf({ generation: before })).toEqual([]);
    expect(await newsOf({ generation: since })).toEqual(["for the run"]);
    expect(await newsOf({})).toEqual(["for the run"]);
    await run.cancel();
  });

  it("is missed by name where its store has lost it", async () => {
    const { store, run, newsOf } = await withMessage();
    store.inbox = async () => [];
    await expect(newsOf({})).rejects.toMatchObject({
      code: "snapshot-damaged",
      message: expect.stringContaining("expected 1 in its inbox"),
    });
    await run.cancel();
  });

  it("is the original's alone where the fork shares its mailboxes", async () => {
    const store = new MemoryStore();
    const entered = deferred();
    const stay = nodeOf("a", [], async ({ task, signal }) => {
      entered.resolve();
      if (task.id === "t") await aborted(signal);
      signal.throwIfAborted();
      return success();
    });
    const agent = new Agent({ store, nodes: [stay], valuesIn: "cache" });
    const run = agent.start(taskOf());
    await entered.promise;
    await run.park();
    await new Runs(store).send("t", "news", "for the run");
    const fork = await agent.fork("t");
    await fork.outcome;
    expect(await fork.values.peekMailbox("news")).toEqual([]);
  });
});

describe("a fork of a run in the middle of nested graphs", () => {
  it("goes on in them under its own keys, whatever their depth", async () => {
    const store = new MemoryStore();
    const nodes = (log: string[], entered?: { resolve(): void }) => [
      new Node({ name: "outer", nodes: [new Node({ name: "deep", nodes: graph(log, entered) })] }),
      nodeOf("last", ["outer"]),
    ];
    const entered = deferred();
    const first = new Agent({ store, nodes: nodes([], entered) }).start(taskOf());
    await entered.promise;
    for await (const event of first.events({ from: 1 })) if (event.type === "node.completed" && event.node === "d") break;
    await first.park();
    const before = await storedOf(store, "t");
    const log: string[] = [];
    const fork = await new Agent({ store, nodes: nodes(log) }).fork("t", { taskId: "f" });
    expect(await fork.outcome).toMatchObject({ status: "COMPLETE", results: { last: "last" } });
    expect(log).toEqual(["f/outer.1/deep.1/b.1/b", "f/outer.1/deep.1/c.1/c"]);
    expect(await new Runs(store).get("f")).toEqual(overTheWire(fork.view()));
    expect(await storedOf(store, "t")).toEqual(before);
    log.length = 0;
    const again = await new Agent({ store, nodes: nodes(log) }).fork("f", { rerun: ["outer"], taskId: "g" });
    expect(await again.outcome).toMatchObject({ status: "COMPLETE", executions: { outer: 2, last: 2 } });
    expect(log.toSorted()).toEqual(["a", "b", "c", "d"].map((name) => `g/outer.2/deep.1/${name}.1/${name}`));
  });
});
