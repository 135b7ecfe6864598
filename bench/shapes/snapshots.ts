/** A snapshot before every node of a chain, in memory and on disk. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, FileSnapshotStore, MemorySnapshotStore, type SnapshotStore } from "../../src/index.ts";
import { langgraphSavingTrial } from "../contenders/langgraph.ts";
import { newTask, noOpNodes, runOnce, UNLIMITED } from "../contenders/ours.ts";
import { type Benchmark, type Figure, race } from "../figure.ts";
import type { Trial } from "../measure.ts";
import { chain, type GraphShape, Tally } from "./graph-shape.ts";

export const IN_MEMORY = "MemorySnapshotStore";
const ON_DISK = "FileSnapshotStore";

function savingTrial(contender: string, shape: GraphShape, newStore: () => { store: SnapshotStore; remove(): Promise<void> }): Trial {
  const tally = new Tally(shape);
  const nodes = noOpNodes(shape, tally, "ALWAYS");
  let last: { store: SnapshotStore; remove(): Promise<void>; taskId: string } | undefined;
  return {
    contender,
    async run() {
      const { store, remove } = newStore();
      const task = newTask();
      last = { store, remove, taskId: task.id };
      await runOnce(new Agent({ nodes, ...UNLIMITED, snapshotStore: store }), task);
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

export const snapshotBenchmark: Benchmark = {
  name: "snapshots",
  title: "Chain of no-op nodes with a snapshot before each",
  async run({ sampling, quick }) {
    const folder = await mkdtemp(join(tmpdir(), "asimov-bench-"));
    let stores = 0;
    const inMemory = () => ({ store: new MemorySnapshotStore(), remove: async () => {} });
    const onDisk = (fsync: boolean) => () => {
      const directory = join(folder, String(stores++));
      return { store: new FileSnapshotStore({ directory, fsync }), remove: () => rm(directory, { recursive: true }) };
    };
    const figures: Figure[] = [];
    try {
      for (const size of quick ? [100] : [100, 300, 1_000]) {
        const shape = chain(size);
        const trials = [
          savingTrial(IN_MEMORY, shape, inMemory),
          savingTrial(ON_DISK, shape, onDisk(true)),
          savingTrial(`${ON_DISK}, no fsync`, shape, onDisk(false)),
          ...(size > 300 ? [] : [langgraphSavingTrial(shape, new Tally(shape))]),
        ];
        const about = { group: "snapshots", shape: `chain of ${size.toLocaleString("en")}`, per: "node", count: size };
        figures.push(...(await race(about, trials, sampling)));
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    return figures;
  },
};
