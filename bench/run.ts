/** Runs the benchmarks, prints what they give and writes it as JSON; a wrong result of any contender ends it with exit code 1. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Benchmark, Figure } from "./figure.ts";
import { QUICK, THOROUGH } from "./measure.ts";
import { benchmarkTable, describeMachine, machineLine, verdictTable, withFigures } from "./report.ts";

const USAGE = `npm run bench -- [--quick] [--only NAME,NAME] [--json FILE] [--docs]

  --quick        fewer samples and sizes: a look, not a measurement
  --only NAMES   some of: chain, fan, layers, tasks, loop, growth, history, snapshots, cache, heap, stream, toolchain, streammemory, package
  --json FILE    where the figures go (default bench/results.json)
  --docs         also put the tables into docs/benchmarks.md`;

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What the benchmarks compare with is a package of its own, which the project does not install. */
function installContenders(): void {
  if (["@langchain/langgraph", "ai"].every((name) => existsSync(here(`node_modules/${name}`)))) return;
  const options = { stdio: "inherit", shell: process.platform === "win32" } as const;
  execFileSync("npm", ["ci", "--no-audit", "--no-fund", "--prefix", here(".")], options);
}

async function loadBenchmarks(): Promise<Benchmark[]> {
  const [
    { graphBenchmarks },
    { loopBenchmark },
    { growthBenchmark },
    { snapshotBenchmark },
    { cacheBenchmark },
    { heapBenchmark },
    { streamBenchmark, streamMemoryBenchmark },
    { chainBenchmark },
    { historyBenchmark },
    { packageBenchmark },
  ] = await Promise.all([
    import("./shapes/graphs.ts"),
    import("./shapes/loop.ts"),
    import("./shapes/growth.ts"),
    import("./shapes/snapshots.ts"),
    import("./shapes/cache-operations.ts"),
    import("./shapes/heap.ts"),
    import("./shapes/model-streams.ts"),
    import("./shapes/tool-chains.ts"),
    import("./shapes/history.ts"),
    import("./shapes/package-cost.ts"),
  ]);
  const models = [streamBenchmark, chainBenchmark, streamMemoryBenchmark];
  return [
    ...graphBenchmarks,
    loopBenchmark,
    growthBenchmark,
    historyBenchmark,
    snapshotBenchmark,
    cacheBenchmark,
    heapBenchmark,
    ...models,
    packageBenchmark,
  ];
}

function select(benchmarks: readonly Benchmark[], only: string | undefined): readonly Benchmark[] {
  if (only === undefined) return benchmarks;
  const wanted = only.split(",");
  const unknown = wanted.filter((name) => !benchmarks.some((benchmark) => benchmark.name === name));
  if (unknown.length > 0) throw new Error(`--only: there is no benchmark ${unknown.join(", ")}.\n\n${USAGE}`);
  return benchmarks.filter(({ name }) => wanted.includes(name));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      json: { type: "string", default: here("results.json") },
      docs: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  installContenders();
  const benchmarks = select(await loadBenchmarks(), values.only);
  // Imported late, like the benchmarks: it needs the contenders' names.
  const { verdictsOn } = await import("./targets.ts");
  const machine = describeMachine();
  const sections = [machineLine(machine)];
  console.log(`${sections[0]}\nMedian (lowest–highest).\n`);
  const figures: Figure[] = [];
  for (const benchmark of benchmarks) {
    const measured = await benchmark.run({ sampling: values.quick ? QUICK : THOROUGH, quick: values.quick });
    figures.push(...measured);
    sections.push(benchmarkTable(benchmark, measured));
    console.log(`${sections.at(-1)}\n`);
  }
  const verdicts = verdictsOn(figures);
  if (verdicts.length > 0) sections.push(verdictTable(verdicts));
  console.log(`${verdicts.length > 0 ? sections.at(-1) : ""}\n`);
  writeFileSync(values.json, `${JSON.stringify({ machine, quick: values.quick, figures, targets: verdicts }, undefined, 2)}\n`);
  if (!values.docs) return;
  const document = here("../docs/benchmarks.md");
  writeFileSync(document, withFigures(readFileSync(document, "utf8"), sections.join("\n\n")));
}

try {
  await main();
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
