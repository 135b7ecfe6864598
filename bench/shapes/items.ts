/** What an item costs beside a node, and what storing its end costs among a hundred and among 10,000. Ours alone. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Benchmark, type Figure, race } from "../figure.ts";
import { apart, racer } from "../jobs.ts";
import { spreadOf } from "../measure.ts";
import { IN_MEMORY, IN_SQLITE, ITEMS, NODES } from "../names.ts";

const GROUP = "items";
const SIZE = 10_000;

export const ITEMS_AT_ONCE = "10,000 at once";
export const ITEMS_STORED = "10,000 at once, each end stored";
export const KEEPING_ITEMS = [IN_MEMORY, IN_SQLITE] as const;
export const ONE_OF_100 = "one after the other, of 100";
export const ONE_OF_10000 = "one after the other, of 10,000";

export const itemsBenchmark: Benchmark = {
  name: GROUP,
  title: "Items of one node beside as many nodes, and the commit of one",
  async run({ sampling, quick }) {
    const figures: Figure[] = [];
    for (const [shape, isStored] of [[ITEMS_AT_ONCE, false] as const, [ITEMS_STORED, true] as const]) {
      const racers = [racer(ITEMS, "oursItems", "items", SIZE, isStored), racer(NODES, "oursItems", "nodes", SIZE, isStored)];
      figures.push(...(await race({ group: GROUP, shape, per: "part", count: SIZE }, racers, sampling)));
    }
    const folder = await mkdtemp(join(tmpdir(), "asimov-bench-"));
    try {
      for (const contender of KEEPING_ITEMS) {
        const rounds: Awaited<ReturnType<typeof apart<"itemCommits">>>[] = [];
        for (let round = 0; round < (quick ? 1 : 3); round++) rounds.push(await apart("itemCommits", contender, folder, SIZE));
        const add = (shape: string, micros: number[]): void => {
          figures.push({ group: GROUP, shape, contender, unit: "µs/item", spread: spreadOf(micros) });
        };
        add(
          ONE_OF_100,
          rounds.flatMap(({ short }) => short),
        );
        add(
          ONE_OF_10000,
          rounds.map(({ long }) => long),
        );
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    return figures;
  },
};
