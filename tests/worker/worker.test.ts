/** A worker takes what is stored of its agents, once, as it is due; a run that waits is in no process. */
import {
  Agent,
  defineModule,
  defineQuestion,
  MemoryStore,
  type ModuleContext,
  Node,
  type RunStore,
  Runs,
  sleepFor,
  Task,
} from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { AgentWorker, type AgentWorkerOptions, localQueue } from "asimov-agents/worker";
import { describe, expect, it } from "vitest";
import { storesOf } from "../runs/stores.ts";

const HOUR = 3_600_000;
const taskOf = (id: string, params = {}) => new Task({ id, type: "test", objective: `Do ${id}`, params });
const nodeOf = (name: string, work: (context: ModuleContext) => unknown, dependencies: string[] = []) =>
  new Node({
    name,
    dependencies,
    modules: [defineModule({ name, process: async (context) => ({ status: "success", result: (await work(context)) ?? null }) })],
  });

interface Bench {
  clock: SimulatedClock;
  store: RunStore;
  runs: Runs;
  worker(nodes: Node[], options?: Partial<AgentWorkerOptions>): AgentWorker;
}

function benchOf(make: (options: { clock: SimulatedClock }) => RunStore): Bench {
  const clock = new SimulatedClock();
  const store = make({ clock });
  const worker: Bench["worker"] = (nodes, options = {}) =>
    new AgentWorker({
      agents: [new Agent({ name: "report", clock, nodes, effectTimeoutMs: 1_000 * HOUR })],
      store,
      clock,
      queue: localQueue({ pollMs: HOUR }),
      leaseMs: 30 * HOUR,
      ...options,
    });
  return { clock, store, runs: new Runs(store, { clock }), worker };
}

const statusOf = async ({ runs }: Bench, id: string): Promise<string> => (await runs.get(id)).status;

describe.each(storesOf())("a worker (%s)", (_, make) => {
  it("runs what was submitted, without its code being there, and again does nothing", async () => {
    const bench = benchOf(make);
    const log: string[] = [];
    await bench.runs.submit(taskOf("a", { n: 1 }), { agent: "report", values: { by: "ada" } });
    expect(await bench.runs.get("a")).toMatchObject({ status: "READY", objective: "Do a", agent: "report" });
    await bench.runs.submit(taskOf("a", { n: 1 }), { agent: "report" });
    await expect(bench.runs.submit(taskOf("a", { n: 2 }), { agent: "report" })).rejects.toMatchObject({ code: "run-differs" });
    await expect(bench.runs.submit(taskOf("a", { n: 1 }), { agent: "other" })).rejects.toMatchObject({ code: "run-differs" });
    await expect(bench.runs.submit(taskOf("a", { n: 1 }), { agent: "report", ifExists: "refuse" })).rejects.toMatchObject({
      code: "run-exists",
    });
    const worker = bench.worker([nodeOf("work", async ({ task, values }) => log.push(`${task.id} ${await values.get("by")}`))]);
    await worker.start();
    await worker.submit(taskOf("b"), { agent: "report", values: { by: "bob" } });
    await bench.clock.runUntil(worker.drain());
    expect(log.sort()).toEqual(["a ada", "b bob"]);
    await worker.submit(taskOf("a", { n: 1 }), { agent: "report" });
    await bench.clock.runUntil(worker.drain());
    expect(log).toHaveLength(2);
    expect([await statusOf(bench, "a"), await statusOf(bench, "b")]).toEqual(["COMPLETE", "COMPLETE"]);
    await worker.stop();
  });

  it("begins what was submitted with a delay when that is over, and ends by its deadline", async () => {
    const bench = benchOf(make);
    const at: Record<string, number> = {};
    const start = bench.clock.now();
    const worker = bench.worker([
      nodeOf("work", async ({ task, sleep }) => {
        at[task.id] ??= bench.clock.now() - start;
        await sleep(task.id === "slow" ? 10 * HOUR : 1);
      }),
    ]);
    await worker.start();
    await worker.submit(taskOf("later"), { agent: "report", delayMs: 5 * HOUR });
    await worker.submit(taskOf("slow"), { agent: "report", deadlineMs: 2 * HOUR });
    expect(await statusOf(bench, "later")).toBe("PARKED");
    await bench.clock.advance(6 * HOUR);
    await bench.clock.runUntil(worker.drain());
    // It may have begun as late as that, and wait still.
    await bench.clock.advance(1_000);
    await bench.clock.runUntil(worker.drain());
    // How late it is follows from how long files take, which no clock of ours moves.
    expect(at.later).toBeGreaterThanOrEqual(5 * HOUR);
    expect([await statusOf(bench, "later"), await statusOf(bench, "slow")]).toEqual(["COMPLETE", "FAILED"]);
    expect((await bench.runs.get("slow")).errors.at(-1)).toMatchObject({ code: "run-deadline" });
    await worker.stop();
  });

  it("puts a run down that waits, and goes on by its answer or its moment", async () => {
    const bench = benchOf(make);
    const asked: string[] = [];
    const approve = defineQuestion({
      name: "approve",
      show: () => ({ text: "Go?" }),
      answer: { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] },
    });
    const nodes = [
      new Node({ name: "ask", modules: [approve] }),
      new Node({ name: "nap", modules: [sleepFor({ name: "nap", ms: 3 * HOUR })], dependencies: ["ask"] }),
    ];
    const worker = bench.worker(nodes, { onQuestion: ({ id }) => void asked.push(id) });
    await worker.start();
    await worker.submit(taskOf("a"), { agent: "report" });
    await bench.clock.runUntil(worker.drain());
    expect(await statusOf(bench, "a")).toBe("PARKED");
    expect(asked).toHaveLength(1);
    await bench.runs.answer(asked[0] as string, { ok: true });
    await bench.clock.runUntil(worker.drain());
    expect(await statusOf(bench, "a")).toBe("PARKED");
    await bench.clock.advance(4 * HOUR);
    await bench.clock.runUntil(worker.drain());
    expect(await statusOf(bench, "a")).toBe("COMPLETE");
    await worker.stop();
  });
});

