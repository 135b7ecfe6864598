/** A generation for every node of a chain, all of them kept. */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { Agent, type Task } from "../../src/index.ts";
import { bytesIn } from "../on-disk.ts";
import { chain, Tally } from "../shapes/graph-shape.ts";
import type { Trial } from "../trial.ts";
import { newTask, noOpNodes, runOnce, UNLIMITED } from "./ours.ts";
import { type Kind, storeIn } from "./ours-stores.ts";

const KEEP = 100_000;

/** @param folder where the store gets a folder of its own */
function savingOn(size: number, kind: Kind, folder: string) {
  const place = mkdtempSync(join(folder, `${kind}-`));
  const shape = chain(size);
  const tally = new Tally(shape);
  const store = storeIn(kind, place, { keep: KEEP });
  const agent = new Agent({ nodes: noOpNodes(shape, tally, "ALWAYS"), ...UNLIMITED, store });
  const run = (task: Task): Promise<void> => runOnce(agent, task);
  /** Checks that each node has its generation; gives the bytes of them all. */
  async function settle(taskId: string): Promise<number> {
    tally.settle();
    const entries = await store.generations(taskId, { limit: KEEP });
    if (entries.length <= size) throw new Error(`Of ${size} nodes ${entries.length} generations were kept.`);
    const newest = await store.load(taskId);
    const stored = [...(newest?.parts.keys() ?? [])].filter((name) => name.startsWith("node/")).length;
    if (stored !== size) throw new Error(`The end holds ${stored} of ${size} nodes.`);
    return entries.reduce((sum, { bytes }) => sum + bytes, 0);
  }
  return { place, store, run, settle };
}

export function savingTrial(size: number, kind: Kind, folder: string): Trial {
  const { store, run, settle } = savingOn(size, kind, folder);
  let task = newTask();
  return {
    run: () => run(task),
    async settle() {
      await settle(task.id);
      await store.remove(task.id);
      task = newTask();
    },
  };
}

/** Bytes that a run leaves for a node: in memory those of its generations, on the disk those of its files. */
export async function savedBytes(size: number, kind: Kind, folder: string): Promise<number> {
  const { place, store, run, settle } = savingOn(size, kind, folder);
  const task = newTask();
  await run(task);
  const kept = await settle(task.id);
  await store.close();
  return (kind === "MemoryStore" ? kept : bytesIn(place)) / size;
}
