/** Chain, fan-out and join, layers, whole runs and many tasks at once: no-op nodes, so that what is measured is the runtime. */
import { type Benchmark, type Figure, race, type Settings } from "../figure.ts";
import { type Racer, racer } from "../jobs.ts";
import { EFFECT, FLOOR, LANGGRAPH, MASTRA, OURS } from "../names.ts";
import { type GraphSpec, graphOf } from "./graph-shape.ts";

interface Row {
  shape: string;
  graph: GraphSpec;
  /** Runs of the graph at once. */
  runs?: number;
  /** What the cost is shared among; nodes, unless it is said. */
  per?: "run" | "task";
}

/** More take minutes for a run: of 10,000 nodes LangGraph.js's took 60 s in a chain, and 90 s side by side. */
const MOST_NODES = 1_001;
const LIMITED = [MASTRA, LANGGRAPH];

function racersOf({ graph, runs = 1 }: Row): Racer[] {
  return [
    racer(OURS, "ours", graph, runs),
    racer(FLOOR, "floor", graph, runs),
    racer(EFFECT, "effect", graph, runs),
    racer(MASTRA, "mastra", graph, runs),
    racer(LANGGRAPH, "langgraph", graph, runs),
  ];
}

async function measureRow(group: string, row: Row, { sampling }: Settings): Promise<Figure[]> {
  const { shape, graph, runs = 1, per = "node" } = row;
  const nodes = graphOf(graph).dependencies.length;
  const isLeftOut = ({ contender }: Racer): boolean => nodes > MOST_NODES && LIMITED.includes(contender);
  const racers = racersOf(row);
  const about = { group, shape, per, count: per === "node" ? nodes : runs };
  const figures = await race(
    about,
    racers.filter((one) => !isLeftOut(one)),
    sampling,
  );
  const leftOut = racers
    .filter(isLeftOut)
    .map(({ contender }): Figure => ({ group, shape, contender, unit: `µs/${per}`, note: "not run" }));
  return [...figures, ...leftOut];
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
    SIZES.map((size) => ({ shape: `chain of ${shown(size)}`, graph: ["chain", size] })),
  ),
  graphBenchmark(
    "fan",
    "Fan-out and join of no-op nodes",
    SIZES.map((size) => ({ shape: `fan-out of ${shown(size)} and join`, graph: ["fan", size] })),
  ),
  graphBenchmark(
    "runs",
    "Whole runs of short chains",
    [5, 50].map((size) => ({ shape: `run of a chain of ${size}`, graph: ["chain", size], per: "run" })),
  ),
  graphBenchmark("layers", "Layers, each node after the whole layer before", [{ shape: "10 layers of 100", graph: ["layers", 100, 10] }]),
  graphBenchmark("tasks", "Tasks at once, each a chain of 5", [
    { shape: "1,000 tasks at once", graph: ["chain", 5], runs: 1_000, per: "task" },
  ]),
];
