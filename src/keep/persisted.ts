/** The shape of a persisted run, as far as it is taken apart and put together. */
import type { TaskJSON } from "#contract/base/task";
import { TaskStatus } from "#contract/base/vocabulary";
import type { Usage } from "#contract/chat/usage";
import type { Graph } from "#contract/graph/graph";
import type { Attempt } from "#contract/node/attempt";
import type { ErrorReport, NodeReport } from "#contract/node/result";
import { type EndedGraph, NOTHING_ENDED } from "#contract/run/end";
import { Order, type StoredOrder } from "#contract/run/order";
import type { RunView } from "#contract/run/run-view";

export interface PersistedAgent {
  value: unknown;
  context: Record<string, unknown> & {
    task: TaskJSON;
    errors: readonly ErrorReport[];
    reported: number;
    usage: Record<string, Usage>;
    ended: EndedGraph;
    cachePrefix?: string;
    deadline?: number;
    deadlineMs?: number;
  };
  children: { nodes: { snapshot: PersistedNodes }; task: { snapshot: PersistedTask }; [id: string]: { snapshot: unknown } };
  /** Of a whole run that keeps its values itself: what is settled of them, by part. */
  values?: Record<string, string>;
  /** Of a whole run: what its modules have had, by part. */
  replay?: Record<string, string>;
  /** Of a whole run. */
  view?: RunView;
}

interface PersistedTask {
  output?: unknown;
  context: { task: TaskJSON };
}

export interface PersistedNodes {
  graph: Graph;
  order: StoredOrder;
  unpublished: [node: string, { report: NodeReport }][];
  isBegun: boolean;
  isAborted: boolean;
  retried?: readonly string[];
  granted?: number;
  nodes: Record<string, PersistedNode>;
}

export interface PersistedNode {
  context: { modules: Attempt };
  children: Record<string, { snapshot: unknown }>;
}

/** How a nested graph is persisted whose parts are its own. */
export const APART = { status: "active", isApart: true } as const;

export const isApart = (snapshot: unknown): boolean => (snapshot as Partial<typeof APART> | null)?.isApart === true;

/** Asks a node for its state without that of the graph nested in it. */
export const WITHOUT_GRAPH = { without: "graph" };
/** Asks an agent for its state without that of its nodes. */
export const WITHOUT_NODES = { without: "nodes" };

/** Of nodes none of which runs any more, or will: their agent closes as soon as it is restored. */
const ENDED = { isBegun: true, isAborted: true } as const;

/** Whether it has ended but for what follows from that. */
export const hasEnded = ({ children }: PersistedAgent): boolean => children.nodes.snapshot.isBegun && children.nodes.snapshot.isAborted;

/** A graph that closes, as it was when its nodes had ended: what closing gives is worked out anew, since it is as much as the whole graph. */
export function beforeEnd({ context, children, value: _value, ...agent }: PersistedAgent): PersistedAgent {
  const { nodes, task, outbox } = children;
  const { output: _output, ...before } = task.snapshot;
  const { status: _status, ...asked } = task.snapshot.context.task;
  const executing = {
    ...before,
    status: "active",
    value: TaskStatus.EXECUTING,
    context: { task: { ...asked, status: TaskStatus.EXECUTING } },
  };
  return {
    ...agent,
    value: { running: "executing" },
    context: { ...context, ended: NOTHING_ENDED },
    children: {
      nodes: { ...nodes, snapshot: { ...nodes.snapshot, ...ENDED } },
      task: { ...task, snapshot: executing },
      ...(outbox === undefined ? {} : { outbox }),
    },
  };
}

export const graphIn = ({ children }: PersistedAgent): Graph => children.nodes.snapshot.graph;

/** A node that another one added. */
export interface AddedName {
  name: string;
  addedBy: string;
}

/** The nodes that visits which go on have been asked to add: they are in the graph once these have settled. */
export function pendingAdditions({ children }: PersistedAgent): AddedName[] {
  const { graph, order, unpublished, nodes } = children.nodes.snapshot;
  const namedBy = (addedBy: string, added: readonly { name: string }[] = []) => added.map(({ name }) => ({ name, addedBy }));
  const reported = unpublished.flatMap(([, { report }]) => namedBy(report.node, report.added));
  const ended = Order.executingIn(graph, order).flatMap((node) =>
    (Object.hasOwn(nodes, node) ? (nodes[node]?.context.modules.ended.flat() ?? []) : []).flatMap(({ added }) => namedBy(node, added)),
  );
  return [...reported, ...ended];
}
