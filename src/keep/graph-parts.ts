/** One instance of a graph as parts: what of it has changed since it was last written, at the cost of that. */
import type { Usage } from "#contract/chat/usage";
import type { Graph } from "#contract/graph/graph";
import type { KnownNode } from "#contract/node/dormant-node";
import { HISTORY_LIMIT, type Order } from "#contract/run/order";
import { nodeStateOf } from "./node-part.ts";
import type { PartChanges } from "./part-changes.ts";
import { prefixOf } from "./part-names.ts";
import type { PartTexts } from "./part-texts.ts";
import { beforeEnd, type PersistedAgent, WITHOUT_NODES } from "./persisted.ts";

interface LiveActor {
  getPersistedSnapshot(options?: unknown): unknown;
}

/** The instance of a graph that is written. */
export interface LiveGraph {
  readonly path: readonly string[];
  readonly actor: LiveActor | undefined;
  pool(): { order: Order; nodes: ReadonlyMap<string, KnownNode> } | undefined;
}

const ERROR_LIMIT = 1_000;

/** Of numbered parts: the number of the next. */
const countOf = (parts: PartTexts, kind: string): number => (parts.numbers(kind).at(-1) ?? -1) + 1;

/** The part that a graph is, without what the run has added since. */
export const graphText = ({ nodes }: Graph): string => JSON.stringify({ nodes });

/** Of the parts of a run's own graph, those that are not values or its picture. */
const OURS = /^(?:(?:agent|task|graph|order)$|(?:cells|added|past|error|usage|node)\/)/;

export class GraphParts {
  readonly #graph: LiveGraph;
  readonly #prefix: string;
  /** The names of what is stored, without the prefix. */
  readonly #names: Set<string>;
  #isAgentChanged = true;
  /** All of them, at first. */
  #nodes: Set<string> | undefined;
  #usage = new Set<string>();
  #reported = 0;
  /** Additions to the graph that are stored. */
  #added = 0;
  /** What was stored before all of it is written anew. */
  #stale: readonly string[] = [];

  /** @param stored what a store holds of it; the rest of the graph is as it was read */
  constructor(graph: LiveGraph, stored?: PartTexts) {
    this.#graph = graph;
    this.#prefix = prefixOf(graph.path);
    this.#names = new Set(stored?.all.keys());
    if (stored === undefined) return;
    this.#isAgentChanged = false;
    this.#nodes = new Set();
    this.#reported = countOf(stored, "error/");
    this.#added = countOf(stored, "added/");
  }

  /** It is not as it is stored: all of it is written anew, and what is no more is removed. */
  rewrite(): void {
    this.#stale = [...this.#names].filter((name) => OURS.test(name));
    this.#names.clear();
    this.#nodes = undefined;
    this.#isAgentChanged = true;
    this.#reported = 0;
  }

  /** It was restored from what is stored: changes are what follows. */
  adopt(order: Order): void {
    if (this.#nodes === undefined) return;
    order.isStored(this.#added);
  }

  agentChanged(): void {
    this.#isAgentChanged = true;
  }

  nodeChanged(name: string): void {
    this.#nodes?.add(name);
  }

  /** @param key of the node that spent it, by `pathKey` */
  usageChanged(key: string): void {
    this.#usage.add(key);
    this.#isAgentChanged = true;
  }

  write(changes: PartChanges): void {
    const pool = this.#graph.pool();
    if (pool === undefined) return;
    if (this.#isAgentChanged) this.#writeAgent(changes);
    const isWhole = this.#nodes === undefined;
    if (isWhole) this.#put(changes, "graph", graphText(pool.order.graph));
    this.#writeOrder(changes, pool.order, isWhole);
    for (const name of this.#nodes ?? pool.nodes.keys()) this.#writeNode(changes, name, pool);
    this.#nodes = new Set();
    for (const name of this.#stale) if (!this.#names.has(name)) changes.remove(this.#prefix + name);
    this.#stale = [];
  }

  /** The graph is over. */
  removeAll(changes: PartChanges): void {
    for (const name of this.#names) changes.remove(this.#prefix + name);
    this.#names.clear();
  }

  #put(changes: PartChanges, name: string, text: string): void {
    this.#names.add(name);
    changes.write(this.#prefix + name, text);
  }

  #remove(changes: PartChanges, name: string): void {
    if (this.#names.delete(name)) changes.remove(this.#prefix + name);
  }

  #writeAgent(changes: PartChanges): void {
    this.#isAgentChanged = false;
    const actor = this.#graph.actor as LiveActor;
    const persisted = actor.getPersistedSnapshot(WITHOUT_NODES) as PersistedAgent;
    const isClosing = typeof persisted.value === "object" && persisted.value !== null && "closing" in persisted.value;
    const { context, children, ...state } = isClosing ? beforeEnd(persisted) : persisted;
    const { task, errors, usage, ended: _ended, ...rest } = context;
    const { task: taskChild } = children;
    const taskState = { ...taskChild.snapshot, context: { status: taskChild.snapshot.context.task.status } };
    const allChildren = { ...children, task: { ...taskChild, snapshot: taskState } };
    this.#put(changes, "agent", JSON.stringify({ ...state, context: rest, children: allChildren }));
    if (!this.#names.has("task")) this.#put(changes, "task", JSON.stringify(task));
    this.#writeErrors(changes, errors, context.reported);
    this.#writeUsage(changes, usage);
  }

  #writeErrors(changes: PartChanges, errors: PersistedAgent["context"]["errors"], reported: number): void {
    const first = reported - errors.length;
    for (let number = Math.max(this.#reported, first); number < reported; number++) {
      this.#put(changes, `error/${number}`, JSON.stringify(errors[number - first]));
      this.#remove(changes, `error/${number - ERROR_LIMIT}`);
    }
    this.#reported = reported;
  }

  #writeUsage(changes: PartChanges, usage: Readonly<Record<string, Usage>>): void {
    const isWhole = this.#nodes === undefined;
    for (const key of isWhole ? Object.keys(usage) : this.#usage)
      if (Object.hasOwn(usage, key)) this.#put(changes, `usage/${key}`, JSON.stringify(usage[key]));
    this.#usage = new Set();
  }

  #writeOrder(changes: PartChanges, order: Order, isWhole: boolean): void {
    const { cells, head, added, past } = order.changes();
    for (const [chunk, numbers] of cells) this.#put(changes, `cells/${chunk}`, JSON.stringify(numbers));
    this.#put(changes, "order", JSON.stringify(head));
    // A whole graph holds what was added to it.
    if (!isWhole)
      for (const [place, addition] of added.additions.entries())
        this.#put(changes, `added/${added.first + place}`, JSON.stringify(addition));
    for (const [place, plan] of past.plans.entries()) {
      this.#put(changes, `past/${past.first + place}`, JSON.stringify(plan));
      this.#remove(changes, `past/${past.first + place - HISTORY_LIMIT}`);
    }
  }

  #writeNode(changes: PartChanges, name: string, pool: NonNullable<ReturnType<LiveGraph["pool"]>>): void {
    const node = pool.nodes.get(name);
    if (node === undefined) return this.#remove(changes, `node/${name}`);
    const state = nodeStateOf(node);
    // Where somebody inspects, nodes are there that never ran.
    if (state.context.visits === 0 && state.value === "WAITING") return this.#remove(changes, `node/${name}`);
    this.#put(changes, `node/${name}`, JSON.stringify(state));
  }
}
