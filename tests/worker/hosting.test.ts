/** What a worker does for runs that it has not begun, and for those that it hosts when it stops: on every driver. */
import { Agent, defineQuestion, type ModuleContext, Node, type RunStore, Runs, Task } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { AgentWorker, type AgentWorkerOptions, localQueue, type WorkQueue } from "asimov-agents/worker";
import { describe, expect, it } from "vitest";
import { opening, storesOf } from "../runs/stores.ts";
import { HOUR, nodeOf } from "../waiting/pair.ts";

const taskOf = (id: string) => new Task({ id, type: "test", objective: "Work" });

describe.each(storesOf())("a worker (%s)", (_, make) => {
  const open = opening(make);
  const setUp = () => {
    const clock = new SimulatedClock();
    const store: RunStore = open({ clock });
    const agentOf = (nodes: Node[]) => new Agent({ name: "report", clock, nodes });
    const workerOf = (nodes: Node[], options: Partial<AgentWorkerOptions> = {}) =>
      new AgentWorker({ agents: [agentOf(nodes)], store, clock, queue: localQueue({ pollMs: 10_000 }), ...options });
    const runs = new Runs(store, { clock });
    const statusOf = async (id: string) => (await runs.get(id)).status;
    return { clock, store, runs, workerOf, statusOf };
  };

  it("takes a run whose owner is lost, once its lease has run out, though nobody tells of that", async () => {
    const { clock, store, workerOf, statusOf } = setUp();
    const begun: string[] = [];
    const works = (ends: Promise<unknown>) => [
      nodeOf("work", ({ idempotencyKey }) => {
        begun.push(idempotencyKey);
        return ends;
      }),
    ];
    const agent = new Agent({ name: "report", clock, store, nodes: works(new Promise(() => {})) });
    const lost = agent.start(taskOf("t"));
    while (begun.length === 0) await clock.advance(1);
    // As when its machine is gone: nothing is given back, and nothing renewed.
    lost.actor.stop();
    const worker = workerOf(works(Promise.resolve("done")));
    await worker.start();
    expect([await statusOf("t"), begun.length]).toEqual(["RUNNING", 1]);
    await clock.advance(45_000);
    await clock.runUntil(worker.drain());
    expect([await statusOf("t"), begun]).toEqual(["COMPLETE", Array(2).fill("t/work.1/work")]);
    await clock.runUntil(worker.stop());
  });

  it("lets what works end when it stops, for as long as it is told to, and begins nothing", async () => {
    const { clock, workerOf, runs, statusOf } = setUp();
    const begun: string[] = [];
    const worker = workerOf([
      nodeOf("work", async ({ task, signal }: ModuleContext) => {
        begun.push(task.id);
        const ms = task.id === "short" ? 1_000 : 10_000;
        await new Promise<void>((resolve, reject) => {
          clock.setTimeout(resolve, ms);
          signal.addEventListener("abort", () => reject(signal.reason));
        });
      }),
    ]);
    await worker.start();
    for (const id of ["short", "long"]) await worker.submit(taskOf(id), { agent: "report" });
    while (begun.length < 2) await clock.advance(1);
    const stopped = worker.stop({ graceMs: 5_000 });
    await runs.submit(taskOf("late"), { agent: "report" });
    await clock.runUntil(stopped);
    expect([await statusOf("short"), await statusOf("long"), await statusOf("late")]).toEqual(["COMPLETE", "READY", "READY"]);
    expect(begun.toSorted()).toEqual(["long", "short"]);
  });

  it("holds no timer, and no run, for each of those that wait", async () => {
    const { clock, workerOf, runs, statusOf } = setUp();
    const sure = defineQuestion({ name: "sure", answer: { type: "boolean" }, deadlineMs: 24 * HOUR, onDeadline: { answer: false } });
    const worker = workerOf([new Node({ name: "sure", modules: [sure] })], { queue: localQueue({ pollMs: HOUR }), leaseMs: 48 * HOUR });
    await worker.start();
    const timers: number[] = [];
    for (const count of [1, 12]) {
      for (let at = 0; at < count; at++) await worker.submit(taskOf(`${count}-${at}`), { agent: "report" });
      await clock.runUntil(worker.drain());
      await clock.advance(1_000);
      timers.push(clock.pending);
    }
    expect(timers[1]).toBe(timers[0]);
    expect(await statusOf("12-11")).toBe("PARKED");
    await clock.advance(25 * HOUR);
    await clock.runUntil(worker.drain());
    expect(await statusOf("12-11")).toBe("COMPLETE");
    expect(await runs.value("12-11", ["nodes", "sure", "result"])).toBe(false);
    await worker.stop();
  });

  it("is woken by a queue of another kind, which is told what is submitted and scheduled, and whose loss only delays", async () => {
    const { clock, store, workerOf, statusOf } = setUp();
    const told: unknown[] = [];
    const wakes: (() => void)[] = [];
    const queue: WorkQueue = {
      async tell({ taskId, agent, delayMs, priority }) {
        told.push([taskId, agent, delayMs, priority]);
        if (taskId === "lost") throw new Error("the queue is away");
        for (const wake of wakes) wake();
      },
      consume({ wake }) {
        wakes.push(wake);
        return { end: async () => void wakes.splice(wakes.indexOf(wake), 1) };
      },
    };
    const runs = new Runs(store, { clock, queue });
    const worker = workerOf([nodeOf("work", () => "done")], { queue });
    await worker.start();
    const hour = clock.now() + HOUR;
    await runs.submit(taskOf("heard"), { agent: "report", priority: 2 });
    await clock.runUntil(worker.drain());
    await runs.submit(taskOf("lost"), { agent: "report", delayMs: 5 });
    await runs.schedule("hourly", { agent: "report", cron: "0 * * * *", task: { type: "test", objective: "Work" } });
    expect(told).toEqual([
      ["heard", "report", 0, 2],
      ["lost", "report", 5, 0],
      ["asimov.schedule/hourly", "asimov.schedule", hour - clock.now(), 0],
    ]);
    expect([await statusOf("heard"), await statusOf("lost")]).toEqual(["COMPLETE", "PARKED"]);
    await clock.advance(10);
    for (const wake of wakes) wake();
    await clock.runUntil(worker.drain());
    expect(await statusOf("lost")).toBe("COMPLETE");
    await worker.stop();
    expect(wakes).toEqual([]);
  });
});

