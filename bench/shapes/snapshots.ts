/** A generation, or a checkpoint, for every node of a chain, all of them kept: its time, and the bytes that it leaves. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Benchmark, type Figure, race } from "../figure.ts";
import { apart, racer } from "../jobs.ts";
import { spreadOf } from "../measure.ts";
import { IN_FILES, IN_MEMORY, IN_SQLITE, MEMORY_SAVER, SQLITE_SAVER } from "../names.ts";

const OUR_STORES = [IN_MEMORY, IN_SQLITE, IN_FILES] as const;
const THEIR_SAVERS = [
  [MEMORY_SAVER, "MemorySaver"],
  [SQLITE_SAVER, "SqliteSaver"],
] as const;

export const SAVED = [100, 1_000].map((size) => `chain of ${size.toLocaleString("en")}`);
export const leftOf = (shape: string): string => `${shape}, what is left`;

export const snapshotBenchmark: Benchmark = {
  name: "snapshots",
  title: "Chain of no-op nodes, each stored before the next, with full durability",
  async run({ sampling, quick }) {
    const folder = await mkdtemp(join(tmpdir(), "asimov-bench-"));
    const figures: Figure[] = [];
    try {
      for (const size of quick ? [100] : [100, 1_000]) {
        const shape = `chain of ${size.toLocaleString("en")}`;
        const racers = [
          ...OUR_STORES.map((kind) => racer(kind, "oursSaving", size, kind, folder)),
          ...THEIR_SAVERS.map(([contender, saver]) => racer(contender, "langgraphSaving", size, saver, folder)),
        ];
        figures.push(...(await race({ group: "snapshots", shape, per: "node", count: size }, racers, sampling)));
        const left = (contender: string, bytes: number): void => {
          figures.push({ group: "snapshots", shape: leftOf(shape), contender, unit: "bytes/node", spread: spreadOf([bytes]) });
        };
        for (const kind of OUR_STORES) left(kind, await apart("oursSaved", size, kind, folder));
        for (const [contender, saver] of THEIR_SAVERS) left(contender, await apart("langgraphSaved", size, saver, folder));
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    return figures;
  },
};
