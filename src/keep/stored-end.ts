/** What is to be told of a run's end, read off what is stored: its process is gone, or never was. */

import type { TaskJSON } from "#contract/base/task";
import { nodeResultOf } from "#contract/node/attempt";
import type { Failure, NodeResult } from "#contract/node/result";
import { endId, endMessage, NOTHING_ENDED } from "#contract/run/end";
import { Order } from "#contract/run/order";
import { endOf } from "#contract/run/order-view";
import type { StoredRun } from "#contract/store/run-record";
import type { PersistedAgent, PersistedNode } from "./persisted.ts";

/** A node that executes has no result. */
function resultOf({ value, context }: PersistedNode & { value?: unknown }): NodeResult | undefined {
  const { modules, failure } = context as PersistedNode["context"] & { failure?: Failure };
  return typeof value === "string" ? nodeResultOf(modules, failure) : undefined;
}

const CANCELLED: Failure = { error: "The run was cancelled.", code: "cancelled" };

/** Of one that was cancelled before it began. */
export const unbegunEndMessage = (task: TaskJSON, { taskId, ends }: StoredRun): unknown => ({
  id: endId(taskId, ends),
  ...endMessage({ task, ended: NOTHING_ENDED, errors: [], usage: {}, failure: CANCELLED }),
});

/** As its owner would have told it. */
export function storedEndMessage({ context, children }: PersistedAgent, { taskId, status, ends }: StoredRun): unknown {
  const { graph, order, nodes } = children.nodes.snapshot;
  const results = Object.entries(nodes).flatMap(([name, node]) => {
    const result = resultOf(node);
    return result === undefined ? [] : [[name, result] as const];
  });
  const { failure } = context as { failure?: Failure };
  // Nobody else's end has none of its own.
  const cancelled = status === "CANCELLED" ? CANCELLED : undefined;
  const why = failure ?? cancelled;
  const ended = { ...endOf(new Order(graph, order)), nodes: Object.fromEntries(results), results: {}, executions: {} };
  const { task, errors, usage } = context;
  return { id: endId(taskId, ends), ...endMessage({ task, ended, errors, usage, ...(why === undefined ? {} : { failure: why }) }) };
}
