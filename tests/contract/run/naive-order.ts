/** The contract's words on the order of nodes, worked out from nothing at every event. */
import { extendGraph } from "../../../src/contract/graph/extend.ts";
import { type Graph, withDescendants } from "../../../src/contract/graph/graph.ts";
import type { NodeReport } from "../../../src/contract/node/result.ts";

export class NaiveOrder {
  graph: Graph;
  readonly pending: Set<string>;
  readonly ready = new Set<string>();
  /** Whether the visit is of the present plan. */
  readonly executing = new Map<string, boolean>();
  readonly failed = new Set<string>();
  readonly skipped = new Set<string>();
  readonly dropped = new Set<string>();
  readonly sent = new Set<string>();
  /** Visits that each node is owed. */
  readonly owed = new Map<string, number>();
  readonly iterations = new Map<string, number>();
  readonly #sentWith = new Map<string, number>();

  constructor(graph: Graph) {
    this.graph = graph;
    this.pending = new Set(graph.nodes.map(({ name }) => name));
    for (const name of this.pending) this.#owe(name, 1);
    this.#settle();
  }

  #owe(name: string, more: number): void {
    this.owed.set(name, (this.owed.get(name) ?? 0) + more);
  }

  dependencies(name: string): readonly string[] {
    return this.graph.nodes.find((node) => node.name === name)?.dependencies ?? [];
  }

  chain(): Set<string> {
    return withDescendants(this.graph, this.failed);
  }

  #isUnsettled(name: string): boolean {
    return this.pending.has(name) || this.ready.has(name) || this.executing.get(name) === true || this.dropped.has(name);
  }

  iterationOf(name: string): number {
    const of = (each: string): number => this.iterations.get(each) ?? 0;
    return 1 + Math.max(of(name), this.#sentWith.get(name) ?? 0, ...this.dependencies(name).map(of));
  }

  /** Until nothing changes any more: what waits for nothing is ready, or will not run. */
  #settle(): void {
    for (let isChanged = true; isChanged; ) {
      isChanged = false;
      for (const name of [...this.dropped]) {
        if (this.dependencies(name).some((before) => this.#isUnsettled(before))) continue;
        this.dropped.delete(name);
        isChanged = true;
      }
      for (const name of [...this.pending]) {
        const dependencies = this.dependencies(name);
        if (dependencies.some((before) => this.#isUnsettled(before))) continue;
        const region = withDescendants(this.graph, [name]);
        if (this.sent.has(name) && [...this.executing].some(([other, isCurrent]) => !isCurrent && region.has(other))) continue;
        this.pending.delete(name);
        isChanged = true;
        const chain = this.chain();
        const isBlocked = dependencies.some((before) => chain.has(before));
        const isSkipped = dependencies.length > 0 && !this.sent.has(name) && dependencies.every((before) => this.skipped.has(before));
        if (!isBlocked && !isSkipped) this.ready.add(name);
        else {
          this.iterations.set(name, this.iterationOf(name));
          this.skipped.add(name);
          this.#forget(name);
          this.#owe(name, -1);
        }
      }
    }
  }

  #forget(name: string): boolean {
    this.#sentWith.delete(name);
    return this.sent.delete(name);
  }

  start(name: string): number {
    const iteration = this.iterationOf(name);
    this.ready.delete(name);
    this.executing.set(name, true);
    this.#forget(name);
    this.#begun.set(name, iteration);
    return iteration;
  }

  readonly #begun = new Map<string, number>();

  /** @returns the codes of what is told */
  settle({ node, status, decision, added }: NodeReport): string[] {
    const isCurrent = this.executing.get(node) === true;
    const iteration = this.#begun.get(node) as number;
    this.executing.delete(node);
    this.iterations.set(node, iteration);
    if (status === "COMPLETE") this.failed.delete(node);
    if (status === "FAILED" || status === "PARTIAL") this.failed.add(node);
    if (status === "SKIPPED") {
      this.#owe(node, -1);
      if (isCurrent) this.skipped.add(node);
    }
    const codes: string[] = [];
    if (status === "COMPLETE" && added !== undefined) codes.push(...this.#add(node, added));
    if (status === "COMPLETE" && decision !== undefined && codes.length === 0)
      codes.push(...this.#decide(node, decision, isCurrent, iteration));
    this.#settle();
    return codes;
  }

  #add(node: string, added: NonNullable<NodeReport["added"]>): string[] {
    try {
      const graph = extendGraph(this.graph, node, added);
      for (const { name } of graph.nodes.slice(this.graph.nodes.length)) {
        this.pending.add(name);
        this.#owe(name, 1);
      }
      this.graph = graph;
      return [];
    } catch {
      this.failed.add(node);
      return ["refused"];
    }
  }

  #decide(node: string, to: string, isCurrent: boolean, iteration: number): string[] {
    if (!this.graph.nodes.some(({ name }) => name === to)) return ["unknown-target"];
    if (!isCurrent) return ["jump-overruled"];
    if (this.chain().has(to)) {
      this.failed.add(node);
      return ["target-failed"];
    }
    const codes: string[] = [];
    const region = withDescendants(this.graph, [to]);
    const below = withDescendants(this.graph, [node]);
    for (const name of [...this.pending, ...this.ready]) {
      if (!below.has(name) || region.has(name)) continue;
      this.pending.delete(name);
      this.ready.delete(name);
      this.dropped.add(name);
      this.#owe(name, -1);
      if (this.#forget(name)) codes.push("jump-overruled");
    }
    for (const name of region) {
      if (!this.pending.has(name) && !this.ready.has(name)) this.#owe(name, 1);
      this.ready.delete(name);
      this.dropped.delete(name);
      this.skipped.delete(name);
      this.pending.add(name);
      if (this.executing.has(name)) this.executing.set(name, false);
    }
    this.#sentWith.set(to, Math.max(iteration, this.#sentWith.get(to) ?? 0));
    this.sent.add(to);
    return codes;
  }
}
