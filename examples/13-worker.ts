/** A worker with a daily schedule: what is submitted and what the clock asks for is run, and SIGTERM puts down what works. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, defineModule, Node, Task } from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import { SimulatedClock } from "asimov-agents/testing";
import { AgentWorker, localQueue } from "asimov-agents/worker";

const HOUR = 3_600_000;
const folder = mkdtempSync(join(tmpdir(), "asimov-example-"));
// Three days in a moment; leave the clock out to live in real time.
const clock = new SimulatedClock(new Date("2026-03-27T12:00:00Z"));
const store = new SqliteStore({ file: join(folder, "runs.db"), clock });

const digest = defineModule({
  name: "digest",
  process: async ({ task }) => {
    console.log(`${new Date(clock.now()).toISOString().slice(0, 16)} ${task.objective}`);
    return { status: "success", result: "done" };
  },
});
const agent = new Agent({ name: "digest", clock, nodes: [new Node({ name: "digest", modules: [digest] })] });
// In real time the defaults do: a look each second for what lost processes have left.
const worker = new AgentWorker({ agents: [agent], store, clock, queue: localQueue({ pollMs: HOUR }), leaseMs: 24 * HOUR });

const stopped = new Promise<void>((resolve) => {
  process.once("SIGTERM", () => void worker.stop({ graceMs: 5_000 }).then(resolve));
});

await worker.start();
await worker.submit(new Task({ id: "first", type: "digest", objective: "Sum up until now" }), { agent: "digest" });
await worker.schedule("daily", {
  agent: "digest",
  cron: "0 9 * * *",
  timeZone: "Europe/Berlin",
  task: { type: "digest", objective: "Sum up the day" },
});
// In Berlin the clock is put forward on the 29th: it is nine there an hour earlier.
await clock.advance(72 * HOUR);
await clock.runUntil(worker.drain());

process.kill(process.pid, "SIGTERM");
await clock.runUntil(stopped);
console.log("stopped: nothing is lost, and nothing works");
await store.close();
rmSync(folder, { recursive: true });
