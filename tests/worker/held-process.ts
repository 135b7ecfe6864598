/** A worker that holds its event loop once it has all of its runs, by many short computations that leave it no turn. */
import { once } from "node:events";
import { AgentWorker, type LoopHeld } from "asimov-agents/worker";
import { heldAgent } from "./held-agent.ts";
import { type Place, storeAt } from "./place.ts";

const BURN_MS = 20;

const [, , text, log, runs, leaseMs, holdMs] = process.argv as unknown as [string, string, string, string, string, string, string];

function burn(ms: number): void {
  for (const start = performance.now(); performance.now() - start < ms; );
}

let begun = 0;
const goes = once(process, "message");
const agent = heldAgent("first", log, async ({ signal }) => {
  if (++begun === Number(runs)) {
    process.send?.("holds");
    // Whoever listens to this process hears of it before.
    await new Promise((done) => setImmediate(done));
    for (let held = 0; held < Number(holdMs); held += BURN_MS) {
      burn(BURN_MS);
      await undefined;
    }
  }
  await Promise.race([goes, new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)))]);
});
const worker = new AgentWorker({
  ...{ agents: [agent], store: storeAt(JSON.parse(text) as Place), concurrency: Number(runs), leaseMs: Number(leaseMs) },
  onHeld: (held: LoopHeld) => process.send?.(held),
});
await worker.start();
