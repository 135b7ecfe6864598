/** For how long large graphs hold the event loop, by the phase in which the hold began. Ours alone. */
import type { Benchmark, Figure } from "../figure.ts";
import { apart } from "../jobs.ts";
import { spreadOf } from "../measure.ts";
import { OURS } from "../names.ts";
import type { GraphSpec } from "./graph-shape.ts";

const LARGE: readonly (readonly [shape: string, graph: GraphSpec])[] = [
  ["chain of 100,000", ["chain", 100_000]],
  ["fan-out of 100,000 and join", ["fan", 100_000]],
  ["1,000 layers of 100", ["layers", 100, 1_000]],
];
export const HELD = LARGE.map(([shape]) => shape);

export const heldBenchmark: Benchmark = {
  name: "held",
  title: "The longest time for which a run holds the event loop, garbage collection apart",
  async run({ quick }) {
    const figures: Figure[] = [];
    for (const [shape, graph] of LARGE) {
      const rounds: Record<string, number>[] = [];
      for (let round = 0; round < (quick ? 1 : 3); round++) rounds.push(await apart("held", graph));
      const figure = (contender: string, values: number[]): Figure => ({
        group: "held",
        shape,
        contender,
        unit: "ms",
        spread: spreadOf(values),
      });
      const phases = Object.keys(rounds[0] ?? {});
      figures.push(
        figure(
          OURS,
          rounds.map((round) => Math.max(...Object.values(round))),
        ),
        ...phases.map((phase) =>
          figure(
            phase,
            rounds.map((round) => round[phase] ?? 0),
          ),
        ),
      );
    }
    return figures;
  },
};
