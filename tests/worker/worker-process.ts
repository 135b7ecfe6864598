/** A worker for tests that kill it: its runs sleep, ask and step, and each module that works says so in a file. */
import { appendFileSync } from "node:fs";
import { Agent, defineModule, defineQuestion, Node, sleepFor } from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import { AgentWorker } from "asimov-agents/worker";

const [, , file, log] = process.argv as [string, string, string, string];
const store = new SqliteStore({ file });
const step = (name: string) =>
  defineModule({
    name,
    process: async ({ task, step: once }) => {
      const given = await once("count", async () => 1);
      appendFileSync(log, `${task.id} ${name}\n`);
      return { status: "success", result: given };
    },
  });
const approve = defineQuestion({
  name: "approve",
  show: ({ task }) => ({ text: `Go on with ${task.id}?` }),
  answer: { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] },
});
const nodes = [
  new Node({ name: "first", modules: [step("first")] }),
  new Node({ name: "nap", modules: [sleepFor({ name: "nap", ms: 30 })], dependencies: ["first"] }),
  new Node({ name: "ask", modules: [approve], dependencies: ["nap"] }),
  new Node({ name: "last", modules: [step("last")], dependencies: ["ask"] }),
];

const worker = new AgentWorker({ agents: [new Agent({ name: "report", nodes })], store, onRefused: () => {} });
await worker.start();
process.send?.("started");
