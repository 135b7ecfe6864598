/** A stored graph as that of the agent's code: accepted where it fits, mended where the agent can, refused by name where neither is so. */
import { shownMessageOf } from "#contract/base/error-details";
import { messageOf, SnapshotError } from "#contract/base/errors";
import { type GraphFit, graphFit } from "#contract/graph/difference";
import { addedNames, type Graph, indexOf } from "#contract/graph/graph";
import { Order } from "#contract/run/order";
import { rebaseGraph, rebaseOrder } from "#contract/run/rebase-order";
import type { ViewNode } from "#contract/run/run-view";
import { leftIn } from "#keep/left-graph";
import { type Migrated, type MigratedFrom, type Migration, migrateRun } from "#keep/migrate";
import { graphIn, type PersistedAgent, type PersistedNode, pendingAdditions } from "#keep/persisted";
import { failedNodes } from "#keep/reopen";
import { type DynamicNodes, GraphNodes, type Kinds } from "./graph-nodes.ts";
import { byName, graphOf } from "./valid-graph.ts";

export interface Fitted extends Pick<Migrated, "renamed" | "withdrawn" | "values"> {
  /** One sentence for each difference. */
  changes: readonly string[];
  /** Whether anything is otherwise than it was stored. */
  isChanged: boolean;
}

/** @param shown the stored graph as it was shown: it knows of what kind modules were */
interface Place {
  /** The nodes that the graph is nested in. */
  path: readonly string[];
  /** The code's graph, where it is known as one. */
  graph?: Graph | undefined;
  shown: readonly ViewNode[] | undefined;
  dynamicNodes: DynamicNodes;
}

interface Stored extends Place {
  persisted: PersistedAgent;
  from: MigratedFrom;
  migrate: ((run: Migration) => void) | undefined;
}

const NOTHING_MIGRATED: Migrated = { renamed: new Map(), rerun: new Set(), withdrawn: new Set(), values: new Map() };

/** The code's own graph: without what the run has added. */
function ownGraph(nodes: GraphNodes, { children }: PersistedAgent, graph: Graph | undefined): Graph {
  const added = addedNames(children.nodes.snapshot.graph);
  if (graph !== undefined && added.size === 0) return graph;
  return graphOf([...nodes.all()].filter(({ name }) => !added.has(name)));
}

/** Changes `persisted`. @throws SnapshotError `snapshot-other-graph` */
export function fitGraph(nodes: GraphNodes, { persisted, from, migrate, ...place }: Stored): Fitted {
  const pool = persisted.children.nodes.snapshot;
  const { path, graph } = place;
  let migrated = NOTHING_MIGRATED;
  let isChanged = false;
  let fit = fitOf(nodes, persisted, place, migrated);
  if (fit.misfits.length > 0 && migrate !== undefined) {
    isChanged = true;
    migrated = migratedBy(migrate, persisted, from);
    fit = fitOf(nodes, persisted, place, migrated);
    fit.changes.push(...[...migrated.renamed].map(([from, to]) => `node "${from}" is named "${to}" now`));
  }
  if (fit.misfits.length > 0) throw otherGraph(path, fit.misfits);
  isChanged ||= fit.changes.length > 0;
  if (!isChanged) return { isChanged, changes: [], ...migrated };
  const stored = pool.graph;
  try {
    pool.graph = rebaseGraph(stored, ownGraph(nodes, persisted, graph));
  } catch (error) {
    throw otherGraph(path, [messageOf(error)]);
  }
  pool.order = rebaseOrder(stored, pool.order, pool.graph);
  return { isChanged, changes: fit.changes, ...migrated };
}

/** With the graphs that go on within it. */
function fitOf(nodes: GraphNodes, persisted: PersistedAgent, place: Place, migrated: Migrated): GraphFit {
  const fit = fitAlone(nodes, persisted, place, migrated);
  fit.misfits.push(...misfitsWithin(nodes, persisted, place));
  return fit;
}

