/** What a benchmark gives: figures, each of one shape and one contender, for the table, the JSON and the targets. */
import type { Racer } from "./jobs.ts";
import { compare, type Spread } from "./measure.ts";
import type { Sampling } from "./trial.ts";

export interface Figure {
  /** The benchmark, as `--only` names it. */
  group: string;
  shape: string;
  contender: string;
  /** Of the figures of one shape all the same. */
  unit: string;
  /** Absent where `note` says why there is none. */
  spread?: Spread;
  note?: string;
}

export interface Settings {
  sampling: Sampling;
  /** Fewer repetitions of what takes long. */
  quick: boolean;
}

export interface Benchmark {
  /** What `--only` names it. */
  name: string;
  title: string;
  /** @throws Error when a contender gave a wrong result */
  run(settings: Settings): Promise<Figure[]>;
}

const scaled = ({ median, lowest, highest, samples }: Spread, factor: number): Spread => ({
  median: median * factor,
  lowest: lowest * factor,
  highest: highest * factor,
  samples,
});

/** Races contenders, and gives each one's cost for one of `count` parts of the job, in microseconds. */
export async function race(
  about: Pick<Figure, "group" | "shape"> & { per: string; count: number },
  racers: readonly Racer[],
  sampling: Sampling,
) {
  const { group, shape, per, count } = about;
  const spreads = await compare(racers, sampling);
  return spreads.map(
    (spread, index): Figure => ({
      group,
      shape,
      contender: racers[index]?.contender ?? "",
      unit: `µs/${per}`,
      spread: scaled(spread, 1_000 / count),
    }),
  );
}
