/** Runs that a worker cannot go on with, more than it looks at together: they hide none that it can, also where its queue knows of neither. */
import { Agent, MemoryStore, Runs, Task } from "asimov-agents";
import { AgentWorker, bullQueue } from "asimov-agents/worker";
import { expect, inject, it, onTestFinished } from "vitest";
import { nodeOf } from "../waiting/pair.ts";

const taskOf = (id: string) => new Task({ id, type: "test", objective: "Work" });

it("a run that the queue was not told of is begun, though a hundred of an older graph are due longer", { timeout: 60_000 }, async () => {
  const store = new MemoryStore();
  let begin = (): void => {};
  const works = nodeOf("old", ({ signal }) => {
    begin();
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  });
  const old = new Agent({ name: "report", store, nodes: [works] });
  for (let at = 0; at < 100; at++) {
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    begin = resolve;
    const run = old.start(taskOf(`old-${at}`));
    run.outcome.catch(() => {});
    await begun;
    await run.park();
  }
  const runs = new Runs(store);
  await runs.submit(taskOf("fresh"), { agent: "report" });
  const queue = bullQueue({ connection: inject("redisUrl"), prefix: crypto.randomUUID(), sweepMs: 100 });
  const agent = new Agent({ name: "report", nodes: [nodeOf("work", () => "done")] });
  const worker = new AgentWorker({ agents: [agent], store, queue, onRefused: () => {} });
  onTestFinished(async () => {
    await worker.stop({ graceMs: 0 });
    await queue.close();
  });
  await worker.start();
  await worker.drain();
  expect((await runs.get("fresh")).status).toBe("COMPLETE");
});
