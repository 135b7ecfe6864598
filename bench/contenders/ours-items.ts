/** Items of one node beside as many nodes, and what one that ends costs to store. */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { Agent, defineModule, MemoryStore, Node } from "../../src/index.ts";
import { Tally } from "../shapes/graph-shape.ts";
import type { Trial } from "../trial.ts";
import { newTask, noOpNodes, UNLIMITED } from "./ours.ts";
import { type Kind, storeIn } from "./ours-stores.ts";

export type Parts = "items" | "nodes";

const shapeOf = (size: number) => ({ dependencies: Array.from({ length: size }, () => []), before: Array<number>(size).fill(0) });

const eachOf = (visit: (index: number) => void, maxParallelItems = Number.POSITIVE_INFINITY): Node => {
  const module = defineModule({
    name: "no-op",
    process: async ({ item }) => {
      visit(item as number);
      return { status: "success" };
    },
  });
  return new Node({ name: "each", forEach: "list", modules: [module], nodeConfig: { maxParallelItems } });
};

async function runOnce(agent: Agent, size: number): Promise<void> {
  const list = Array.from({ length: size }, (_, index) => index);
  const { status, errors } = await agent.runTask(newTask(), { values: { list } });
  if (status !== "COMPLETE") throw new Error(`The task ended as ${status}: ${errors[0]?.error}`);
}

/** All at once. */
export function itemsTrial(parts: Parts, size: number, isStored: boolean): Trial {
  const shape = shapeOf(size);
  const tally = new Tally(shape);
  const snapshot = isStored ? "ALWAYS" : "NEVER";
  const nodes = parts === "items" ? [eachOf((index) => tally.visit(index))] : noOpNodes(shape, tally, snapshot);
  return {
    run: () => runOnce(new Agent({ nodes, ...UNLIMITED, ...(isStored ? { store: new MemoryStore() } : {}), snapshot }), size),
    settle: () => tally.settle(),
  };
}

const SHORT = 100;
const ROUNDS = 11;

/** Microseconds from one item to the next, each stored before the next begins: of short lists, after those that warm up, and of a long one. */
export async function itemCommits(kind: Kind, folder: string, size: number): Promise<{ short: number[]; long: number }> {
  const store = storeIn(kind, mkdtempSync(join(folder, `${kind}-`)), { fsync: false });
  const once = async (count: number): Promise<number> => {
    const at: number[] = [];
    const agent = new Agent({ nodes: [eachOf(() => at.push(performance.now()), 1)], ...UNLIMITED, store, snapshot: "ALWAYS" });
    await runOnce(agent, count);
    if (at.length !== count) throw new Error(`Of ${count} items ${at.length} ran.`);
    return (((at.at(-1) as number) - (at[0] as number)) * 1_000) / (count - 1);
  };
  await once(size / 10);
  const short: number[] = [];
  for (let round = 0; round < ROUNDS; round++) short.push(await once(SHORT));
  const long = await once(size);
  await store.close();
  return { short, long };
}
