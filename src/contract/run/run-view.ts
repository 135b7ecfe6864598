/** The picture of a run: plain JSON for whoever looks at it, the same whether the run is alive, stored, or as it was some generations ago. */

import type { ModuleType, TaskStatus } from "#contract/base/vocabulary";
import type { Usage } from "#contract/chat/usage";
import type { ErrorReport } from "#contract/node/result";
import type { RunStatus } from "#contract/store/run-record";
import type { Question } from "./question.ts";

/** A node of the graph, as far as a viewer draws it. */
export interface ViewNode {
  readonly name: string;
  readonly type: ModuleType;
  readonly dependencies: readonly string[];
  readonly condition?: string;
  /** Where its list is, of which it runs each item. */
  readonly forEach?: readonly string[];
  /** What an item is in its result: `"keep"` where a failed one is an entry among others; absent where each is its own result. */
  readonly onItemError?: "keep";
  readonly inputMailboxes?: readonly string[];
  readonly modules: readonly { readonly name: string; readonly type: ModuleType }[];
  /** Of a composite: its graph. */
  readonly nodes?: readonly ViewNode[];
  /** The node whose result added this one; absent for what the agent was made with. */
  readonly addedBy?: string;
}

/** What a node waits for while it does not work. */
export interface Waiting {
  readonly for: "answer" | "message" | "moment" | "run";
  readonly question?: string;
  readonly mailbox?: string;
  /** Milliseconds since 1970. */
  readonly until?: number;
}

export interface NodeView {
  readonly status: TaskStatus;
  readonly waiting?: readonly Waiting[];
  /** Its latest visit; 0 before the first. */
  readonly visit: number;
  /** Of the visit, the attempt that runs or is next; 0 before the first visit. */
  readonly attempt: number;
  /** Of the latest visit. */
  readonly iteration: number;
  /** When it came to its status, in milliseconds since 1970. */
  readonly since: number;
  /** Of the latest visit that has ended. */
  readonly durationMs?: number;
  /** What the latest visit gave: of one module its result, of several by module. Masked and cut in size. */
  readonly result?: unknown;
  /** Why the latest visit failed. */
  readonly error?: string;
  readonly code?: string;
  /** What all its visits spent on models, nested graphs included. */
  readonly usage?: Usage;
  /** It does not run in the present plan: it is in a failed chain, or was skipped. */
  readonly never?: "blocked" | "skipped";
  /** A jump has sent it back while it executed: it is visited once more. */
  readonly again?: true;
  /** Of a composite that has begun: the nodes of its graph. */
  readonly nodes?: Readonly<Record<string, NodeView>>;
  /** Of a node with `forEach` that has begun: its items, in the list's order. */
  readonly items?: readonly NodeView[];
  /** The run that it waits for. */
  readonly childTaskId?: string;
}

export interface RunView {
  readonly taskId: string;
  /** The agent's name. */
  readonly agent: string;
  /** The agent's: of the code that goes on with the run, or did so last. */
  readonly version: string;
  /** The task's. */
  readonly type: string;
  readonly objective: string;
  readonly status: RunStatus;
  /** The newest that its events tell of, which a live run may be about to make; 0 where there is none. */
  readonly generation: number;
  /** The last event that it holds: `applyEvent` passes over those up to it, and takes the next one alone. */
  readonly seq: number;
  /** Milliseconds since 1970, as all its moments are. */
  readonly startedAt: number;
  readonly updatedAt: number;
  readonly endedAt?: number;
  readonly owner?: { readonly id: string; readonly until?: number };
  readonly forkedFrom?: { readonly taskId: string; readonly generation: number };
  readonly graph: { readonly nodes: readonly ViewNode[] };
  /** By name. */
  readonly nodes: Readonly<Record<string, NodeView>>;
  /** The present plan by its levels; how far it is, the nodes say. */
  readonly plan: readonly (readonly string[])[];
  /** Each failed node with all that depends on it, in declaration order. */
  readonly failedChains: readonly (readonly string[])[];
  /** Those that are open. */
  readonly questions: readonly Question[];
  /** The newest 1,000, nested graphs' too. */
  readonly errors: readonly ErrorReport[];
  readonly usage: Usage;
  /** The run's own, masked and cut in size, where whoever made the view knew them. */
  readonly values?: Readonly<Record<string, unknown>>;
}
