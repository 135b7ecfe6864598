/** Effect, typed as the part that is used: its package is in `bench/` alone, and the project's own checks do without it. */
import { type GraphSpec, graphOf, levelsOf, Tally } from "../shapes/graph-shape.ts";
import type { Trial } from "../trial.ts";

type Effect = { [Symbol.iterator](): Iterator<Effect> };

interface Effects {
  promise(work: () => Promise<unknown>): Effect;
  all(effects: Effect[], options: { concurrency: "unbounded"; discard: true }): Effect;
  gen(body: () => Generator<Effect, void>): Effect;
  runPromise(effect: Effect): Promise<unknown>;
}

// A name that is no literal keeps compilers from looking for the package.
const packageName: string = "effect";
const { Effect } = (await import(packageName)) as { Effect: Effects };

/** A node is a promise in an effect; nodes one after the other are steps of a generator, and those at once are in `Effect.all`. */
export function graphTrial(spec: GraphSpec, runs = 1): Trial {
  const shape = graphOf(spec);
  const tally = new Tally(shape);
  const node = (index: number): Effect => Effect.promise(async () => tally.visit(index));
  const levels = levelsOf(shape).map((level) =>
    level.length === 1 ? node(level[0] ?? 0) : Effect.all(level.map(node), { concurrency: "unbounded", discard: true }),
  );
  const program = Effect.gen(function* () {
    for (const level of levels) yield* level as unknown as Generator<Effect, void>;
  });
  return {
    run: () => Promise.all(Array.from({ length: runs }, () => Effect.runPromise(program))),
    settle: () => tally.settle(runs),
  };
}
