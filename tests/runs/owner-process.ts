/**
 * A process that owns a run, begun or resumed, until it ends, is parked or is killed. It says the key of each module that runs, and at
 * the end how the run ended for it and the picture that it has.
 */
import { Agent, type AgentRun, Task } from "asimov-agents";
import { openStore } from "../store/story.ts";
import { asksFor, type Graph } from "./owner-graphs.ts";

const [driver, place, taskId, graph, how] = process.argv.slice(2) as [string, string, string, Graph, "start" | "resume"];
const store = openStore(driver, place, { keep: 10_000, keepEvents: 10_000 });
const { nodes, parks } = asksFor(graph, (line) => console.log(line));
// No lease runs out in a test.
const agent = new Agent({ name: "elsewhere", store, nodes, leaseMs: 3_600_000 });
const run: AgentRun =
  how === "resume"
    ? await agent.resume(taskId)
    : agent.start(new Task({ id: taskId, type: "test", objective: "Be seen from outside", labels: { graph } }));
void parks?.then(() => run.park());
const outcome = await run.outcome.then(
  ({ status, task }) => ({ status, error: task.error }),
  ({ code }: { code: string }) => ({ code }),
);
console.log(JSON.stringify({ outcome, view: run.view() }));
await store.close();
