/** 100,000 runs that wait on SQLite: what starting a worker beside them costs, and how soon an answered one has ended. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Benchmark } from "../figure.ts";
import { apart } from "../jobs.ts";
import { spreadOf } from "../measure.ts";
import { IN_SQLITE } from "../names.ts";

export const parkedBenchmark: Benchmark = {
  name: "parked",
  title: "A worker beside 100,000 parked runs",
  async run({ quick }) {
    const folder = await mkdtemp(join(tmpdir(), "asimov-bench-"));
    try {
      const { start, answers, atOnce } = await apart("parked", folder, quick ? 10_000 : 100_000);
      const figure = (shape: string, milliseconds: number[]) => ({
        ...{ group: "parked", shape, contender: IN_SQLITE, unit: "ms" as const },
        spread: spreadOf(milliseconds),
      });
      return [
        figure("its start", [start]),
        figure("from an answer until the end is stored", answers),
        figure("1,000 answers at once, until all have ended", [atOnce]),
      ];
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
