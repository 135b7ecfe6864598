/** What a lost owner has left is begun before a backlog that is due longer, as soon as there is room: on every driver, and by turns of a queue. */
import { Agent, type RunStore, Runs, Task } from "asimov-agents";
import { AgentWorker, bullQueue, localQueue, type WorkQueue } from "asimov-agents/worker";
import { afterEach, describe, expect, inject, it } from "vitest";
import { allStores, opening } from "../runs/stores.ts";
import { nodeOf } from "../waiting/pair.ts";

const BACKLOG = 150;
const taskOf = (id: string) => new Task({ id, type: "test", objective: "Work" });

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A run that works in an owner which is gone as soon as it has begun, with nothing given back. */
async function lose(store: RunStore, id: string): Promise<void> {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const hangs = nodeOf("work", () => {
    begin();
    return new Promise(() => {});
  });
  const run = new Agent({ name: "report", nodes: [hangs], store, leaseMs: 200 }).start(taskOf(id));
  run.outcome.catch(() => {});
  await begun;
  run.actor.stop();
  for await (const { status } of new Runs(store).watch(id)) if (status === "READY") return;
}

/** The tasks in the order in which a worker for one run at a time began them. */
async function order(store: RunStore, queue: WorkQueue): Promise<string[]> {
  const runs = new Runs(store, { queue });
  await Promise.all(Array.from({ length: BACKLOG }, (_, at) => runs.submit(taskOf(`backlog-${at}`), { agent: "report" })));
  await lose(store, "lost");
  const begun: string[] = [];
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  const agent = new Agent({
    name: "report",
    nodes: [
      nodeOf("work", ({ task }) => {
        begun.push(task.id);
        if (task.id === "lost" || begun.length === BACKLOG) resolve();
      }),
    ],
  });
  const worker = new AgentWorker({ agents: [agent], store, queue, concurrency: 1 });
  await worker.start();
  await enough;
  await worker.stop({ graceMs: 0 });
  return begun;
}

describe.each(allStores())("a run that was lost, beside a backlog (%s)", (_, make) => {
  const open = opening(make);

  it("is the first that a worker begins", async () => {
    expect((await order(open(), localQueue())).slice(0, 1)).toEqual(["lost"]);
  });

  it("is among the first two that a worker begins to whom a queue gives turns", { timeout: 60_000 }, async () => {
    const queue = bullQueue({ connection: inject("redisUrl"), prefix: crypto.randomUUID() });
    closing.push(() => queue.close());
    expect((await order(open(), queue)).slice(0, 2)).toContain("lost");
  });
});
