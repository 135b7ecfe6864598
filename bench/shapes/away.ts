/** What another process than a run's owner hears of it, and how soon the owner acts on a cancel from there. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Benchmark, Figure } from "../figure.ts";
import { apart } from "../jobs.ts";
import { spreadOf } from "../measure.ts";
import { IN_FILES, IN_SQLITE } from "../names.ts";

export const HEARD = "an event, p99";
export const ACTED = "a cancel, until its owner acts";

export const awayBenchmark: Benchmark = {
  name: "away",
  title: "A run of another process, from its event or cancel until the other one has it",
  async run({ quick }) {
    const rounds = quick ? 3 : 20;
    const figures: Figure[] = [];
    for (const kind of [IN_SQLITE, IN_FILES] as const) {
      const folder = await mkdtemp(join(tmpdir(), "asimov-bench-"));
      try {
        const [actedAt, { late, cancelledAt }] = await Promise.all([
          apart("ownRuns", kind, folder, rounds),
          apart("hearRuns", kind, folder, rounds),
        ]);
        if (actedAt.length !== rounds || cancelledAt.length !== rounds) throw new Error("not each run was ended by its cancel");
        const figure = (shape: string, values: number[]): Figure => ({
          ...{ group: "away", shape, contender: kind, unit: "ms" },
          spread: spreadOf(values),
        });
        figures.push(figure("an event", late), figure(HEARD, [percentile(late, 0.99)]));
        figures.push(
          figure(
            ACTED,
            actedAt.map((at, round) => at - (cancelledAt[round] as number)),
          ),
        );
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }
    return figures;
  },
};

const percentile = (values: readonly number[], part: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
};
