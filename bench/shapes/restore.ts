/** Restoring a run of 10,000 nodes. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Benchmark, Figure } from "../figure.ts";
import { apart } from "../jobs.ts";
import { spreadOf } from "../measure.ts";
import { IN_FILES, IN_MEMORY, IN_SQLITE } from "../names.ts";

const SIZE = 10_000;
export const RESTORED = `chain of ${SIZE.toLocaleString("en")}, at its last node`;

export const restoreBenchmark: Benchmark = {
  name: "restore",
  title: "Restoring a run, from resume to the work of its node",
  async run({ quick }) {
    const rounds = quick ? 3 : 7;
    const figures: Figure[] = [];
    const measure = async (contender: string, once: () => Promise<number>): Promise<void> => {
      const values: number[] = [];
      for (let round = 0; round < rounds; round++) values.push(await once());
      figures.push({ group: "restore", shape: RESTORED, contender, unit: "ms", spread: spreadOf(values) });
    };
    await measure(IN_MEMORY, async () => await apart("restoreFromMemory", SIZE));
    for (const kind of [IN_SQLITE, IN_FILES] as const) {
      const folder = await mkdtemp(join(tmpdir(), "asimov-bench-"));
      try {
        const taskId = await apart("storeRun", kind, folder, SIZE);
        await measure(kind, async () => await apart("restoreRun", kind, folder, SIZE, taskId));
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }
    return figures;
  },
};
