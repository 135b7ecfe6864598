/** The present plan and the failed chains of a view while events are applied: written down when the view is made, not before. */
import { TaskStatus } from "#contract/base/vocabulary";
import { levelsOf } from "#contract/graph/graph-index";
import type { GraphDraft } from "./graph-draft.ts";
import type { RunView } from "./run-view.ts";

/** As far as it moves the plan. */
interface Told {
  readonly type: string;
  readonly node?: unknown;
}

export class PlanDraft {
  readonly #graph: GraphDraft;
  /** Of the plan: what has not settled in it. */
  readonly #open: Set<string>;
  /** Of the plan: what has, in whatever order. */
  #settled: Set<string>;
  /** The nodes whose latest visit failed. */
  readonly #failed: Set<string>;
  /** What is written down holds while neither changed. */
  #plan: RunView["plan"] | undefined;
  #chains: RunView["failedChains"] | undefined;

  private constructor(graph: GraphDraft, open: Iterable<string>, settled: Iterable<string>, failed: Iterable<string>) {
    this.#graph = graph;
    this.#open = new Set(open);
    this.#settled = new Set(settled);
    this.#failed = new Set(failed);
  }

  static start(graph: GraphDraft): PlanDraft {
    return new PlanDraft(
      graph,
      graph.list.map(({ name }) => name),
      [],
      [],
    );
  }

  static of(graph: GraphDraft, plan: RunView["plan"], chains: RunView["failedChains"]): PlanDraft {
    const names = plan.flat();
    const isOpen = (name: string): boolean => {
      const { status, never } = graph.view(name);
      return never === undefined && (status === TaskStatus.WAITING || status === TaskStatus.EXECUTING);
    };
    const draft = new PlanDraft(
      graph,
      names.filter(isOpen),
      names.filter((name) => !isOpen(name)),
      chains.flatMap(([root]) => root ?? []),
    );
    draft.#plan = plan;
    draft.#chains = chains;
    return draft;
  }

  follow({ type, node }: Told): void {
    const name = node as string;
    switch (type) {
      case "node.completed":
        if (this.#failed.delete(name)) this.#chains = undefined;
        this.#settle(name);
        break;
      case "node.failed":
        if (!this.#failed.has(name)) this.#chains = undefined;
        this.#failed.add(name);
        this.#settle(name);
        break;
      case "node.skipped":
      case "node.blocked":
        this.#settle(name);
        break;
    }
  }

  add(names: readonly string[]): void {
    for (const name of names) this.#open.add(name);
    this.#plan = undefined;
    if (this.#failed.size > 0) this.#chains = undefined;
  }

  /** The target and its descendants, and what has not settled and does not descend from the node that decided. */
  jump(from: string, to: string): void {
    for (const name of this.#graph.region([from])) this.#open.delete(name);
    for (const name of this.#graph.region([to])) this.#open.add(name);
    this.#settled = new Set();
    this.#plan = undefined;
  }

  finish(): Pick<RunView, "plan" | "failedChains"> {
    this.#plan ??= this.#writePlan();
    this.#chains ??= this.#writeChains();
    return { plan: this.#plan, failedChains: this.#chains };
  }

  #settle(name: string): void {
    // One that a jump sent back while it executed is still to be visited in the new plan.
    if (this.#graph.view(name).status === TaskStatus.WAITING && this.#graph.view(name).never === undefined) return;
    if (this.#open.delete(name)) this.#settled.add(name);
  }

  #writePlan(): RunView["plan"] {
    const { list } = this.#graph;
    const isHeld = (name: string): boolean => this.#open.has(name) || this.#settled.has(name);
    return levelsOf(list.filter(({ name }) => isHeld(name))).levels;
  }

  /** Walked once for all that the same nodes depend on; written whole, since each chain is told. */
  #writeChains(): RunView["failedChains"] {
    if (this.#failed.size === 0) return [];
    const { index } = this.#graph;
    const inOrder = (names: Iterable<string>): string[] =>
      Array.from(names).sort((a, b) => (index.position(a) ?? 0) - (index.position(b) ?? 0));
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
