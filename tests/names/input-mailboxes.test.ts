/** Where nodes say which mailboxes they read, a message to another one is a mistake that is told. */
import { Agent, type AgentRun, MemoryStore, Node, Runs, type SnapshotRef, Task } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { deferred, moduleOf, newTask, nodeOf, success } from "../run/support.ts";
import { storesOf } from "../runs/stores.ts";
import { snapshotsOf } from "../support/snapshots.ts";

const refusal = (...known: string[]) =>
  expect.objectContaining({ code: "unknown-mailbox", message: expect.stringContaining(known.map((name) => `"${name}"`).join(", ")) });

const reading = (name: string, mailbox: string, dependencies: string[] = []): Node =>
  nodeOf(name, dependencies, async ({ values }) => success(await values.getMessage(mailbox)), { inputMailboxes: [mailbox] });

const start = (nodes: Node[]): AgentRun => new Agent({ nodes }).start(newTask());

describe.each(storesOf())("runs.send (%s)", (_, make) => {
  it("refuses a mailbox that no node of a stored run reads, nested ones too, and takes any where none says what it reads", async () => {
    const store = make();
    const reads = (mailbox: string) =>
      nodeOf("reads", [], async ({ receive }) => success(await receive(mailbox)), { inputMailboxes: [mailbox] });
    const agent = new Agent({ name: "reads", store, nodes: [new Node({ name: "outer", nodes: [reads("news")] })] });
    const silent = nodeOf("silent", [], async ({ receive }) => success(await receive("anything")));
    const other = new Agent({ name: "silent", store, nodes: [silent] });
    for (const each of [agent, other])
      await each.runTask(new Task({ id: each === agent ? "t" : "any", type: "test", objective: "Read" }), { whenWaiting: "park" });
    const runs = new Runs(store);
    await expect(runs.send("t", "nws", 1)).rejects.toThrow(refusal("news"));
    expect([(await store.read("t"))?.inbox.last, (await runs.get("t")).status]).toEqual([0, "PARKED"]);
    await runs.send("t", "news", 1);
    await runs.send("any", "anything", 2);
    expect(await (await agent.resume("t")).outcome).toMatchObject({ results: { outer: 1 } });
    expect(await (await other.resume("any")).outcome).toMatchObject({ results: { silent: 2 } });
    await expect(runs.send("t", "nws", 1)).rejects.toMatchObject({ code: "run-ended" });
    await store.close();
  });
});

describe("run.send", () => {
  it("refuses a mailbox that no node reads, naming those that are read, and leaves nothing in it", async () => {
    const agent = new Agent({ nodes: [reading("ask", "answers")] });
    const run = agent.start(newTask());
    await expect(run.send("answer", "yes")).rejects.toThrow(refusal("answers"));
    await run.send("answers", "no");
    expect((await run.outcome).nodes.ask?.results[0]?.result).toBe("no");
    expect(await agent.cache.peekMailbox("answer")).toEqual([]);
  });

  it("takes any mailbox where no node says what it reads", async () => {
    const run = start([nodeOf("ask", [], async ({ values }) => success(await values.getMessage("anything")))]);
    await run.send("anything", 1);
    expect((await run.outcome).nodes.ask?.results[0]?.result).toBe(1);
  });

  it("knows what modules read, and the nodes of nested graphs at any depth", async () => {
    const { promise, resolve } = deferred();
    const module = moduleOf("m", () => promise.then(() => success()), { inputMailboxes: ["of-module"] });
    const inner = new Node({ name: "inner", nodes: [nodeOf("innermost", [], undefined, { inputMailboxes: ["of-innermost"] })] });
    const run = start([new Node({ name: "a", modules: [module] }), new Node({ name: "outer", nodes: [inner], dependencies: ["a"] })]);
    await run.send("of-module", 1);
    await run.send("of-innermost", 1);
    await expect(run.send("other", 1)).rejects.toThrow(refusal("of-module", "of-innermost"));
    resolve();
    expect((await run.outcome).status).toBe("COMPLETE");
  });

  /** A creator that waits before it adds a node which reads a mailbox. */
  const additions = () => {
    const { promise: mayAdd, resolve: add } = deferred();
    const creator = nodeOf("creator", [], () => mayAdd.then(() => ({ ...success(), newNodes: [reading("added", "late")] })));
    return { creator, add, first: nodeOf("first", [], undefined, { inputMailboxes: ["early"] }) };
  };

  const until = async (run: AgentRun, node: string): Promise<void> => {
    for await (const event of run.events()) if (event.type === "node.started" && event.node === node) return;
  };

  it.each([
    ["of the agent's graph", (nodes: Node[]) => nodes],
    ["of a nested graph", (nodes: Node[]) => [new Node({ name: "outer", nodes })]],
  ])("knows a node that was added once it is in the graph: %s", async (_, within) => {
    const { creator, add, first } = additions();
    const run = start(within([first, creator]));
    const started = until(run, "added");
    await expect(run.send("late", 1)).rejects.toThrow(refusal("early"));
    add();
    await started;
    await run.send("late", 1);
    expect((await run.outcome).status).toBe("COMPLETE");
  });

  it("knows what the nodes of a restored run read, those that it had added too", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const added = new Node({
      name: "added",
      modules: [moduleOf("m", async ({ values }) => success(await values.getMessage("late")))],
      inputMailboxes: ["late"],
      snapshot: "ALWAYS",
    });
    const options = {
      nodes: [nodeOf("creator", [], () => ({ ...success(), newNodes: [added] }))],
      dynamicNodes: [added],
      store,
      snapshot: "NEVER" as const,
    };
    const task = newTask();
    const first = new Agent(options).start(task);
    await until(first, "added");
    const [ref] = await snapshotsOf(store, task.id);
    await first.cancel();
    const restored = await new Agent(options).startFromSnapshot(ref as SnapshotRef);
    await expect(restored.send("other", 1)).rejects.toThrow(refusal("late"));
    await restored.send("late", "here");
    expect((await restored.outcome).nodes.added?.results[0]?.result).toBe("here");
  });

  it("says that a run has ended, whatever its nodes read", async () => {
    const run = start([nodeOf("a", [], undefined, { inputMailboxes: ["a"] })]);
    await run.outcome;
    await expect(run.send("b", 1)).rejects.toThrow(expect.objectContaining({ code: "run-ended" }));
  });
});
