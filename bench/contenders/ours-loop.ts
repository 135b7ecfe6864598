/** A loop of two nodes: one counts among the run's values, and a flow control decides by a Lua condition. */
import { Agent, defineModule, FlowControlModule, Node } from "../../src/index.ts";
import type { Trial } from "../trial.ts";
import { newTask, UNLIMITED } from "./ours.ts";

export function loopTrial(iterations: number): Trial {
  const count = defineModule({
    name: "count",
    process: async (context) => ({ status: "success", result: await context.values.increment("count") }),
  });
  const again = new FlowControlModule({
    name: "again",
    flowConfig: { decisions: [{ nextNode: "count", condition: `count < ${iterations}` }] },
  });
  const nodeConfig = { maxVisits: 0 };
  const nodes = [
    new Node({ name: "count", modules: [count], nodeConfig }),
    new Node({ name: "decide", modules: [again], nodeConfig, dependencies: ["count"] }),
  ];
  const agent = new Agent({ nodes, ...UNLIMITED });
  let counted: unknown;
  return {
    async run() {
      const { status, executions, results } = await agent.runTask(newTask());
      if (status !== "COMPLETE" || executions.count !== iterations || executions.decide !== iterations) {
        throw new Error(`The loop ended as ${status} after ${JSON.stringify(executions)} visits, expected ${iterations} each.`);
      }
      counted = results.count;
    },
    async settle() {
      if (counted !== iterations) throw new Error(`The run counted to ${counted}, expected ${iterations}.`);
    },
  };
}
