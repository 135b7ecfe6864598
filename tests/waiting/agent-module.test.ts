/** An agent as a module of another: a run of its own, begun once, waited for without a permit, over restarts and wherever it goes on; on every driver. */
import { join } from "node:path";
import {
  Agent,
  type AgentRun,
  agentModule,
  ChatRole,
  defineModule,
  FileStore,
  MemoryStore,
  Node,
  NonRetryableError,
  Runs,
} from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import { ScriptedInferenceClient, SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { createActor } from "xstate";
import { all, storesOf } from "../runs/stores.ts";
import { newPlace } from "../store/place.ts";
import { approve, childOf, HOUR, inMemory, nodeOf, pairOf, taskOf } from "./pair.ts";

describe.each(storesOf())("an agent as a module (%s)", (_, make) => {
  const setUp = () => {
    const clock = new SimulatedClock();
    const store = make({ clock });
    return { clock, store, runs: new Runs(store, { clock }) };
  };

  it("is a run of its own, with an id made of the parent's key, whose task's result is the module's", async () => {
    const { clock, store, runs } = setUp();
    const { outer } = pairOf({ store, clock, nodes: [nodeOf("work", ({ task }) => ({ did: task.objective, ...task.params }))] });
    const { status, results } = await outer.runTask(taskOf());
    expect([status, results]).toEqual(["COMPLETE", { research: { did: "Part of: All of it", n: 1 } }]);
    const id = await childOf(runs);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(await runs.get(id)).toMatchObject({ agent: "child", type: "test", objective: "Part of: All of it", status: "COMPLETE" });
    // The same key gives the same id: also of another store.
    const again = new MemoryStore({ clock });
    await pairOf({ store: again, clock, nodes: [nodeOf("work", () => 1)] }).outer.runTask(taskOf());
    expect(await childOf(new Runs(again))).toBe(id);
    await store.close();
  });

  it("parks with its parent, which its end makes READY, and goes on in other processes, each once", async () => {
    const { clock, store, runs } = setUp();
    const begun: string[] = [];
    const work = () => [nodeOf("work", () => begun.push("work")), approve()];
    const pair = () => pairOf({ store, clock, nodes: work() });
    const parked = await clock.runUntil(pair().outer.runTask(taskOf(), { whenWaiting: "park" }));
    expect(parked).toEqual({ status: "PARKED", taskId: "t", questions: [] });
    const id = await childOf(runs);
    expect([(await runs.get("t")).status, (await runs.get(id)).status]).toEqual(["PARKED", "PARKED"]);
    expect((await runs.get("t")).nodes.research).toMatchObject({ status: "EXECUTING", waiting: [{ for: "run" }], childTaskId: id });
    const [question] = await all(runs.questions());
    expect(question).toMatchObject({ taskId: id, agent: "child" });
    await runs.answer(question?.id ?? "", { ok: true });
    expect([(await runs.get("t")).status, (await runs.get(id)).status]).toEqual(["PARKED", "READY"]);

    const [resumed]: unknown[] = await all(pair().inner.resumeAll({ whenWaiting: "park" }));
    expect(await clock.runUntil((resumed as AgentRun).outcome)).toMatchObject({ status: "COMPLETE" });
    expect([(await runs.get("t")).status, (await runs.get(id)).status]).toEqual(["READY", "COMPLETE"]);
    const [parent]: unknown[] = await all(pair().outer.resumeAll());
    expect(await clock.runUntil((parent as AgentRun).outcome)).toMatchObject({
      status: "COMPLETE",
      results: { research: { approve: { ok: true } } },
    });
    expect(begun).toEqual(["work"]);
    expect((await all(runs.events("t"))).filter(({ type }) => type === "child.started")).toHaveLength(1);
    await store.close();
  });

  it("is cancelled with a parked parent from any process, unless it is detached, children of children too", async () => {
    const { clock, store, runs } = setUp();
    const nodes = [approve()];
    const middle = new Agent({
      name: "middle",
      clock,
      store,
      nodes: [
        new Node({
          name: "bound",
          modules: [agentModule(new Agent({ name: "bound", clock, store, nodes }), { name: "bound", task: () => ({ objective: "b" }) })],
        }),
        new Node({
          name: "free",
          modules: [
            agentModule(new Agent({ name: "free", clock, store, nodes }), {
              name: "free",
              task: () => ({ objective: "f" }),
              detached: true,
            }),
          ],
        }),
      ],
    });
    const outer = new Agent({
      name: "outer",
      clock,
      store,
      nodes: [new Node({ name: "middle", modules: [agentModule(middle, { name: "middle", task: () => ({ objective: "m" }) })] })],
    });
    await clock.runUntil(outer.runTask(taskOf(), { whenWaiting: "park" }));
    const statuses = async () => {
      const views = await all(runs.find());
      return Object.fromEntries(views.map(({ agent, status }) => [agent, status]));
    };
    expect(await statuses()).toEqual({ outer: "PARKED", middle: "PARKED", bound: "PARKED", free: "PARKED" });
    await runs.cancel("t", "enough");
    expect(await statuses()).toEqual({ outer: "CANCELLED", middle: "CANCELLED", bound: "CANCELLED", free: "PARKED" });
    expect((await all(runs.questions())).map(({ agent }) => agent)).toEqual(["free"]);
    await store.close();
  });

  it("wakes its parked parent where it is cancelled itself, which fails finally", async () => {
    const { clock, store, runs } = setUp();
    const pair = () => pairOf({ store, clock, nodes: [approve()] });
    await clock.runUntil(pair().outer.runTask(taskOf(), { whenWaiting: "park" }));
    await runs.cancel(await childOf(runs), "not needed");
    expect((await runs.get("t")).status).toBe("READY");
    const outcome = await clock.runUntil((await pair().outer.resume("t")).outcome);
    expect(outcome.nodes.research).toMatchObject({ status: "error", code: "cancelled", error: expect.stringContaining("not needed") });
    await store.close();
  });

  it("that fails fails the module by its own error, and is retried by the next attempt, as far as it had come", async () => {
    const { clock, store, runs } = setUp();
    const log: string[] = [];
    const nodes = [
      nodeOf("kept", () => log.push("kept")),
      nodeOf(
        "flaky",
        ({ node }) => {
          log.push(`flaky ${node.visit}`);
          if (log.length < 3) throw new Error("not yet");
        },
        { retryOnFailure: false },
      ),
    ];
    const { outer } = pairOf({ store, clock, nodes });
    const outcome = await clock.runUntil(outer.runTask(taskOf()));
    expect(outcome).toMatchObject({ status: "COMPLETE" });
    expect(log).toEqual(["kept", "flaky 1", "flaky 1"]);
    expect((await all(runs.find())).map(({ agent }) => agent).toSorted()).toEqual(["child", "parent"]);
    const retries = (await all(runs.events("t"))).filter(({ type }) => type === "node.retrying");
    expect(retries).toMatchObject([{ error: "not yet" }]);
    await store.close();
  });

  it("that failed is retried with its parent", async () => {
    const { clock, store, runs } = setUp();
    let isFixed = false;
    const nodes = [
      nodeOf("flaky", () => {
        if (!isFixed) throw new NonRetryableError("broken", { code: "broken" });
        return "fixed";
      }),
    ];
    const pair = () => pairOf({ store, clock, nodes });
    const outcome = await clock.runUntil(pair().outer.runTask(taskOf()));
    expect(outcome.nodes.research).toMatchObject({ status: "error", code: "broken", error: "broken" });
    expect(outcome.status).toBe("FAILED");
    const id = await childOf(runs);
    isFixed = true;
    const retried = await pair().outer.retry("t");
    expect(await clock.runUntil(retried.outcome)).toMatchObject({ status: "COMPLETE", results: { research: "fixed" } });
    expect([id, id]).toEqual([await childOf(runs), retried.view().nodes.research?.childTaskId]);
    await store.close();
  });
});

describe("a parent", () => {
  it("waits without a permit or a time limit, so that a child of the same agent needs none", async () => {
    const { clock, store } = inMemory();
    const agent: Agent = new Agent({ name: "self", clock, store, maxConcurrentTasks: 1 });
    const deeper = agentModule(agent, {
      name: "deeper",
      config: { timeoutMs: 1_000 },
      task: ({ task }) => ({ objective: "Deeper", params: { depth: Number(task.params.depth ?? 0) + 1 } }),
    });
    const dig = defineModule({
      name: "dig",
      process: async (context) => {
        const depth = Number(context.task.params.depth ?? 0);
        if (depth < 3) return await (deeper.process(context) as Promise<never>);
        await new Promise<void>((resolve) => clock.setTimeout(resolve, HOUR));
        return { status: "success", result: depth };
      },
      config: { timeoutMs: 2 * HOUR },
    });
    agent.addNode(new Node({ name: "dig", modules: [dig] }));
    const run = agent.start(taskOf());
    await clock.advance(1_000);
    expect(run.view().nodes.dig).toMatchObject({ status: "EXECUTING", waiting: [{ for: "run" }] });
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "COMPLETE", results: { dig: 3 } });
  });

  it("needs no store, and nor does its child", async () => {
    const clock = new SimulatedClock();
    let tries = 0;
    const nodes = [
      nodeOf(
        "work",
        () => {
          if (++tries === 1) throw new Error("once");
          return "done";
        },
        { retryOnFailure: false },
      ),
    ];
    const { outer, inner } = pairOf({ clock, nodes });
    expect(await clock.runUntil(outer.runTask(taskOf()))).toMatchObject({ status: "COMPLETE", results: { research: "done" } });
    expect([await all(outer.runs.find()), await all(inner.runs.find())]).toEqual([[], []]);
  });

  it("begins a child anew after a restart that no store holds, under the same id and keys", async () => {
    const { clock, store, runs } = inMemory();
    const keys: string[] = [];
    const works = (ends: Promise<unknown>) => [
      nodeOf("work", ({ idempotencyKey }) => {
        keys.push(idempotencyKey);
        return ends;
      }),
    ];
    const inner = (ends: Promise<unknown>) => new Agent({ name: "child", clock, snapshot: "NEVER", nodes: works(ends) });
    const outer = (ends: Promise<unknown>) => {
      const research = agentModule(inner(ends), { name: "research", task: () => ({ objective: "r" }) });
      return new Agent({ name: "parent", clock, store, nodes: [new Node({ name: "research", modules: [research] })] });
    };
    const first = outer(new Promise(() => {})).start(taskOf());
    first.outcome.catch(() => {});
    await clock.advance(100);
    const id = await childOf(runs);
    const second = await outer(Promise.resolve("done")).resume("t", { takeOver: true });
    expect(await clock.runUntil(second.outcome)).toMatchObject({ status: "COMPLETE", results: { research: "done" } });
    expect([new Set(keys), keys.length, await childOf(runs)]).toEqual([new Set([`${id}/work.1/work`]), 2, id]);
  });

  it("fails by a child that is PARTIAL, as it does by one that is FAILED", async () => {
    const { clock, store } = inMemory();
    const fails = nodeOf("fails", () => {
      throw new NonRetryableError("broken", { code: "broken" });
    });
    const { outer } = pairOf({ store, clock, nodes: [nodeOf("works", () => "done"), fails] });
    const outcome = await clock.runUntil(outer.runTask(taskOf()));
    expect([outcome.status, outcome.nodes.research]).toMatchObject(["FAILED", { code: "broken", error: "broken" }]);
  });

  it("does not pay for what its child spends", async () => {
    const client = new ScriptedInferenceClient(["one", "two"]);
    const think = (name: string) =>
      nodeOf(name, async ({ signal }) => (await client.generate([{ role: ChatRole.USER, content: "?" }], { signal })).text);
    const { outer, inner } = pairOf({ store: new MemoryStore(), nodes: [think("a"), think("b")], agent: { budget: { maxCalls: 1 } } });
    const { status, usage } = await outer.runTask(taskOf());
    const [child] = await all(inner.runs.find({ agent: "child" }));
    expect([status, usage.outputTokens, (child?.usage.outputTokens ?? 0) > 0]).toEqual(["COMPLETE", 0, true]);
  });

  it("embedded in a machine waits for its child all the same", async () => {
    const { outer } = pairOf({ nodes: [nodeOf("work", () => "done")] });
    const actor = createActor(outer.logic, { input: { task: taskOf() } });
    const ended = new Promise((resolve) => actor.subscribe({ complete: () => resolve(actor.getSnapshot().output) }));
    actor.start();
    expect(await ended).toMatchObject({ status: "COMPLETE", results: { research: "done" } });
  });

  it("whose task is asked for once keeps it, and names what is wrong with it", async () => {
    const { clock, store, runs } = inMemory();
    let asked = 0;
    const task = () => ({ objective: `asked ${++asked}` });
    const pair = () => pairOf({ store, clock, nodes: [approve()], child: { task } });
    await clock.runUntil(pair().outer.runTask(taskOf(), { whenWaiting: "park" }));
    const run = await pair().outer.resume("t");
    await clock.advance(10);
    expect([asked, (await runs.get(await childOf(runs))).objective]).toEqual([1, "asked 1"]);
    await clock.runUntil(run.cancel());
    const wrong = pairOf({ nodes: [approve()], child: { task: () => ({}) as never } });
    expect((await wrong.outer.runTask(taskOf())).nodes.research).toMatchObject({ error: expect.stringContaining("objective") });
  });
});

