/** A graph as viewers see it. */
import type { GraphNode } from "#contract/graph/graph";
import type { Node } from "#contract/node/node";
import type { ViewNode } from "#contract/run/run-view";
import type { GraphNodes } from "./graph-nodes.ts";

const known = new WeakMap<Node, ViewNode>();

function viewNodeOf(node: Node): ViewNode {
  let view = known.get(node);
  if (view === undefined) {
    view = toViewNode(node);
    known.set(node, view);
  }
  return view;
}

function toViewNode({ name, type, dependencies, nodeConfig, modules, nodes, ...node }: Node): ViewNode {
  const inputMailboxes = [...new Set([node.inputMailboxes, ...modules.map((module) => module.inputMailboxes)].flat())];
  return {
    name,
    type,
    dependencies: [...dependencies],
    ...(nodeConfig.condition === undefined ? {} : { condition: nodeConfig.condition }),
    ...(node.forEach === undefined ? {} : { forEach: node.forEach }),
    ...(nodeConfig.onItemError === "keep" ? { onItemError: nodeConfig.onItemError } : {}),
    ...(inputMailboxes.length === 0 ? {} : { inputMailboxes }),
    modules: modules.map((module) => ({ name: module.name, type: module.type })),
    ...(nodes.length === 0 ? {} : { nodes: nodes.map(viewNodeOf) }),
  };
}

/** One that a run has added, or that depends on one, stands otherwise than it was made. */
function placed(node: Node, { dependencies, addedBy }: GraphNode): ViewNode {
  const view = viewNodeOf(node);
  if (dependencies === node.dependencies && addedBy === undefined) return view;
  return { ...view, dependencies: [...dependencies], ...(addedBy === undefined ? {} : { addedBy }) };
}

export const viewNodesOf = (graph: readonly GraphNode[], nodes: GraphNodes): ViewNode[] =>
  graph.map((node) => placed(nodes.get(node.name), node));
