/** Every machine of a run in the Stately inspector. Nothing leaves this computer but to the browser that opens the page. */
import { once } from "node:events";
import { Agent, defineModule, Node, Task } from "asimov-agents";
import { statelyInspector } from "asimov-agents/inspect";
import type { AnyActorRef } from "xstate";

const inspector = statelyInspector({ onReady: (url) => console.log("inspector:", url) });
await inspector.url;

const seen = new Set<string>();
const agent = new Agent({
  nodes: ["plan", "write", "check"].map(
    (name, index, all) =>
      new Node({
        name,
        dependencies: all.slice(Math.max(0, index - 1), index),
        modules: [defineModule({ name: "work", process: async () => ({ status: "success", result: name }) })],
      }),
  ),
  // Secrets are masked and long values are cut before the event arrives here.
  inspect: (event) => {
    if (event.type === "@xstate.actor") seen.add((event.actorRef as AnyActorRef).id);
    inspector.inspect(event);
  },
});

const { status } = await agent.runTask(new Task({ type: "demo", objective: "Be looked at" }));
console.log("status:", status);
console.log("actors:", ["agent", "task", "plan", "write", "check"].filter((id) => seen.has(id)).join(", "));

if (process.stdin.isTTY) {
  console.log("The run is kept for whoever opens the page. Press Enter to end.");
  await once(process.stdin, "data");
}
await inspector.stop();
process.stdin.destroy();
