/** The shapes of graphs that every contender runs, and the tally that tells a right run from a wrong one. */

export interface GraphShape {
  /** Positions of the nodes that come before, for each node; dependencies come first. */
  readonly dependencies: readonly (readonly number[])[];
  /** How many nodes must have run before a node may start. */
  readonly before: readonly number[];
}

export function chain(size: number): GraphShape {
  const positions = Array.from({ length: size }, (_, index) => index);
  return { dependencies: positions.map((index) => (index === 0 ? [] : [index - 1])), before: positions };
}

/** So many nodes at once, and one more that waits for them all. */
export function fanOutAndJoin(width: number): GraphShape {
  const workers = Array.from({ length: width }, (_, index) => index);
  return { dependencies: [...workers.map(() => []), workers], before: [...workers.map(() => 0), width] };
}

/** Layers of nodes; each node waits for the whole layer before it. */
export function layers(width: number, count: number): GraphShape {
  const layerOf = (layer: number): number[] => Array.from({ length: width }, (_, index) => layer * width + index);
  const nodes = Array.from({ length: count }, (_, layer) => layerOf(layer).map(() => layer)).flat();
  const before = Array.from({ length: count }, (_, layer) => (layer === 0 ? [] : layerOf(layer - 1)));
  return {
    dependencies: nodes.map((layer) => before[layer] ?? []),
    before: nodes.map((layer) => layer * width),
  };
}

/** A graph as a process is told of it: the whole would take longer to send than to build. */
export type GraphSpec =
  | readonly ["chain", size: number]
  | readonly ["fan", width: number]
  | readonly ["layers", width: number, count: number];

export function graphOf(spec: GraphSpec): GraphShape {
  if (spec[0] === "chain") return chain(spec[1]);
  return spec[0] === "fan" ? fanOutAndJoin(spec[1]) : layers(spec[1], spec[2]);
}

/** Positions of nodes that may run at once, level after level: for those who say what runs when, and not what depends on what. */
export const levelsOf = ({ before }: GraphShape): number[][] => [...Map.groupBy(before.keys(), (index) => before[index] ?? 0).values()];

export const nameOf = (index: number): string => `n${index}`;

/** Counts what ran; the work of a no-op node. */
export class Tally {
  readonly #shape: GraphShape;
  readonly #visits: Uint32Array;
  #total = 0;
  #early = 0;

  constructor(shape: GraphShape) {
    this.#shape = shape;
    this.#visits = new Uint32Array(shape.dependencies.length);
  }

  visit(index: number): void {
    if (this.#total < (this.#shape.before[index] ?? 0)) this.#early++;
    this.#visits[index] = (this.#visits[index] ?? 0) + 1;
    this.#total++;
  }

  /** Checks that every node ran as often as there were runs, none before what it depends on; starts anew. */
  settle(runs = 1): void {
    const wrong = this.#visits.findIndex((visits) => visits !== runs);
    const early = this.#early;
    const visits = this.#visits[wrong];
    this.#visits.fill(0);
    this.#total = 0;
    this.#early = 0;
    if (wrong !== -1) throw new Error(`Node ${wrong} of ${this.#visits.length} ran ${visits} times; expected ${runs}.`);
    if (runs === 1 && early > 0) throw new Error(`${early} nodes ran before what they depend on.`);
  }
}

/** Milliseconds of each node, by branch: from 10 to 200, the same in every run. */
export function branchesOf(draw: number): number[][] {
  let seed = draw;
  const next = (): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed / 2 ** 31;
  };
  return Array.from({ length: 5 }, () => Array.from({ length: 6 }, () => 10 + Math.floor(next() * 190)));
}
