/** A process that owns a run: its second node tells where it is and waits to be stopped; it says how the run ended for it. */
import { Agent, Task } from "asimov-agents";
import { openStore } from "../store/story.ts";
import { ownedNodes } from "./owned-nodes.ts";

const [driver, folder, id, leaseMs] = process.argv.slice(2) as [string, string, string, string];
const store = openStore(driver, folder);
const agent = new Agent({ store, nodes: ownedNodes((line) => console.log(line), true), leaseMs: Number(leaseMs), outputMailbox: "ends" });
const outcome = await agent.start(new Task({ type: "test", objective: "Be owned", id })).outcome.then(
  ({ status }) => status,
  (error: { code: string }) => error.code,
);
console.log(JSON.stringify({ outcome, ends: (await agent.cache.peekMailbox("ends")).length }));
await store.close();
