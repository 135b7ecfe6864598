/**
 * In which order the nodes of a graph run: each as soon as what it depends on has settled in the present plan, whatever else executes.
 *
 * It is moved on in place, by whoever supervises the nodes: settling costs a node's own edges, a jump its region and what it drops.
 */
import { asimovErrorOf, messageOf } from "#contract/base/errors";
import { extendGraph } from "#contract/graph/extend";
import { type Graph, type GraphNode, indexOf } from "#contract/graph/graph";
import type { Fault, NodeReport } from "#contract/node/result";
import { FailedUnion } from "./failed-union.ts";
import { Flag, isUnsettled, OrderCells, Phase } from "./order-cells.ts";

/** Plans that are remembered after a jump has replaced them: a loop of 100,000 jumps must not eat the memory. */
export const HISTORY_LIMIT = 100;

/** A jump whose target has not started: it runs also when all that it depends on was skipped. */
interface Sent {
  from: string;
  /** Of the visit that decided. */
  iteration: number;
  cleanup: boolean;
}

/** What a jump has changed: enough to show the plan that it replaced. */
export interface PastPlan {
  /** Nodes of the graph then. */
  size: number;
  /** Three numbers for each node that it touched: position, and phase and plan before. */
  before: number[];
}

/** What follows from a settled node, besides the order. */
export interface Settlement {
  /** What is to be reported; a failed node was when it failed. */
  readonly faults: readonly Fault[];
  /** Its jump or its nodes were refused: it has failed. */
  readonly refused?: { error: string; code: string };
  readonly added: readonly string[];
  readonly jump?: { from: string; to: string };
  /** The nodes that will not run in this plan. */
  readonly passed: readonly { node: string; phase: typeof Phase.BLOCKED | typeof Phase.SKIPPED }[];
}

type Draft = { -readonly [K in keyof Settlement]: Settlement[K] extends readonly (infer T)[] ? T[] : Settlement[K] };

/** As plain JSON, without the graph. */
export interface StoredOrder {
  cells: number[];
  sent: [position: number, sent: Sent][];
  plan: number;
  past: PastPlan[];
  totalIterations: number;
}

/** What has changed of an order, as plain JSON; absent is what has not. */
export interface OrderChanges {
  cells: Iterable<[chunk: number, cells: number[]]>;
  head: Pick<StoredOrder, "sent" | "plan" | "totalIterations">;
  /** Additions to the graph, in order, with the number of the first. */
  added: { first: number; additions: readonly Addition[] };
  /** The plans that jumps have replaced since, with the number of the first. */
  past: { first: number; plans: readonly PastPlan[] };
}

/** Nodes that a node has added, as it gave them. */
export interface Addition {
  creator: string;
  nodes: readonly GraphNode[];
}

export class Order {
  #graph: Graph;
  readonly #cells: OrderCells;
  /** By position: dependencies that have not settled. */
  readonly #waitsFor: number[];
  readonly #failed = new FailedUnion();
  /** Positions in the order in which they became ready; one whose phase is not READY any more is passed over. */
  #ready: number[] = [];
  #taken = 0;
  readonly #sent = new Map<number, Sent>();
  /** By target: the executing nodes of its region that it waits for; and the targets by executing node. */
  readonly #held = new Map<number, number>();
  readonly #holding = new Map<number, Set<number>>();
  #running = 0;
  #plan = 0;
  #past: PastPlan[] = [];
  #totalIterations = 0;
  /** Since changes were last taken. */
  #added: Addition[] = [];
  #additions = 0;
  /** Of the settlement that is under way; absent while nothing follows from it. */
  #draft: Draft | undefined;

