/** How a run ends: its status, its result, and the outcome that is made of them; read off the agent's state alone. */

import { endTask, type TaskEnd, type TaskJSON } from "#contract/base/task";
import { TaskStatus } from "#contract/base/vocabulary";
import { sumUsage, type Usage } from "#contract/chat/usage";
import type { Graph } from "#contract/graph/graph";
import type { NodeResult } from "#contract/node/result";
import type { TaskOutcomeJSON } from "./outcome.ts";
import { failedChains, type RunState, statusOf } from "./state.ts";

/** What is known of a run when its nodes have been read. */
export interface EndedRun {
  task: TaskJSON;
  state: RunState;
  /** Why the whole run fails, whatever its nodes did. */
  failure?: { error: string; code: string };
  results: Record<string, NodeResult>;
  executions: Record<string, number>;
  usage: Record<string, Usage>;
}

export function endOfRun({ failure, state, results }: EndedRun): TaskEnd {
  const status = failure === undefined ? statusOf(state) : TaskStatus.FAILED;
  // Of the first failed node, not the latest report: which of a step's nodes reports last is chance.
  const [first] = state.failed;
  const error = failure?.error ?? (first === undefined ? undefined : state.errors.findLast(({ node }) => node === first)?.error);
  return { status, result: lastResults(state.graph, results), ...(error === undefined ? {} : { error }) };
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
  return {
    task: endTask(task, end),
    status: end.status,
    results,
    failedChains: failedChains(state),
    errors: [...state.errors],
    executions,
    totalIterations: state.totalIterations,
    usage: sumUsage(Object.values(usage)),
  };
}

/** The message of the end, for the output mailbox. */
export function endMessage(run: EndedRun): unknown {
  const { status, result } = endOfRun(run);
  const chains = failedChains(run.state);
  return { status, result, ...(chains.length === 0 ? {} : { failedChains: chains }) };
}
