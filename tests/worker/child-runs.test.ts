/** Runs that the runs of workers wait for: each is one of the worker's own, or of another's, and its parent is in no process meanwhile. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { Agent, agentModule, defineModule, Node, type RunStore, Runs, Task } from "asimov-agents";
import { AgentWorker, type AgentWorkerOptions, localQueue } from "asimov-agents/worker";
import { describe, expect, it, onTestFinished } from "vitest";
import { ForwardingStore } from "#contract/store/forwarding-store";
import { opening, storesOf } from "../runs/stores.ts";
import { nodeOf } from "../waiting/pair.ts";

const storeWith = (store: RunStore, calls: Partial<RunStore>): RunStore => Object.assign(new ForwardingStore(store), calls);

const taskOf = (id = "t") => new Task({ id, type: "test", objective: "Ask" });

describe.each(storesOf())("a worker whose runs have children (%s)", (_, make) => {
  const made = opening(make);

  const setUp = (store: RunStore = made()) => {
    const runs = new Runs(store);
    const told: (string | undefined)[] = [];
    const workerOf = (agents: Agent[], more: Partial<AgentWorkerOptions> = {}): AgentWorker => {
      const onRefused = (error: Error): void => void told.push((error as { code?: string }).code);
      const worker = new AgentWorker({ agents, store, queue: localQueue({ pollMs: 20 }), onRefused, ...more });
      onTestFinished(() => worker.stop({ graceMs: 0 }));
      return worker;
    };
    const until = async (taskId: string, ...statuses: string[]): Promise<string> => {
      for await (const { status } of runs.watch(taskId)) if (statuses.includes(status)) return status;
      return (await runs.get(taskId)).status;
    };
    const childOf = async (taskId: string, node = "ask"): Promise<string> => {
      for await (const { nodes } of runs.watch(taskId)) {
        const child = nodes[node]?.childTaskId;
        // It is told before it is there.
        if (child !== undefined && (await store.read(child)) !== undefined) return child;
      }
      throw new Error(`${taskId} has ended`);
    };
    return { store, runs, told, workerOf, until, childOf };
  };

  /** A parent of so many children, and how many runs of both were worked on at a time. */
  const many = (store: RunStore, count: number, begun: () => void) => {
    let running = 0;
    let most = 0;
    const counted = async <T>(work: () => Promise<T> | T): Promise<T> => {
      most = Math.max(most, ++running);
      begun();
      try {
        return await work();
      } finally {
        running--;
      }
    };
    const work = defineModule({
      name: "work",
      process: ({ task }) =>
        counted(async () => {
          await nextTurn();
          return { status: "success", result: `did ${task.params.item}` };
        }),
    });
    const inner = new Agent({ name: "inner", store, nodes: [new Node({ name: "work", modules: [work] })] });
    const ask = agentModule(inner, { name: "ask", task: ({ item }) => ({ objective: "Work", params: { item: item as number } }) });
    const outer = new Agent({
      name: "outer",
      store,
      nodes: [
        nodeOf("list", () => Array.from({ length: count }, (_, at) => at)),
        new Node({ name: "each", forEach: "list", modules: [ask], dependencies: ["list"] }),
      ],
    });
    return { inner, outer, most: () => most };
  };

  it.each([1, 2])("has no more than %i in memory, however many children they have, and all end", async (concurrency) => {
    const { store, runs, told, workerOf, until } = setUp();
    const sizes: number[] = [];
    const { inner, outer, most } = many(store, 20, () => void sizes.push(worker.health().running));
    const worker = workerOf([outer, inner], { concurrency });
    await worker.start();
    await worker.submit(taskOf(), { agent: "outer", priority: 3 });
    expect(await until("t", "COMPLETE")).toBe("COMPLETE");
    await worker.drain();
    expect(Math.max(...sizes)).toBeLessThanOrEqual(concurrency);
    expect(most()).toBeLessThanOrEqual(concurrency);
    expect(await runs.value("t", ["nodes", "each", "result"])).toEqual(Array.from({ length: 20 }, (_, at) => `did ${at}`));
    const children = await store.find({ agent: "inner", limit: 100 });
    expect(children.map(({ status, ends, labels }) => [status, ends, labels["asimov.priority"]])).toEqual(
      children.map(() => ["COMPLETE", 1, "3"]),
    );
    expect(children).toHaveLength(20);
    expect(told).toEqual([]);
  });

  /** The parent's agent in one worker alone, the child's in another. */
  const apart = (work: (context: { signal: AbortSignal; attempt: number }) => unknown, detached = false) => {
    const { store, ...rest } = setUp();
    const begun: string[] = [];
    const innerOf = (where = "with the parent", own = store) => {
      const node = nodeOf(
        "work",
        ({ signal }) => {
          begun.push(where);
          return work({ signal, attempt: begun.length });
        },
        { maxRetries: 0 },
      );
      return new Agent({ name: "inner", store: own, nodes: [node] });
    };
    const outerOf = (maxRetries = 0, own = store) => {
      const ask = agentModule(innerOf("with the parent", own), { name: "ask", task: () => ({ objective: "Ask" }), detached });
      return new Agent({ name: "outer", store: own, nodes: [new Node({ name: "ask", modules: [ask], nodeConfig: { maxRetries } })] });
    };
    return { store, begun, innerOf, outerOf, ...rest };
  };

  /** The parent is parked, and its child works elsewhere, the first time until it is aborted. */
  const working = async () => {
    const began = Promise.withResolvers<void>();
    const made = apart(({ signal, attempt }) => {
      if (attempt > 1) return "did it";
      began.resolve();
      return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    });
    const { innerOf, outerOf, workerOf, until, childOf } = made;
    const [parents, children] = [workerOf([outerOf()]), workerOf([innerOf("apart")])];
    await parents.start();
    await children.start();
    await parents.submit(taskOf(), { agent: "outer" });
    const child = await childOf("t");
    await began.promise;
    await until("t", "PARKED");
    return { ...made, child };
  };

  it("leaves a child of an agent that it does not have to a worker that does, says so, and is in no process meanwhile", async () => {
    const { runs, told, innerOf, outerOf, workerOf, until, childOf } = apart(() => "did it");
    const parents = workerOf([outerOf()]);
    await parents.start();
    await parents.submit(taskOf(), { agent: "outer" });
    const child = await childOf("t");
    await until("t", "PARKED");
    await parents.drain();
    expect(parents.health().running).toBe(0);
    expect([told, (await runs.get(child)).status]).toEqual([["worker-unknown-agent"], "READY"]);
    const children = workerOf([innerOf("apart")]);
    await children.start();
    expect(await until("t", "COMPLETE")).toBe("COMPLETE");
    expect(await runs.value("t", ["nodes", "ask", "result"])).toBe("did it");
  });

  it("cancels a child that works elsewhere with its parent, which is parked, and retries it with that", async () => {
    const { runs, store, outerOf, until, child } = await working();
    await runs.cancel("t", "enough");
    expect([await until("t", "CANCELLED"), await until(child, "CANCELLED")]).toEqual(["CANCELLED", "CANCELLED"]);
    const retried = await outerOf().retry("t");
    expect(await retried.outcome).toMatchObject({ status: "COMPLETE", results: { ask: "did it" } });
    expect(await store.read(child)).toMatchObject({ status: "COMPLETE", ends: 2 });
  });

  it("ends a child that nobody has begun with its parent, whose retry has it begun after all", async () => {
    const { runs, store, innerOf, workerOf, until, childOf } = apart(() => "did it");
    const inner = innerOf();
    let isSecond = false;
    const works = nodeOf("works", ({ signal }) => {
      if (isSecond) return "done";
      return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    });
    const ask = agentModule(inner, { name: "ask", task: () => ({ objective: "Ask" }) });
    const outer = new Agent({ name: "outer", store, nodes: [works, new Node({ name: "ask", modules: [ask] })] });
    const parents = workerOf([outer]);
    await parents.start();
    await parents.submit(taskOf(), { agent: "outer" });
    const child = await childOf("t");
    await runs.cancel("t", "enough");
    expect([await until("t", "CANCELLED"), await until(child, "CANCELLED")]).toEqual(["CANCELLED", "CANCELLED"]);
    isSecond = true;
    const retried = await outer.retry("t");
    expect(await retried.outcome).toMatchObject({ status: "COMPLETE", results: { ask: "did it" } });
    expect(await store.read(child)).toMatchObject({ status: "COMPLETE", ends: 1 });
  });

  /** What a process has stored that dies before it comes to more. */
  const cancelAlone = (store: RunStore, taskId: string) => store.post(taskId, { kind: "cancel", reason: "enough", end: { events: [] } });

  it("has a parent go on though whoever cancelled its child died before it could say so", async () => {
    const { runs, store, innerOf, outerOf, workerOf, until, childOf } = apart(() => "did it");
    const parents = workerOf([outerOf()]);
    await parents.start();
    await parents.submit(taskOf(), { agent: "outer" });
    const child = await childOf("t");
    await until("t", "PARKED");
    expect(await cancelAlone(store, child)).toBe("stored");
    await workerOf([innerOf("apart")]).start();
    expect(await until("t", "FAILED", "COMPLETE")).toBe("FAILED");
    expect((await runs.get("t")).errors[0]).toMatchObject({ code: "cancelled" });
  });

  it("ends a child though whoever cancelled its parent died before it could do that", async () => {
    const { store, until, child } = await working();
    expect(await cancelAlone(store, "t")).toBe("stored");
    expect(await until(child, "CANCELLED", "COMPLETE")).toBe("CANCELLED");
  });

  it("goes on by a child whose end is stored after the lease of who ends it has run out, with nobody else to take it", async () => {
    const { store, runs, innerOf, outerOf, workerOf, until, childOf } = apart(() => "did it");
    const looked = Promise.withResolvers<void>();
    let isLate = false;
    /** Of the process that has the child: it says that the child ends when its lease has run out, and stores the end when its parent has looked. */
    const late = storeWith(store, {
      renew: () => Promise.reject(new Error("away")),
      post: async (taskId, order) => {
        if (taskId === "t") await until(await childOf("t"), "READY");
        isLate = taskId === "t";
        return await store.post(taskId, order);
      },
      commit: async (lease, commit) => {
        if (commit.run?.status !== undefined) {
          await looked.promise;
          // The parent would have been put down by then.
          for (let turn = 0; turn < 200; turn++) await nextTurn();
        }
        return await store.commit(lease, commit);
      },
    });
    const looking = storeWith(store, {
      read: async (taskId) => {
        const row = await store.read(taskId);
        if (isLate && taskId !== "t") looked.resolve();
        return row;
      },
    });
    const [parents, children] = [
      workerOf([outerOf(0, looking)], { store: looking }),
      workerOf([innerOf("apart", late)], { store: late, leaseMs: 300, queue: localQueue({ pollMs: 100_000 }) }),
    ];
    await children.start();
    await parents.start();
    await parents.submit(taskOf(), { agent: "outer" });
    expect(await until("t", "COMPLETE", "FAILED")).toBe("COMPLETE");
    expect(await runs.value("t", ["nodes", "ask", "result"])).toBe("did it");
  });

  it("leaves a detached child to its end", async () => {
    const [began, done] = [Promise.withResolvers<void>(), Promise.withResolvers<string>()];
    const { runs, innerOf, outerOf, workerOf, until, childOf } = apart(() => {
      began.resolve();
      return done.promise;
    }, true);
    const worker = workerOf([outerOf(), innerOf()]);
    await worker.start();
    await worker.submit(taskOf(), { agent: "outer" });
    const child = await childOf("t");
    await began.promise;
    await until("t", "PARKED");
    await runs.cancel("t", "enough");
    expect((await runs.get(child)).status).toBe("RUNNING");
    done.resolve("did it");
    expect(await until(child, "COMPLETE")).toBe("COMPLETE");
  });

  it("fails the module by what failed the child, and the next attempt has the same child tried again by whoever has it", async () => {
    const { runs, store, begun, innerOf, outerOf, workerOf, until, childOf } = apart(({ attempt }) => {
      if (attempt === 1) throw new Error("not yet");
      return `at ${attempt}`;
    });
    const [parents, children] = [workerOf([outerOf(2)]), workerOf([innerOf("apart")])];
    await parents.start();
    await children.start();
    await parents.submit(taskOf(), { agent: "outer" });
    const child = await childOf("t");
    expect(await until("t", "COMPLETE", "FAILED")).toBe("COMPLETE");
    expect([await runs.value("t", ["nodes", "ask", "result"]), begun]).toEqual(["at 2", ["apart", "apart"]]);
    expect((await store.read(child))?.ends).toBe(2);
  });

  it("with room for one run has a child's child end, too, while a node beside the child works on in the parent", async () => {
    const { store, runs, told, workerOf, until, childOf } = setUp();
    const third = new Agent({ name: "third", store, nodes: [nodeOf("work", ({ task }) => `did ${task.objective}`)] });
    const asks = (agent: Agent, objective: string) =>
      new Node({ name: "ask", modules: [agentModule(agent, { name: "ask", task: () => ({ objective }) })] });
    const second = new Agent({ name: "second", store, nodes: [asks(third, "all")] });
    const beside = nodeOf("beside", async ({ sleep }) => {
      await childOf("t");
      await sleep(20);
      return "rested";
    });
    const first = new Agent({ name: "first", store, nodes: [asks(second, "most"), beside] });
    const worker = workerOf([first, second, third], { concurrency: 1 });
    await worker.start();
    await worker.submit(taskOf(), { agent: "first" });
    expect(await until("t", "COMPLETE", "FAILED")).toBe("COMPLETE");
    const { nodes } = await runs.get("t");
    expect([nodes.ask?.result, nodes.beside?.result, told]).toEqual(["did all", "rested", []]);
    expect((await store.find({ limit: 10 })).map(({ status, ends }) => [status, ends])).toEqual([1, 2, 3].map(() => ["COMPLETE", 1]));
  });

  it("fails a parent whose child has failed", async () => {
    const { runs, innerOf, outerOf, workerOf, until } = apart(() => {
      throw new Error("never");
    });
    const worker = workerOf([outerOf(), innerOf()], { concurrency: 1 });
    await worker.start();
    await worker.submit(taskOf(), { agent: "outer" });
    expect(await until("t", "FAILED", "COMPLETE")).toBe("FAILED");
    expect((await runs.get("t")).errors[0]?.error).toContain("never");
  });
});
