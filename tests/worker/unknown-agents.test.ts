/** A run that asks for an agent that nobody has is told of, though more runs than a worker looks at together came after it. */
import { Agent, MemoryStore, Runs } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { AgentWorker, localQueue } from "asimov-agents/worker";
import { expect, it } from "vitest";
import { nodeOf, taskOf } from "../waiting/pair.ts";

it.each([0, 150, 650])("an agent that a worker does not have is told of once, behind %d runs of one that it has", async (count) => {
  const clock = new SimulatedClock();
  const store = new MemoryStore({ clock });
  const runs = new Runs(store, { clock });
  await runs.submit(taskOf("lonely"), { agent: "nobody" });
  for (let n = 0; n < count; n++) await runs.submit(taskOf(`t${n}`), { agent: "report" });
  const works = nodeOf("works", ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))));
  const told: unknown[] = [];
  const worker = new AgentWorker({
    agents: [new Agent({ name: "report", clock, nodes: [works] })],
    ...{ store, clock, concurrency: 1, queue: localQueue({ pollMs: 1_000 }) },
    onRefused: (error, taskId) => told.push([taskId, (error as { code?: string }).code]),
  });
  await worker.start();
  await clock.advance(3_000);
  await clock.runUntil(worker.stop({ graceMs: 0 }));
  expect(told).toEqual([["lonely", "worker-unknown-agent"]]);
});
