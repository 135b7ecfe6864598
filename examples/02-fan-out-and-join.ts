/** Three branches at once; one fails, and the outcome says exactly what of it is good: PARTIAL. */
import { Agent, defineModule, Node, NonRetryableError, Task } from "asimov-agents";

const sales: Record<string, string> = { north: "120 80 95", south: "n/a", east: "60 75" };

/** Adds up one region's numbers. */
function sumOf(region: string): Node {
  const sum = defineModule({
    name: "sum",
    process: async () => {
      const numbers = (sales[region] as string).split(" ").map(Number);
      // Another attempt would read the same line again: fail at once, whatever `maxRetries` says.
      if (numbers.some(Number.isNaN)) throw new NonRetryableError(`the line of ${region} is no list of numbers: "${sales[region]}"`);
      return { status: "success", result: numbers.reduce((a, b) => a + b) };
    },
  });
  return new Node({ name: region, modules: [sum] });
}

/** Runs when all its dependencies have succeeded. */
function report(name: string, regions: string[]): Node {
  const add = defineModule({
    name: "add",
    process: async ({ results }) => {
      const totals = regions.map((region) => results[region] as number);
      return { status: "success", result: totals.reduce((a, b) => a + b) };
    },
  });
  return new Node({ name, modules: [add], dependencies: regions });
}

const agent = new Agent({
  nodes: [
    sumOf("north"),
    sumOf("south"),
    sumOf("east"),
    report("north and east", ["north", "east"]),
    report("country", ["north", "south", "east"]),
  ],
});

const outcome = await agent.runTask(new Task({ type: "report", objective: "Add up the sales" }));

console.log("status:", outcome.status);
for (const [name, node] of Object.entries(outcome.nodes)) {
  console.log(`${name}: ${node.status === "success" ? outcome.results[name] : node.error}`);
}
// The failed node with all that depends on it; everything else can be used.
console.log("failed chains:", JSON.stringify(outcome.failedChains));
