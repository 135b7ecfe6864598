/** One instance of a graph within a run, the agent's own or one nested in a node: its nodes, its work and its effects. */

import type { Graph } from "#contract/graph/graph";
import type { Node } from "#contract/node/node";
import { GraphEffects, type PoolView } from "./graph-effects.ts";
import { GraphNodes, type GraphView } from "./graph-nodes.ts";
import { GraphWork } from "./graph-work.ts";
import { type NodeResults, nodeResults } from "./node-results.ts";
import type { RunHost } from "./run-host.ts";

interface AgentView {
  context?: { state: { graph: Graph } };
  children?: Record<string, { getSnapshot(): unknown }>;
}

export class GraphScope {
  readonly run: RunHost;
  readonly path: readonly string[];
  readonly nodes: GraphNodes;
  readonly work: GraphWork;
  readonly effects: GraphEffects;
  readonly results: NodeResults;
  /** The agent actor of this graph. */
  actor: { getSnapshot(): unknown } | undefined;

  /** @param parent of a graph that is nested in the last node of `path` */
  constructor(run: RunHost, path: readonly string[], nodes: ReadonlyMap<string, Node>, parent?: GraphScope) {
    this.run = run;
    this.path = path;
    this.nodes = new GraphNodes(path, nodes, () => this.#view());
    this.results = nodeResults(() => this.pool()?.nodes, parent?.results);
    this.work = new GraphWork(this, parent?.work);
    this.effects = new GraphEffects(this, parent === undefined ? run.services.outputMailbox : null);
  }

  pool(): PoolView | undefined {
    return this.#agent().children?.nodes?.getSnapshot() as PoolView | undefined;
  }

  #agent(): AgentView {
    return (this.actor?.getSnapshot() ?? {}) as AgentView;
  }

  #view(): GraphView {
    return {
      graph: this.#agent().context?.state.graph,
      mayAdd: (node) => {
        const pool = this.pool();
        const hasFailed = (pool?.reports.get(node)?.status ?? "COMPLETE") !== "COMPLETE";
        return pool?.step.includes(node) === true && !hasFailed;
      },
    };
  }
}
