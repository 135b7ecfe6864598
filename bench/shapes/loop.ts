/** A loop: ours counts in the cache and decides by a Lua condition, LangGraph counts in its state and decides in JavaScript. */

import { Agent, defineModule, FlowControlModule, MemoryCache, Node } from "../../src/index.ts";
import { LANGGRAPH, langgraphLoopTrial } from "../contenders/langgraph.ts";
import { newTask, OURS, UNLIMITED } from "../contenders/ours.ts";
import { type Benchmark, race } from "../figure.ts";
import type { Trial } from "../measure.ts";

const ITERATIONS = 1_000;

function oursLoopTrial(iterations: number): Trial {
  const cache = new MemoryCache();
  const count = defineModule({
    name: "count",
    process: async (context) => ({ status: "success", result: await context.cache.increment("count") }),
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
  const agent = new Agent({ cache, nodes, ...UNLIMITED, outputMailbox: null });
  return {
    contender: OURS,
    async run() {
      const { status, executions } = await agent.runTask(newTask());
      if (status !== "COMPLETE" || executions.count !== iterations || executions.decide !== iterations) {
        throw new Error(`The loop ended as ${status} after ${JSON.stringify(executions)} visits, expected ${iterations} each.`);
      }
    },
    async settle() {
      const counted = await cache.get<number>("count");
      if (counted !== iterations) throw new Error(`The cache counted to ${counted}, expected ${iterations}.`);
      await cache.clear();
    },
  };
}

export const loopBenchmark: Benchmark = {
  name: "loop",
  title: `Loop; ${OURS}: two nodes and a Lua condition; ${LANGGRAPH}: one node and a JavaScript edge`,
  run: ({ sampling }) =>
    race(
      { group: "loop", shape: "loop of 1,000", per: "iteration", count: ITERATIONS },
      [oursLoopTrial(ITERATIONS), langgraphLoopTrial(ITERATIONS)],
      sampling,
    ),
};
