/** A run of this process that its store is just about to hold, or will never: what `agent.runs` says of it. */
import { Agent, MemoryStore, type NewRun, type Owner } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { aborted, deferred, nodeOf, success } from "../run/support.ts";
import { all, taskOf } from "./stores.ts";

/** Takes a run when the test says so. */
class LateStore extends MemoryStore {
  readonly asked = deferred();
  readonly go = deferred();

  override async create(run: NewRun, owner?: Owner) {
    this.asked.resolve();
    await this.go.promise;
    return await super.create(run, owner);
  }
}

const agentOf = (store?: MemoryStore): Agent =>
  new Agent({ name: "worker", nodes: [nodeOf("a", [], () => success("done"))], ...(store === undefined ? {} : { store }) });

describe("a run that was started this moment", () => {
  it.each(["refuse", "attach"] as const)("is watched, listened to and sent something from then on (ifExists: %s)", async (ifExists) => {
    const store = new LateStore();
    const agent = agentOf(store);
    const { outcome } = agent.start(taskOf(), { ifExists });
    const [views, events] = [all(agent.runs.watch("t")), all(agent.runs.events("t"))];
    const sent = agent.runs.send("t", "box", 1);
    const [value, first, history] = [agent.runs.value("t", ["values", "nothing"]), agent.runs.at("t", 1), all(agent.runs.history("t"))];
    expect(await agent.runs.get("t")).toMatchObject({ taskId: "t", status: "RUNNING" });
    await store.asked.promise;
    expect(await agent.runs.get("t")).toMatchObject({ taskId: "t", status: "RUNNING" });
    store.go.resolve();
    await sent;
    expect([await value, (await first).generation, (await history).at(-1)?.why]).toEqual([undefined, 1, "started"]);
    expect(await outcome).toMatchObject({ status: "COMPLETE" });
    expect((await views).at(-1)).toMatchObject({ status: "COMPLETE", nodes: { a: { result: "done" } } });
    expect((await events).map(({ type }) => type)).toEqual(expect.arrayContaining(["run.started", "node.completed", "run.ended"]));
  });

  it("is cancelled at once, and is not waited for by whoever looks no more", async () => {
    const store = new LateStore();
    const agent = agentOf(store);
    const { outcome } = agent.start(taskOf());
    const stopping = new AbortController();
    const views = all(agent.runs.watch("t", { signal: stopping.signal }));
    await store.asked.promise;
    stopping.abort();
    expect(await views).toEqual([]);
    await agent.runs.cancel("t", "enough");
    expect(await outcome).toMatchObject({ status: "FAILED", task: { error: "The run was cancelled: enough" } });
    store.go.resolve();
  });

  it("is told as what it is where its store has another one of that task", async () => {
    const store = new MemoryStore();
    await agentOf(store).runTask(taskOf());
    const agent = agentOf(store);
    const { outcome } = agent.start(taskOf());
    const [views, removed] = [all(agent.runs.watch("t")), agent.runs.remove("t")];
    await expect(outcome).rejects.toMatchObject({ code: "run-exists" });
    expect((await views).length).toBeLessThanOrEqual(1);
    await removed;
  });
});

describe("a run that no store will hold", () => {
  it("has no history, and nothing to read or remove there, and says what to do", async () => {
    const entered = deferred();
    const node = nodeOf("a", [], async ({ signal }) => {
      entered.resolve();
      await aborted(signal);
    });
    const agent = new Agent({ nodes: [node], store: new MemoryStore(), snapshot: "NEVER" });
    const run = agent.start(taskOf());
    await entered.promise;
    for (const [what, asked] of [
      ["history", () => all(agent.runs.history("t"))],
      ["at", () => agent.runs.at("t", 1)],
      ["value", () => agent.runs.value("t", ["values", "x"])],
      ["remove", () => agent.runs.remove("t")],
    ] as const) {
      const message = expect.stringMatching(new RegExp(`^${what}: run t is of this process alone.*snapshot`));
      await expect(asked()).rejects.toMatchObject({ name: "RunError", code: "run-not-stored", taskId: "t", message });
    }
    await run.snapshot();
    expect((await all(agent.runs.history("t"))).at(-1)).toMatchObject({ generation: 1, why: "manual" });
    await run.cancel();
    await agent.runs.remove("t");
    await expect(agent.runs.get("t")).rejects.toMatchObject({ code: "run-not-found" });
  });
});
