/** What a run ends with, and the reports on the way there; plain JSON but for the task. */
import type { GraphNode } from "./graph.ts";
import type { ModuleResult } from "./module.ts";
import type { Task, TaskJSON } from "./task.ts";
import type { Usage } from "./usage.ts";
import type { TaskStatus } from "./vocabulary.ts";

/** What a node's latest visit gave: one entry in `results` for each module that ran to an end. */
export type NodeResult = NodeEnd & {
  /** What all its visits and attempts spent on models, failed calls and nested graphs too; absent when it called none. */
  usage?: Usage;
};

type NodeEnd =
  | { status: "success"; results: ModuleResult[] }
  | {
      status: "error";
      error: string;
      /** Stable and kebab-case, where the failure has one. */
      code?: string;
      results: ModuleResult[];
    };

/** One thing that went wrong; published to the error mailbox as it happens. */
export interface ErrorReport {
  status: "error";
  node?: string;
  error: string;
  code?: string;
}

/** How a run ended. `status` narrows nothing that is absent: partial results are in `results` whatever it is. */
export interface TaskOutcome {
  task: Task;
  status: TaskStatus;
  /** By node: the nodes that ran. */
  results: Record<string, NodeResult>;
  /** For each failed node: itself and everything that depends on it. */
  failedChains: string[][];
  /** The newest 1,000. */
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
}

/** How a node's visit ended, as it tells the agent. */
export interface NodeReport {
  node: string;
  status: "COMPLETE" | "FAILED" | "PARTIAL" | "SKIPPED";
  error?: string;
  code?: string;
  /** The jump that its last deciding module asked for. */
  decision?: string;
  cleanup?: boolean;
  added?: GraphNode[];
}

export function toErrorReport({ node, error, code }: NodeReport): ErrorReport {
  return { status: "error", node, error: error ?? "failed", ...(code === undefined ? {} : { code }) };
}
