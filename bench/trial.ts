/** What a contender's process does: it warms a trial up and times it, young garbage collected before each sample. */

/** One way to do a job, ready to do it again and again. */
export interface Trial {
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

/** Milliseconds of a run that is long enough to start after another contender. */
const LONG_MS = 500;

export function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error("The benchmarks need `node --expose-gc`: start them by `npm run bench`.");
  globalThis.gc();
  globalThis.gc();
}

/**
 * What the run before left young. A full collection would be no better: for many runs after one that is asked for, though not after
 * V8's own, code that allocates much takes up to three times as long.
 */
function collectYoung(): void {
  if (globalThis.gc === undefined) throw new Error("The benchmarks need `node --expose-gc`: start them by `npm run bench`.");
  globalThis.gc({ type: "minor" });
}

async function timeOnce(trial: Trial): Promise<number> {
  const startedAt = performance.now();
  await trial.run();
  const tookMs = performance.now() - startedAt;
  await trial.settle?.();
  return tookMs;
}

/** A trial that is warm, and how often a sample repeats it. */
export class Warmed {
  readonly #trial: Trial;
  readonly #repeats: number;
  readonly #isShort: boolean;

  private constructor(trial: Trial, repeats: number, isShort: boolean) {
    this.#trial = trial;
    this.#repeats = repeats;
    this.#isShort = isShort;
  }

  static async up(trial: Trial, { warmupMs, sampleMs }: Sampling): Promise<Warmed> {
    let lastMs = 0;
    for (let spentMs = 0; spentMs < warmupMs; spentMs += lastMs) lastMs = await timeOnce(trial);
    return new Warmed(trial, Math.max(1, Math.ceil(sampleMs / lastMs)), lastMs < LONG_MS);
  }

  /** Milliseconds of one run, and of all that the sample took. */
  async sample(): Promise<{ ms: number; spentMs: number }> {
    collectYoung();
    // What a short run finds in the processor's caches is another contender's.
    if (this.#isShort) await timeOnce(this.#trial);
    let spentMs = 0;
    for (let repeat = 0; repeat < this.#repeats; repeat++) spentMs += await timeOnce(this.#trial);
    return { ms: spentMs / this.#repeats, spentMs };
  }
}
