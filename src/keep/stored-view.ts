/** The picture of a stored run, put together from its parts. */
import * as z from "zod/mini";
import { threadTurns } from "#contract/base/turns";
import { TaskStatus } from "#contract/base/vocabulary";
import { GraphDraft, untouchedNode } from "#contract/run/graph-draft";
import { PlanDraft } from "#contract/run/plan-draft";
import type { ItemsFrom, KeptNode, KeptView, ViewChanges } from "#contract/run/run-draft";
import type { NodeView, RunView } from "#contract/run/run-view";
import { openQuestions } from "#replay/replay-log";
import { READ_AT_ONCE } from "./open-texts.ts";
import { itemPart } from "./part-names.ts";
import { checkedShape, type PartTexts, schemaShape } from "./part-texts.ts";
import { GRAPH, readErrors } from "./read-parts.ts";

const NODE = "view/";

const HEAD_SHAPE = schemaShape(() =>
  z.looseObject({
    seq: z.int().check(z.gte(0)),
    startedAt: z.number(),
    updatedAt: z.number(),
    planNumber: z.int().check(z.gte(0)),
    usage: z.looseObject({}),
  }),
);
const NODE_SHAPE = checkedShape(
  isNodeView,
  "a node with its status, visit, attempt and iteration, since when, and in which plan it settled",
);

const ITEM_SHAPE = checkedShape(
  (value) => isNodeView({ ...(value as object), settledIn: null }),
  "an item with its status, visit, attempt and iteration, and since when",
);

const STATUSES: ReadonlySet<unknown> = new Set(Object.values(TaskStatus));

function isNodeView(value: unknown): boolean {
  const { status, visit, attempt, iteration, since, settledIn, itemsFrom } = (value ?? {}) as Record<keyof KeptNode, unknown>;
  return (
    STATUSES.has(status) &&
    Number.isSafeInteger(visit) &&
    Number.isSafeInteger(attempt) &&
    Number.isSafeInteger(iteration) &&
    Number.isFinite(since) &&
    (settledIn === null || Number.isSafeInteger(settledIn)) &&
    (itemsFrom === undefined || isItemsFrom(itemsFrom))
  );
}

const isItemsFrom = (value: unknown): boolean => {
  const { count, since } = (value ?? {}) as Record<keyof ItemsFrom, unknown>;
  return Number.isSafeInteger(count) && (count as number) >= 0 && Number.isFinite(since);
};

/** The parts that a picture is made of: nothing of them is a node's own state, nor a value. */
export const isShown = (name: string): boolean =>
  /^(?:view(?:-graph)?$|view\/|item\/|error\/|kept\/[^:]*:(?:answer|approval)\/)/.test(name);

/** @throws SnapshotError `snapshot-damaged` */
export async function readStoredView(parts: PartTexts): Promise<KeptView> {
  const head = parts.read<ViewChanges["head"]>("view", HEAD_SHAPE);
  const graph = parts.read<RunView["graph"]>("view-graph", GRAPH);
  const { planNumber: number } = head;
  const { nodes, planned, failed } = await readNodes(parts, graph, head);
  const draft = new GraphDraft(graph.nodes, head.startedAt, nodes, { names: planned, number });
  const { plan, failedChains } = new PlanDraft(draft, { number, failed }).finish();
  return { ...head, graph, nodes, plan, failedChains, questions: openQuestions(parts.all), errors: readErrors(parts) };
}

/** What is there of the nodes, with those of the present plan and those whose latest visit failed. */
interface NodesRead {
  nodes: RunView["nodes"];
  planned: Set<string>;
  failed: string[];
}

/** One of which nothing was told has no part. */
function readItems(parts: PartTexts, node: string, { count, since }: ItemsFrom): NodeView[] {
  const untouched = untouchedNode(since);
  return Array.from({ length: count }, (_, index) => parts.find<NodeView>(itemPart(node, index), ITEM_SHAPE) ?? untouched);
}

/** Of a node that was in the graph once, the part may still be there. */
async function readNodes(parts: PartTexts, graph: RunView["graph"], { startedAt, planNumber }: ViewChanges["head"]): Promise<NodesRead> {
  const untouched = untouchedNode(startedAt);
  const nodes: [name: string, node: NodeView][] = [];
  const planned = new Set<string>();
  const failed: string[] = [];
  for (const { name } of graph.nodes) {
    const { settledIn, isFailed, itemsFrom, ...node } = parts.find<KeptNode>(NODE + name, NODE_SHAPE) ?? { ...untouched, settledIn: null };
    nodes.push([name, itemsFrom === undefined ? node : { ...node, items: readItems(parts, name, itemsFrom) }]);
    if (settledIn === null || settledIn === planNumber) planned.add(name);
    if (isFailed === true) failed.push(name);
    if (nodes.length % READ_AT_ONCE === 0) await threadTurns.pause();
  }
  return { nodes: Object.fromEntries(nodes), planned, failed };
}
