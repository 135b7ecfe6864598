/** Chain, fan-out and join, layers, and many tasks at once: no-op nodes, so that what is measured is the runtime. */
import { floorTrial } from "../contenders/floor.ts";
import { LANGGRAPH, LANGGRAPH_MAX_NODES, langgraphTrial } from "../contenders/langgraph.ts";
import { oursTrial } from "../contenders/ours.ts";
import { type Benchmark, type Figure, race, type Settings } from "../figure.ts";
import { chain, fanOutAndJoin, type GraphShape, layers, Tally } from "./graph-shape.ts";

interface Row {
  shape: string;
  graph: GraphShape;
  /** Runs of the graph at once. */
  runs?: number;
}

async function measureRow(group: string, { shape, graph, runs = 1 }: Row, { sampling }: Settings): Promise<Figure[]> {
  const nodes = graph.dependencies.length;
  const contenders = [oursTrial, floorTrial, ...(nodes > LANGGRAPH_MAX_NODES ? [] : [langgraphTrial])];
  const trials = contenders.map((contender) => contender(graph, new Tally(graph), runs));
  const about = runs > 1 ? { per: "task", count: runs } : { per: "node", count: nodes };
  const figures = await race({ group, shape, ...about }, trials, sampling);
  if (nodes <= LANGGRAPH_MAX_NODES) return figures;
  return [...figures, { group, shape, contender: LANGGRAPH, unit: "µs/node", note: "not run" }];
}

function graphBenchmark(name: string, title: string, rows: readonly Row[]): Benchmark {
  return {
    name,
    title,
    async run(settings) {
      const figures: Figure[] = [];
      for (const row of rows) figures.push(...(await measureRow(name, row, settings)));
      return figures;
    },
  };
}

const SIZES = [10, 100, 1_000, 10_000];
const shown = (size: number): string => size.toLocaleString("en");

export const graphBenchmarks: readonly Benchmark[] = [
  graphBenchmark(
    "chain",
    "Chain of no-op nodes",
    SIZES.map((size) => ({ shape: `chain of ${shown(size)}`, graph: chain(size) })),
  ),
  graphBenchmark(
    "fan",
    "Fan-out and join of no-op nodes",
    SIZES.map((size) => ({ shape: `fan-out of ${shown(size)} and join`, graph: fanOutAndJoin(size) })),
  ),
  graphBenchmark("layers", "Layers, each node after the whole layer before", [{ shape: "10 layers of 100", graph: layers(100, 10) }]),
  graphBenchmark("tasks", "Tasks at once, each a chain of 5", [{ shape: "1,000 tasks at once", graph: chain(5), runs: 1_000 }]),
];
