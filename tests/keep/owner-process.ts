/** A process that owns a run in SQLite: its second node tells where it is and waits to be stopped; it says how the run ended for it. */
import { Agent, Task } from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import { ownedNodes } from "./owned-nodes.ts";

const [file, id, leaseMs] = process.argv.slice(2) as [string, string, string];
const store = new SqliteStore({ file });
const agent = new Agent({ store, nodes: ownedNodes((line) => console.log(line), true), leaseMs: Number(leaseMs), outputMailbox: "ends" });
const outcome = await agent.start(new Task({ type: "test", objective: "Be owned", id })).outcome.then(
  ({ status }) => status,
  (error: { code: string }) => error.code,
);
console.log(JSON.stringify({ outcome, ends: (await agent.cache.peekMailbox("ends")).length }));
await store.close();
