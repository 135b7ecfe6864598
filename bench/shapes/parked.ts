/** 100,000 runs that wait: what starting a worker beside them costs, and how soon an answered one has ended. */
import type { Benchmark, Figure } from "../figure.ts";
import { apart } from "../jobs.ts";
import { spreadOf } from "../measure.ts";
import { IN_POSTGRES, IN_REDIS, IN_SQLITE } from "../names.ts";
import { bytesAt, inPlace } from "../places.ts";

export const PARKED_IN = [IN_SQLITE, IN_REDIS, IN_POSTGRES] as const;
export const ANSWERED = "from an answer until the end is stored";
export const ALL_ANSWERED = "1,000 answers at once, until all have ended";
export const LISTED = "the 50 newest that wait, listed";

export const parkedBenchmark: Benchmark = {
  name: "parked",
  title: "A worker beside 100,000 parked runs",
  async run({ quick }) {
    const figures: Figure[] = [];
    const count = quick ? 10_000 : 100_000;
    for (const kind of PARKED_IN) {
      const { start, answers, atOnce, bytes, newest } = await inPlace(kind, async (place) => {
        const before = await bytesAt(kind, place);
        const times = await apart("parked", kind, place, count);
        return { ...times, bytes: ((await bytesAt(kind, place)) - before) / count };
      });
      const add = (shape: string, values: number[], unit = "ms"): void => {
        figures.push({ group: "parked", shape, contender: kind, unit, spread: spreadOf(values) });
      };
      add("its start", [start]);
      add(LISTED, newest);
      add(ANSWERED, answers);
      add(ALL_ANSWERED, [atOnce]);
      add("what a run takes there, in memory on Redis, else on the disk", [bytes / 1_000], "kB");
    }
    return figures;
  },
};
