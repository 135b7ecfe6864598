/** 64 runs at once on SQLite, all that they acknowledge on the disk: a generation's time, and for how long the store holds the event loop. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Benchmark, type Figure, race } from "../figure.ts";
import { apart, racer } from "../jobs.ts";
import { spreadOf } from "../measure.ts";
import { OURS } from "../names.ts";

const RUNS = 64;
const SIZE = 100;

export const COMMITS = `commits of ${RUNS} runs`;
export const COMMITS_BESIDE = `${COMMITS}, a second process beside`;
export const WHOLE_RUNS = `${RUNS} whole runs of a chain of ${SIZE}`;
export const heldIn = (shape: string): string => `${shape}: the longest hold`;

export const durableBenchmark: Benchmark = {
  name: "durable",
  title: "64 runs at once on SQLite, with full durability",
  async run({ sampling, quick }) {
    const folder = await mkdtemp(join(tmpdir(), "asimov-bench-"));
    const figures: Figure[] = [];
    const add = (shape: string, unit: string, values: number[]): void => {
      figures.push({ group: "durable", shape, contender: OURS, unit, spread: spreadOf(values) });
    };
    try {
      for (const isBeside of [false, true]) {
        const shape = isBeside ? COMMITS_BESIDE : COMMITS;
        const costs = await apart("commits", folder, isBeside, quick ? 3 : 11);
        add(
          shape,
          "µs/generation",
          costs.map(({ micros }) => micros),
        );
        add(
          `${shape}, processor`,
          "µs/generation",
          costs.map(({ workMicros }) => workMicros),
        );
        add(
          heldIn(shape),
          "ms",
          costs.map(({ heldMs }) => heldMs),
        );
        if (!isBeside)
          add(
            "one flush of the disk, for comparison",
            "µs",
            costs.map(({ diskMicros }) => diskMicros),
          );
      }
      const about = { group: "durable", shape: WHOLE_RUNS, per: "generation", count: RUNS * SIZE };
      figures.push(...(await race(about, [racer(OURS, "durable", RUNS, SIZE, folder)], sampling)));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    return figures;
  },
};
