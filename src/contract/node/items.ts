/** The items of a node with `forEach`, as a graph of nodes that depend on nothing, each named by its place in the list. */
import { ModuleType } from "#contract/base/vocabulary";
import type { Graph } from "#contract/graph/graph";
import type { Node } from "./node.ts";

/** One visit's list, and whose it is. */
export interface Each {
  readonly node: Node;
  readonly visit: number;
  readonly items: readonly unknown[];
}

export const nameOfItem = (index: number): string => String(index);
export const indexOfItem = (name: string): number => Number(name);

export const itemsGraph = (count: number): Graph => ({
  nodes: Array.from({ length: count }, (_, index) => ({ name: nameOfItem(index), dependencies: [], parts: [], targets: [] })),
});

/** What of a node is each item's; the rest is the whole node's. */
function itemNodeOf(node: Node): Node {
  const { parallel, retryOnFailure, maxRetries, backoff } = node.nodeConfig;
  const own = {
    type: ModuleType.EXECUTOR,
    dependencies: [],
    forEach: undefined,
    nodeConfig: {
      maxVisits: 0,
      ...(parallel === undefined ? {} : { parallel }),
      ...(retryOnFailure === undefined ? {} : { retryOnFailure }),
      ...(maxRetries === undefined ? {} : { maxRetries }),
      ...(backoff === undefined ? {} : { backoff }),
    },
    inputMailboxes: [],
    outputMailbox: undefined,
    trace: false,
  };
  return Object.assign(Object.create(node) as Node, own);
}

/** By name; they share all but that. */
export function itemNodes({ node, items }: Pick<Each, "node" | "items">): ReadonlyMap<string, Node> {
  const each = itemNodeOf(node);
  return new Map(
    items.map((_, index) => {
      const name = nameOfItem(index);
      return [name, Object.assign(Object.create(each) as Node, { name })];
    }),
  );
}