describe("a parent and its child whose process is gone", () => {
  const place = newPlace();

  it.each([
    ["SQLite", (clock: SimulatedClock) => (file: string) => new SqliteStore({ file: `${file}.db`, clock })],
    ["files", (clock: SimulatedClock) => (dir: string) => new FileStore({ dir, clock, fsync: false })],
  ])("go on in another, the child once, under the same keys (%s)", async (_, storeOf) => {
    const clock = new SimulatedClock();
    const path = join(place(), "runs");
    const open = () => storeOf(clock)(path);
    const keys: string[] = [];
    const works = (ends: Promise<unknown>) => [
      nodeOf("work", ({ idempotencyKey }) => {
        keys.push(idempotencyKey);
        return ends;
      }),
    ];
    const first = open();
    const lost = pairOf({ store: first, clock, nodes: works(new Promise(() => {})) }).outer.start(taskOf());
    lost.outcome.catch(() => {});
    while (keys.length === 0) await clock.advance(10);
    // Nothing of it is stored any more.
    await first.close();
    await clock.advance(31_000);
    const store = open();
    const run = await pairOf({ store, clock, nodes: works(Promise.resolve("done")) }).outer.resume("t");
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "COMPLETE", results: { research: "done" } });
    const runs = new Runs(store, { clock });
    expect([keys.length, new Set(keys).size, (await all(runs.find())).length]).toEqual([2, 1, 2]);
    await store.close();
  });
});

describe("bad input of agentModule", () => {
  it("is refused where it is made", () => {
    const agent = new Agent({ nodes: [approve()] });
    const task = () => ({ objective: "o" });
    for (const make of [
      () => agentModule({} as never, { name: "a", task }),
      () => agentModule(undefined as never, { name: "a", task }),
      () => agentModule(agent, { name: "a" } as never),
      () => agentModule(agent, { name: "a", task, detached: "yes" } as never),
      () => agentModule(agent, { name: "a", task, type: "EXECUTOR", whom: 1 } as never),
    ]) {
      expect(make).toThrow(expect.objectContaining({ code: "invalid-options" }));
    }
    expect(() => agentModule(agent, { name: "", task })).toThrow(expect.objectContaining({ code: "invalid-name" }));
  });
});
