/** Chains that are passed over, failed roots, added nodes, past plans. */
import { Agent, type AgentModule, type AgentOptions, defineModule, MemoryStore, Node, type NodeInit } from "../../src/index.ts";
import { nameOf } from "../shapes/graph-shape.ts";
import type { Trial } from "../trial.ts";
import { newTask, UNLIMITED } from "./ours.ts";

export type Growing = "blocked" | "skipped" | "added";

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

const options: AgentOptions = { ...UNLIMITED };

/** Checks the status, and how many nodes ran. */
function trialOf(nodes: Node[], status: string, ran: number): Trial {
  const agent = new Agent({ nodes, ...options });
  return {
    async run() {
      const outcome = await agent.runTask(newTask());
      const visited = Object.keys(outcome.executions).length;
      if (outcome.status !== status || visited !== ran) {
        throw new Error(`The task ended as ${outcome.status} with ${visited} nodes visited, expected ${status} with ${ran}.`);
      }
    },
  };
}

/** What becomes of a graph of so many nodes, behind so many that fail. */
export function growthTrial(kind: Growing, size: number, roots = 1): Trial {
  if (kind === "added") return trialOf(addingOneAtATime(size), "COMPLETE", size);
  if (kind === "blocked") return trialOf(behind(roots, size, FAILS), "FAILED", roots);
  return trialOf(behind(roots, size, { modules: [WORKS], nodeConfig: { condition: "false" } }), "COMPLETE", 0);
}

/** Bytes that a round adds to the part `agent` of the snapshot before it. */
export async function bytesOfRound(width: number, rounds: number): Promise<number> {
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
  const store = new MemoryStore({ keep: 100 * rounds });
  const { task } = await new Agent({ nodes, ...options, store, snapshot: "NEVER" }).runTask(newTask());
  const entries = (await store.generations(task.id, { limit: 100 * rounds })).reverse();
  if (entries.length < rounds) throw new Error(`Of ${rounds} rounds ${entries.length} generations were kept.`);
  const sizes = await Promise.all(
    [entries[1], entries.at(-2)].map(async (entry) => String((await store.load(task.id, entry?.generation))?.parts.get("agent")).length),
  );
  return ((sizes[1] ?? 0) - (sizes[0] ?? 0)) / (rounds - 2);
}
