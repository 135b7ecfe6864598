/** What must not cost more for what a run has become: chains that are passed over, failed roots, added nodes, past plans. Ours alone. */
import { Agent, type AgentModule, type AgentOptions, defineModule, MemorySnapshotStore, Node, type NodeInit } from "../../src/index.ts";
import { newTask, OURS, UNLIMITED } from "../contenders/ours.ts";
import { type Benchmark, type Figure, race } from "../figure.ts";
import { spreadOf, type Trial } from "../measure.ts";
import { nameOf } from "./graph-shape.ts";

const GROUP = "growth";
const shown = (size: number): string => size.toLocaleString("en");

export const GROWING = {
  blocked: [1_000, 10_000].map((size) => `chain of ${shown(size)}, blocked by a failure`),
  skipped: [1_000, 10_000].map((size) => `chain of ${shown(size)}, skipped by a condition`),
  tail: [1_000, 10_000].map((size) => `100 failed roots over a tail of ${shown(size)}`),
  added: [200, 2_000].map((size) => `${shown(size)} nodes, added one at a time`),
  part: [100, 1_000].map((width) => `part \`agent\`, looping over ${shown(width)} nodes`),
} as const;

const SIZES = [1_000, 10_000] as const;

const module = (result: Awaited<ReturnType<AgentModule["process"]>> = { status: "success" }): AgentModule =>
  defineModule({ name: "no-op", process: async () => result as { status: "success" } });

const WORKS = module();
const FAILS = { modules: [module({ status: "error", error: "as it should" })], nodeConfig: { maxRetries: 1 } };

const chainBehind = (names: readonly string[], size: number): Node[] =>
  Array.from(
    { length: size },
    (_, index) => new Node({ name: nameOf(index), modules: [WORKS], dependencies: index === 0 ? [...names] : [nameOf(index - 1)] }),
  );

function behind(roots: number, size: number, init: Omit<NodeInit, "name">): Node[] {
  const nodes = Array.from({ length: roots }, (_, index) => new Node({ ...init, name: `root${index}` }));
  const names = nodes.map(({ name }) => name);
  return [...nodes, ...chainBehind(names, size - 1)];
}

function addingOneAtATime(size: number): Node[] {
  const node = (index: number): Node =>
    new Node({
      name: nameOf(index),
      modules: [
        defineModule({
          name: "add",
          process: async () => ({ status: "success", ...(index + 1 < size ? { newNodes: [node(index + 1)] } : {}) }),
        }),
      ],
    });
  return [node(0)];
}

const options: AgentOptions = { ...UNLIMITED, outputMailbox: null, errorMailbox: null };

/** Checks the status, and how many nodes ran. */
function trialOf(nodes: Node[], status: string, ran: number): Trial {
  const agent = new Agent({ nodes, ...options });
  return {
    contender: OURS,
    async run() {
      const outcome = await agent.runTask(newTask());
      const visited = Object.keys(outcome.executions).length;
      if (outcome.status !== status || visited !== ran) {
        throw new Error(`The task ended as ${outcome.status} with ${visited} nodes visited, expected ${status} with ${ran}.`);
      }
    },
  };
}

/** Bytes that a round adds to the part `agent` of the snapshot before it. */
async function bytesOfRound(width: number, rounds: number): Promise<number> {
  const nodeConfig = { maxVisits: 0 };
  const again = defineModule({
    name: "again",
    process: async ({ node }) => ({ status: "success", decision: node.visit < rounds ? "start" : null }),
  });
  const nodes = [
    new Node({ name: "start", modules: [WORKS], nodeConfig }),
    ...Array.from(
      { length: width },
      (_, index) => new Node({ name: nameOf(index), modules: [WORKS], dependencies: ["start"], nodeConfig }),
    ),
    new Node({ name: "again", modules: [again], dependencies: ["start"], nodeConfig, snapshot: "ALWAYS" }),
  ];
  const snapshotStore = new MemorySnapshotStore({ keep: rounds });
  const { task } = await new Agent({ nodes, ...options, snapshotStore }).runTask(newTask());
  const refs = await snapshotStore.list(task.id);
  if (refs.length !== rounds) throw new Error(`Of ${rounds} snapshots ${refs.length} were kept.`);
  const sizes = await Promise.all(
    [refs[1], refs.at(-1)].map(async (ref) => (await snapshotStore.load(ref ?? "")).parts.get("agent")?.length ?? 0),
  );
  return ((sizes[1] ?? 0) - (sizes[0] ?? 0)) / (rounds - 2);
}

export const growthBenchmark: Benchmark = {
  name: GROUP,
  title: "What must not cost more for what a run has become",
  async run({ sampling }) {
    const figures: Figure[] = [];
    const measure = async (shape: string | undefined, count: number, trial: Trial): Promise<void> => {
      figures.push(...(await race({ group: GROUP, shape: shape ?? "", per: "node", count }, [trial], sampling)));
    };
    for (const [place, size] of SIZES.entries()) {
      await measure(GROWING.blocked[place], size, trialOf(behind(1, size, FAILS), "FAILED", 1));
      const condition = { modules: [WORKS], nodeConfig: { condition: "false" } };
      await measure(GROWING.skipped[place], size, trialOf(behind(1, size, condition), "COMPLETE", 0));
      await measure(GROWING.tail[place], size + 100, trialOf(behind(100, size + 1, FAILS), "FAILED", 100));
    }
    await measure("1,000 failed roots over a tail of 10,000", 11_000, trialOf(behind(1_000, 10_001, FAILS), "FAILED", 1_000));
    for (const [place, size] of [200, 2_000].entries())
      await measure(GROWING.added[place], size, trialOf(addingOneAtATime(size), "COMPLETE", size));
    for (const [place, width] of [100, 1_000].entries()) {
      const spread = spreadOf([await bytesOfRound(width, 50)]);
      figures.push({ group: GROUP, shape: GROWING.part[place] ?? "", contender: OURS, unit: "bytes/round", spread });
    }
    return figures;
  },
};
