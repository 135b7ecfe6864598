/** How soon another process than a run's owner hears of its events and of what its models answer, and the owner acts on a cancel from there. */
import type { Benchmark, Figure } from "../figure.ts";
import { apart } from "../jobs.ts";
import { spreadOf } from "../measure.ts";
import { IN_FILES, IN_POSTGRES, IN_REDIS, IN_SQLITE } from "../names.ts";
import { inPlace } from "../places.ts";

export const HEARD = "an event, p99";
export const DELTA = "a delta of a model's answer";
export const ACTED = "a cancel, until its owner acts";

export const awayBenchmark: Benchmark = {
  name: "away",
  title: "A run of another process, from its event, delta or cancel until the other one has it",
  async run({ quick }) {
    const rounds = quick ? 3 : 20;
    const figures: Figure[] = [];
    for (const kind of [IN_SQLITE, IN_FILES, IN_REDIS, IN_POSTGRES] as const) {
      const figure = (shape: string, values: number[]): Figure => ({
        ...{ group: "away", shape, contender: kind, unit: "ms" },
        spread: spreadOf(values),
      });
      const [actedAt, { late, lateDeltas, cancelledAt }] = await inPlace(kind, (place) =>
        Promise.all([apart("ownRuns", kind, place, rounds), apart("hearRuns", kind, place, rounds)]),
      );
      if (actedAt.length !== rounds || cancelledAt.length !== rounds) throw new Error("not each run was ended by its cancel");
      if (lateDeltas.length !== late.length) throw new Error(`${lateDeltas.length} deltas were heard, and ${late.length} events`);
      figures.push(figure("an event", late), figure(HEARD, [percentile(late, 0.99)]));
      figures.push(figure(DELTA, lateDeltas), figure(`${DELTA}, p99`, [percentile(lateDeltas, 0.99)]));
      figures.push(
        figure(
          ACTED,
          actedAt.map((at, round) => at - (cancelledAt[round] as number)),
        ),
      );
    }
    return figures;
  },
};

const percentile = (values: readonly number[], part: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
};
