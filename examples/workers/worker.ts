/** A worker process; start as many as you like, on as many machines. */
import { AgentWorker } from "asimov-agents/worker";
import { placeOf } from "./place.ts";
import { reports } from "./reports.ts";

const { store, queue, close } = placeOf(process.env);
const worker = new AgentWorker({ agents: [reports], store, queue, concurrency: 4, stopOn: ["SIGTERM", "SIGINT"], graceMs: 10_000 });
await worker.start();
console.log("ready");
await worker.stopped;
await close();
