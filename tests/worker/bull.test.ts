/** Workers woken by BullMQ, on Redis and on Postgres: what its users see of it, and what never depends on it. */
import { createRequire } from "node:module";
import { Agent, agentModule, defineQuestion, Node, Runs, Task } from "asimov-agents";
import { RedisStore } from "asimov-agents/redis";
import { AgentWorker, type AgentWorkerOptions, type BullQueue, type BullQueueOptions, bullQueue } from "asimov-agents/worker";
import type { Job, JobType, Queue, Worker } from "bullmq";
import { afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { z } from "zod";
import { postgresUrl } from "../support/postgres-server.ts";
import { moduleOf, nodeOf } from "../waiting/pair.ts";

const taskOf = (id: string) => new Task({ id, type: "test", objective: "Work" });

/** Servers and connections that share two processors come in their time. */
const PATIENT = { timeout: 20_000 };

let postgres: string;
beforeAll(async () => {
  postgres = await postgresUrl();
}, 60_000);

const newName = () => crypto.randomUUID().replaceAll("-", "");
const BACKENDS: [string, (name: string) => BullQueueOptions][] = [
  ["Redis", (name) => ({ connection: inject("redisUrl"), prefix: name })],
  ["Postgres", (name) => ({ backend: "postgres", connection: { connectionString: postgres, schema: `bull_${name}` } })],
];

/** As its users look at it. */
const lookAt = (agent: string, options: BullQueueOptions): Queue => {
  const connection =
    options.backend === "postgres" ? { migrate: true, ...(options.connection as object) } : { url: options.connection as string };
  // As CommonJS: there alone its Postgres backend finds `pg`.
  const { createPostgresBackend, Queue } = createRequire(import.meta.url)("bullmq") as typeof import("bullmq");
  const factory = options.backend === "postgres" ? (createPostgresBackend as never) : undefined;
  return new Queue(
    `asimov.${agent}`,
    { connection, ...(options.prefix === undefined ? {} : { prefix: options.prefix }) } as never,
    factory,
  );
};

/** As a worker does that dies at once. */
async function takeOne({ name, opts }: Queue): Promise<{ worker: Worker; job: Job }> {
  const { createPostgresBackend, Worker } = createRequire(import.meta.url)("bullmq") as typeof import("bullmq");
  const isRedis = (opts.connection as { url?: string }).url !== undefined;
  const worker = new Worker(
    name,
    null,
    { ...opts, skipLockRenewal: true } as never,
    isRedis ? undefined : (createPostgresBackend as never),
  );
  return { worker, job: (await worker.getNextJob("dead")) as Job };
}

describe.each(BACKENDS)("a queue on BullMQ (%s)", (_, optionsOf) => {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  const setUp = async (more: Partial<BullQueueOptions> = {}) => {
    const name = newName();
    const options = { ...optionsOf(name), sweepMs: 50, ...more };
    const store = new RedisStore({ url: inject("redisUrl"), prefix: `${name}-runs:` });
    const queueOf = (): BullQueue => {
      const queue = bullQueue(options);
      closing.push(() => queue.close());
      return queue;
    };
    const queue = queueOf();
    closing.unshift(() => store.close());
    const told: string[] = [];
    const workerOf = (agents: Agent[], given: Partial<AgentWorkerOptions> = {}): AgentWorker => {
      const worker = new AgentWorker({ agents, store, queue: queueOf(), onRefused: (error) => void told.push(error.message), ...given });
      closing.push(() => worker.stop({ graceMs: 0 }));
      return worker;
    };
    const look = (agent = "report"): Queue => {
      const seen = lookAt(agent, options);
      closing.push(() => seen.close());
      return seen;
    };
    // Making its tables may take longer than a queue is waited for.
    await look().waitUntilReady();
    const runs = new Runs(store, { queue });
    const until = async (taskId: string, ...statuses: string[]): Promise<string> => {
      for await (const { status } of runs.watch(taskId)) if (statuses.includes(status)) return status;
      return (await runs.get(taskId)).status;
    };
    return { store, queue, runs, workerOf, look, told, until };
  };
  const agentOf = (nodes: Node[], name = "report") => new Agent({ name, nodes });

  it("gives each run that is submitted its turn, and shows it as a job", async () => {
    const { runs, workerOf, look, told, until } = await setUp();
    const ids = ["a", "b", "c"];
    for (const id of ids) await runs.submit(taskOf(id), { agent: "report" });
    const seen = look();
    expect((await seen.getJobs(["prioritized", "waiting"])).map(({ data }) => data.taskId).sort()).toEqual(ids);
    const worker = workerOf([agentOf([nodeOf("work", ({ task }) => task.id)])]);
    await worker.start();
    await Promise.all(ids.map((id) => until(id, "COMPLETE")));
    await worker.drain();
    // A run of which the queue was reminded has a job more, which finds nothing to do.
    const results = async () => new Map((await seen.getCompleted()).map(({ data, returnvalue }) => [data.taskId, returnvalue.status]));
    await expect.poll(results, PATIENT).toEqual(new Map(ids.map((id) => [id, "COMPLETE"])));
    expect(told).toEqual([]);
  });

  it("holds one job of a run, however often it is told of it, and one more than the turn that the run has", async () => {
    const { queue, runs, workerOf, look, until } = await setUp({ sweepMs: 60_000 });
    const seen = look();
    const counts = () => seen.getJobCounts("active", "prioritized", "waiting", "delayed", "completed");
    const tell = () => Promise.all(Array.from({ length: 50 }, () => queue.tell({ taskId: "t", agent: "report", delayMs: 0, priority: 0 })));
    await runs.submit(taskOf("t"), { agent: "report" });
    await tell();
    expect(await counts()).toEqual({ active: 0, prioritized: 1, waiting: 0, delayed: 0, completed: 0 });
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    const held = nodeOf("work", () => {
      begin();
      return over;
    });
    const worker = workerOf([agentOf([held])]);
    await worker.start();
    await begun;
    await tell();
    // The turn after that is noted beside it, and becomes a job when it is over.
    expect(await counts()).toEqual({ active: 1, prioritized: 0, waiting: 0, delayed: 0, completed: 0 });
    end();
    expect(await until("t", "COMPLETE")).toBe("COMPLETE");
    // It finds nothing to do.
    await expect.poll(counts, PATIENT).toEqual({ active: 0, prioritized: 0, waiting: 0, delayed: 0, completed: 2 });
  });

  it("begins another agent's run within the first ends of a flood that was told before", async () => {
    const { runs, workerOf, told, until } = await setUp();
    const ids = Array.from({ length: 60 }, (_, at) => `a-${at}`);
    const begun: string[] = [];
    const working = () => agentOf([nodeOf("work", ({ task }) => void begun.push(task.id))]);
    for (const id of ids) await runs.submit(taskOf(id), { agent: "report" });
    await runs.submit(taskOf("b"), { agent: "other" });
    const other = agentOf([nodeOf("work", ({ task }) => void begun.push(task.id))], "other");
    const worker = workerOf([working(), other], { concurrency: 1 });
    await worker.start();
    await until("b", "COMPLETE");
    await Promise.all(ids.map((id) => until(id, "COMPLETE")));
    // Two queues are opened one after the other, and each asks its server.
    expect(begun.indexOf("b")).toBeLessThan(15);
    expect(told).toEqual([]);
  });

  it("wakes a run that was parked by its answer, by its moment and by a message, through the queue", async () => {
    const { runs, workerOf, look, told, until } = await setUp({ sweepMs: 60_000 });
    const ask = new Node({ name: "ask", modules: [defineQuestion({ name: "ask", answer: z.string() })] });
    const sleep = new Node({ name: "sleep", dependencies: ["ask"], modules: [moduleOf("sleep", (context) => context.sleep(300))] });
    const hear = new Node({ name: "hear", dependencies: ["sleep"], modules: [moduleOf("hear", ({ receive }) => receive("news"))] });
    const worker = workerOf([agentOf([ask, sleep, hear])]);
    await worker.start();
    await runs.submit(taskOf("t"), { agent: "report" });
    await until("t", "PARKED");
    const [question] = (await runs.get("t")).questions;
    await runs.answer(question?.id ?? "", "yes");
    for await (const { nodes } of runs.watch("t")) if (nodes.hear?.waiting !== undefined) break;
    await until("t", "PARKED");
    await runs.send("t", "news", "heard");
    expect(await until("t", "COMPLETE")).toBe("COMPLETE");
    expect(await runs.value("t", ["nodes", "hear", "result"])).toBe("heard");
    expect(told).toEqual([]);
    expect((await look().getCompleted()).length).toBeGreaterThan(1);
  });

  it("begins what has a higher priority first, and what is delayed not before its moment", async () => {
    const { runs, workerOf, until } = await setUp();
    for (const [id, priority] of [
      ["low", -5],
      ["middle", 0],
      ["high", 7],
    ] as const)
      await runs.submit(taskOf(id), { agent: "report", priority });
    await runs.submit(taskOf("later"), { agent: "report", priority: 9, delayMs: 700 });
    const moment = performance.now() + 700;
    const begun = new Map<string, number>();
    const worker = workerOf([agentOf([nodeOf("work", ({ task }) => void begun.set(task.id, performance.now()))])], { concurrency: 1 });
    await worker.start();
    await Promise.all(["low", "later"].map((id) => until(id, "COMPLETE")));
    expect([...begun.keys()].filter((id) => id !== "later")).toEqual(["high", "middle", "low"]);
    // It was stored a little before it was said to be.
    expect(begun.get("later")).toBeGreaterThan(moment - 100);
  });

  it("leaves what a worker has no room for in the queue, where another one takes it", async () => {
    const { runs, workerOf, until } = await setUp();
    const begun: string[] = [];
    const ends: (() => void)[] = [];
    const held = (name: string) =>
      agentOf([
        nodeOf("work", ({ task }) => {
          begun.push(`${name} ${task.id}`);
          return new Promise<void>((resolve) => ends.push(resolve));
        }),
      ]);
    for (const id of ["a", "b", "c"]) await runs.submit(taskOf(id), { agent: "report" });
    const first = workerOf([held("first")], { concurrency: 1 });
    await first.start();
    await expect.poll(() => begun.length, PATIENT).toBe(1);
    const second = workerOf([held("second")], { concurrency: 2 });
    await second.start();
    await expect.poll(() => begun.length, PATIENT).toBe(3);
    expect(begun.filter((each) => each.startsWith("first"))).toHaveLength(1);
    for (const end of ends) end();
    await Promise.all(["a", "b", "c"].map((id) => until(id, "COMPLETE")));
  });

  it("gives a child its turn as a job of its own agent's queue, and its parent another one when it has ended", async () => {
    // What the queue is not told of is found too late.
    const { store, runs, workerOf, look, told, until } = await setUp({ sweepMs: 60_000 });
    const innerOf = () => new Agent({ name: "inner", store, nodes: [nodeOf("work", () => "did it")] });
    const ask = agentModule(innerOf(), { name: "ask", task: () => ({ objective: "Part" }) });
    const parents = workerOf([new Agent({ name: "report", store, nodes: [new Node({ name: "ask", modules: [ask] })] })]);
    await parents.start();
    await runs.submit(taskOf("t"), { agent: "report", priority: 4 });
    await until("t", "PARKED");
    const child = (await runs.get("t")).nodes.ask?.childTaskId ?? "";
    const jobs = (await look("inner").getJobs(["prioritized", "waiting"])).map(({ data }) => data);
    expect([jobs, told]).toEqual([[{ taskId: child }], [expect.stringContaining('agent "inner"')]]);
    const children = workerOf([innerOf()]);
    await children.start();
    expect(await until("t", "COMPLETE", "FAILED")).toBe("COMPLETE");
    expect(await runs.value("t", ["nodes", "ask", "result"])).toBe("did it");
    // Of one that was reminded of there is another, which found nothing to do.
    const ended = async (agent: string) =>
      new Set((await look(agent).getCompleted()).map(({ data, returnvalue }) => `${data.taskId} ${returnvalue.status}`));
    await expect.poll(() => ended("inner"), PATIENT).toEqual(new Set([`${child} COMPLETE`]));
    await expect.poll(() => ended("report"), PATIENT).toContain("t COMPLETE");
  });

  it("is looked at with BullMQ's own tools: counts, jobs and metrics, by a queue object from outside", async () => {
    const { runs, workerOf, look } = await setUp({ sweepMs: 60_000, metricsMinutes: 5 });
    const ends: (() => void)[] = [];
    const held = nodeOf("work", () => new Promise<void>((resolve) => ends.push(resolve)));
    const worker = workerOf([agentOf([held])], { concurrency: 1 });
    await worker.start();
    const seen = look();
    for (const id of ["a", "b", "c"]) await runs.submit(taskOf(id), { agent: "report" });
    await runs.submit(taskOf("later"), { agent: "report", delayMs: 3_600_000 });
    const counts = () => seen.getJobCounts("active", "prioritized", "waiting", "delayed", "completed", "failed");
    await expect.poll(counts, PATIENT).toEqual({ active: 1, prioritized: 2, waiting: 0, delayed: 1, completed: 0, failed: 0 });
    const namesOf = async (state: JobType) => (await seen.getJobs([state])).map(({ data }) => data.taskId);
    expect(await namesOf("delayed")).toEqual(["later"]);
    expect([...(await namesOf("active")), ...(await namesOf("prioritized"))].sort()).toEqual(["a", "b", "c"]);
    for (let done = 0; done < 3; done++) {
      await expect.poll(() => ends.length, PATIENT).toBe(done + 1);
      ends[done]?.();
    }
    await expect.poll(counts, PATIENT).toEqual({ active: 0, prioritized: 0, waiting: 0, delayed: 1, completed: 3, failed: 0 });
    const [newest] = await seen.getJobs(["completed"], 0, 0);
    expect(newest).toMatchObject({ name: "report", data: { taskId: "c" }, returnvalue: { status: "COMPLETE" } });
    expect(newest?.finishedOn).toBeGreaterThanOrEqual(newest?.processedOn ?? Number.POSITIVE_INFINITY);
    expect((await seen.getMetrics("completed")).meta.count).toBe(3);
    expect((await seen.getMetrics("failed")).meta.count).toBe(0);
  });

  it("holds to the rate limit of BullMQ", async () => {
    const { runs, workerOf, until } = await setUp({ limiter: { max: 2, duration: 600 } });
    const begun: number[] = [];
    const ids = ["a", "b", "c", "d", "e"];
    for (const id of ids) await runs.submit(taskOf(id), { agent: "report" });
    const worker = workerOf([agentOf([nodeOf("work", () => void begun.push(performance.now()))])]);
    await worker.start();
    await Promise.all(ids.map((id) => until(id, "COMPLETE")));
    // Five in windows of two: the last is in the third.
    expect((begun[4] as number) - (begun[0] as number)).toBeGreaterThan(600);
  });

  it("goes on with what the queue was never told of, and with what a lost owner has left", async () => {
    const { store, workerOf, until, told } = await setUp();
    await new Runs(store).submit(taskOf("untold"), { agent: "report" });
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const hangs = nodeOf("work", () => {
      begin();
      return new Promise(() => {});
    });
    const before = new Agent({ name: "report", nodes: [hangs], store, leaseMs: 200 });
    const left = before.start(taskOf("left"));
    left.outcome.catch(() => {});
    await begun;
    left.actor.stop();
    const worker = workerOf([agentOf([nodeOf("work", () => "done")])]);
    await worker.start();
    expect([await until("untold", "COMPLETE"), await until("left", "COMPLETE")]).toEqual(["COMPLETE", "COMPLETE"]);
    expect(told).toEqual([expect.stringMatching(/^Run untold has been READY for a second, and the worker's queue knew nothing of it/)]);
  });

  it("goes on with a run whose turn was given to a process that died before it began", async () => {
    const { runs, workerOf, look, until } = await setUp();
    await runs.submit(taskOf("t"), { agent: "report" });
    const { worker, job } = await takeOne(look());
    closing.push(() => worker.close(true));
    expect(job.data).toEqual({ taskId: "t" });
    const heir = workerOf([agentOf([nodeOf("work", () => "done")])]);
    await heir.start();
    expect(await until("t", "COMPLETE")).toBe("COMPLETE");
    expect(await look().getJobCountByTypes("active")).toBe(1);
  });

  it("fails the job of a run that this worker cannot go on with, and leaves the run", async () => {
    const { runs, workerOf, look, told } = await setUp();
    const ask = () => defineQuestion({ name: "ask", answer: z.string() });
    const old = workerOf([agentOf([new Node({ name: "ask", modules: [ask()] })])]);
    await old.start();
    await runs.submit(taskOf("t"), { agent: "report" });
    for await (const { status } of runs.watch("t")) if (status === "PARKED") break;
    await old.stop();
    const worker = workerOf([agentOf([new Node({ name: "other", modules: [ask()] })])]);
    await worker.start();
    const [question] = (await runs.get("t")).questions;
    await runs.answer(question?.id ?? "", "yes");
    await expect.poll(() => told, PATIENT).toEqual([expect.stringContaining("graph")]);
    await expect.poll(async () => (await look().getFailed()).map(({ failedReason }) => failedReason), PATIENT).toEqual([told[0]]);
    expect((await runs.get("t")).status).toBe("READY");
  });

  it("puts down what is left when it stops, and another worker has it at once", async () => {
    const { runs, workerOf, until } = await setUp({ sweepMs: 60_000 });
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const hangs = nodeOf("work", () => {
      begin();
      return new Promise(() => {});
    });
    const first = workerOf([agentOf([hangs])]);
    await first.start();
    await runs.submit(taskOf("t"), { agent: "report" });
    await begun;
    const second = workerOf([agentOf([nodeOf("work", () => "done")])]);
    await second.start();
    await first.stop({ graceMs: 0 });
    expect(await until("t", "COMPLETE")).toBe("COMPLETE");
  });
});
