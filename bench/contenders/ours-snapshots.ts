/** A snapshot before every node of a chain, in memory or on disk. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Agent, FileStore, MemoryStore, type RunStore } from "../../src/index.ts";
import { chain, Tally } from "../shapes/graph-shape.ts";
import type { Trial } from "../trial.ts";
import { newTask, noOpNodes, runOnce, UNLIMITED } from "./ours.ts";

interface Kept {
  store: RunStore;
  remove(): Promise<void>;
}

/** Where snapshots go: to memory, or to a new folder for each run. */
export type Place = { in: "memory" } | { in: string; fsync: boolean };

const KEEP = 100_000;

let runs = 0;

function newStore(place: Place): Kept {
  if (!("fsync" in place)) return { store: new MemoryStore({ keep: KEEP }), remove: async () => {} };
  const directory = join(place.in, `${process.pid}-${runs++}`);
  return { store: new FileStore({ dir: directory, fsync: place.fsync, keep: KEEP }), remove: () => rm(directory, { recursive: true }) };
}

export function savingTrial(size: number, place: Place): Trial {
  const shape = chain(size);
  const tally = new Tally(shape);
  const nodes = noOpNodes(shape, tally, "ALWAYS");
  let last: (Kept & { taskId: string }) | undefined;
  return {
    async run() {
      const kept = newStore(place);
      const task = newTask();
      last = { ...kept, taskId: task.id };
      await runOnce(new Agent({ nodes, ...UNLIMITED, store: kept.store, snapshot: "NEVER" }), task);
    },
    async settle() {
      tally.settle();
      if (last === undefined) return;
      const { store, remove, taskId } = last;
      const entries = await store.generations(taskId, { limit: KEEP });
      if (entries.length <= nodes.length) throw new Error(`Of ${nodes.length} nodes ${entries.length} generations were kept.`);
      const newest = await store.load(taskId);
      const stored = [...(newest?.parts.keys() ?? [])].filter((name) => name.startsWith("node/")).length;
      if (stored !== nodes.length) throw new Error(`The end holds ${stored} of ${nodes.length} nodes.`);
      await store.close();
      await remove();
    },
  };
}
