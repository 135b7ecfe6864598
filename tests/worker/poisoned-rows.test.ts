/** A row of the library's own that no look can mend is told of once, however often a worker looks, and hides nothing else, however many of them there are. */
import { Agent, MemoryStore, Runs, Task } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { AgentWorker, localQueue } from "asimov-agents/worker";
import { expect, it } from "vitest";
import { newRun } from "#testing/run-law";
import { nodeOf } from "../waiting/pair.ts";

const agent = "asimov.schedule";
const MINUTE = 60_000;

it("damaged schedules and records of keys are told of once each, while others are fired", async () => {
  const clock = new SimulatedClock();
  const store = new MemoryStore({ clock });
  const damaged = Array.from({ length: 60 }, (_, n) => `${agent}/damaged-${n}`);
  for (const taskId of damaged) await store.create(newRun(taskId, { agent, type: "schedule" }));
  await store.create(newRun("asimov.key/damaged", { agent, type: "key" }));
  const told: string[] = [];
  const codes = new Set<unknown>();
  const worker: AgentWorker = new AgentWorker({
    agents: [new Agent({ name: "report", clock, nodes: [nodeOf("work", () => "done")] })],
    ...{ store, clock, queue: localQueue({ pollMs: 1_000 }) },
    onRefused: (error, taskId) => {
      codes.add((error as { code?: string }).code);
      // One that tells without end would never let go of the thread.
      if (told.push(taskId) > 200) void worker.stop();
    },
  });
  await worker.start();
  const runs = new Runs(store, { clock });
  await runs.schedule("each minute", { agent: "report", cron: "* * * * *", task: { type: "test", objective: "Work" } });
  await runs.submit(new Task({ id: "new", type: "test", objective: "Work" }), { agent: "report" });
  await clock.advance(1.5 * MINUTE);
  expect([...codes]).toEqual(["snapshot-damaged"]);
  expect(told.toSorted()).toEqual(["asimov.key/damaged", ...damaged].toSorted());
  const statuses: string[] = [];
  for await (const { status } of runs.find({ agent: "report" })) statuses.push(status);
  expect(statuses).toEqual(["COMPLETE", "COMPLETE"]);
  await clock.runUntil(worker.stop());
});
