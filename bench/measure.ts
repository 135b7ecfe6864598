/** Times contenders against each other in one process: warmed up, taken in turns, young garbage collected before each sample, and short runs warm again. */

/** One way to do a job, ready to do it again and again. */
export interface Trial {
  contender: string;
  /** Rejects on a wrong result. */
  run(): Promise<unknown>;
  /** Checks and clears up after each run, outside the measured time; throws on a wrong result. */
  settle?(): Promise<void> | void;
}

export interface Sampling {
  /** Samples of each contender, at least 3, while the budget lasts. */
  rounds: number;
  /** Milliseconds that a sample takes at least; short jobs are repeated within it. */
  sampleMs: number;
  /** Milliseconds of warming up; at least one run. */
  warmupMs: number;
  /** Milliseconds for one contender's samples beyond the third. */
  budgetMs: number;
}

export const THOROUGH: Sampling = { rounds: 11, sampleMs: 30, warmupMs: 600, budgetMs: 6_000 };
export const QUICK: Sampling = { rounds: 3, sampleMs: 10, warmupMs: 150, budgetMs: 500 };

export interface Spread {
  median: number;
  lowest: number;
  highest: number;
  samples: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const middle = sorted.length / 2;
  return {
    median: sorted.length % 2 === 1 ? at(middle - 0.5) : (at(middle - 1) + at(middle)) / 2,
    lowest: at(0),
    highest: at(sorted.length - 1),
    samples: sorted.length,
  };
}

export function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error("The benchmarks need `node --expose-gc`: start them by `npm run bench`.");
  globalThis.gc();
  globalThis.gc();
}

/**
 * What the one before left young. A full collection would be no better for who comes next: for many runs after one that is asked for,
 * though not after V8's own, code that allocates much takes up to three times as long.
 */
function collectYoung(): void {
  if (globalThis.gc === undefined) throw new Error("The benchmarks need `node --expose-gc`: start them by `npm run bench`.");
  globalThis.gc({ type: "minor" });
}

async function timeOnce(trial: Trial): Promise<number> {
  try {
    const startedAt = performance.now();
    await trial.run();
    const tookMs = performance.now() - startedAt;
    await trial.settle?.();
    return tookMs;
  } catch (cause) {
    throw new Error(`${trial.contender}: wrong result`, { cause });
  }
}

/** Milliseconds of a run that is long enough to start after another contender. */
const LONG_MS = 500;

async function warmUp(trial: Trial, { warmupMs, sampleMs }: Sampling): Promise<{ repeats: number; isShort: boolean }> {
  let lastMs = 0;
  for (let spentMs = 0; spentMs < warmupMs; spentMs += lastMs) lastMs = await timeOnce(trial);
  return { repeats: Math.max(1, Math.ceil(sampleMs / lastMs)), isShort: lastMs < LONG_MS };
}

/** Milliseconds of one run of each trial, in the order of the trials. @throws Error when a contender gave a wrong result */
export async function compare(trials: readonly Trial[], sampling: Sampling): Promise<Spread[]> {
  const racers: { trial: Trial; repeats: number; isShort: boolean; samples: number[]; spentMs: number }[] = [];
  for (const trial of trials) racers.push({ trial, ...(await warmUp(trial, sampling)), samples: [], spentMs: 0 });
  for (let round = 0; round < sampling.rounds; round++) {
    // Each round starts with another contender, so that none always follows the same one.
    const first = round % racers.length;
    for (const racer of [...racers.slice(first), ...racers.slice(0, first)]) {
      if (racer.samples.length >= 3 && racer.spentMs > sampling.budgetMs) continue;
      collectYoung();
      if (racer.isShort) await timeOnce(racer.trial);
      let totalMs = 0;
      for (let repeat = 0; repeat < racer.repeats; repeat++) totalMs += await timeOnce(racer.trial);
      racer.samples.push(totalMs / racer.repeats);
      racer.spentMs += totalMs;
    }
  }
  return racers.map(({ samples }) => spreadOf(samples));
}
