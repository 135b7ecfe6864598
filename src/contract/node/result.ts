/** What a node gave, and the reports on the way there; plain JSON. */
import type { ErrorDetails } from "#contract/base/error-details";
import type { Usage } from "#contract/chat/usage";
import type { GraphNode } from "#contract/graph/graph";
import type { ModuleResult } from "./module.ts";

/** What a node's latest visit gave: one entry in `results` for each module that ran to an end. */
export type NodeResult = NodeEnd & {
  /** What all its visits and attempts spent on models, failed calls and nested graphs too; absent when it called none. */
  usage?: Usage;
};

type NodeEnd = { status: "success"; results: ModuleResult[] } | (Failure & { status: "error"; results: ModuleResult[] });

/** Why something failed. */
export interface Failure extends ErrorDetails {
  error: string;
  /** Stable and kebab-case; `"module-failed"` for an error of a module's own. */
  code: string;
  /** The module that failed first. */
  module?: string;
  /** No attempt more can help, of whatever is around it. */
  final?: boolean;
}

/** One thing that went wrong, before it is told where. */
export interface Fault extends Omit<Failure, "final"> {
  status: "error";
  node?: string;
}

/** One thing that went wrong; published to the error mailbox as it happens. */
export interface ErrorReport extends Fault {
  taskId: string;
  /** The names of the node and of the nodes around it, outermost first; where there is a `node`. */
  path?: string[];
}

/** How a node's visit ended, as it tells the agent. */
export interface NodeReport {
  node: string;
  status: "COMPLETE" | "FAILED" | "PARTIAL" | "SKIPPED";
  /** Of SKIPPED: it had begun, and waited for something when a jump sent it back. */
  withdrawn?: true;
  /** Of FAILED and PARTIAL. */
  failure?: Failure;
  /** The jump that its last deciding module asked for. */
  decision?: string;
  cleanup?: boolean;
  added?: GraphNode[];
}

export function withoutFinality({ final: _final, ...failure }: Failure): Omit<Failure, "final"> {
  return failure;
}

export function faultOf({ node, failure }: NodeReport): Fault {
  const { error, code, ...rest } = withoutFinality(failure ?? { error: "failed", code: "module-failed" });
  return { status: "error", node, error, code, ...rest };
}
