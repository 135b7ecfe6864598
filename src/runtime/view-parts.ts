/** A run's picture to the named parts of a snapshot and back: what did not change is the same text as in the generation before. */
import * as z from "zod/mini";
import { lazily } from "#contract/base/lazily";
import { TaskStatus } from "#contract/base/vocabulary";
import { untouchedNode } from "#contract/run/graph-draft";
import type { NodeView, RunView } from "#contract/run/run-view";

const VIEW = "view";
const GRAPH = "view-graph";
const PLAN = "view-plan";
const NODE = "view/";

/** What a part holds: JSON objects, so that one check reads them all. */
interface Plan {
  plan: RunView["plan"];
}

const plans = new WeakMap<RunView["plan"], Plan>();

/** @param textOf the JSON of an object, the same text for the same object */
export function putView(view: RunView, parts: Map<string, string>, textOf: (object: object) => string): void {
  const { graph, nodes, plan, ...head } = view;
  const kept = plans.get(plan) ?? { plan };
  plans.set(plan, kept);
  parts.set(VIEW, JSON.stringify(head));
  parts.set(GRAPH, textOf(graph));
  parts.set(PLAN, textOf(kept));
  const untouched = JSON.stringify(untouchedNode(view.startedAt));
  for (const [name, node] of Object.entries(nodes)) {
    const text = textOf(node);
    if (text !== untouched) parts.set(NODE + name, text);
  }
}

const moment = z.number();
const SHAPES = lazily(() => ({
  head: z.looseObject({
    seq: z.int().check(z.gte(0)),
    startedAt: moment,
    updatedAt: moment,
    usage: z.looseObject({}),
    errors: z.array(z.looseObject({})),
    failedChains: z.array(z.array(z.string())),
  }),
  graph: z.looseObject({ nodes: z.array(z.looseObject({ name: z.string(), dependencies: z.array(z.string()) })) }),
  plan: z.looseObject({ plan: z.array(z.array(z.string())) }),
  node: z.looseObject({ status: z.enum(TaskStatus), visit: z.int(), attempt: z.int(), iteration: z.int(), since: moment }),
}));

/** @param read a part of that shape; throws where it is missing or damaged */
export function readView(names: Iterable<string>, read: (name: string, shape: z.ZodMiniType) => object): RunView {
  const shapes = SHAPES();
  const head = read(VIEW, shapes.head) as Omit<RunView, "graph" | "nodes" | "plan">;
  const graph = read(GRAPH, shapes.graph) as RunView["graph"];
  const untouched = untouchedNode(head.startedAt);
  const nodes: Record<string, NodeView> = Object.fromEntries(graph.nodes.map(({ name }) => [name, untouched]));
  for (const name of names) if (name.startsWith(NODE)) nodes[name.slice(NODE.length)] = read(name, shapes.node) as NodeView;
  return { ...head, graph, nodes, plan: (read(PLAN, shapes.plan) as Plan).plan };
}
