/** How a run ends: its status, its result, and the outcome that is made of them; read off the agent's state alone. */

import { endTask, type TaskEnd, type TaskJSON } from "#contract/base/task";
import { TaskStatus } from "#contract/base/vocabulary";
import { sumUsage, type Usage } from "#contract/chat/usage";
import type { ModuleResult } from "#contract/node/module";
import type { ErrorReport, Failure, NodeResult } from "#contract/node/result";
import type { OrderEnd } from "./order-view.ts";
import type { TaskOutcomeJSON } from "./outcome.ts";

/** What the nodes of a graph did, once none runs any more. */
export interface EndedGraph extends OrderEnd {
  nodes: Record<string, NodeResult>;
  /** By node, what those gave that are COMPLETE. */
  results: Record<string, unknown>;
  executions: Record<string, number>;
}

export const NOTHING_ENDED: EndedGraph = {
  status: "COMPLETE",
  failed: [],
  failedChains: [],
  last: [],
  totalIterations: 0,
  nodes: {},
  results: {},
  executions: {},
};

/** What is known of a run when its nodes have been read. */
export interface EndedRun {
  task: TaskJSON;
  ended: EndedGraph;
  errors: readonly ErrorReport[];
  /** Why the whole run fails, whatever its nodes did. */
  failure?: Failure;
  usage: Record<string, Usage>;
}

export function endStatusOf({ failure, ended }: Pick<EndedRun, "failure" | "ended">): TaskEnd["status"] {
  return failure === undefined ? ended.status : TaskStatus.FAILED;
}

export function endOfRun(run: EndedRun, failure: Failure | undefined = failureOfRun(run)): TaskEnd {
  const status = endStatusOf(run);
  const error = failure?.error;
  const result = resultOf(run.ended);
  return { status, ...(result === undefined ? {} : { result }), ...(error === undefined ? {} : { error }) };
}

/** Why the run did not complete: its own failure, else that of the first failed node in declaration order; final when one of them is. */
function failureOfRun({ failure, ended: { failed, nodes } }: EndedRun): Failure | undefined {
  if (failure !== undefined || failed.length === 0) return failure;
  const failures = failed.flatMap((name): Failure[] => {
    const result = Object.hasOwn(nodes, name) ? nodes[name] : undefined;
    if (result?.status !== "error") return [];
    const { status: _status, results: _results, usage: _usage, ...failure } = result;
    return [failure];
  });
  const [first] = failures;
  if (first === undefined) return { error: "failed", code: "module-failed" };
  return failures.some(({ final }) => final === true) ? { ...first, final: true } : first;
}

/** What the graph's last nodes gave, by name; of a graph with one such node, what it gave alone. */
function resultOf({ last, nodes }: EndedGraph): unknown {
  const given = last.flatMap((name) => {
    const found = Object.hasOwn(nodes, name) ? resultOfNode(nodes[name] as NodeResult) : undefined;
    return found === undefined ? [] : [[name, found.result ?? null] as const];
  });
  return last.length === 1 ? given[0]?.[1] : Object.fromEntries(given);
}

/** The result of the node's last module that did more than to decide. */
function resultOfNode({ status, results }: NodeResult): ModuleResult | undefined {
  return status === "success" ? results.findLast((result) => !decidesAlone(result)) : undefined;
}

/** A flow control gives its decision as its result. */
function decidesAlone({ decision, result }: ModuleResult): boolean {
  return decision !== undefined && (result === undefined || result === decision);
}

export function outcomeOfRun(run: EndedRun): TaskOutcomeJSON {
  const { task, ended, errors, usage } = run;
  const failure = failureOfRun(run);
  const end = endOfRun(run, failure);
  return {
    task: endTask(task, end),
    status: end.status,
    results: ended.results,
    nodes: ended.nodes,
    failedChains: ended.failedChains,
    errors: [...errors],
    executions: ended.executions,
    totalIterations: ended.totalIterations,
    usage: sumUsage(Object.values(usage)),
    ...(failure === undefined ? {} : { failure }),
  };
}

/** Of the end of that number: 1, and one more for each time that the run went on from its end. */
export const endId = (taskId: string, number: number): string => `${taskId}/end/${number}`;

/** The message of the end, for the output mailbox; whoever publishes it gives it its id. */
export function endMessage(run: EndedRun): object {
  const { status, result = null } = endOfRun(run);
  const chains = run.ended.failedChains;
  return { taskId: run.task.id, status, result, ...(chains.length === 0 ? {} : { failedChains: chains }) };
}
