/** The picture of a stored run, put together from its parts. */
import * as z from "zod/mini";
import { lazily } from "#contract/base/lazily";
import { TaskStatus } from "#contract/base/vocabulary";
import { untouchedNode } from "#contract/run/graph-draft";
import { Order } from "#contract/run/order";
import { chainsOf, toExecutionState } from "#contract/run/order-view";
import type { ViewChanges } from "#contract/run/run-draft";
import type { NodeView, RunView } from "#contract/run/run-view";
import { openQuestions } from "#replay/replay-log";
import { graphShape, type Parts, partOf, readErrors, readGraph, readOrder } from "./read-parts.ts";

const NODE = "view/";

const SHAPES = lazily(() => ({
  head: z.looseObject({
    seq: z.int().check(z.gte(0)),
    startedAt: z.number(),
    updatedAt: z.number(),
    usage: z.looseObject({}),
  }),
  graph: graphShape(),
  // Checked by hand: there are as many as nodes.
  node: z.custom(isNodeView, "expected a node with its status, visit, attempt and iteration, and since when"),
}));

const STATUSES: ReadonlySet<unknown> = new Set(Object.values(TaskStatus));

function isNodeView(value: unknown): boolean {
  const { status, visit, attempt, iteration, since } = (value ?? {}) as Record<keyof NodeView, unknown>;
  return STATUSES.has(status) && [visit, attempt, iteration].every(Number.isSafeInteger) && Number.isFinite(since);
}

/** The parts that a picture is made of: nothing of them is a node's own state, nor a value. */
export const isShown = (name: string): boolean =>
  /^(?:view(?:-graph)?$|view\/|graph$|order$|cells\/|added\/|past\/|error\/|kept\/[^:]*:answer\/)/.test(name);

/**
 * @param run its graph and order, where they were read already
 * @throws SnapshotError `snapshot-damaged`
 */
export function readStoredView(parts: Parts, run = { graph: readGraph(parts), order: readOrder(parts) }): RunView {
  const shapes = SHAPES();
  const head = partOf<ViewChanges["head"]>(parts, "view", shapes.head);
  const graph = partOf<RunView["graph"]>(parts, "view-graph", shapes.graph);
  const untouched = untouchedNode(head.startedAt);
  const nodes: Record<string, NodeView> = Object.fromEntries(graph.nodes.map(({ name }) => [name, untouched]));
  // Of a node that was in the graph once, the part may still be there.
  for (const { name } of graph.nodes) if (parts.has(NODE + name)) nodes[name] = partOf<NodeView>(parts, NODE + name, shapes.node);
  const order = new Order(run.graph, run.order);
  const plan = toExecutionState(order).currentPlan.map(({ nodes: names }) => names);
  const failedChains = chainsOf(order.graph, failedRoots(order, nodes));
  return { ...head, graph, nodes, plan, failedChains, questions: openQuestions(parts), errors: readErrors(parts) };
}

/** The order hears how a visit ended when its messages are there; the picture tells it at once. */
function failedRoots({ graph, failed }: Order, nodes: RunView["nodes"]): string[] {
  return graph.nodes.flatMap(({ name }, position) => {
    const status = nodes[name]?.status;
    const isFailed = status === "FAILED" || status === "PARTIAL" || (failed.roots.has(position) && status !== "COMPLETE");
    return isFailed ? [name] : [];
  });
}
