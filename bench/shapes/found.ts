/** Of 100,000 stored runs the 50 newest of a status, on SQLite. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Benchmark } from "../figure.ts";
import { apart } from "../jobs.ts";
import { spreadOf } from "../measure.ts";
import { IN_SQLITE } from "../names.ts";

export const STATUSES = ["COMPLETE", "RUNNING", "PARTIAL", "READY"] as const;
export const newestOf = (status: string): string => `the 50 newest that are ${status}`;

export const foundBenchmark: Benchmark = {
  name: "find",
  title: "Of 100,000 stored runs the 50 newest of a status, with their pictures",
  async run({ quick }) {
    const folder = await mkdtemp(join(tmpdir(), "asimov-bench-"));
    try {
      const times = await apart("found", folder, 100_000, quick ? 5 : 21);
      return times.map(({ status, milliseconds }) => ({
        group: "find",
        shape: newestOf(status),
        contender: IN_SQLITE,
        unit: "ms",
        spread: spreadOf(milliseconds),
      }));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
