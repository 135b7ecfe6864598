/** The present plan and the failed chains of a view while events are applied: written down when the view is made, not before. */
import { levelsOf } from "#contract/graph/graph-index";
import type { GraphDraft } from "./graph-draft.ts";
import type { NodeDraft } from "./node-draft.ts";
import type { RunView } from "./run-view.ts";

/** What is kept of a node's place in the plan, beside what a view shows of the node. */
export interface PlanMark {
  /** The plan in which it has settled last, as they are counted; null while it is open in the present one, -1 for none. */
  readonly settledIn: number | null;
  readonly isFailed?: true;
}

export class PlanDraft {
  readonly #graph: GraphDraft;
  /** The nodes whose latest visit failed. */
  readonly #failed: Set<string>;
  /** Plans are counted, so that what has settled in the one before is not walked when a jump makes another. */
  #number: number;
  /** What is written down holds while nothing changed it. */
  #plan: RunView["plan"] | undefined;
  #chains: RunView["failedChains"] | undefined;

  /** @param given.shown as it was shown last */
  constructor(
    graph: GraphDraft,
    { number = 0, failed = [], shown }: { number?: number; failed?: Iterable<string>; shown?: Pick<RunView, "plan" | "failedChains"> } = {},
  ) {
    this.#graph = graph;
    this.#number = number;
    this.#failed = new Set(failed);
    this.#plan = shown?.plan;
    this.#chains = shown?.failedChains;
  }

  get number(): number {
    return this.#number;
  }

  markOf(name: string, { isOpen, settledIn }: NodeDraft): PlanMark {
    return { settledIn: isOpen ? null : settledIn, ...(this.#failed.has(name) ? { isFailed: true } : {}) };
  }

  complete(name: string): void {
    if (this.#failed.size > 0 && this.#failed.delete(name)) this.#chains = undefined;
  }

  fail(name: string): void {
    if (this.#failed.has(name)) return;
    this.#failed.add(name);
    this.#chains = undefined;
  }

  /** It is visited, be it once more since its run is retried. */
  open(node: NodeDraft): void {
    if (node.isOpen) return;
    if (node.settledIn !== this.#number) this.#plan = undefined;
    node.isOpen = true;
  }

  settle(node: NodeDraft): void {
    if (!node.isOpen) return;
    node.isOpen = false;
    node.settledIn = this.#number;
  }

  add(names: readonly string[]): void {
    for (const name of names) this.#graph.node(name).isOpen = true;
    this.#plan = undefined;
    if (this.#failed.size > 0) this.#chains = undefined;
  }

  /** @param fresh nodes that are new @param renamed by the name before */
  change(fresh: readonly string[], renamed: Readonly<Record<string, string>>): void {
    for (const [from, to] of Object.entries(renamed)) if (this.#failed.delete(from)) this.#failed.add(to);
    this.add(fresh);
    this.#chains = undefined;
  }

  /** The target and its descendants, and what has not settled and does not descend from the node that decided. */
  jump(from: string, region: Iterable<string>): void {
    for (const name of this.#graph.region([from])) this.#graph.node(name).isOpen = false;
    for (const name of region) this.#graph.node(name).isOpen = true;
    this.#number += 1;
    this.#plan = undefined;
  }

  finish(): Pick<RunView, "plan" | "failedChains"> {
    this.#plan ??= this.#writePlan();
    this.#chains ??= this.#writeChains();
    return { plan: this.#plan, failedChains: this.#chains };
  }

  #writePlan(): RunView["plan"] {
    const isHeld = (name: string): boolean => {
      const { isOpen, settledIn } = this.#graph.peek(name);
      return isOpen || settledIn === this.#number;
    };
    return levelsOf(this.#graph.list.filter(({ name }) => isHeld(name))).levels;
  }

  /** Walked once for all that the same nodes depend on; written whole, since each chain is told. */
  #writeChains(): RunView["failedChains"] {
    if (this.#failed.size === 0) return [];
    const { index } = this.#graph;
    const place = (name: string): number => index.position(name) ?? 0;
    const inOrder = (names: Iterable<string>): string[] => Array.from(names).sort((a, b) => place(a) - place(b));
    const tails = new Map<string, string[]>();
    return inOrder(this.#failed).map((root) => {
      const behind = [...index.dependents(root)];
      const key = JSON.stringify(behind);
      const tail = tails.get(key) ?? inOrder(this.#graph.region(behind));
      tails.set(key, tail);
      return [root, ...tail];
    });
  }
}
