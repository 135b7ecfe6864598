/** A snapshot before every node of a chain, in memory or on disk. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Agent, FileSnapshotStore, MemorySnapshotStore, type SnapshotStore } from "../../src/index.ts";
import { chain, Tally } from "../shapes/graph-shape.ts";
import type { Trial } from "../trial.ts";
import { newTask, noOpNodes, runOnce, UNLIMITED } from "./ours.ts";

interface Kept {
  store: SnapshotStore;
  remove(): Promise<void>;
}

/** Where snapshots go: to memory, or to a new folder for each run. */
export type Place = { in: "memory" } | { in: string; fsync: boolean };

let runs = 0;

function newStore(place: Place): Kept {
  if (!("fsync" in place)) return { store: new MemorySnapshotStore(), remove: async () => {} };
  const directory = join(place.in, `${process.pid}-${runs++}`);
  return { store: new FileSnapshotStore({ directory, fsync: place.fsync }), remove: () => rm(directory, { recursive: true }) };
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
      await runOnce(new Agent({ nodes, ...UNLIMITED, snapshotStore: kept.store }), task);
    },
    async settle() {
      tally.settle();
      if (last === undefined) return;
      const { store, remove, taskId } = last;
      const refs = await store.list(taskId);
      if (refs.length !== nodes.length) throw new Error(`Of ${nodes.length} snapshots ${refs.length} were kept.`);
      const newest = refs.toSorted((a, b) => b.generation - a.generation)[0];
      const { parts } = await store.load(newest ?? "");
      // Before the last node ran, all the others had.
      const stored = [...parts.keys()].filter((name) => name.startsWith("node/")).length;
      if (stored !== nodes.length - 1) throw new Error(`The last snapshot holds ${stored} of ${nodes.length - 1} nodes.`);
      await remove();
    },
  };
}
