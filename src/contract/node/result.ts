/** What a node gave, and the reports on the way there; plain JSON. */
import type { Usage } from "#contract/chat/usage";
import type { GraphNode } from "#contract/graph/graph";
import type { ModuleResult } from "./module.ts";

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
