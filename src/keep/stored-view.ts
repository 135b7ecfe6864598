/** The picture of a stored run, put together from its parts. */
import { untouchedNode } from "#contract/run/graph-draft";
import { Order } from "#contract/run/order";
import { endOf, toExecutionState } from "#contract/run/order-view";
import type { ViewChanges } from "#contract/run/run-draft";
import type { NodeView, RunView } from "#contract/run/run-view";
import type { PersistedAgent } from "./persisted.ts";
import type { Parts } from "./read-parts.ts";

const NODE = "view/";

/** @param agent the run's own graph, read from the same parts */
export function readStoredView(parts: Parts, agent: PersistedAgent): RunView {
  const head = JSON.parse(parts.get("view") ?? "{}") as ViewChanges["head"];
  const graph = JSON.parse(parts.get("view-graph") ?? '{"nodes":[]}') as RunView["graph"];
  const untouched = untouchedNode(head.startedAt);
  const nodes: Record<string, NodeView> = Object.fromEntries(graph.nodes.map(({ name }) => [name, untouched]));
  for (const [name, text] of parts) if (name.startsWith(NODE)) nodes[name.slice(NODE.length)] = JSON.parse(text) as NodeView;
  const { graph: stored, order: storedOrder } = agent.children.nodes.snapshot;
  const order = new Order(stored, storedOrder);
  const plan = toExecutionState(order).currentPlan.map(({ nodes: names }) => names);
  return { ...head, graph, nodes, plan, failedChains: endOf(order).failedChains, errors: [...agent.context.errors] };
}
