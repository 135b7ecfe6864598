/** What a run knows of the order of its nodes: four whole numbers a node, by position, since graphs may hold 100,000. */

/** Where a node stands in the present plan. */
export const Phase = {
  /** It waits for what it depends on. */
  PENDING: 0,
  /** It may start. */
  READY: 1,
  /** It executes. */
  STARTED: 2,
  /** It executed, well or badly. */
  DONE: 3,
  /** Its condition was false, or all that it depends on was skipped. */
  SKIPPED: 4,
  /** It will not run: what it depends on is in a failed chain. */
  BLOCKED: 5,
  /** A jump took it out; what depends on it still waits for what it depends on. */
  DROPPED: 6,
  /** It is in no plan. */
  GONE: 7,
} as const;
export type Phase = (typeof Phase)[keyof typeof Phase];

/** Whether what depends on a node of this phase waits for it. */
export const isUnsettled = (phase: Phase): boolean => phase <= Phase.STARTED || phase === Phase.DROPPED;

/** Its phase, the iteration of the visit that goes on (0: none), that of its latest visit or skip, the plan in which it settled last. */
const WIDTH = 4;
const EXECUTING = 1;
const AT = 2;
const PLAN = 3;

export class OrderCells {
  /** Numbers of each node. */
  static readonly WIDTH = WIDTH;
  #cells: Int32Array;
  #size: number;

  constructor(size: number) {
    this.#size = size;
    this.#cells = new Int32Array(size * WIDTH);
  }

  get size(): number {
    return this.#size;
  }

  /** Makes room for added nodes, which are pending. */
  grow(size: number): void {
    this.#size = size;
    if (size * WIDTH <= this.#cells.length) return;
    const cells = new Int32Array(2 * size * WIDTH);
    cells.set(this.#cells);
    this.#cells = cells;
  }

  phase(position: number): Phase {
    return this.#cells[position * WIDTH] as Phase;
  }

  setPhase(position: number, phase: Phase): void {
    this.#cells[position * WIDTH] = phase;
  }

  /** Where its latest visit in this plan has ended, or none will come. */
  settle(position: number, phase: Phase, plan: number): void {
    this.#cells[position * WIDTH] = phase;
    this.#cells[position * WIDTH + PLAN] = plan;
  }

  plan(position: number): number {
    return this.#cells[position * WIDTH + PLAN] as number;
  }

  executing(position: number): number {
    return this.#cells[position * WIDTH + EXECUTING] as number;
  }

  setExecuting(position: number, iteration: number): void {
    this.#cells[position * WIDTH + EXECUTING] = iteration;
  }

  at(position: number): number {
    return this.#cells[position * WIDTH + AT] as number;
  }

  setAt(position: number, iteration: number): void {
    this.#cells[position * WIDTH + AT] = iteration;
  }

  toJSON(): number[] {
    return Array.from(this.#cells.subarray(0, this.#size * WIDTH));
  }

  /** @param cells as `toJSON` gives them */
  static of(cells: readonly number[]): OrderCells {
    const made = new OrderCells(cells.length / WIDTH);
    made.#cells.set(cells);
    return made;
  }
}
