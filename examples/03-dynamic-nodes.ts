/** A planner that adds one node for each file it finds in the task; what depends on the planner waits for them too. */
import { Agent, defineModule, Node, Task } from "asimov-agents";

const files = { "main.c": "int main() { return add(1, 2); }", "add.c": "int add(int a, int b) { return a + b; }", "notes.txt": "ship it" };

function measure(file: string): Node {
  const module = defineModule({
    name: "measure",
    process: async ({ task, values }) => {
      const text = (task.params as typeof files)[file as keyof typeof files];
      await values.update<Record<string, number>>("sizes", (sizes = {}) => ({ ...sizes, [file]: text.length }));
      return { status: "success", result: text.length };
    },
  });
  return new Node({ name: `measure ${file}`, modules: [module] });
}

const plan = defineModule({
  name: "plan",
  process: async ({ task }) => {
    const sources = Object.keys(task.params).filter((file) => file.endsWith(".c"));
    return { status: "success", result: sources, newNodes: sources.map(measure) };
  },
});

const sum = defineModule({
  name: "sum",
  process: async ({ values }) => {
    const sizes = Object.values(await values.get<Record<string, number>>("sizes"));
    return { status: "success", result: sizes.reduce((a, b) => a + b) };
  },
});

const agent = new Agent({
  nodes: [new Node({ name: "plan", modules: [plan] }), new Node({ name: "sum", modules: [sum], dependencies: ["plan"] })],
});

const run = agent.start(new Task({ type: "measure", objective: "Measure the sources", params: files }));
for await (const event of run.events()) {
  if (event.type === "nodes.added") console.log("added:", event.nodes.map(({ name }) => name).join(", "));
  if (event.type === "node.started") console.log(`iteration ${event.iteration}:`, event.node);
}
console.log(JSON.stringify((await run.outcome).task.result));
