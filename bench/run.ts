/** Runs the benchmarks, prints what they give and writes it as JSON; a wrong result of any contender ends it with exit code 1. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Benchmark, Figure } from "./figure.ts";
import { QUICK, THOROUGH } from "./measure.ts";
import manifest from "./package.json" with { type: "json" };
import { benchmarkTable, describeMachine, machineLine, verdictTable, versionOf, withFigures, withSomeFigures } from "./report.ts";
import { awayBenchmark } from "./shapes/away.ts";
import { branchesBenchmark } from "./shapes/branches.ts";
import { cacheBenchmark } from "./shapes/cache-operations.ts";
import { chainStreamBenchmark } from "./shapes/chain-streams.ts";
import { checkBenchmark } from "./shapes/checks.ts";
import { durableBenchmark } from "./shapes/durable.ts";
import { foundBenchmark } from "./shapes/found.ts";
import { generationsBenchmark } from "./shapes/generations.ts";
import { graphBenchmarks } from "./shapes/graphs.ts";
import { growthBenchmark } from "./shapes/growth.ts";
import { heapBenchmark } from "./shapes/heap.ts";
import { heldBenchmark } from "./shapes/held.ts";
import { historyBenchmark } from "./shapes/history.ts";
import { itemsBenchmark } from "./shapes/items.ts";
import { loopBenchmark } from "./shapes/loop.ts";
import { streamBenchmark, streamMemoryBenchmark } from "./shapes/model-streams.ts";
import { packageBenchmark } from "./shapes/package-cost.ts";
import { parkedBenchmark } from "./shapes/parked.ts";
import { residentBenchmark } from "./shapes/resident.ts";
import { restoreBenchmark } from "./shapes/restore.ts";
import { serversBenchmark } from "./shapes/servers.ts";
import { snapshotBenchmark } from "./shapes/snapshots.ts";
import { chainBenchmark } from "./shapes/tool-chains.ts";
import { workersBenchmark } from "./shapes/workers.ts";
import { verdictsOn } from "./targets.ts";

const BENCHMARKS: readonly Benchmark[] = [
  ...graphBenchmarks,
  loopBenchmark,
  branchesBenchmark,
  heldBenchmark,
  growthBenchmark,
  itemsBenchmark,
  historyBenchmark,
  snapshotBenchmark,
  generationsBenchmark,
  durableBenchmark,
  restoreBenchmark,
  foundBenchmark,
  parkedBenchmark,
  awayBenchmark,
  serversBenchmark,
  workersBenchmark,
  cacheBenchmark,
  heapBenchmark,
  residentBenchmark,
  streamBenchmark,
  chainStreamBenchmark,
  chainBenchmark,
  checkBenchmark,
  streamMemoryBenchmark,
  packageBenchmark,
];

const USAGE = `npm run bench -- [--quick] [--only NAME,NAME] [--json FILE] [--docs]

  --quick        fewer samples and sizes: a look, not a measurement
  --only NAMES   some of: ${BENCHMARKS.map(({ name }) => name).join(", ")}
  --json FILE    where the figures go (default bench/results.json)
  --docs         also put the tables into docs/benchmarks.md, with --only in place of those of the same names`;

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What the benchmarks compare with is a package of its own, which the project does not install. */
function installContenders(): void {
  const isInstalled = ([name, version]: [string, string]): boolean => {
    const installed = here(`node_modules/${name}/package.json`);
    return existsSync(installed) && versionOf(installed) === version;
  };
  if (Object.entries(manifest.dependencies).every(isInstalled)) return;
  const options = { stdio: "inherit", shell: process.platform === "win32" } as const;
  // Nothing of it that is used is compiled where it is installed.
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", here(".")], options);
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
  const benchmarks = select(BENCHMARKS, values.only);
  const machine = describeMachine();
  const tables: string[] = [];
  console.log(`${machineLine(machine)}\nMedian (lowest–highest).\n`);
  const figures: Figure[] = [];
  for (const benchmark of benchmarks) {
    const measured = await benchmark.run({ sampling: values.quick ? QUICK : THOROUGH, quick: values.quick });
    figures.push(...measured);
    tables.push(benchmarkTable(benchmark, measured));
    console.log(`${tables.at(-1)}\n`);
  }
  const verdicts = verdictsOn(figures);
  console.log(`${verdicts.length > 0 ? verdictTable(verdicts) : ""}\n`);
  writeFileSync(values.json, `${JSON.stringify({ machine, quick: values.quick, figures, targets: verdicts }, undefined, 2)}\n`);
  if (!values.docs) return;
  const document = here("../docs/benchmarks.md");
  const before = readFileSync(document, "utf8");
  const all = [machineLine(machine), ...tables, verdictTable(verdicts)].join("\n\n");
  writeFileSync(document, values.only === undefined ? withFigures(before, all) : withSomeFigures(before, { machine, tables, verdicts }));
}

try {
  await main();
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
