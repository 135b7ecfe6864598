/** A process that runs the graph, or goes on with it, tells each module before it works and each event, and prints the end; it lives until it is killed or done. */
import { RunError } from "asimov-agents";
import { openStore } from "../store/story.ts";
import { endOf, newTask, TASK_ID } from "./fixture.ts";
import { killedAgent } from "./killed-graph.ts";

const [driver, folder] = process.argv.slice(2) as [string, string];
const store = openStore(driver, folder, { keep: 10_000, keepEvents: 10_000 });
const agent = killedAgent(store, ({ key, place }) => console.log(JSON.stringify({ key, place })));

async function goOn() {
  try {
    return await agent.resume(TASK_ID);
  } catch (error) {
    // Killed before there was anything to go on with.
    if (error instanceof RunError && error.code === "run-not-found") return agent.start(newTask());
    throw error;
  }
}

const run = await goOn();
run.actor.on("*", ({ seq }) => console.log(JSON.stringify({ seq })));
const outcome = await run.outcome;
const { values } = run;
const mailboxes: Record<string, unknown> = {};
for (const name of await values.mailboxes()) mailboxes[name] = await values.peekMailbox(name);
console.log(JSON.stringify({ end: endOf(agent, outcome), values: await values.getAll(), mailboxes }));
await store.close();
