/** Compares what shapes cost two checkouts: in turns, each sample in a process of its own, in time of the processor, which other work disturbs least. */
import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { spreadOf } from "./measure.ts";
import { chain, fanOutAndJoin, type GraphShape, layers, nameOf } from "./shapes/graph-shape.ts";

const USAGE = `npm run bench:compare -- OLD NEW [--only NAME,NAME] [--rounds N]

  OLD, NEW       folders of two checkouts, each with its own node_modules
  --only NAMES   some of: SHAPES (default all)
  --rounds N     samples of each shape of each checkout (default 7)`;

type Library = typeof import("../src/index.ts");

interface Shape {
  /** The graph, of no-op nodes but for what `special` says of some. */
  graph: GraphShape;
  special?(library: Library, index: number): object;
  status?: string;
}

const failing = ({ defineModule }: Library): object => ({
  modules: [defineModule({ name: "bad", process: async () => ({ status: "error", error: "as it should" }) })],
  nodeConfig: { maxRetries: 1 },
});

const jumping = ({ defineModule }: Library): object => ({
  modules: [
    defineModule({
      name: "again",
      process: async ({ node }) => ({ status: "success", decision: node.visit < 500 ? nameOf(0) : null }),
    }),
  ],
  nodeConfig: { maxVisits: 0 },
});

const SHAPES: Record<string, Shape> = {
  "chain-10": { graph: chain(10) },
  "chain-1000": { graph: chain(1_000) },
  "fan-1000": { graph: fanOutAndJoin(1_000) },
  "layers-10x100": { graph: layers(100, 10) },
  "saved-chain-100": { graph: chain(100), special: () => ({ snapshot: "ALWAYS" }) },
  "loop-500": { graph: chain(2), special: (library, index) => (index === 1 ? jumping(library) : { nodeConfig: { maxVisits: 0 } }) },
  "blocked-1000": { graph: chain(1_000), special: (library, index) => (index === 0 ? failing(library) : {}), status: "FAILED" },
};

const WARM_UP_MS = 500;
const SAMPLES_MS = 700;
/** Of a sample: shorter runs are repeated in it, since the processor's time is counted in coarse steps. */
const LEAST_MS = 30;

/** In the child: milliseconds of the processor for one run of a shape by the library of a checkout. */
async function sampleOf(folder: string, name: string): Promise<number> {
  const library = (await import(pathToFileURL(resolve(folder, "src/index.ts")).href)) as Library;
  const { Agent, MemoryStore, Node, Task, defineModule } = library;
  const { graph, special = () => ({}), status = "COMPLETE" } = SHAPES[name] as Shape;
  const modules = [defineModule({ name: "no-op", process: async () => ({ status: "success" }) })];
  const nodes = graph.dependencies.map(
    (before, index) => new Node({ name: nameOf(index), modules, dependencies: before.map(nameOf), ...special(library, index) }),
  );
  const limits = { maxConcurrentTasks: Number.POSITIVE_INFINITY, maxTotalIterations: Number.POSITIVE_INFINITY };
  const agent = new Agent({
    nodes,
    ...limits,
    outputMailbox: null,
    errorMailbox: null,
    store: new MemoryStore({ keep: 10 }),
    snapshot: "NEVER",
  });
  const run = async (): Promise<void> => {
    const outcome = await agent.runTask(new Task({ type: "bench", objective: "Run" }));
    if (outcome.status !== status) throw new Error(`${name}: the task ended as ${outcome.status}, expected ${status}.`);
  };
  for (const startedAt = performance.now(); performance.now() - startedAt < WARM_UP_MS; ) await run();
  const samples: number[] = [];
  for (const startedAt = performance.now(); samples.length < 5 || performance.now() - startedAt < SAMPLES_MS; ) {
    const before = process.cpuUsage();
    let runs = 0;
    for (let used = 0; used < LEAST_MS; runs++) {
      await run();
      const { user, system } = process.cpuUsage(before);
      used = (user + system) / 1_000;
    }
    const { user, system } = process.cpuUsage(before);
    samples.push((user + system) / 1_000 / runs);
  }
  return medianOf(samples);
}

const medianOf = (values: readonly number[]): number => spreadOf(values).median;

function sampleApart(folder: string, name: string): number {
  const args = ["--conditions=asimov-source", fileURLToPath(import.meta.url), "--sample", name, folder];
  return Number(execFileSync(process.execPath, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }));
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { only: { type: "string" }, rounds: { type: "string", default: "7" }, sample: { type: "string" } },
  });
  const [old, now] = positionals;
  if (values.sample !== undefined) return console.log(await sampleOf(old as string, values.sample));
  const rounds = Number(values.rounds);
  const names = values.only?.split(",") ?? Object.keys(SHAPES);
  if (old === undefined || now === undefined || !(rounds >= 1) || !names.every((name) => Object.hasOwn(SHAPES, name))) {
    throw new Error(USAGE.replace("SHAPES", Object.keys(SHAPES).join(", ")));
  }
  for (const name of names) {
    const samples: { old: number; now: number }[] = [];
    for (let round = 0; round < rounds; round++) {
      // Who is first changes each round: a machine that gets slower or faster favours neither.
      const first = round % 2 === 0 ? sampleApart(old, name) : undefined;
      const second = sampleApart(now, name);
      samples.push({ old: first ?? sampleApart(old, name), now: second });
    }
    // Of ratios of samples that follow each other, which a busy machine disturbs less than the ratio of medians.
    const ratio = medianOf(samples.map((sample) => sample.now / sample.old)).toFixed(3);
    const [before, after] = [medianOf(samples.map((sample) => sample.old)), medianOf(samples.map((sample) => sample.now))];
    console.log(`${name.padEnd(18)} ${before.toFixed(2).padStart(9)} ms → ${after.toFixed(2).padStart(9)} ms, × ${ratio}`);
  }
}

await main();
