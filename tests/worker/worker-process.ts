/** A worker for tests that kill it: each of its modules says in a file when it begins. */
import { appendFileSync } from "node:fs";
import { AgentWorker } from "asimov-agents/worker";
import { killedAgent } from "./killed-agent.ts";
import { type Place, storeAt } from "./place.ts";

const [, , text, log] = process.argv as [string, string, string, string];
const agent = killedAgent((taskId, what) => appendFileSync(log, `${JSON.stringify({ at: Date.now(), taskId, what })}\n`));
const worker = new AgentWorker({ agents: [agent], store: storeAt(JSON.parse(text) as Place), onRefused: () => {} });
await worker.start();
process.send?.("started");
