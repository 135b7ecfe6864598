/** A worker that stops by signals, in a process that nothing else ends; each of its modules says when it has begun, and the worker when it is stopping. */
import { Agent, defineModule, Node } from "asimov-agents";
import { AgentWorker } from "asimov-agents/worker";
import { type Place, storeAt } from "./place.ts";

const [, , text, graceMs] = process.argv as unknown as [string, string, string, string];
const store = storeAt(JSON.parse(text) as Place);
const { promise: asked, resolve } = Promise.withResolvers<void>();
const work = defineModule({
  name: "work",
  process: async ({ task, signal }) => {
    process.send?.({ begun: task.id });
    // The one ends when the process is asked to, the other never.
    const given = new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    await (task.id === "ends" ? Promise.race([asked, given]) : given);
    return { status: "success" };
  },
});
const agent = new Agent({ name: "stops", nodes: [new Node({ name: "work", modules: [work] })] });
const worker = new AgentWorker({ agents: [agent], store, stopOn: ["SIGTERM", "SIGINT"], graceMs: Number(graceMs) });
process.once("SIGTERM", () => {
  resolve();
  setImmediate(() => process.send?.(worker.health()));
});
await worker.start();
await worker.stopped;
await store.close();
