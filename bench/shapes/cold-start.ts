/** What cold processes cost: time and memory of a library's import, and the time from the start of a process to the end of a first node. */
import { fileURLToPath } from "node:url";
import manifest from "../../package.json" with { type: "json" };
import type { Figure } from "../figure.ts";
import { spreadOf } from "../measure.ts";
import { BARE_NODE, LANGGRAPH, MASTRA, OURS } from "../names.ts";
import { run } from "./user-project.ts";

const bench = fileURLToPath(new URL("..", import.meta.url));

/** What a user's script says, where `ended` notes that the node has done its work. */
interface Script {
  contender: string;
  /** Where the package is installed. */
  cwd: string;
  load: string;
  firstNode: string;
}

const scripts = (project: string): readonly Script[] => [
  { contender: OURS, cwd: project, load: `await import("${manifest.name}")`, firstNode: OURS_NODE },
  { contender: BARE_NODE, cwd: bench, load: "{}", firstNode: "await (async () => ended())();" },
  { contender: LANGGRAPH, cwd: bench, load: `await import("@langchain/langgraph")`, firstNode: LANGGRAPH_NODE },
  { contender: MASTRA, cwd: bench, load: `await import("@mastra/core/workflows")`, firstNode: MASTRA_NODE },
];

const OURS_NODE = `
const { Agent, Node, Task, defineModule } = library;
const work = defineModule({ name: "no-op", process: async () => { ended(); return { status: "success" }; } });
const agent = new Agent({ nodes: [new Node({ name: "n0", modules: [work] })] });
const { status } = await agent.runTask(new Task({ type: "bench", objective: "Run" }));
if (status !== "COMPLETE") throw new Error(status);`;

const LANGGRAPH_NODE = `
const { Annotation, StateGraph, START, END } = library;
const count = Annotation({ reducer: (_, next) => next, default: () => 0 });
const graph = new StateGraph(Annotation.Root({ count })).addNode("n0", async () => { ended(); return {}; });
await graph.addEdge(START, "n0").addEdge("n0", END).compile().invoke({});`;

const MASTRA_NODE = `
const { createWorkflow, createStep } = library;
const { z } = await import("zod");
const schemas = { inputSchema: z.any(), outputSchema: z.any() };
const step = createStep({ id: "n0", ...schemas, execute: async () => { ended(); return {}; } });
const workflow = createWorkflow({ id: "bench", ...schemas }).then(step);
workflow.commit();
const { status } = await (await workflow.createRun()).start({ inputData: {} });
if (status !== "success") throw new Error(status);`;

interface Cost {
  importMs: number;
  rssMB: number;
  firstNodeMs: number;
}

const inProcess = async (cwd: string, script: string): Promise<Partial<Cost>> => {
  const text = await run(process.execPath, ["--input-type=module", "--eval", script], { cwd });
  return JSON.parse(text) as Partial<Cost>;
};

/** In two processes. Memory is read right after the import: what a process uses later is not the import's. */
async function costOf({ cwd, load, firstNode }: Script): Promise<Cost> {
  const imported = `const at = performance.now(); const library = ${load}; const importMs = performance.now() - at;
if (library === undefined) throw new Error("nothing was imported");
console.log(JSON.stringify({ importMs, rssMB: process.memoryUsage.rss() / 1_000_000 }));`;
  // The clock starts with the process.
  const first = `let firstNodeMs; const ended = () => { firstNodeMs = performance.now(); }; const library = ${load}; ${firstNode}
console.log(JSON.stringify({ firstNodeMs })); process.exit();`;
  return { ...(await inProcess(cwd, imported)), ...(await inProcess(cwd, first)) } as Cost;
}

export const IMPORT = "import";
export const IMPORT_MEMORY = "memory of the import, over bare Node";
export const FIRST_NODE = "cold process to the end of its first node";

/** In turns; the first of each fills the disk's cache. */
export async function coldFigures(project: string, rounds: number): Promise<Figure[]> {
  const costs = scripts(project).map((script) => ({ script, samples: [] as Cost[] }));
  for (let round = -1; round < rounds; round++) {
    for (const { script, samples } of costs) {
      const cost = await costOf(script);
      if (round >= 0) samples.push(cost);
    }
  }
  const bare = costs.find(({ script }) => script.contender === BARE_NODE)?.samples ?? [];
  const bareMB = spreadOf(bare.map(({ rssMB }) => rssMB)).median;
  const figures = (shape: string, unit: string, read: (cost: Cost) => number): Figure[] =>
    costs.map(({ script: { contender }, samples }) => ({
      group: "package",
      shape,
      contender,
      unit,
      spread: spreadOf(samples.map(read)),
    }));
  const isLibrary = ({ contender }: Figure): boolean => contender !== BARE_NODE;
  return [
    ...figures(IMPORT, "ms", ({ importMs }) => importMs).filter(isLibrary),
    ...figures(IMPORT_MEMORY, "MB", ({ rssMB }) => rssMB - bareMB).filter(isLibrary),
    ...figures(FIRST_NODE, "ms", ({ firstNodeMs }) => firstNodeMs),
  ];
}
