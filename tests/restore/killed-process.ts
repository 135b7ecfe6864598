/** A process that runs the graph, or goes on from its newest snapshot, and kills itself where it is told to; prints its end. */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { FileStore } from "asimov-agents";
import { endOf, newTask, TASK_ID } from "./fixture.ts";
import { killedAgent } from "./killed-graph.ts";

const [mode, directory, log, killAt] = process.argv.slice(2) as [string, string, string, string | undefined];
const agent = killedAgent(new FileStore({ dir: directory, fsync: false }), ({ key, place }) => {
  appendFileSync(log, `${place} ${key}\n`);
  if (place === killAt) process.kill(process.pid, "SIGKILL");
});
const run = mode === "run" ? agent.start(newTask()) : await agent.startFromSnapshot(join(directory, TASK_ID));
const outcome = await run.outcome;
const { values } = run;
const mailboxes: Record<string, unknown> = {};
for (const name of await values.mailboxes()) mailboxes[name] = await values.peekMailbox(name);
console.log(JSON.stringify({ end: endOf(agent, outcome), values: await values.getAll(), mailboxes }));
