/** What is said to whoever may not have a run. */
import { Agent, type FindQuery, MemoryStore, type Node, RunError, Runs, Task } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { aborted, deferred, nodeOf } from "../run/support.ts";
import { all } from "./stores.ts";

function working(): { nodes: Node[]; entered: Promise<void> } {
  const entered = deferred();
  const node = nodeOf("a", [], async ({ signal }) => {
    entered.resolve();
    await aborted(signal);
    signal.throwIfAborted();
  });
  return { nodes: [node], entered: entered.promise };
}

const taskOf = (more: { type?: string; objective?: string } = {}): Task =>
  new Task({ id: "t", type: "test", objective: "Be asked for", ...more });

describe("whoever may not have a run", () => {
  it("is told who owns it and until when, and that the same may succeed later", async () => {
    const clock = new SimulatedClock();
    const store = new MemoryStore({ clock });
    const { nodes, entered } = working();
    const run = new Agent({ name: "worker", store, clock, nodes }).start(taskOf());
    await clock.runUntil(entered);
    const { id = "", until = 0 } = run.view().owner ?? {};
    expect(until).toBe(clock.now() + 30_000);
    const other = new Agent({ name: "worker", store, clock, nodes });
    const refused = {
      code: "run-owned",
      taskId: "t",
      retryable: true,
      message: expect.stringContaining(`Run t is owned by ${id} until ${new Date(until).toISOString()}.`),
    };
    await expect(other.resume("t")).rejects.toMatchObject(refused);
    await expect(other.runTask(taskOf(), { ifExists: "attach" })).rejects.toMatchObject(refused);
    await clock.runUntil(run.cancel());
  });

  it.each([
    ["type", { type: "other" }],
    ["objective", { objective: "Be another" }],
  ])("is told that its task has another %s, by the process of the run and by the store", async (what, more) => {
    const store = new MemoryStore();
    const { nodes, entered } = working();
    const agent = new Agent({ store, nodes });
    const run = agent.start(taskOf());
    await entered;
    const differs = { code: "run-differs", taskId: "t", message: expect.stringContaining(`another ${what} than`) };
    await expect(agent.start(taskOf(more), { ifExists: "attach" }).outcome).rejects.toMatchObject(differs);
    await run.park();
    const other = new Agent({ store, nodes });
    await expect(other.runTask(taskOf(more), { ifExists: "attach" })).rejects.toMatchObject(differs);
  });
});

/** Throws what nobody expects, or says nothing. */
class StrangeStore extends MemoryStore {
  answer: (() => Promise<never>) | undefined;

  override async read(taskId: string) {
    return this.answer === undefined ? await super.read(taskId) : await this.answer();
  }

  override async find(query: FindQuery) {
    return this.answer === undefined ? await super.find(query) : await this.answer();
  }
}

