/** Runs of five modules each second: in one process, by one worker, by two. */
import type { OnServer } from "../contenders/ours-stores.ts";
import type { Measured, QueueName, Work } from "../contenders/ours-workers.ts";
import type { Benchmark, Figure } from "../figure.ts";
import { apart } from "../jobs.ts";
import { spreadOf } from "../measure.ts";
import { BULLMQ, IN_POSTGRES, IN_REDIS } from "../names.ts";
import { inPlace } from "../places.ts";

const RUNS: Readonly<Record<Work, number>> = { "waits 20 ms": 200, "burns 20 ms": 60, "no-op": 300 };
const ROUNDS = 3;
const QUEUES = ["localQueue", "bullQueue"] as const;
const WORKS = Object.keys(RUNS) as Work[];

export const inProcess = (work: Work): string => `modules: ${work}; in one process`;
export const byWorkers = (work: Work, queue: QueueName, workers: number): string =>
  `modules: ${work}; ${queue}, ${workers === 1 ? "one worker" : "two workers"}`;

type Span = readonly [number, number];

async function ratesOn(kind: OnServer, url: string, { quick }: { quick: boolean }): Promise<Figure[]> {
  const figures: Figure[] = [];
  let measured = 0;
  for (const work of WORKS) {
    const count = quick ? 20 : RUNS[work];
    const rate = (spans: readonly Span[]): number =>
      (count * 1_000) / (Math.max(...spans.map(([, end]) => end)) - Math.min(...spans.map(([start]) => start)));
    const add = async (shape: string, measure: (about: Measured) => Promise<Span[]>): Promise<void> => {
      const rates: number[] = [];
      for (let round = 0; round < (quick ? 1 : ROUNDS); round++)
        rates.push(rate(await measure({ kind, url, name: `bench-${measured++}`, work })));
      figures.push({ group: "workers", shape, contender: kind, unit: "runs/s", spread: spreadOf(rates) });
    };
    await add(inProcess(work), async (about) => [await apart("runInProcess", about, count)]);
    for (const queue of QUEUES) {
      for (const workers of [1, 2]) {
        await add(byWorkers(work, queue, workers), async (about) => {
          await apart("submitRuns", about, queue, count);
          return await Promise.all(Array.from({ length: workers }, () => apart("workOn", about, queue)));
        });
      }
    }
  }
  return figures;
}

async function bareRates(url: string, { quick }: { quick: boolean }): Promise<Figure> {
  const jobs = quick ? 200 : 3_000;
  const rates: number[] = [];
  for (let round = 0; round < (quick ? 1 : ROUNDS); round++) rates.push((jobs * 1_000) / (await apart("bareJobs", url, jobs)));
  return { group: "workers", shape: "jobs that do nothing, of one process", contender: BULLMQ, unit: "jobs/s", spread: spreadOf(rates) };
}

export const workersBenchmark: Benchmark = {
  name: "workers",
  title: "Runs of five modules by workers, ten at a time in each",
  async run(settings) {
    const redis = await inPlace(IN_REDIS, async (url) => [...(await ratesOn(IN_REDIS, url, settings)), await bareRates(url, settings)]);
    return [...redis, ...(await inPlace(IN_POSTGRES, (url) => ratesOn(IN_POSTGRES, url, settings)))];
  },
};
