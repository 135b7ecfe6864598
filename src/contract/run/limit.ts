/** The limit of a run's iterations: what was given, else so many more than its graph has levels that one without jumps never meets it. */
import { heightOf, isHigherThan } from "#contract/graph/height";
import type { RunState } from "./state.ts";

const SPARE_ITERATIONS = 100;

/** A limit as plain JSON, which has no `Infinity`; null is the default. */
export function iterationLimitOf(given: number | undefined): number | null {
  return given === undefined ? null : Math.min(given, Number.MAX_SAFE_INTEGER);
}

/** Whether the run may make no other iteration. */
export function isOverIterations({ graph, totalIterations }: RunState, given: number | null): boolean {
  if (given !== null) return totalIterations >= given;
  return totalIterations >= SPARE_ITERATIONS && !isHigherThan(graph, totalIterations - SPARE_ITERATIONS);
}

/** The limit in force, added nodes included. */
export function iterationLimit({ graph }: RunState, given: number | null): number {
  return given ?? heightOf(graph) + SPARE_ITERATIONS;
}
