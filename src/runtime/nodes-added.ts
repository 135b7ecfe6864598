/** That a run has added nodes, read when somebody hears it. */
import type { GraphNode } from "#contract/graph/graph";
import type { RunEventBody } from "#contract/run/events";
import type { ViewNode } from "#contract/run/run-view";
import { UnreadEvent } from "#contract/run/unread-event";
import type { GraphNodes } from "./graph-nodes.ts";
import { viewNodesOf } from "./view-nodes.ts";

type Body = Extract<RunEventBody, { type: "nodes.added" }>;

export class NodesAdded extends UnreadEvent implements Body {
  readonly type = "nodes.added";
  readonly #nodes: GraphNodes;
  readonly #added: readonly GraphNode[];

  constructor(nodes: GraphNodes, added: readonly GraphNode[]) {
    super();
    this.#nodes = nodes;
    this.#added = added;
  }

  get nodes(): readonly ViewNode[] {
    return viewNodesOf(this.#added, this.#nodes);
  }

  read(): Body {
    const { type, nodes } = this;
    return { type, nodes };
  }
}