describe.each(storesOf())("one worker of several (%s)", (_, make) => {
  it("stops by putting down what works: READY, and another worker ends it", async () => {
    const bench = benchOf(make);
    const { promise: working, resolve } = Promise.withResolvers<void>();
    const first = bench.worker([
      nodeOf("work", async ({ signal }) => {
        resolve();
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      }),
    ]);
    await first.start();
    await first.submit(taskOf("a"), { agent: "report" });
    await bench.clock.runUntil(working);
    await bench.clock.runUntil(first.stop({ graceMs: 1_000 }));
    expect(await statusOf(bench, "a")).toBe("READY");
    await expect(first.drain()).rejects.toMatchObject({ code: "worker-stopped" });
    const second = bench.worker([nodeOf("work", () => "done")]);
    await second.start();
    await bench.clock.runUntil(second.drain());
    expect(await statusOf(bench, "a")).toBe("COMPLETE");
    await second.stop();
  });

  it("has no more runs in memory at a time than it may, those of higher priority first", async () => {
    const bench = benchOf(make);
    const log: string[] = [];
    let most = 0;
    let now = 0;
    const worker = bench.worker(
      [
        nodeOf("work", async ({ task }) => {
          log.push(task.id);
          most = Math.max(most, ++now);
          await new Promise((done) => bench.clock.setTimeout(() => done(undefined), 10));
          now--;
        }),
      ],
      { concurrency: 5, concurrencyOf: { report: 2 } },
    );
    for (let at = 0; at < 6; at++) await bench.runs.submit(taskOf(`t${at}`), { agent: "report", priority: at });
    await worker.start();
    await bench.clock.runUntil(worker.drain());
    expect(most).toBe(2);
    // Two begin at once, and which of them is there first is nobody's promise.
    const pairs = [0, 2, 4].map((at) => log.slice(at, at + 2).toSorted());
    expect(pairs).toEqual([
      ["t4", "t5"],
      ["t2", "t3"],
      ["t0", "t1"],
    ]);
    await worker.stop();
  });

  it("leaves what asks for an agent that it does not have, and says which it has", async () => {
    const bench = benchOf(make);
    const told: string[] = [];
    const onRefused = (error: Error): void => void told.push(error.message);
    await bench.runs.submit(taskOf("a"), { agent: "poet" });
    const worker = bench.worker([nodeOf("work", () => 1)], { onRefused });
    await worker.start();
    await worker.submit(taskOf("b"), { agent: "poet" });
    await bench.clock.runUntil(worker.drain());
    const left = (id: string, agent: string) =>
      `Run ${id} asks for agent "${agent}", and this worker has "report": it leaves the run to a worker that has it.`;
    expect(told).toEqual([left("a", "poet")]);
    expect(await statusOf(bench, "b")).toBe("READY");
    // By another process, with a slip of the pen.
    await bench.runs.submit(taskOf("c"), { agent: "reprot" });
    await bench.clock.advance(2 * HOUR);
    expect([told, await statusOf(bench, "c")]).toEqual([[left("a", "poet"), left("c", "reprot")], "READY"]);
    await worker.stop();
  });

  it("leaves runs of another version that do not fit, tries each graph once, and takes the others", async () => {
    const bench = benchOf(make);
    const older = new Agent({
      name: "report",
      clock: bench.clock,
      store: bench.store,
      nodes: [new Node({ name: "gone", modules: [sleepFor({ name: "nap", ms: HOUR })] })],
    });
    for (const id of ["a", "b"]) await bench.clock.runUntil(older.runTask(taskOf(id), { whenWaiting: "park" }));
    await bench.clock.advance(2 * HOUR);
    const refused: string[] = [];
    const worker = bench.worker([nodeOf("work", () => 1)], {
      onRefused: (error) => void refused.push((error as { code?: string }).code ?? ""),
    });
    await bench.runs.submit(taskOf("c"), { agent: "report" });
    await worker.start();
    await bench.clock.runUntil(worker.drain());
    await bench.clock.runUntil(worker.drain());
    expect(refused).toEqual(["snapshot-other-graph"]);
    expect([await statusOf(bench, "a"), await statusOf(bench, "b"), await statusOf(bench, "c")]).toEqual(["READY", "READY", "COMPLETE"]);
    await worker.stop();
  });

  it("tells the end of a run that was cancelled while it waited, and before it began", async () => {
    const bench = benchOf(make);
    const agent = new Agent({
      name: "report",
      clock: bench.clock,
      outputMailbox: "out",
      nodes: [new Node({ name: "n", modules: [sleepFor({ name: "n", ms: HOUR })] })],
    });
    const worker = bench.worker([], { agents: [agent] });
    await worker.start();
    await worker.submit(taskOf("a"), { agent: "report" });
    await bench.clock.runUntil(worker.drain());
    await worker.submit(taskOf("b"), { agent: "report", delayMs: HOUR });
    await bench.runs.cancel("a");
    await bench.runs.cancel("b");
    await bench.clock.runUntil(worker.drain());
    const told = [await agent.cache.getMessage("out"), await agent.cache.getMessage("out")] as { taskId: string; status: string }[];
    expect(told.map(({ taskId, status }) => `${taskId} ${status}`).sort()).toEqual(["a FAILED", "b FAILED"]);
    await expect(agent.retry("b")).rejects.toMatchObject({ code: "run-not-begun" });
    await worker.stop();
  });

  it("does not end a run with the module that happened to submit it", async () => {
    const bench = benchOf(make);
    const worker = bench.worker([
      nodeOf("work", async ({ task, sleep }) => {
        if (task.id === "a") await worker.submit(taskOf("b"), { agent: "report" });
        await sleep(task.id === "a" ? 1_000 : 2 * HOUR);
      }),
    ]);
    await worker.start();
    await worker.submit(taskOf("a"), { agent: "report" });
    await bench.clock.runUntil(worker.drain());
    await bench.clock.advance(HOUR);
    expect([await statusOf(bench, "a"), await statusOf(bench, "b")]).toEqual(["COMPLETE", "PARKED"]);
    await bench.clock.advance(2 * HOUR);
    await bench.clock.runUntil(worker.drain());
    expect(await statusOf(bench, "b")).toBe("COMPLETE");
    await worker.stop();
  });

  it("refuses agents without a name, with another store, and two of one name", () => {
    const store = new MemoryStore();
    const codeOf = (agents: Agent[]): unknown => {
      try {
        return new AgentWorker({ agents, store });
      } catch (error) {
        return (error as { code?: string }).code;
      }
    };
    expect(codeOf([new Agent()])).toBe("agent-unnamed");
    expect(codeOf([new Agent({ name: "a", store: new MemoryStore() })])).toBe("worker-other-store");
    expect(codeOf([new Agent({ name: "a" }), new Agent({ name: "a" })])).toBe("worker-name-in-use");
    expect(codeOf([])).toBe("invalid-options");
    const limits = { agents: [new Agent({ name: "a" })], store, concurrencyOf: { b: 1 } };
    expect(() => new AgentWorker(limits)).toThrow(/concurrencyOf names the agent "b", and this worker has "a"/);
  });
});
