/** A stored graph as that of the agent's code: accepted where it fits, mended where the agent can, refused by name where neither is so. */
import { shownMessageOf } from "#contract/base/error-details";
import { messageOf, SnapshotError } from "#contract/base/errors";
import { type GraphFit, graphFit } from "#contract/graph/difference";
import { addedNames, type Graph, indexOf } from "#contract/graph/graph";
import { Order } from "#contract/run/order";
import { rebaseGraph, rebaseOrder } from "#contract/run/rebase-order";
import type { ViewNode } from "#contract/run/run-view";
import { type Migrated, type MigratedFrom, type Migration, migrateRun } from "#keep/migrate";
import type { PersistedAgent } from "#keep/persisted";
import type { GraphNodes } from "./graph-nodes.ts";
import { graphOf } from "./valid-graph.ts";

export interface Fitted extends Pick<Migrated, "renamed" | "values"> {
  /** One sentence for each difference. */
  changes: readonly string[];
  /** Whether anything is otherwise than it was stored. */
  isChanged: boolean;
}

/** @param shown the stored graph as it was shown: it knows of what kind modules were */
interface Stored {
  /** The nodes that the graph is nested in. */
  path: readonly string[];
  persisted: PersistedAgent;
  shown: readonly ViewNode[] | undefined;
  from: MigratedFrom;
  migrate: ((run: Migration) => void) | undefined;
}

/** Changes `persisted`. @throws SnapshotError `snapshot-other-graph` */
export function fitGraph(nodes: GraphNodes, { path, persisted, shown, from, migrate }: Stored): Fitted {
  const pool = persisted.children.nodes.snapshot;
  const own = (): Graph => {
    const added = addedNames(pool.graph);
    return graphOf([...nodes.all()].filter(({ name }) => !added.has(name)));
  };
  let migrated: Migrated = { renamed: new Map(), rerun: new Set(), values: new Map() };
  let isChanged = false;
  let fit = fitOf(nodes, persisted, own(), shown, migrated);
  if (fit.misfits.length > 0 && migrate !== undefined) {
    isChanged = true;
    migrated = migratedBy(migrate, persisted, from);
    fit = fitOf(nodes, persisted, own(), shown, migrated);
    fit.changes.push(...[...migrated.renamed].map(([from, to]) => `node "${from}" is named "${to}" now`));
  }
  if (fit.misfits.length > 0) throw otherGraph(path, fit.misfits);
  isChanged ||= fit.changes.length > 0;
  if (!isChanged) return { isChanged, changes: [], ...migrated };
  const stored = pool.graph;
  try {
    pool.graph = rebaseGraph(stored, own());
  } catch (error) {
    throw otherGraph(path, [messageOf(error)]);
  }
  pool.order = rebaseOrder(stored, pool.order, pool.graph);
  return { isChanged, changes: fit.changes, ...migrated };
}

function fitOf(
  nodes: GraphNodes,
  persisted: PersistedAgent,
  current: Graph,
  shown: readonly ViewNode[] | undefined,
  { renamed, rerun }: Migrated,
): GraphFit {
  const { graph, order, nodes: states } = persisted.children.nodes.snapshot;
  const visited = new Set([...Object.keys(states), ...Order.executingIn(graph, order)].filter((name) => !rerun.has(name)));
  const isComposite = (name: string): boolean => nodes.isComposite(name);
  const fit = graphFit(graph, current, visited, isComposite);
  const index = indexOf(current);
  for (const { name, modules, nodes: inner } of shown ?? []) {
    const now = renamed.get(name) ?? name;
    if (!visited.has(now) || !index.has(now)) continue;
    const [was, is] = [kindsOf(modules, inner !== undefined), kindsOf(nodes.modulesOf(now), nodes.isComposite(now))];
    if (was !== is) fit.misfits.push(`node "${now}" was of ${was} and is of ${is} now`);
  }
  return fit;
}

const kindsOf = (modules: readonly { type: string }[], isComposite: boolean): string =>
  isComposite ? "a graph" : `the kinds ${modules.map(({ type }) => type).join(", ") || "none"}`;

function migratedBy(migrate: (run: Migration) => void, persisted: PersistedAgent, from: MigratedFrom): Migrated {
  try {
    return migrateRun(persisted, from, migrate);
  } catch (error) {
    throw new SnapshotError(`The agent's option \`migrate\` failed, and the run stays as it was: ${shownMessageOf(error)}`, {
      code: "snapshot-migrate",
      cause: error,
    });
  }
}

const otherGraph = (path: readonly string[], misfits: readonly string[]): SnapshotError =>
  new SnapshotError(
    `The snapshot is of another graph: ${path.length === 0 ? "" : `in ${path.map((name) => `"${name}"`).join(" → ")}: `}${misfits.join("; ")}. What a run has visited must be as it was; mend it by the agent's option \`migrate\`.`,
    { code: "snapshot-other-graph" },
  );