function fitAlone(nodes: GraphNodes, persisted: PersistedAgent, { graph: own, shown }: Place, { renamed, rerun }: Migrated): GraphFit {
  const current = ownGraph(nodes, persisted, own);
  const { graph, order, nodes: states } = persisted.children.nodes.snapshot;
  const executing = new Set(Order.executingIn(graph, order));
  const visited = { has: (name: string) => !rerun.has(name) && (Object.hasOwn(states, name) || executing.has(name)) };
  const isComposite = (name: string): boolean => nodes.isComposite(name);
  const fit = graphFit(graph, current, visited, isComposite);
  const index = indexOf(current);
  for (const { name, modules, nodes: inner } of shown ?? []) {
    const now = renamed.get(name) ?? name;
    if (!visited.has(now) || !index.has(now)) continue;
    const was = { modules, isComposite: inner !== undefined };
    const is = nodes.kindsOf(now);
    if (!isSameKind(was, is)) fit.misfits.push(`node "${now}" was of ${kindsOf(was)} and is of ${kindsOf(is)} now`);
  }
  return fit;
}

/** A graph within a node; one that the node was left with is to be reopened, and all that failed in it is retried. */
interface Within {
  name: string;
  graph: PersistedAgent;
  isLeft: boolean;
}

/** The graphs that go on within its nodes: those that are under way, and those that nodes were left with which are retried. */
function* goingOnWithin(agent: PersistedAgent, isLeft: boolean): Generator<Within> {
  const { nodes, retried = [] } = agent.children.nodes.snapshot;
  const again = new Set(isLeft ? failedNodes(agent) : retried);
  for (const name of Object.keys(nodes)) {
    const node = nodes[name] as PersistedNode;
    const left = again.has(name) ? leftIn(node) : undefined;
    if (left !== undefined) yield { name, graph: left, isLeft: true };
    for (const { snapshot } of Object.values(node.children)) {
      const graph = snapshot as PersistedAgent | null;
      if (graph?.children?.nodes !== undefined) yield { name, graph, isLeft: false };
    }
  }
}

/** Before anything of the run goes on: later there would be nobody to tell. @throws SnapshotError `snapshot-unknown-node` */
function misfitsWithin(around: GraphNodes, persisted: PersistedAgent, { path, shown, dynamicNodes }: Place, isLeft = false): string[] {
  return [...goingOnWithin(persisted, isLeft)].flatMap(({ name, graph, isLeft }) => {
    // Of one that is gone it was said.
    if (!around.isComposite(name)) return [];
    const inner: Place = { path: [...path, name], shown: shown?.find((each) => each.name === name)?.nodes, dynamicNodes };
    const nodes = new GraphNodes(inner.path, byName(around.get(name).nodes), () => ({ graph: undefined, mayAdd: () => false }));
    nodes.restore(graphIn(graph), pendingAdditions(graph), dynamicNodes);
    const { misfits } = fitAlone(nodes, graph, inner, NOTHING_MIGRATED);
    return [...misfits.map((misfit) => `in ${shownPath(inner.path)}: ${misfit}`), ...misfitsWithin(nodes, graph, inner, isLeft)];
  });
}

const shownPath = (path: readonly string[]): string => path.map((name) => `"${name}"`).join(" → ");

const isSameKind = (was: Kinds, is: Kinds): boolean =>
  was.isComposite === is.isComposite &&
  // Of modules that are more or fewer the graph itself says so, by their names.
  (was.isComposite || was.modules.length !== is.modules.length || was.modules.every(({ type }, index) => type === is.modules[index]?.type));

const kindsOf = ({ modules, isComposite }: Kinds): string =>
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
    `The snapshot is of another graph: ${path.length === 0 ? "" : `in ${shownPath(path)}: `}${misfits.join("; ")}. What a run has visited must be as it was; mend it by the agent's option \`migrate\`.`,
    { code: "snapshot-other-graph" },
  );
