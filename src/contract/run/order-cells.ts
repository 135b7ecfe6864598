/** What a run knows of the order of its nodes: five whole numbers a node, by position, since graphs may hold 100,000. */

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

export const Flag = {
  /** Its latest visit failed. */
  FAILED: 1,
  /** It was stored before its first visit, and asks for no more. */
  SAVED: 2,
} as const;
export type Flag = (typeof Flag)[keyof typeof Flag];

/** Its phase, the iteration of the visit that goes on (0: none), that of its latest visit or skip, the plan in which it settled last, its flags. */
const WIDTH = 5;
const EXECUTING = 1;
const AT = 2;
const PLAN = 3;
const FLAGS = 4;

/** Nodes that are written together. */
const CHUNK = 32;

export class OrderCells {
  /** Numbers of each node. */
  static readonly WIDTH = WIDTH;
  #cells: Int32Array;
  #size: number;
  /** Chunks that have changed since they were last taken; absent where nobody takes them. */
  #changed: Set<number> | undefined;

  constructor(size: number) {
    this.#size = size;
    this.#cells = new Int32Array(size * WIDTH);
  }

  get size(): number {
    return this.#size;
  }

  /** Makes room for added nodes, which are pending. */
  grow(size: number): void {
    for (let position = this.#size; position < size; position++) this.#touch(position);
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
    this.#set(position, 0, phase);
  }

  /** Where its latest visit in this plan has ended, or none will come. */
  settle(position: number, phase: Phase, plan: number): void {
    this.#set(position, 0, phase);
    this.#set(position, PLAN, plan);
  }

  plan(position: number): number {
    return this.#cells[position * WIDTH + PLAN] as number;
  }

  executing(position: number): number {
    return this.#cells[position * WIDTH + EXECUTING] as number;
  }

  setExecuting(position: number, iteration: number): void {
    this.#set(position, EXECUTING, iteration);
  }

  at(position: number): number {
    return this.#cells[position * WIDTH + AT] as number;
  }

  setAt(position: number, iteration: number): void {
    this.#set(position, AT, iteration);
  }

  has(position: number, flag: Flag): boolean {
    return ((this.#cells[position * WIDTH + FLAGS] as number) & flag) !== 0;
  }

  mark(position: number, flag: Flag, isSet: boolean): void {
    const flags = this.#cells[position * WIDTH + FLAGS] as number;
    this.#set(position, FLAGS, isSet ? flags | flag : flags & ~flag);
  }

  #set(position: number, column: number, value: number): void {
    this.#cells[position * WIDTH + column] = value;
    if (this.#changed !== undefined) this.#touch(position);
  }

  #touch(position: number): void {
    this.#changed?.add(Math.floor(position / CHUNK));
  }

  /** What has changed since this was last asked; all, the first time. */
  *changes(): Generator<[chunk: number, cells: number[]]> {
    const changed = this.#changed ?? Array.from({ length: Math.ceil(this.#size / CHUNK) }, (_, chunk) => chunk);
    this.#changed = new Set();
    for (const chunk of changed) yield [chunk, Array.from(this.#cells.subarray(chunk * CHUNK * WIDTH, this.#endOf(chunk)))];
  }

  #endOf(chunk: number): number {
    return Math.min(this.#size, (chunk + 1) * CHUNK) * WIDTH;
  }

  /** What is there is stored as it is: from now on changes are what follows. */
  isStored(): void {
    this.#changed = new Set();
  }

  toJSON(): number[] {
    return Array.from(this.#cells.subarray(0, this.#size * WIDTH));
  }

  /** @param cells as `toJSON` gives them, or the chunks of `changes` one after the other */
  static of(cells: readonly number[]): OrderCells {
    const made = new OrderCells(cells.length / WIDTH);
    made.#cells.set(cells);
    return made;
  }
}
