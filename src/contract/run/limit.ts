/** The limit of a run's iterations: what was given, else so many more than its graph has levels that one without jumps never meets it. */
import type { Graph } from "#contract/graph/graph";
import { heightOf, isHigherThan } from "#contract/graph/height";

const SPARE_ITERATIONS = 100;

/** A limit as plain JSON, which has no `Infinity`; null is the default. */
export function iterationLimitOf(given: number | undefined): number | null {
  return given === undefined ? null : Math.min(given, Number.MAX_SAFE_INTEGER);
}

/** Whether a visit of that iteration may not begin. */
export function isOverIterations(graph: Graph, iteration: number, given: number | null): boolean {
  if (given !== null) return iteration > given;
  return iteration > SPARE_ITERATIONS && !isHigherThan(graph, iteration - SPARE_ITERATIONS - 1);
}

/** The limit in force, added nodes included. */
export function iterationLimit(graph: Graph, given: number | null): number {
  return given ?? heightOf(graph) + SPARE_ITERATIONS;
}