describe("a worker", () => {
  it("says by a code what it cannot do yet, or no more", async () => {
    const clock = new SimulatedClock();
    const [, make] = storesOf()[0] as ReturnType<typeof storesOf>[number];
    const told: unknown[] = [];
    const worker = new AgentWorker({
      agents: [new Agent({ name: "report", clock, nodes: [nodeOf("work", () => 1)] })],
      ...{ store: make({ clock }), clock, onRefused: (error: Error) => void told.push((error as { code?: string }).code) },
    });
    const refused = async (work: Promise<unknown>, code: string) => expect(work).rejects.toMatchObject({ code });
    await refused(worker.drain(), "worker-not-started");
    await worker.submit(taskOf("t"), { agent: "poet" });
    await worker.start();
    await refused(worker.start(), "worker-started");
    expect(told).toEqual(["worker-unknown-agent"]);
    await worker.stop();
    await worker.stop();
    await refused(worker.start(), "worker-stopped");
    await refused(worker.drain(), "worker-stopped");
  });
});

describe("a schedule that somebody holds", () => {
  it("is `schedule-busy` for whoever gives it again, and may be given when that is over", async () => {
    const clock = new SimulatedClock();
    const [, make] = storesOf()[0] as ReturnType<typeof storesOf>[number];
    const store = make({ clock });
    const runs = new Runs(store, { clock });
    const daily = { agent: "report", cron: "0 9 * * *", task: { type: "test", objective: "Work" } };
    await runs.schedule("daily", daily);
    const claimed = await store.claim("asimov.schedule/daily", { id: "a worker that hangs", leaseMs: HOUR });
    expect(claimed.ok).toBe(true);
    const again = runs.schedule("daily", { ...daily, cron: "0 8 * * *" });
    await expect(clock.runUntil(again)).rejects.toMatchObject({ code: "schedule-busy", retryable: true });
    await clock.advance(HOUR);
    await runs.schedule("daily", { ...daily, cron: "0 8 * * *" });
    expect((await store.read("asimov.schedule/daily"))?.dueAt).toBe(Date.UTC(2000, 0, 1, 8));
  });
});
