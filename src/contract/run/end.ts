/** How a run ends: its status, its result, and the outcome that is made of them; read off the agent's state alone. */

import { endTask, type TaskEnd, type TaskJSON } from "#contract/base/task";
import { TaskStatus } from "#contract/base/vocabulary";
import { sumUsage, type Usage } from "#contract/chat/usage";
import { type Graph, indexOf } from "#contract/graph/graph";
import type { Failure, NodeResult } from "#contract/node/result";
import type { TaskOutcomeJSON } from "./outcome.ts";
import { failedChains, type RunState, statusOf } from "./state.ts";

/** What is known of a run when its nodes have been read. */
export interface EndedRun {
  task: TaskJSON;
  state: RunState;
  /** Why the whole run fails, whatever its nodes did. */
  failure?: Failure;
  results: Record<string, NodeResult>;
  executions: Record<string, number>;
  usage: Record<string, Usage>;
}

export function endOfRun(run: EndedRun): TaskEnd {
  const { failure, state, results } = run;
  const status = failure === undefined ? statusOf(state) : TaskStatus.FAILED;
  const error = failureOfRun(run)?.error;
  return { status, result: lastResults(state.graph, results), ...(error === undefined ? {} : { error }) };
}

/** Why the run did not complete: its own failure, else that of the first failed node in declaration order; final when one of them is. */
export function failureOfRun({ failure, state, results }: EndedRun): Failure | undefined {
  if (failure !== undefined) return failure;
  const { position } = indexOf(state.graph);
  const failed = [...state.failed].sort((a, b) => (position.get(a) ?? 0) - (position.get(b) ?? 0));
  const failures = failed.flatMap((name): Failure[] => {
    const result = Object.hasOwn(results, name) ? results[name] : undefined;
    if (result?.status !== "error") return [];
    const { status: _status, results: _results, usage: _usage, ...failure } = result;
    return [failure];
  });
  const [first] = failures;
  if (first === undefined) return failed.length === 0 ? undefined : { error: "failed", code: "module-failed" };
  return failures.some(({ final }) => final === true) ? { ...first, final: true } : first;
}

/** The results of the graph's last nodes, by name. */
function lastResults(graph: Graph, results: Record<string, NodeResult>): Record<string, unknown> {
  const inner = new Set(graph.nodes.flatMap(({ dependencies }) => dependencies));
  const last = graph.nodes.filter(({ name }) => !inner.has(name) && Object.hasOwn(results, name) && results[name]?.status === "success");
  return Object.fromEntries(last.map(({ name }) => [name, results[name]?.results.at(-1)?.result ?? null]));
}

export function outcomeOfRun(run: EndedRun): TaskOutcomeJSON {
  const { task, state, results, executions, usage } = run;
  const end = endOfRun(run);
  const failure = failureOfRun(run);
  return {
    task: endTask(task, end),
    status: end.status,
    results,
    failedChains: failedChains(state),
    errors: [...state.errors],
    executions,
    totalIterations: state.totalIterations,
    usage: sumUsage(Object.values(usage)),
    ...(failure === undefined ? {} : { failure }),
  };
}

/** The message of the end, for the output mailbox. */
export function endMessage(run: EndedRun): unknown {
  const { status, result } = endOfRun(run);
  const chains = failedChains(run.state);
  return { status, result, ...(chains.length === 0 ? {} : { failedChains: chains }) };
}
