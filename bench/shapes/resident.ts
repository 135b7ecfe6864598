/** Kilobytes of heap for each of 10,000 runs that wait in the middle of their graph. */
import type { Benchmark, Figure } from "../figure.ts";
import { apart } from "../jobs.ts";
import { spreadOf } from "../measure.ts";
import { OURS } from "../names.ts";

export const WITHOUT_STORE = "a run of 20 nodes, without a store";
export const WITH_MEMORY_STORE = "a run of 20 nodes, with a MemoryStore and what that holds";

export const residentBenchmark: Benchmark = {
  name: "resident",
  title: "10,000 runs at once in memory, each in the middle of its graph",
  async run({ quick }) {
    const figures: Figure[] = [];
    for (const [shape, isStored] of [
      [WITHOUT_STORE, false],
      [WITH_MEMORY_STORE, true],
    ] as const) {
      const values: number[] = [];
      for (let round = 0; round < (quick ? 1 : 3); round++)
        values.push((await apart("bytesOfRun", quick ? 1_000 : 10_000, isStored)) / 1_000);
      figures.push({ group: "resident", shape, contender: OURS, unit: "kB", spread: spreadOf(values) });
    }
    return figures;
  },
};
