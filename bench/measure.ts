/** Times contenders against each other: each in a process of its own, warmed up once and kept, in turns, so that no two run at once. */
import { Apart } from "./apart.ts";
import type { Racer } from "./jobs.ts";
import type { Sampling } from "./trial.ts";

export const THOROUGH: Sampling = { rounds: 11, sampleMs: 30, warmupMs: 1_500, budgetMs: 6_000 };
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

/** Milliseconds of one run of each racer, in their order. @throws Error when a contender gave a wrong result or its process ended */
export async function compare(racers: readonly Racer[], sampling: Sampling): Promise<Spread[]> {
  const lanes: { apart: Apart; samples: number[]; spentMs: number }[] = [];
  try {
    for (const { contender, trial, args } of racers) {
      const apart = new Apart(contender);
      lanes.push({ apart, samples: [], spentMs: 0 });
      await apart.ask({ do: "build", trial, args });
      await apart.ask({ do: "warm", sampling });
    }
    for (let round = 0; round < sampling.rounds; round++) {
      // Each round starts with another contender, so that none always follows the same one.
      const first = round % lanes.length;
      for (const lane of [...lanes.slice(first), ...lanes.slice(0, first)]) {
        if (lane.samples.length >= 3 && lane.spentMs > sampling.budgetMs) continue;
        const { ms, spentMs } = await lane.apart.ask<{ ms: number; spentMs: number }>({ do: "sample" });
        lane.samples.push(ms);
        lane.spentMs += spentMs;
      }
    }
    return lanes.map(({ samples }) => spreadOf(samples));
  } finally {
    for (const { apart } of lanes) await apart.close();
  }
}
