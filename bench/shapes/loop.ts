/** A loop: ours counts among the run's values and decides by a Lua condition, LangGraph counts in its state and decides in JavaScript. */
import { type Benchmark, race } from "../figure.ts";
import { racer } from "../jobs.ts";
import { LANGGRAPH, OURS } from "../names.ts";

const ITERATIONS = 1_000;

export const loopBenchmark: Benchmark = {
  name: "loop",
  title: `Loop; ${OURS}: two nodes and a Lua condition; ${LANGGRAPH}: one node and a JavaScript edge`,
  run: ({ sampling }) =>
    race(
      { group: "loop", shape: "loop of 1,000", per: "iteration", count: ITERATIONS },
      [racer(OURS, "oursLoop", ITERATIONS), racer(LANGGRAPH, "langgraphLoop", ITERATIONS)],
      sampling,
    ),
};
