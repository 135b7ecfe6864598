/** A support desk: a case waits for its customer's mails, and a refund for a person, over months; on a simulated clock they pass in a moment. */
import { Agent, defineModule, defineQuestion, FlowControlModule, MemoryStore, Node, Runs, Task } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { AgentWorker, localQueue } from "asimov-agents/worker";
import { z } from "zod";

const DAY = 86_400_000;
const clock = new SimulatedClock(new Date("2026-01-05T09:00:00Z"));
const store = new MemoryStore({ clock }); // in real time a SqliteStore, so that a case outlives its processes
const say = (line: string) => console.log(`${new Date(clock.now()).toISOString().slice(0, 10)} ${line}`);

const listen = defineModule({
  name: "listen",
  inputMailboxes: ["mail"],
  process: async ({ receive, values }) => {
    const mail = await receive<string>("mail", { timeoutMs: 60 * DAY });
    await values.set("isOpen", mail !== null);
    await values.set("wantsRefund", mail?.includes("money back") === true);
    return { status: "success", result: mail };
  },
});
const refund = defineQuestion({
  name: "refund",
  show: ({ task, results }) => ({ case: task.objective, mail: results.listen }),
  answer: z.object({ ok: z.boolean() }),
  to: "agent on duty",
  escalate: [{ afterMs: DAY, to: "head of support" }],
  deadlineMs: 7 * DAY,
  onDeadline: { answer: { ok: true } }, // whoever is not answered gets the money
});
const reply = defineModule({
  name: "reply",
  process: async ({ results, values, step }) => {
    const decided = (await values.get("wantsRefund")) ? `Your refund: ${(results.refund as { ok: boolean }).ok}.` : "Have you tried again?";
    const text = results.listen === null ? "We close this case." : decided;
    await step("mail", async () => say(`to the customer: ${text}`)); // kept: a repeat of the module does not send it again
    return { status: "success", result: text };
  },
});
const again = new FlowControlModule({ name: "again?", flowConfig: { decisions: [{ nextNode: "listen", condition: "isOpen" }] } });
const nodeConfig = { maxVisits: 1_000 };
const desk = new Agent({
  name: "desk",
  clock,
  maxTotalIterations: 10_000,
  nodes: [
    new Node({ name: "listen", modules: [listen], nodeConfig }),
    new Node({ name: "refund", modules: [refund], dependencies: ["listen"], nodeConfig: { ...nodeConfig, condition: "wantsRefund" } }),
    new Node({ name: "reply", modules: [reply], dependencies: ["listen", "refund"], nodeConfig }),
    new Node({ name: "again?", type: "FLOW_CONTROL", modules: [again], dependencies: ["reply"], nodeConfig }),
  ],
});

// Between two mails a case is in no process.
const onQuestion = ({ to }: { to?: string }) => say(`asks the ${to}`);
const worker = new AgentWorker({ agents: [desk], store, clock, queue: localQueue({ pollMs: DAY }), onQuestion });
const runs = new Runs(store, { clock });
await worker.start();
await worker.submit(new Task({ id: "case-1", type: "case", objective: "A lamp that does not shine" }), { agent: "desk" });
const write = async (mail: string) => {
  say(`the customer: ${mail}`);
  await runs.send("case-1", "mail", mail, { id: mail }); // stored; the same id twice is one message
};
await clock.advance(2 * DAY);
await write("It does not shine");
await clock.advance(41 * DAY);
await write("My money back, please");
await clock.advance(90 * DAY);
say((await runs.get("case-1")).status);
await clock.runUntil(worker.stop());
