/** What must not grow with what is past: an event with those that are unread, a chain with those before it, an error with its conversation. */
import { type Benchmark, type Figure, race } from "../figure.ts";
import { apart, racer } from "../jobs.ts";
import { spreadOf } from "../measure.ts";
import { OURS } from "../names.ts";

export const FEW_UNREAD = "event among 10,000 unread";
export const MANY_UNREAD = "event among 200,000 unread";
export const EARLY_CHAINS = "chains 5 to 15 of one module";
export const LATE_CHAINS = "chains 110 to 120 of one module";
export const answeredCall = (megabytes: number): string => `answered call, conversation of ${megabytes} MB`;
export const refusedCall = (megabytes: number): string => `refused call, conversation of ${megabytes} MB`;

async function chainFigures(rounds: number): Promise<Figure[]> {
  const all = await apart("chainTimes", rounds);
  const early = all.flatMap((times) => times.slice(5, 15));
  const late = all.flatMap((times) => times.slice(-10));
  const figure = (shape: string, times: number[]): Figure => ({
    group: "history",
    shape,
    contender: OURS,
    unit: "µs/chain",
    spread: spreadOf(times.map((ms) => ms * 1_000)),
  });
  return [figure(EARLY_CHAINS, early), figure(LATE_CHAINS, late)];
}

export const historyBenchmark: Benchmark = {
  name: "history",
  title: "What is past or held by others: events unread, chains before, the conversation of an error",
  async run({ sampling, quick }) {
    const figures: Figure[] = [];
    for (const [shape, count] of [
      [FEW_UNREAD, 10_000],
      [MANY_UNREAD, 200_000],
    ] as const) {
      figures.push(...(await race({ group: "history", shape, per: "event", count }, [racer(OURS, "events", count)], sampling)));
    }
    figures.push(...(await chainFigures(quick ? 2 : 5)));
    for (const megabytes of [0.4, 4]) {
      for (const isRefused of [false, true]) {
        const shape = isRefused ? refusedCall(megabytes) : answeredCall(megabytes);
        figures.push(
          ...(await race({ group: "history", shape, per: "call", count: 1 }, [racer(OURS, "call", isRefused, megabytes)], sampling)),
        );
      }
    }
    return figures;
  },
};