describe("whoever asks a store that", () => {
  const verbs: [what: string, ask: (runs: Runs, agent: Agent) => Promise<unknown>][] = [
    ["get", (runs) => runs.get("t")],
    ["at", (runs) => runs.at("t", 1)],
    ["history", (runs) => all(runs.history("t"))],
    ["watch", (runs) => all(runs.watch("t"))],
    ["events", (runs) => all(runs.events("t"))],
    ["value", (runs) => runs.value("t", ["values", "a"])],
    ["cancel", (runs) => runs.cancel("t")],
    ["resume", (_, agent) => agent.resume("t")],
    ["startFromSnapshot", (_, agent) => agent.startFromSnapshot({ taskId: "t", generation: 1 })],
    ["retry", (_, agent) => agent.retry("t")],
    ["fork", (_, agent) => agent.fork("t")],
    ["attach", (_, agent) => agent.runTask(taskOf(), { ifExists: "attach" })],
  ];

  async function strange(answer: () => Promise<never>) {
    const clock = new SimulatedClock();
    const store = new StrangeStore({ clock });
    const agent = new Agent({ name: "worker", store, clock, nodes: [nodeOf("a")], effectTimeoutMs: 3_000 });
    await clock.runUntil(agent.runTask(taskOf()));
    store.answer = answer;
    return { clock, store, agent, runs: new Runs(store, { clock, effectTimeoutMs: 2_000 }) };
  }

  it.each(verbs)("throws an error of its own is told it with a code, the run and the cause, by %s", async (_what, ask) => {
    const cause = new SyntaxError("no JSON");
    const { clock, agent, runs } = await strange(() => Promise.reject(cause));
    const error = await clock.runUntil(ask(runs, agent).catch((refusal: unknown) => refusal));
    expect(error).toBeInstanceOf(RunError);
    expect(error).toMatchObject({ code: "store-failed", taskId: "t", message: "The store could not read run t: no JSON", cause });
  });

  it.each(verbs)("never answers is told so in time, by %s", async (_what, ask) => {
    const { clock, agent, runs } = await strange(() => new Promise(() => {}));
    const since = clock.now();
    const error = await clock.runUntil(ask(runs, agent).catch((refusal: unknown) => refusal));
    expect(error).toMatchObject({
      code: "effect-timeout",
      retryable: true,
      message: expect.stringMatching(/no answer to .*run.* within [23]000 ms/),
    });
    expect(clock.now() - since).toBeLessThanOrEqual(3_000);
  });

  it("throws an error of its own as runs are looked for is told it with a code and the cause", async () => {
    const cause = new Error("no index");
    const { agent, runs } = await strange(() => Promise.reject(cause));
    const refused = { code: "store-failed", message: "The store could not find runs: no index", cause };
    await expect(all(runs.find())).rejects.toMatchObject(refused);
    await expect(all(agent.resumeAll())).rejects.toMatchObject(refused);
    await expect(all(agent.runs.find())).rejects.toMatchObject(refused);
  });
});

describe("the values of a run", () => {
  it.each([true, false])("take nothing more from outside when it has ended, and are there to be read (stored: %s)", async (isStored) => {
    const run = new Agent({ ...(isStored ? { store: new MemoryStore() } : {}), nodes: [nodeOf("a")] }).start(taskOf());
    await run.values.set("before", 1);
    await run.outcome;
    const refused = { code: "run-ended", message: expect.stringContaining("values: the run has ended") };
    await expect(run.values.set("after", 1)).rejects.toMatchObject(refused);
    await expect(run.values.setMany({ after: 1 })).rejects.toMatchObject(refused);
    await expect(run.values.update("before", () => 2)).rejects.toMatchObject(refused);
    await expect(run.values.increment("before")).rejects.toMatchObject(refused);
    await expect(run.values.delete("before")).rejects.toMatchObject(refused);
    await expect(run.values.withPrefix("x").set("after", 1)).rejects.toMatchObject(refused);
    await expect(run.values.publishToMailbox("box", 1)).rejects.toMatchObject(refused);
    expect(await run.values.get("before")).toBe(1);
    expect(await run.values.peekMailbox("box")).toEqual([]);
  });

  it("take nothing more from outside when it was parked, and say so", async () => {
    const { nodes, entered } = working();
    const run = new Agent({ store: new MemoryStore(), nodes }).start(taskOf());
    await entered;
    await run.park();
    await run.outcome.catch(() => {});
    await expect(run.values.set("after", 1)).rejects.toMatchObject({ code: "run-parked", taskId: "t" });
  });

  it("take nothing more once its end is on its way to its store", async () => {
    const store = new MemoryStore();
    const [asked, gate] = [deferred(), deferred()];
    const commit = store.commit.bind(store);
    store.commit = async (lease, change) => {
      if (change.run?.status !== undefined) {
        asked.resolve();
        await gate.promise;
      }
      return await commit(lease, change);
    };
    const run = new Agent({ store, nodes: [nodeOf("a")] }).start(taskOf());
    await asked.promise;
    await expect(run.values.set("late", 1)).rejects.toMatchObject({ code: "run-ended" });
    gate.resolve();
    expect((await run.outcome).status).toBe("COMPLETE");
  });
});
