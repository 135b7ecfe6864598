/** Mends the stored state of a run by hand, so that it fits the graph of newer code. */
import { AsimovError } from "#contract/base/errors";
import { copyJson } from "#contract/base/json";
import { type Graph, indexOf } from "#contract/graph/graph";
import { NOTHING } from "#contract/node/attempt";
import { leftIn, withLeft } from "./left-graph.ts";
import type { PersistedAgent, PersistedNode } from "./persisted.ts";
import { rerunNodes } from "./reopen.ts";

/** A stored run that does not fit its agent's graph, as the agent's `migrate` mends it. Names are those of the run's own graph: what is nested is mended by a visit anew of the node around it. */
export interface Migration {
  /** Of the agent that went on with it last. */
  readonly version: string;
  /** A node that has another name now. */
  rename(from: string, to: string): void;
  /** A node that is no more: what it gave is gone with it. */
  drop(node: string): void;
  /** A node that is made of something else now: it is visited once more, with all that depends on it. */
  rerun(node: string): void;
  /** The run's own, without those that a cache keeps. */
  readonly values: { get(key: string): unknown; set(key: string, value: unknown): void; delete(key: string): void };
}

export interface Migrated {
  /** By the name before. */
  renamed: Map<string, string>;
  /** Nodes whose modules need not be what they were. */
  rerun: Set<string>;
  /** Nodes of which nothing stands that they do or wait for now, by the name that they have now. */
  withdrawn: Set<string>;
  /** By key what is set, or undefined for what is deleted. */
  values: Map<string, unknown>;
}

/** What is known of the run beside its graph. */
export interface MigratedFrom {
  version: string;
  /** By key. */
  read(key: string): unknown;
}

/** @param agent the run's own graph; it is changed */
export function migrateRun(agent: PersistedAgent, { version, read }: MigratedFrom, migrate: (run: Migration) => void): Migrated {
  const done: Migrated = { renamed: new Map(), rerun: new Set(), withdrawn: new Set(), values: new Map() };
  const pool = agent.children.nodes.snapshot;
  const require = (name: string): void => {
    if (indexOf(pool.graph).has(name)) return;
    throw new AsimovError(
      `migrate: the stored run holds no node "${name}"; it holds ${pool.graph.nodes.map((node) => `"${node.name}"`).join(", ")}.`,
      {
        code: "unknown-node",
      },
    );
  };
  const answer: unknown = migrate({
    version,
    rename(from, to) {
      require(from);
      if (indexOf(pool.graph).has(to)) {
        throw new AsimovError(`migrate: the stored run holds a node "${to}" already; drop it, or give "${from}" another name.`, {
          code: "invalid-options",
        });
      }
      renameNode(agent, from, to);
      done.renamed.set(from, to);
      if (done.withdrawn.delete(from)) done.withdrawn.add(to);
    },
    drop(name) {
      require(name);
      for (const each of rerunNodes(agent, [name])) done.withdrawn.add(each);
      delete pool.nodes[name];
    },
    rerun(name) {
      require(name);
      for (const each of rerunNodes(agent, [name])) done.withdrawn.add(each);
      const node = pool.nodes[name];
      if (node !== undefined) pool.nodes[name] = { ...node, context: { ...node.context, modules: NOTHING } };
      done.rerun.add(name);
    },
    values: {
      get: (key) => (done.values.has(key) ? done.values.get(key) : read(key)),
      set(key, value) {
        if (key === "task") {
          throw new AsimovError("migrate: the value `task` is the run's task, which stays as it is; set another one.", {
            code: "invalid-options",
          });
        }
        done.values.set(key, copyJson(value, `value "${key}"`));
      },
      delete(key) {
        done.values.set(key, undefined);
      },
    },
  });
  if (answer instanceof Promise) {
    answer.catch(() => {});
    throw new AsimovError("migrate: expected nothing, got a promise: the run goes on at once. Mend it without waiting.", {
      code: "invalid-options",
    });
  }
  return done;
}

function renameNode(agent: PersistedAgent, from: string, to: string): void {
  const name = (each: string): string => (each === from ? to : each);
  const pool = agent.children.nodes.snapshot;
  pool.graph = renamedGraph(pool.graph, name);
  if (pool.retried !== undefined) pool.retried = pool.retried.map(name);
  pool.nodes = Object.fromEntries(
    Object.entries(pool.nodes).map(([each, node]) => [name(each), each === from ? renamedNode(node, to) : node]),
  );
  pool.order = { ...pool.order, sent: pool.order.sent.map(([position, sent]) => [position, { ...sent, from: name(sent.from) }]) };
  pool.unpublished = pool.unpublished.map(([each, { report, ...rest }]) => [
    name(each),
    { ...rest, report: { ...report, node: name(report.node) } },
  ]);
  const key = encodeURIComponent(from);
  const usage = Object.entries(agent.context.usage).map(([path, spent]) => {
    const isOf = path === key || path.startsWith(`${key}/`);
    return [isOf ? encodeURIComponent(to) + path.slice(key.length) : path, spent] as const;
  });
  agent.context.usage = Object.fromEntries(usage);
}

const renamedGraph = ({ nodes }: Graph, name: (each: string) => string): Graph => ({
  nodes: nodes.map(({ addedBy, ...node }) => ({
    ...node,
    name: name(node.name),
    dependencies: node.dependencies.map(name),
    targets: node.targets.map(name),
    ...(addedBy === undefined ? {} : { addedBy: name(addedBy) }),
  })),
});

/** What works in it is asked for by the new name; so its keys are of that name, too. Graphs in it go on under the keys that they had. */
function renamedNode(node: PersistedNode, to: string): PersistedNode {
  const left = leftIn(node);
  const renamed = withGraphs(left === undefined ? node : withLeft(node, movedGraph(left, 0, to)), 0, to);
  const children = Object.entries(renamed.children).map(([id, child]) => {
    const snapshot = child.snapshot as { input?: { node?: string } } | null;
    const input = snapshot?.input?.node === undefined ? {} : { input: { ...snapshot.input, node: to } };
    return [id, { ...child, snapshot: { ...snapshot, ...input } }] as const;
  });
  return { ...renamed, children: Object.fromEntries(children) };
}

/** A graph within a node that has another name now, with all that is nested in it. @param depth of the name in its path */
function movedGraph(graph: PersistedAgent, depth: number, to: string): PersistedAgent {
  const { nodes: pool } = graph.children;
  const nodes = Object.entries(pool.snapshot.nodes).map(([name, node]) => {
    const left = leftIn(node);
    return [name, withGraphs(left === undefined ? node : withLeft(node, movedGraph(left, depth, to)), depth, to)] as const;
  });
  const path = (graph.context.path as string[]).with(depth, to);
  const moved = { ...pool, snapshot: { ...pool.snapshot, nodes: Object.fromEntries(nodes) } };
  return { ...graph, context: { ...graph.context, path }, children: { ...graph.children, nodes: moved } };
}

function withGraphs(node: PersistedNode, depth: number, to: string): PersistedNode {
  const children = Object.entries(node.children).map(([id, child]) => {
    const snapshot = child.snapshot as PersistedAgent | null;
    return [id, snapshot?.children?.nodes === undefined ? child : { ...child, snapshot: movedGraph(snapshot, depth, to) }] as const;
  });
  return { ...node, children: Object.fromEntries(children) };
}
