/** Who is in a failed chain: for each node the reasons, one for itself and one for each dependency that is in one. */
import { type Graph, indexOf } from "#contract/graph/graph";

export class FailedUnion {
  /** The roots: nodes whose latest visit failed. */
  readonly roots = new Set<number>();
  #reasons: number[] | undefined;
  /** The nodes with a reason. */
  #count = 0;

  has(position: number): boolean {
    return this.#reasons !== undefined && (this.#reasons[position] ?? 0) > 0;
  }

  /** How many nodes are in a failed chain. */
  get size(): number {
    return this.#count;
  }

  /** Costs what of its chain was in none before. */
  add(graph: Graph, root: number): void {
    if (this.roots.has(root)) return;
    this.roots.add(root);
    this.#give(graph, [root]);
  }

  /** Costs what of its chain is in none afterwards. */
  remove(graph: Graph, root: number): void {
    if (!this.roots.delete(root)) return;
    const reasons = this.#reasons as number[];
    const index = indexOf(graph);
    const queue = [root];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const left = (reasons[next] as number) - 1;
      reasons[next] = left;
      if (left > 0) continue;
      this.#count--;
      queue.push(...index.dependentsAt(next));
    }
  }

  /** A graph has grown by nodes: what of them depends on a node in a chain is in one, and what depends on that. */
  grow(graph: Graph, fresh: readonly number[]): void {
    if (this.#count === 0) return;
    const index = indexOf(graph);
    const isFresh = new Set(fresh);
    for (const position of fresh) {
      const before = index.dependenciesAt(position).filter((from) => !isFresh.has(from) && this.has(from));
      this.#give(
        graph,
        before.map(() => position),
      );
    }
  }

  /** One reason more for each; those that had none pass theirs on. */
  #give(graph: Graph, positions: number[]): void {
    this.#reasons ??= [];
    const index = indexOf(graph);
    const queue = positions;
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const before = this.#reasons[next] ?? 0;
      this.#reasons[next] = before + 1;
      if (before > 0) continue;
      this.#count++;
      queue.push(...index.dependentsAt(next));
    }
  }
}
