/** What a run ends with; plain JSON but for the task. */
import type { Task, TaskJSON } from "#contract/base/task";
import type { TaskStatus } from "#contract/base/vocabulary";
import type { Usage } from "#contract/chat/usage";
import type { ErrorReport, Failure, NodeResult } from "#contract/node/result";

/** How a run ended. `status` narrows nothing that is absent: what is there is in `results` and `nodes` whatever it is. */
export interface TaskOutcome {
  task: Task;
  status: TaskStatus;
  /** By node, what those gave that are COMPLETE, as `context.results`: the only module's result; of several, by module; of a composite, its graph's. */
  results: Record<string, unknown>;
  /** By node, everything about its latest visit: the nodes that ran. */
  nodes: Record<string, NodeResult>;
  /** For each failed node: itself and everything that depends on it. */
  failedChains: string[][];
  /** All that went wrong, as it happened, also what a later attempt, a later visit or a `retry` has mended: the newest 1,000. */
  errors: ErrorReport[];
  /** By node: its visits. */
  executions: Record<string, number>;
  totalIterations: number;
  /** What the whole run spent on models, before restores too. */
  usage: Usage;
}

/** The outcome as the agent machine gives it. */
export interface TaskOutcomeJSON extends Omit<TaskOutcome, "task"> {
  task: TaskJSON;
  /** Why it did not complete; for the node whose nested graph this is. */
  failure?: Failure;
}
