/** A worker for tests that kill it: its one module says in a file when it begins. */
import { appendFileSync } from "node:fs";
import { Agent, defineModule, Node } from "asimov-agents";
import { AgentWorker } from "asimov-agents/worker";
import { type Place, storeAt } from "../worker/place.ts";

const [, , text, log] = process.argv as [string, string, string, string];
const work = defineModule({
  name: "work",
  process: async ({ task, sleep, step }) => {
    appendFileSync(log, `${JSON.stringify({ at: Date.now(), taskId: task.id })}\n`);
    await step("first", async () => 1);
    // Put down, it is in no process, and holds its place.
    await sleep(30);
    return { status: "success", result: await step("second", async () => 2) };
  },
});
const agent = new Agent({ name: "report", nodes: [new Node({ name: "work", modules: [work] })] });
const worker = new AgentWorker({ agents: [agent], store: storeAt(JSON.parse(text) as Place), onRefused: () => {} });
await worker.start();
process.send?.("started");
