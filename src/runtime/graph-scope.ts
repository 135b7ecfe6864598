/** One instance of a graph within a run, the agent's own or one nested in a node: its nodes, its work and its effects. */

import type { Graph } from "#contract/graph/graph";
import type { Each } from "#contract/node/items";
import type { Node } from "#contract/node/node";
import type { Order } from "#contract/run/order";
import type { ViewNode } from "#contract/run/run-view";
import type { GraphParts } from "#keep/graph-parts";
import { graphIn, type PersistedAgent, pendingAdditions } from "#keep/persisted";
import { fitGraph } from "./fit-graph.ts";
import { GraphEffects, type PoolView } from "./graph-effects.ts";
import { GraphNodes, type GraphView } from "./graph-nodes.ts";
import { GraphWork } from "./graph-work.ts";
import type { Kept } from "./kept-run.ts";
import { moveKept } from "./move-kept.ts";
import { type NodeResults, nodeResults } from "./node-results.ts";
import type { RunHost } from "./run-host.ts";
import { viewNodesOf } from "./view-nodes.ts";

/** The graph nested in the last node of a path, as it was shown. */
function shownAt(graph: readonly ViewNode[] | undefined, path: readonly string[]): readonly ViewNode[] | undefined {
  let found = graph;
  for (const name of path) found = found?.find((node) => node.name === name)?.nodes;
  return found;
}

interface AgentView {
  children?: Record<string, { getSnapshot(): unknown; send(event: object): void }>;
}

export class GraphScope {
  readonly run: RunHost;
  readonly path: readonly string[];
  /** Of a nested graph: the one around it. */
  readonly parent: GraphScope | undefined;
  /** As it starts; absent for one that is restored. */
  readonly graph: Graph | undefined;
  readonly nodes: GraphNodes;
  readonly work: GraphWork;
  readonly effects: GraphEffects;
  readonly results: NodeResults;
  /** Of a graph whose nodes are the items of one: its list. */
  readonly each: Each | undefined;
  /** The agent actor of this graph. */
  actor: { getSnapshot(): unknown; getPersistedSnapshot(options?: unknown): unknown } | undefined;
  /** Of a run that is stored. */
  #parts: GraphParts | undefined;

  /**
   * @param parent of a graph that is nested in the last node of `path`
   * @param graph as it starts; a restored one is in what it is restored from
   */
  constructor(
    run: RunHost,
    path: readonly string[],
    nodes: ReadonlyMap<string, Node>,
    { parent, graph, each }: { parent?: GraphScope; graph?: Graph | undefined; each?: Each | undefined },
  ) {
    this.each = each;
    this.run = run;
    this.path = path;
    this.parent = parent;
    this.nodes = new GraphNodes(path, nodes, () => this.#view());
    this.graph = graph;
    const own = (): NodeResults => nodeResults({ nodes: () => this.pool()?.nodes, names: () => this.nodes.names() }, parent?.results);
    // An item sees what its node does: which others have ended is chance.
    this.results = each === undefined || parent === undefined ? own() : parent.results;
    this.work = new GraphWork(this, parent?.work);
    this.effects = new GraphEffects(this, parent === undefined ? run.services.outputMailbox : null);
    run.graphs.add(this);
    this.keep(run.kept);
  }

  /** From now on it is stored, or not. */
  keep(kept: Kept | undefined): void {
    const parts = kept?.partsOf(this);
    this.#parts = parts;
    if (this.path.length === 0) this.run.usageChanged = parts === undefined ? undefined : (key) => parts.usageChanged(key);
  }

  /**
   * A stored state becomes one of this graph, as far as it fits; it is changed. What differs is told.
   *
   * @param code the graph of the code's nodes, where it is known as one, and what a key of the run's own values held
   * @throws SnapshotError `snapshot-other-graph`, `snapshot-unknown-node`
   */
  fit(persisted: PersistedAgent, code: { graph?: Graph; read?: (key: string) => unknown } = {}): void {
    const { run, path, nodes } = this;
    const { graph, read = () => undefined } = code;
    const stored = run.events.restoredFrom;
    const shown = shownAt(stored?.graph.nodes, path);
    const { dynamicNodes } = run.services;
    const { changes, renamed, withdrawn, values, isChanged } = fitGraph(nodes, {
      path,
      graph,
      persisted,
      shown,
      dynamicNodes,
      from: { version: stored?.version ?? "", read },
      migrate: path.length === 0 ? run.services.migrate : undefined,
    });
    for (const [key, value] of values) void (value === undefined ? run.values.delete(key) : run.values.set(key, value));
    nodes.restore(graphIn(persisted), pendingAdditions(persisted), dynamicNodes);
    moveKept(run, renamed, withdrawn);
    if (!isChanged) return;
    if (this.#parts !== undefined) {
      this.#parts.rewrite();
      run.kept?.changed(this.#parts);
    }
    // A run that has told nothing begins by its graph as it is now.
    if (!run.events.hasBegun) return;
    const names = renamed.size === 0 ? {} : { renamed: Object.fromEntries(renamed) };
    const { version } = run.services;
    run.tellChanged({ type: "graph.changed", version, changes, nodes: viewNodesOf(graphIn(persisted).nodes, nodes), ...names }, path);
  }

  /** It was restored, and nothing of it has gone on yet. */
  adopt(order: Order): void {
    this.#parts?.adopt(order);
  }

  /** Something of its agent's own state has changed. */
  agentChanged(): void {
    if (this.#parts === undefined) return;
    this.#parts.agentChanged();
    this.run.kept?.changed(this.#parts);
  }

  nodeChanged(name: string): void {
    if (this.#parts === undefined) return;
    this.#parts.nodeChanged(name);
    this.run.kept?.changed(this.#parts);
  }

  release(nodes: readonly string[]): void {
    this.#agent().children?.nodes?.send({ type: "nodes.release", nodes });
  }

  over(): void {
    this.run.graphs.delete(this);
    if (this.#parts !== undefined) this.run.kept?.over(this.#parts);
    // What its nodes do while they are stopped is nothing that is stored: the next instance has the same names.
    this.#parts = undefined;
  }

  pool(): PoolView | undefined {
    return this.#agent().children?.nodes?.getSnapshot() as PoolView | undefined;
  }

  #agent(): AgentView {
    return (this.actor?.getSnapshot() ?? {}) as AgentView;
  }

  #view(): GraphView {
    const pool = this.pool();
    return {
      graph: pool?.order.graph,
      mayAdd: (node) => pool?.order.isExecuting(node) === true && (pool.unpublished.get(node)?.report.status ?? "COMPLETE") === "COMPLETE",
    };
  }
}
