/** The picture of a stored run, put together from its parts. */
import * as z from "zod/mini";
import { threadTurns } from "#contract/base/turns";
import { TaskStatus } from "#contract/base/vocabulary";
import type { Graph } from "#contract/graph/graph";
import { untouchedNode } from "#contract/run/graph-draft";
import type { StoredOrder } from "#contract/run/order";
import { Flag, OrderCells } from "#contract/run/order-cells";
import { chainsOf, presentPlan } from "#contract/run/order-view";
import type { ViewChanges } from "#contract/run/run-draft";
import type { NodeView, RunView } from "#contract/run/run-view";
import { openQuestions } from "#replay/replay-log";
import { READ_AT_ONCE } from "./open-texts.ts";
import { checkedShape, type PartTexts, schemaShape } from "./part-texts.ts";
import { GRAPH, readErrors, readGraph, readOrder } from "./read-parts.ts";

const NODE = "view/";

const HEAD_SHAPE = schemaShape(() =>
  z.looseObject({
    seq: z.int().check(z.gte(0)),
    startedAt: z.number(),
    updatedAt: z.number(),
    usage: z.looseObject({}),
  }),
);
const NODE_SHAPE = checkedShape(isNodeView, "a node with its status, visit, attempt and iteration, and since when");

const STATUSES: ReadonlySet<unknown> = new Set(Object.values(TaskStatus));

function isNodeView(value: unknown): boolean {
  const { status, visit, attempt, iteration, since } = (value ?? {}) as Record<keyof NodeView, unknown>;
  return (
    STATUSES.has(status) &&
    Number.isSafeInteger(visit) &&
    Number.isSafeInteger(attempt) &&
    Number.isSafeInteger(iteration) &&
    Number.isFinite(since)
  );
}

/** The parts that a picture is made of: nothing of them is a node's own state, nor a value. */
export const isShown = (name: string): boolean =>
  /^(?:view(?:-graph)?$|view\/|graph$|order$|cells\/|added\/|past\/|error\/|kept\/[^:]*:answer\/)/.test(name);

/**
 * @param run its graph and order, where they were read already
 * @throws SnapshotError `snapshot-damaged`
 */
export async function readStoredView(parts: PartTexts, run?: { graph: Graph; order: StoredOrder }): Promise<RunView> {
  const { graph: ordered, order } = run ?? { graph: readGraph(parts), order: readOrder(parts) };
  const head = parts.read<ViewChanges["head"]>("view", HEAD_SHAPE);
  const graph = parts.read<RunView["graph"]>("view-graph", GRAPH);
  const nodes = await readNodes(parts, graph, head.startedAt);
  const cells = OrderCells.of(order.cells);
  const failedChains = chainsOf(ordered, failedRoots(ordered, cells, nodes));
  const plan = presentPlan(ordered, cells, order.plan);
  return { ...head, graph, nodes, plan, failedChains, questions: openQuestions(parts.all), errors: readErrors(parts) };
}

/** Of a node that was in the graph once, the part may still be there. */
async function readNodes(parts: PartTexts, graph: RunView["graph"], startedAt: number): Promise<RunView["nodes"]> {
  const untouched = untouchedNode(startedAt);
  const nodes: [name: string, node: NodeView][] = [];
  for (const { name } of graph.nodes) {
    nodes.push([name, parts.find<NodeView>(NODE + name, NODE_SHAPE) ?? untouched]);
    if (nodes.length % READ_AT_ONCE === 0) await threadTurns.pause();
  }
  return Object.fromEntries(nodes);
}

/** The order hears how a visit ended when its messages are there; the picture tells it at once. */
function failedRoots({ nodes: ordered }: Graph, cells: OrderCells, nodes: RunView["nodes"]): string[] {
  return ordered.flatMap(({ name }, position) => {
    const status = nodes[name]?.status;
    const isFailed = status === "FAILED" || status === "PARTIAL" || (cells.has(position, Flag.FAILED) && status !== "COMPLETE");
    return isFailed ? [name] : [];
  });
}
