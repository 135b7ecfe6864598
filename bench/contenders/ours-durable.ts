/** Whole runs at once on SQLite, each node stored before the next. */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { Agent } from "../../src/index.ts";
import { SqliteStore } from "../../src/sqlite.ts";
import { chain, Tally } from "../shapes/graph-shape.ts";
import type { Trial } from "../trial.ts";
import { newTask, noOpNodes, runOnce, UNLIMITED } from "./ours.ts";

/** As many runs of a chain; each makes two generations more than it has nodes. */
export function durableTrial(runs: number, size: number, folder: string): Trial {
  const shape = chain(size);
  const tally = new Tally(shape);
  const store = new SqliteStore({ file: join(mkdtempSync(join(folder, "sqlite-")), "runs.db") });
  const agent = new Agent({ nodes: noOpNodes(shape, tally, "ALWAYS"), ...UNLIMITED, store });
  let tasks = [newTask()];
  return {
    async run() {
      tasks = Array.from({ length: runs }, newTask);
      await Promise.all(tasks.map((task) => runOnce(agent, task)));
    },
    async settle() {
      tally.settle(runs);
      for (const { id } of tasks) {
        const run = await store.read(id);
        if (run?.status !== "COMPLETE" || run.generation < size) throw new Error(`Run ${id} is stored as ${run?.status}.`);
        await store.remove(id);
      }
    },
  };
}
