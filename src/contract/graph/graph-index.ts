/** Who stands where in a list of nodes, and who depends on whom: made once, by positions, since graphs may hold 100,000 nodes. */

/** Anything that is named and comes after other named things. */
export interface Dependent {
  readonly name: string;
  readonly dependencies: readonly string[];
}

export interface Levels {
  /** A node's level is one more than the highest of its dependencies'; within a level, nodes stand in the order given. */
  levels: string[][];
  /** What could not be placed. */
  circular: string[];
}

const NONE = -1;

export class GraphIndex<TNode extends Dependent> {
  #nodes: readonly TNode[];
  readonly #position = new Map<string, number>();
  /** The dependents of each node are a list of links, in order: the first and the last of each, and of each link its node and the next. */
  readonly #first: number[] = [];
  readonly #last: number[] = [];
  readonly #to: number[] = [];
  readonly #next: number[] = [];
  #levels: Levels | undefined;
  #isWhole = true;

  constructor(nodes: readonly TNode[]) {
    this.#nodes = nodes;
    this.#place(nodes, 0);
    for (let position = 0; position < nodes.length; position++) this.#link(position, (nodes[position] as TNode).dependencies);
  }

  #place(nodes: readonly TNode[], from: number): void {
    for (let position = from; position < nodes.length; position++) {
      this.#position.set((nodes[position] as TNode).name, position);
      this.#first.push(NONE);
      this.#last.push(NONE);
    }
  }

  #link(position: number, dependencies: readonly string[]): void {
    for (const name of dependencies) {
      const before = this.#position.get(name);
      if (before === undefined) {
        this.#isWhole = false;
        continue;
      }
      const link = this.#to.push(position) - 1;
      this.#next.push(NONE);
      const last = this.#last[before] as number;
      if (last === NONE) this.#first[before] = link;
      else this.#next[last] = link;
      this.#last[before] = link;
    }
  }

  get size(): number {
    return this.#nodes.length;
  }

  /** Whether each node has a name of its own. */
  get isDistinct(): boolean {
    return this.#position.size === this.#nodes.length;
  }

  /** Whether each dependency is in the list. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  has(name: string): boolean {
    return this.#position.has(name);
  }

  node(name: string): TNode | undefined {
    const position = this.#position.get(name);
    return position === undefined ? undefined : this.#nodes[position];
  }

  /** In declaration order. */
  position(name: string): number | undefined {
    return this.#position.get(name);
  }

  nameAt(position: number): string {
    return (this.#nodes[position] as TNode).name;
  }

  isLast(name: string): boolean {
    return this.isLastAt(this.#position.get(name) ?? NONE);
  }

  isLastAt(position: number): boolean {
    return this.#first[position] === NONE;
  }

  *dependents(name: string): Generator<string> {
    const position = this.#position.get(name);
    if (position === undefined) return;
    for (let link = this.#first[position] as number; link !== NONE; link = this.#next[link] as number) {
      yield (this.#nodes[this.#to[link] as number] as TNode).name;
    }
  }

  /** By position, how many dependencies in the list each node has. */
  get inDegrees(): Uint32Array {
    const degrees = new Uint32Array(this.#nodes.length);
    for (const position of this.#to) degrees[position] = (degrees[position] as number) + 1;
    return degrees;
  }

  /** The positions of what a node depends on, and of what depends on it; what is no node of the list is left out. */
  dependenciesAt(position: number): number[] {
    const found: number[] = [];
    for (const name of (this.#nodes[position] as TNode).dependencies) {
      const before = this.#position.get(name);
      if (before !== undefined) found.push(before);
    }
    return found;
  }

  dependentsAt(position: number): number[] {
    const found: number[] = [];
    for (let link = this.#first[position] as number; link !== NONE; link = this.#next[link] as number) found.push(this.#to[link] as number);
    return found;
  }

  /** The positions of some nodes and of everything that depends on them, however far; each once, the given ones first. */
  regionAt(positions: readonly number[]): Set<number> {
    const found = new Set(positions);
    for (const position of found) {
      for (let link = this.#first[position] as number; link !== NONE; link = this.#next[link] as number)
        found.add(this.#to[link] as number);
    }
    return found;
  }

  /** The longest-path levels (Kahn 1962), dependencies outside of the list apart. */
  get levels(): Levels {
    this.#levels ??= this.#findLevels();
    return this.#levels;
  }

  #findLevels(): Levels {
    const size = this.#nodes.length;
    const open = this.inDegrees;
    const levelOf = new Int32Array(size).fill(NONE);
    const queue = new Uint32Array(size);
    let found = 0;
    const put = (position: number, level: number): void => {
      levelOf[position] = level;
      queue[found++] = position;
    };
    for (let position = 0; position < size; position++) if (open[position] === 0) put(position, 0);
    for (let at = 0; at < found; at++) {
      const position = queue[at] as number;
      for (let link = this.#first[position] as number; link !== NONE; link = this.#next[link] as number) {
        const after = this.#to[link] as number;
        open[after] = (open[after] as number) - 1;
        // The last dependency to be placed is one of the deepest, since levels are placed in order.
        if (open[after] === 0) put(after, (levelOf[position] as number) + 1);
      }
    }
    return this.#written(levelOf);
  }

  #written(levelOf: Int32Array): Levels {
    const levels: string[][] = [];
    const circular: string[] = [];
    for (const [position, { name }] of this.#nodes.entries()) {
      const level = levelOf[position] as number;
      if (level === NONE) circular.push(name);
      else {
        while (levels.length <= level) levels.push([]);
        (levels[level] as string[]).push(name);
      }
    }
    return { levels, circular };
  }

  /**
   * Goes over to a longer list, at the cost of what was added.
   *
   * @param widened nodes that depend on all of `fresh` now
   * @param fresh nodes at the end of `longer`
   */
  extend(longer: readonly TNode[], widened: readonly TNode[], fresh: readonly TNode[]): void {
    const size = this.#nodes.length;
    this.#nodes = longer;
    this.#levels = undefined;
    this.#place(longer, size);
    const freshNames = fresh.map(({ name }) => name);
    for (const { name } of widened) this.#link(this.#position.get(name) as number, freshNames);
    for (const { name, dependencies } of fresh) this.#link(this.#position.get(name) as number, dependencies);
  }
}

export const levelsOf = (nodes: readonly Dependent[]): Levels => new GraphIndex(nodes).levels;
