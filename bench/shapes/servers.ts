/** What a commit costs on a server, beside one bare write by the server's own client. */
import type { Benchmark, Figure } from "../figure.ts";
import { apart } from "../jobs.ts";
import { spreadOf } from "../measure.ts";
import { IN_POSTGRES, IN_REDIS } from "../names.ts";
import { inPlace } from "../places.ts";

export const ALONE = "a commit alone";
const GROUPED = "a commit of 64 that come in one turn";
export const BARE_WRITE = "a bare write that is on the disk";
const ROUND_TRIP = "a round trip with nothing to do";

export const serversBenchmark: Benchmark = {
  name: "servers",
  title: "Commits on servers of this machine, on the disk when they are acknowledged",
  async run({ quick }) {
    const figures: Figure[] = [];
    for (const kind of [IN_REDIS, IN_POSTGRES] as const) {
      const costs = await inPlace(kind, (url) => apart("serverCommits", kind, url, quick ? 3 : 11));
      const add = (shape: string, micros: number[]): void => {
        figures.push({ group: "servers", shape, contender: kind, unit: "µs", spread: spreadOf(micros) });
      };
      add(ALONE, costs.alone);
      add(GROUPED, costs.grouped);
      add(BARE_WRITE, costs.bareWrite);
      add(ROUND_TRIP, costs.roundTrip);
    }
    return figures;
  },
};
