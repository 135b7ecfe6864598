/** What must not cost more for what a run has become: chains that are passed over, failed roots, added nodes, past plans. Ours alone. */
import { type Benchmark, type Figure, race } from "../figure.ts";
import { apart, type Racer, racer } from "../jobs.ts";
import { spreadOf } from "../measure.ts";
import { OURS } from "../names.ts";

const GROUP = "growth";
const shown = (size: number): string => size.toLocaleString("en");

export const GROWING = {
  blocked: [1_000, 10_000].map((size) => `chain of ${shown(size)}, blocked by a failure`),
  skipped: [1_000, 10_000].map((size) => `chain of ${shown(size)}, skipped by a condition`),
  tail: [1_000, 10_000].map((size) => `100 failed roots over a tail of ${shown(size)}`),
  added: [200, 2_000].map((size) => `${shown(size)} nodes, added one at a time`),
  part: [100, 1_000].map((width) => `part \`agent\`, looping over ${shown(width)} nodes`),
} as const;

const SIZES = [1_000, 10_000] as const;

export const growthBenchmark: Benchmark = {
  name: GROUP,
  title: "What must not cost more for what a run has become",
  async run({ sampling }) {
    const figures: Figure[] = [];
    const measure = async (shape: string | undefined, count: number, trial: Racer): Promise<void> => {
      figures.push(...(await race({ group: GROUP, shape: shape ?? "", per: "node", count }, [trial], sampling)));
    };
    for (const [place, size] of SIZES.entries()) {
      await measure(GROWING.blocked[place], size, racer(OURS, "growth", "blocked", size));
      await measure(GROWING.skipped[place], size, racer(OURS, "growth", "skipped", size));
      await measure(GROWING.tail[place], size + 100, racer(OURS, "growth", "blocked", size + 1, 100));
    }
    await measure("1,000 failed roots over a tail of 10,000", 11_000, racer(OURS, "growth", "blocked", 10_001, 1_000));
    for (const [place, size] of [200, 2_000].entries()) await measure(GROWING.added[place], size, racer(OURS, "growth", "added", size));
    for (const [place, width] of [100, 1_000].entries()) {
      const spread = spreadOf([await apart("roundBytes", width, 50)]);
      figures.push({ group: GROUP, shape: GROWING.part[place] ?? "", contender: OURS, unit: "bytes/round", spread });
    }
    return figures;
  },
};
