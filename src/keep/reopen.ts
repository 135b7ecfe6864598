/** The stored state of a run that had ended, or was about to, made one that goes on: failed visits begin again, and what they blocked waits. */
import { listOf } from "#contract/base/growing-list";
import type { TaskJSON } from "#contract/base/task";
import { indexOf } from "#contract/graph/graph";
import type { StoredOrder } from "#contract/run/order";
import { Flag, OrderCells, Phase } from "#contract/run/order-cells";
import { withTask } from "./left-graph.ts";
import type { PersistedAgent, PersistedNode } from "./persisted.ts";

/** Whatever ended the whole run did not happen; of nodes nothing is changed. */
export function reopen({ value: _value, ...agent }: PersistedAgent): PersistedAgent {
  const { failure: _failure, ...context } = agent.context;
  const { nodes } = agent.children;
  const isOpening = JSON.stringify(_value).includes('"opening"');
  return {
    ...agent,
    value: isOpening ? _value : { running: "executing" },
    context: context as PersistedAgent["context"],
    children: { ...agent.children, nodes: { ...nodes, snapshot: { ...nodes.snapshot, isAborted: false } } },
  };
}

/** The nodes whose latest visit failed, in declaration order. */
export function failedNodes({ children }: PersistedAgent): string[] {
  const { graph, order } = children.nodes.snapshot;
  const cells = OrderCells.of(order.cells);
  return graph.nodes.flatMap(({ name }, position) => (cells.has(position, Flag.FAILED) ? [name] : []));
}

/** A limit that ended the whole graph is granted once more. */
function grantLimit({ context }: PersistedAgent, agent: PersistedAgent): void {
  const { failure } = context as { failure?: { code: string } };
  const pool = agent.children.nodes.snapshot;
  if (failure?.code === "max-iterations") pool.granted = (pool.granted ?? 0) + 1;
}

/** The graph that a failed node was left with goes on: what succeeded in it stands, and what failed is tried again. */
export function reopenLeft(left: PersistedAgent, task: TaskJSON): PersistedAgent {
  const again = withTask(reopen(left), task);
  retryNodes(again, { limitsOf: left });
  return again;
}

/**
 * @param given.limitsOf the state before it was reopened
 * @param given.names default all that failed
 * @param given.keys whether their visits go on, or others begin
 */
export function retryNodes(
  agent: PersistedAgent,
  { limitsOf, names = failedNodes(agent), keys = "same" }: { limitsOf: PersistedAgent; names?: readonly string[]; keys?: "same" | "new" },
): void {
  grantLimit(limitsOf, agent);
  const pool = agent.children.nodes.snapshot;
  const index = indexOf(pool.graph);
  const cells = OrderCells.of(pool.order.cells);
  const blocked = new Set<number>();
  for (let position = 0; position < cells.size; position++) {
    if (cells.phase(position) !== Phase.BLOCKED) continue;
    blocked.add(position);
    cells.setPhase(position, Phase.PENDING);
  }
  const retried: string[] = [];
  for (const name of names) {
    const position = index.position(name) as number;
    // A jump had sent it back, and another visit comes once what it depends on has one.
    if (blocked.has(position)) continue;
    // One whose actor broke down is made anew, with a visit of its own.
    const node = Object.hasOwn(pool.nodes, name) ? pool.nodes[name] : undefined;
    if (keys === "new" || node === undefined) cells.setPhase(position, Phase.READY);
    else {
      cells.setPhase(position, Phase.STARTED);
      cells.setExecuting(position, Math.max(1, cells.at(position)));
      retried.push(name);
    }
  }
  pool.order = { ...pool.order, cells: cells.toJSON() } as StoredOrder;
  pool.retried = retried;
}

/** They and all that descends from them are to be visited once more; what they do now never ended. @returns the names of all of these */
export function rerunNodes(agent: PersistedAgent, names: readonly string[]): string[] {
  const pool = agent.children.nodes.snapshot;
  const index = indexOf(pool.graph);
  const cells = OrderCells.of(pool.order.cells);
  const region = index.regionAt(names.map((name) => index.position(name) as number));
  for (const position of region) {
    cells.setPhase(position, Phase.PENDING);
    cells.setExecuting(position, 0);
    cells.mark(position, Flag.FAILED, false);
    const name = index.nameAt(position);
    const node = Object.hasOwn(pool.nodes, name) ? pool.nodes[name] : undefined;
    if (node !== undefined) pool.nodes[name] = idle(node);
  }
  pool.order = { ...pool.order, cells: cells.toJSON(), sent: pool.order.sent.filter(([position]) => !region.has(position)) };
  if (pool.retried !== undefined) pool.retried = pool.retried.filter((name) => !region.has(index.position(name) as number));
  pool.unpublished = pool.unpublished.filter(([name]) => !region.has(index.position(name) as number));
  return [...region].map((position) => index.nameAt(position));
}

/** Between two visits. */
function idle(node: PersistedNode): PersistedNode {
  const { failure: _failure, ...context } = node.context as PersistedNode["context"] & { failure?: unknown };
  const ended = listOf(context.modules.ended);
  return {
    ...node,
    value: "WAITING",
    context: { ...context, modules: { ...context.modules, ended: [ended], active: [] } },
    children: {},
  } as PersistedNode;
}
