/** What must not cost more for how long a chain is, nor for how far it has come: a generation, with the compaction of what is older. Ours alone. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Cost } from "../contenders/ours-generations.ts";
import type { Benchmark, Figure } from "../figure.ts";
import { apart } from "../jobs.ts";
import { spreadOf } from "../measure.ts";
import { IN_FILES, IN_MEMORY, IN_SQLITE } from "../names.ts";

export const KINDS = [IN_MEMORY, IN_SQLITE, IN_FILES] as const;
const LONG = 10_000;

export const CHAIN_OF_100 = "chain of 100";
export const CHAIN_OF_10000 = "chain of 10,000";
export const FIRST_TENTH = "chain of 10,000, its first 1,000";
export const LAST_TENTH = "chain of 10,000, its last 1,000";
const workOf = (shape: string): string => `${shape}, processor`;
export const bytesOf = (shape: string): string => `${shape}, written`;

export const generationsBenchmark: Benchmark = {
  name: "generations",
  title: "A generation of a chain that is stored before each node, old ones compacted",
  async run({ quick }) {
    const figures: Figure[] = [];
    const folder = await mkdtemp(join(tmpdir(), "asimov-bench-"));
    try {
      for (const kind of KINDS) {
        const rounds: Awaited<ReturnType<typeof apart<"generations">>>[] = [];
        for (let round = 0; round < (quick ? 1 : 3); round++) rounds.push(await apart("generations", kind, folder, LONG));
        const add = (shape: string, costs: readonly Cost[]): void => {
          const figure = (name: string, unit: string, values: number[]): Figure => ({
            group: "generations",
            shape: name,
            contender: kind,
            unit,
            spread: spreadOf(values),
          });
          const bytes = costs.flatMap((cost) => cost.bytes ?? []);
          figures.push(
            figure(
              shape,
              "µs/generation",
              costs.map(({ micros }) => micros),
            ),
            figure(
              workOf(shape),
              "µs/generation",
              costs.map(({ workMicros }) => workMicros),
            ),
            ...(bytes.length === 0 ? [] : [figure(bytesOf(shape), "bytes/generation", bytes)]),
          );
        };
        add(
          CHAIN_OF_100,
          rounds.flatMap(({ short }) => short),
        );
        add(
          CHAIN_OF_10000,
          rounds.map(({ long }) => long.whole),
        );
        add(
          FIRST_TENTH,
          rounds.map(({ long }) => long.first),
        );
        add(
          LAST_TENTH,
          rounds.map(({ long }) => long.last),
        );
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    return figures;
  },
};
