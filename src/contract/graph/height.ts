/** How many levels a graph has: exact when asked for, and a bound from below that costs a growing graph what is added to it. */
import type { Graph, GraphNode } from "./graph.ts";
import { levelsOf } from "./graph-index.ts";
import { planOf } from "./plan.ts";

interface Height {
  /** No more than the graph's levels. */
  levels: number;
  isExact: boolean;
  /** No more than each node's level; made when the graph first grows. */
  levelOf?: Map<string, number>;
}

const heights = new WeakMap<Graph, Height>();

function known(graph: Graph): Height {
  const height = heights.get(graph) ?? { levels: planOf(graph).length, isExact: true };
  heights.set(graph, height);
  return height;
}

/** Adding nodes lowers no node's level, so that what held for the shorter graph holds for the longer one. */
export function passHeightOn(shorter: Graph, longer: Graph, widened: readonly GraphNode[], fresh: readonly GraphNode[]): void {
  const height = known(shorter);
  heights.delete(shorter);
  heights.set(longer, height);
  height.levelOf ??= new Map(planOf(shorter).flatMap((names, level) => names.map((name) => [name, level] as const)));
  const { levelOf } = height;
  const byName = new Map(fresh.map((node) => [node.name, node]));
  let deepest = -1;
  for (const name of levelsOf(fresh).levels.flat()) {
    const level = (byName.get(name) as GraphNode).dependencies.reduce((most, before) => Math.max(most, levelOf.get(before) ?? 0), -1) + 1;
    levelOf.set(name, level);
    deepest = Math.max(deepest, level);
  }
  height.levels = Math.max(height.levels, deepest + 1);
  // What depends on the new nodes may have sunk, and what depends on that: they are not looked for before somebody must know.
  height.isExact &&= widened.every(({ name }) => (levelOf.get(name) ?? 0) > deepest);
}

/** Whether a graph has more than so many levels. */
export function isHigherThan(graph: Graph, levels: number): boolean {
  const height = known(graph);
  return height.levels > levels || (!height.isExact && heightOf(graph) > levels);
}

/** The levels of a graph. */
export function heightOf(graph: Graph): number {
  const height = known(graph);
  if (height.isExact) return height.levels;
  const levels = planOf(graph).length;
  heights.set(graph, { levels, isExact: true });
  return levels;
}
