/** A run's picture to the named parts of a snapshot and back: what did not change is the same text as in the generation before. */
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

/** @param read a part; throws where it is missing or damaged */
export function readView(names: Iterable<string>, read: (name: string) => object): RunView {
  const head = read(VIEW) as Omit<RunView, "graph" | "nodes" | "plan">;
  const graph = read(GRAPH) as RunView["graph"];
  const untouched = untouchedNode(head.startedAt);
  const nodes: Record<string, NodeView> = Object.fromEntries(graph.nodes.map(({ name }) => [name, untouched]));
  for (const name of names) if (name.startsWith(NODE)) nodes[name.slice(NODE.length)] = read(name) as NodeView;
  return { ...head, graph, nodes, plan: (read(PLAN) as Plan).plan };
}
