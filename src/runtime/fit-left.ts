/** Whether the graphs fit that failed nodes were left with: those of nodes that are retried go on. */

import type { ViewNode } from "#contract/run/run-view";
import { leftIn } from "#keep/left-graph";
import { graphIn, type PersistedAgent, pendingAdditions } from "#keep/persisted";
import { fitGraph } from "./fit-graph.ts";
import { type DynamicNodes, GraphNodes } from "./graph-nodes.ts";
import { byName } from "./valid-graph.ts";

interface Around {
  path: readonly string[];
  nodes: GraphNodes;
  /** As the graph was shown. */
  shown: readonly ViewNode[] | undefined;
  dynamicNodes: DynamicNodes;
}

/** Before anything of the run goes on: later there would be nobody to tell. @throws SnapshotError `snapshot-other-graph`, `snapshot-unknown-node` */
export function requireLeftFit({ children }: PersistedAgent, { path, nodes, shown, dynamicNodes }: Around): void {
  const pool = children.nodes.snapshot;
  for (const name of pool.retried ?? []) {
    const node = Object.hasOwn(pool.nodes, name) ? pool.nodes[name] : undefined;
    const left = node === undefined ? undefined : leftIn(node);
    if (left === undefined) continue;
    const inner: Around = {
      path: [...path, name],
      nodes: new GraphNodes([...path, name], byName(nodes.get(name).nodes), () => ({ graph: undefined, mayAdd: () => false })),
      shown: shown?.find((each) => each.name === name)?.nodes,
      dynamicNodes,
    };
    // It is made to fit when it goes on, and says then what has changed.
    const { nodes: innerPool } = left.children;
    const copy = { ...left, children: { ...left.children, nodes: { ...innerPool, snapshot: { ...innerPool.snapshot } } } };
    fitGraph(inner.nodes, {
      path: inner.path,
      persisted: copy,
      shown: inner.shown,
      from: { version: "", read: () => undefined },
      migrate: undefined,
    });
    inner.nodes.restore(graphIn(copy), pendingAdditions(copy), dynamicNodes);
    requireLeftFit(copy, inner);
  }
}
