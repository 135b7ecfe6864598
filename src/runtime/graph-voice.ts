/** What the chart of a graph tells, as its run tells it: with the nodes that it names, and never before the graph has begun. */

import type { Graph } from "#contract/graph/graph";
import type { Each } from "#contract/node/items";
import type { Failure } from "#contract/node/result";
import type { AgentMachineTold } from "#contract/run/agent-told";
import type { RunEventBody } from "#contract/run/events";
import type { ViewNode } from "#contract/run/run-view";
import { UnreadEvent } from "#contract/run/unread-event";
import type { GraphScope } from "./graph-scope.ts";
import { viewNodesOf } from "./view-nodes.ts";

type Body<T extends RunEventBody["type"]> = Extract<RunEventBody, { type: T }>;

class RunStarted extends UnreadEvent implements Body<"run.started"> {
  readonly type = "run.started";
  readonly #scope: GraphScope;
  readonly #graph: Graph;

  constructor(scope: GraphScope, graph: Graph) {
    super();
    this.#scope = scope;
    this.#graph = graph;
  }

  get runId(): string {
    return this.#scope.run.runId;
  }

  get agent(): string {
    return this.#scope.run.services.name;
  }

  get version(): string {
    return this.#scope.run.services.version;
  }

  get task(): { type: string; objective: string } {
    const { type, objective } = this.#scope.run.task;
    return { type, objective };
  }

  get nodes(): readonly ViewNode[] {
    return viewNodesOf(this.#graph.nodes, this.#scope.nodes);
  }

  read(): Body<"run.started"> {
    const { type, runId, agent, version, task, nodes } = this;
    return { type, runId, agent, version, task, nodes };
  }
}

interface AgentContext {
  failure?: Failure;
}

const contextOf = ({ actor }: GraphScope): AgentContext => (actor as { getSnapshot(): { context: AgentContext } }).getSnapshot().context;

const codeOf = (failure: Failure | undefined): { code?: string } => (failure === undefined ? {} : { code: failure.code });

export const startedOf = (scope: GraphScope): Body<"run.started"> => new RunStarted(scope, scope.pool()?.order.graph ?? scope.work.graph);

/** @param isRestored it has begun before */
export function voiceOf(scope: GraphScope, isRestored: boolean): (told: Exclude<AgentMachineTold, { type: "run.waiting" }>) => void {
  const { path, run, each } = scope;
  let hasBegun = isRestored;
  const tell = (body: RunEventBody): void => run.events.tell(body, path);
  if (each !== undefined) return voiceOfItems(scope, each, isRestored);
  return (told) => {
    const { graph: _graph, ...event } = told;
    // What goes wrong before the chart says that it starts is told behind the start.
    if (!hasBegun) tell(startedOf(scope));
    const isFirst = !hasBegun;
    hasBegun = true;
    switch (event.type) {
      case "run.started":
        if (!isFirst && isRestored) tell(startedOf(scope));
        break;
      case "run.ended":
        if (path.length > 0 || !run.hasToldEnd) tell({ ...event, ...codeOf(contextOf(scope).failure) });
        break;
      default:
        tell(event);
    }
  };
}

/** A graph of items is no graph to viewers: they see a node, and its items. */
function voiceOfItems({ path, run }: GraphScope, { node, items }: Each, isRestored: boolean): ReturnType<typeof voiceOf> {
  const around = path.slice(0, -1);
  let hasBegun = isRestored;
  return (told) => {
    if (!hasBegun) run.events.tell({ type: "items.started", node: node.name, count: items.length }, around);
    hasBegun = true;
    const { graph: _graph, ...event } = told;
    if (event.type !== "run.started" && event.type !== "run.ended") run.events.tell(event, path);
  };
}