  /** @param stored what `toJSON` gave for that graph */
  constructor(graph: Graph, stored?: StoredOrder) {
    this.#graph = graph;
    const { nodes } = graph;
    this.#cells = stored === undefined ? new OrderCells(nodes.length) : OrderCells.of(stored.cells);
    // At first nothing has settled.
    this.#waitsFor = stored === undefined ? Array.from(indexOf(graph).inDegrees) : [];
    if (stored !== undefined) this.#restore(stored);
    for (let position = 0; position < nodes.length; position++) {
      if (stored !== undefined && this.#isUnsettled(position)) this.#countWaits(position);
      if (this.#cells.executing(position) > 0) this.#running++;
      const phase = this.#cells.phase(position);
      if (stored === undefined ? this.#waitsFor[position] === 0 : phase === Phase.READY) this.#makeReady(position);
    }
    for (const target of this.#sent.keys()) this.#hold(target, indexOf(graph).regionAt([target]));
  }

  #restore({ sent, plan, past, totalIterations }: StoredOrder): void {
    for (const [position, each] of sent) this.#sent.set(position, { ...each });
    for (let root = 0; root < this.#cells.size; root++) if (this.#cells.has(root, Flag.FAILED)) this.#failed.add(this.#graph, root);
    this.#plan = plan;
    this.#past = past;
    this.#totalIterations = totalIterations;
  }

  get graph(): Graph {
    return this.#graph;
  }

  /** The greatest iteration that a visit has begun with. */
  get totalIterations(): number {
    return this.#totalIterations;
  }

  /** How many nodes execute. */
  get running(): number {
    return this.#running;
  }

  get cells(): OrderCells {
    return this.#cells;
  }

  /** Of the plans that jumps replaced: the newest, oldest first; and the number of the present one. */
  get past(): { plans: readonly PastPlan[]; present: number } {
    return { plans: this.#past, present: this.#plan };
  }

  get failed(): Pick<FailedUnion, "has" | "size" | "roots"> {
    return this.#failed;
  }

  isExecuting(node: string): boolean {
    const position = indexOf(this.#graph).position(node);
    return position !== undefined && this.#cells.executing(position) > 0;
  }

  /** Whether it executes, and a jump has sent it back meanwhile: it is visited once more. */
  isSentBack(node: string): boolean {
    const position = indexOf(this.#graph).position(node);
    return position !== undefined && this.#cells.executing(position) > 0 && this.#cells.phase(position) !== Phase.STARTED;
  }

  isReady(node: string): boolean {
    const position = indexOf(this.#graph).position(node);
    return position !== undefined && this.#cells.phase(position) === Phase.READY;
  }

  /** The nodes that execute or may start, in declaration order. */
  current(): string[] {
    const index = indexOf(this.#graph);
    const names: string[] = [];
    for (let position = 0; position < this.#cells.size; position++) {
      if (this.#cells.executing(position) > 0 || this.#cells.phase(position) === Phase.READY) names.push(index.nameAt(position));
    }
    return names;
  }

  /** The next node that may start; it stays ready until it does. */
  takeReady(): string | undefined {
    while (this.#taken < this.#ready.length) {
      const position = this.#ready[this.#taken++] as number;
      if (this.#cells.phase(position) === Phase.READY) return indexOf(this.#graph).nameAt(position);
    }
    this.#ready = [];
    this.#taken = 0;
    return undefined;
  }

  /** The iteration that a visit of it would be. */
  iterationOf(node: string): number {
    return this.#iterationAt(indexOf(this.#graph).position(node) as number);
  }

  #iterationAt(position: number): number {
    // Its own earlier visit too: so each visit of a node has a higher one, and a limit of iterations bounds the visits of every node.
    let greatest = Math.max(this.#sent.get(position)?.iteration ?? 0, this.#cells.at(position));
    for (const before of indexOf(this.#graph).dependenciesAt(position)) greatest = Math.max(greatest, this.#cells.at(before));
    return greatest + 1;
  }

  /** The iteration of the visit that goes on. */
  executionOf(node: string): number {
    return this.#cells.executing(indexOf(this.#graph).position(node) as number);
  }

  /** The region whose generators are closed before this node starts, if a jump to it asked for that. */
  toClean(node: string): string[] | undefined {
    const index = indexOf(this.#graph);
    const position = index.position(node) as number;
    if (this.#sent.get(position)?.cleanup !== true) return undefined;
    return [...index.regionAt([position])].map((each) => index.nameAt(each));
  }

  /** They are closed. */
  cleaned(node: string): void {
    const sent = this.#sent.get(indexOf(this.#graph).position(node) as number);
    if (sent !== undefined) sent.cleanup = false;
  }

  /** A ready node starts. @returns its iteration */
  start(node: string): number {
    const position = indexOf(this.#graph).position(node) as number;
    const iteration = this.#iterationAt(position);
    this.#totalIterations = Math.max(this.#totalIterations, iteration);
    this.#cells.setPhase(position, Phase.STARTED);
    this.#cells.setExecuting(position, iteration);
    this.#running++;
    if (this.#sent.delete(position)) this.#held.delete(position);
    return iteration;
  }

  /** A visit has ended: its status, then the nodes that it adds, then its jump, then what waited for it. */
  settle(report: NodeReport): Settlement {
    const { node, status, decision, added } = report;
    const position = indexOf(this.#graph).position(node) as number;
    const iteration = this.#cells.executing(position);
    const isCurrent = this.#cells.phase(position) === Phase.STARTED;
    this.#cells.setExecuting(position, 0);
    this.#cells.setAt(position, iteration);
    this.#running--;
    this.#draft = undefined;
    if (status === "COMPLETE") this.#heal(position);
    else if (status !== "SKIPPED") this.#fail(position);
    if (isCurrent) this.#cells.settle(position, status === "SKIPPED" ? Phase.SKIPPED : Phase.DONE, this.#plan);
    if (status === "COMPLETE") {
      if (added !== undefined && added.length > 0) this.#add(position, added, isCurrent);
      if (decision !== undefined && this.#follows?.refused === undefined)
        this.#decide(position, report as NodeReport & { decision: string }, isCurrent);
    }
    if (isCurrent && this.#follows?.jump === undefined) this.#release(position);
    this.#letGo(position);
    return this.#follows ?? NOTHING;
  }

  /** Asked by a name of its own: TypeScript takes a field for what was assigned to it last. */
  get #follows(): Draft | undefined {
    return this.#draft;
  }

  #follow(): Draft {
    this.#draft ??= { faults: [], added: [], passed: [] };
    return this.#draft;
  }

  /** Of a stored order that was changed while nobody ran it: what waits for nothing any more may start, or will not run. */
  catchUp(): Settlement {
    this.#draft = undefined;
    const free: number[] = [];
    for (let position = 0; position < this.#cells.size; position++) {
      const phase = this.#cells.phase(position);
      if ((phase === Phase.PENDING || phase === Phase.DROPPED) && this.#waitsFor[position] === 0) free.push(position);
    }
    this.#resolve(free);
    return this.#follows ?? NOTHING;
  }

  /** Targets may wait for a visit that has ended, of a node that a jump has sent back. */
  #letGo(position: number): void {
    const targets = this.#holding.get(position);
    if (targets === undefined) return;
    this.#holding.delete(position);
    for (const target of targets) {
      this.#held.set(target, (this.#held.get(target) ?? 1) - 1);
      this.#resolve([target]);
    }
  }

  #isUnsettled(position: number): boolean {
    return isUnsettled(this.#cells.phase(position));
  }

  #countWaits(position: number): void {
    let waits = 0;
    for (const before of indexOf(this.#graph).dependenciesAt(position)) if (this.#isUnsettled(before)) waits++;
    this.#waitsFor[position] = waits;
  }

  #makeReady(position: number): void {
    this.#cells.setPhase(position, Phase.READY);
    this.#ready.push(position);
  }

  #refuse(position: number, error: string, code: string): void {
    const node = indexOf(this.#graph).nameAt(position);
    this.#follow().refused = { error, code };
    this.#follow().faults.push({ status: "error", node, error, code });
    this.#fail(position);
  }

  #fail(position: number): void {
    this.#failed.add(this.#graph, position);
    this.#cells.mark(position, Flag.FAILED, true);
  }

  #heal(position: number): void {
    if (!this.#failed.roots.has(position)) return;
    this.#failed.remove(this.#graph, position);
    this.#cells.mark(position, Flag.FAILED, false);
  }

  #add(creator: number, added: readonly GraphNode[], isCurrent: boolean): void {
    const before = this.#graph;
    let graph: Graph;
    try {
      graph = extendGraph(before, indexOf(before).nameAt(creator), added);
    } catch (error) {
      this.#refuse(creator, messageOf(error), asimovErrorOf(error)?.code ?? "graph-invalid-addition");
      return;
    }
    if (graph === before) return;
    this.#graph = graph;
    this.#added.push({ creator: indexOf(graph).nameAt(creator), nodes: added });
    const size = before.nodes.length;
    const fresh = Array.from({ length: graph.nodes.length - size }, (_, place) => size + place);
    this.#cells.grow(graph.nodes.length);
    for (const position of fresh) this.#cells.setPhase(position, Phase.PENDING);
    // The creator, where it is of this plan, counts as open until what waits for it is released.
    for (const position of fresh) {
      this.#countWaits(position);
      if (isCurrent) this.#waitsFor[position] = (this.#waitsFor[position] as number) + 1;
    }
    const index = indexOf(graph);
    for (const position of index.dependentsAt(creator)) {
      if (position < size && this.#isUnsettled(position)) this.#waitsFor[position] = (this.#waitsFor[position] as number) + fresh.length;
    }
    this.#failed.grow(graph, fresh);
    this.#follow().added.push(...fresh.map((position) => index.nameAt(position)));
    if (!isCurrent) this.#resolve([...fresh]);
  }

  #decide(position: number, { node, decision, cleanup }: NodeReport & { decision: string }, isCurrent: boolean): void {
    const { faults } = this.#follow();
    const target = indexOf(this.#graph).position(decision);
    const say = (error: string, code: string): number => faults.push({ status: "error", node, error, code });
    if (target === undefined)
      say(`Node "${node}" decided for "${decision}", which the graph does not hold; the plan goes on.`, "unknown-target");
    else if (!isCurrent) {
      say(`Node "${node}" decided for "${decision}", but a jump has sent it back meanwhile; it decides again.`, "jump-overruled");
    } else if (this.#failed.has(target)) {
      this.#refuse(position, `Node "${node}" decided for "${decision}", which is in a failed chain.`, "target-failed");
    } else {
      this.#jump(position, target, cleanup === true);
    }
  }

  #jump(position: number, target: number, cleanup: boolean): void {
    const index = indexOf(this.#graph);
    const [from, to] = [index.nameAt(position), index.nameAt(target)];
    const region = index.regionAt([target]);
    const before: number[] = [];
    const remember = (each: number): number => before.push(each, this.#cells.phase(each), this.#cells.plan(each));
    const dropped: number[] = [];
    for (const each of index.regionAt([position])) {
      const phase = this.#cells.phase(each);
      if (region.has(each) || (phase !== Phase.PENDING && phase !== Phase.READY && phase !== Phase.DROPPED)) continue;
      remember(each);
      this.#cells.settle(each, Phase.DROPPED, this.#plan + 1);
      dropped.push(each);
      this.#overrule(each, from, to);
    }
    for (const each of region) {
      remember(each);
      this.#cells.setPhase(each, Phase.PENDING);
    }
    for (const each of region) this.#countWaits(each);
    for (const each of dropped) this.#countWaits(each);
    this.#past = [...this.#past.slice(1 - HISTORY_LIMIT), { size: index.size, before }];
    this.#plan++;
    const sent = this.#sent.get(target);
    const iteration = Math.max(this.#cells.at(position), sent?.iteration ?? 0);
    this.#sent.set(target, { from, iteration, cleanup: cleanup || sent?.cleanup === true });
    this.#hold(target, region);
    this.#follow().jump = { from, to };
    this.#resolve([...dropped, target]);
  }

  /** A jump has dropped a node that another had asked for. */
  #overrule(position: number, from: string, to: string): void {
    const sent = this.#sent.get(position);
    if (sent === undefined) return;
    this.#sent.delete(position);
    this.#held.delete(position);
    for (const targets of this.#holding.values()) targets.delete(position);
    const name = indexOf(this.#graph).nameAt(position);
    const error = `Node "${sent.from}" decided for "${name}", but "${from}" decided later, for "${to}".`;
    this.#follow().faults.push({ status: "error", node: sent.from, error, code: "jump-overruled" });
  }

  /** A target waits for what executes of its region; the rest of the region waits for the target. */
  #hold(target: number, region: ReadonlySet<number>): void {
    if (this.#running === 0) return;
    let held = this.#held.get(target) ?? 0;
    for (const position of region) {
      if (this.#cells.executing(position) === 0) continue;
      const targets = this.#holding.get(position) ?? new Set();
      this.#holding.set(position, targets);
      if (!targets.has(target)) held++;
      targets.add(target);
    }
    if (held > 0) this.#held.set(target, held);
  }

  #release(position: number): void {
    const freed: number[] = [];
    this.#countDown(position, freed);
    if (freed.length > 0) this.#resolve(freed);
  }

  /** It has settled, or is in no plan any more: one dependency less for what waits for it. */
  #countDown(position: number, freed: number[]): void {
    for (const after of indexOf(this.#graph).dependentsAt(position)) {
      const phase = this.#cells.phase(after);
      if (phase !== Phase.PENDING && phase !== Phase.DROPPED) continue;
      const left = (this.#waitsFor[after] as number) - 1;
      this.#waitsFor[after] = left;
      if (left === 0) freed.push(after);
    }
  }

  /** @param queue nodes that may wait for nothing any more; it grows by those that follow */
  #resolve(queue: number[]): void {
    const index = indexOf(this.#graph);
    for (const position of queue) {
      const phase = this.#cells.phase(position);
      if ((this.#waitsFor[position] as number) > 0) continue;
      if (phase === Phase.DROPPED) {
        this.#cells.setPhase(position, Phase.GONE);
        this.#countDown(position, queue);
      }
      if (phase !== Phase.PENDING || (this.#held.get(position) ?? 0) > 0) continue;
      const passed = this.#passedAs(index.dependenciesAt(position), position);
      if (passed === undefined) {
        this.#makeReady(position);
        continue;
      }
      this.#cells.settle(position, passed, this.#plan);
      this.#cells.setAt(position, this.#iterationAt(position));
      this.#sent.delete(position);
      this.#follow().passed.push({ node: index.nameAt(position), phase: passed });
      this.#countDown(position, queue);
    }
  }

  #passedAs(dependencies: readonly number[], position: number): typeof Phase.BLOCKED | typeof Phase.SKIPPED | undefined {
    if (dependencies.length === 0) return undefined;
    if (this.#failed.size > 0 && dependencies.some((before) => this.#failed.has(before))) return Phase.BLOCKED;
    if (this.#sent.has(position)) return undefined;
    const isPassed = (before: number): boolean => {
      const phase = this.#cells.phase(before);
      return phase === Phase.SKIPPED || phase === Phase.BLOCKED;
    };
    return dependencies.every(isPassed) ? Phase.SKIPPED : undefined;
  }

  /** Whether a node that is stored before its first visit alone was. */
  isSaved(node: string): boolean {
    return this.#cells.has(indexOf(this.#graph).position(node) as number, Flag.SAVED);
  }

  markSaved(node: string): void {
    this.#cells.mark(indexOf(this.#graph).position(node) as number, Flag.SAVED, true);
  }

  /** What has changed since this was last asked: all, the first time. */
  changes(): OrderChanges {
    const additions = this.#added;
    this.#added = [];
    const first = this.#additions;
    this.#additions += additions.length;
    const plans = this.#past.slice(this.#past.length - Math.min(this.#plan - this.#plansTold, this.#past.length));
    this.#plansTold = this.#plan;
    return {
      cells: this.#cells.changes(),
      head: this.#head(),
      added: { first, additions },
      past: { first: this.#plan - plans.length, plans },
    };
  }

  #plansTold = 0;

  /** It is stored as it is, with so many additions to the graph: changes are what follows. */
  isStored(additions: number): void {
    this.#additions = additions;
    this.#plansTold = this.#plan;
    this.#cells.isStored();
  }

  #head(): OrderChanges["head"] {
    return {
      sent: [...this.#sent].map(([position, sent]) => [position, { ...sent }]),
      plan: this.#plan,
      totalIterations: this.#totalIterations,
    };
  }

  /** The nodes that execute, by a stored order. */
  static executingIn({ nodes }: Graph, { cells }: StoredOrder): string[] {
    const read = OrderCells.of(cells);
    return nodes.flatMap(({ name }, position) => (read.executing(position) > 0 ? [name] : []));
  }

  toJSON(): StoredOrder {
    return {
      cells: this.#cells.toJSON(),
      ...this.#head(),
      past: this.#past,
    };
  }
}

const NOTHING: Settlement = { faults: [], added: [], passed: [] };
