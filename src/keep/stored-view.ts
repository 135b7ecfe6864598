/** The picture of a stored run, put together from its parts. */
import * as z from "zod/mini";
import { lazily } from "#contract/base/lazily";
import { TaskStatus } from "#contract/base/vocabulary";
import { untouchedNode } from "#contract/run/graph-draft";
import { Order } from "#contract/run/order";
import { endOf, toExecutionState } from "#contract/run/order-view";
import type { ViewChanges } from "#contract/run/run-draft";
import type { NodeView, RunView } from "#contract/run/run-view";
import type { PersistedAgent } from "./persisted.ts";
import { type Parts, partOf } from "./read-parts.ts";

const NODE = "view/";

const SHAPES = lazily(() => ({
  head: z.looseObject({
    seq: z.int().check(z.gte(0)),
    startedAt: z.number(),
    updatedAt: z.number(),
    usage: z.looseObject({}),
  }),
  graph: z.looseObject({ nodes: z.array(z.looseObject({ name: z.string(), dependencies: z.array(z.string()) })) }),
  node: z.looseObject({ status: z.enum(TaskStatus), visit: z.int(), attempt: z.int(), iteration: z.int(), since: z.number() }),
}));

/** @param agent the run's own graph, read from the same parts. @throws SnapshotError `snapshot-damaged` */
export function readStoredView(parts: Parts, agent: PersistedAgent): RunView {
  const shapes = SHAPES();
  const head = partOf<ViewChanges["head"]>(parts, "view", shapes.head);
  const graph = partOf<RunView["graph"]>(parts, "view-graph", shapes.graph);
  const untouched = untouchedNode(head.startedAt);
  const nodes: Record<string, NodeView> = Object.fromEntries(graph.nodes.map(({ name }) => [name, untouched]));
  for (const name of parts.keys()) if (name.startsWith(NODE)) nodes[name.slice(NODE.length)] = partOf<NodeView>(parts, name, shapes.node);
  const { graph: stored, order: storedOrder } = agent.children.nodes.snapshot;
  const order = new Order(stored, storedOrder);
  const plan = toExecutionState(order).currentPlan.map(({ nodes: names }) => names);
  return { ...head, graph, nodes, plan, failedChains: endOf(order).failedChains, errors: [...agent.context.errors] };
}
