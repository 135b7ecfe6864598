/** What a run tells whoever listens: plain data, tagged by `type`. */

import type { TaskStatus } from "#contract/base/vocabulary";
import type { Usage } from "#contract/chat/usage";
import type { EmittedEvent } from "#contract/node/module";
import type { ErrorReport, Failure } from "#contract/node/result";
import type { SnapshotRef } from "#contract/store/snapshot";

/** `graph` is the path of nodes whose nested graph tells this; empty for the agent's own. */
type Told<T> = T & { graph: readonly string[] };

interface Numbered {
  /** 1, 2, 3 … of its run, the same for every subscriber; what is told while nobody listens counts too. */
  seq: number;
  /** Milliseconds since 1970. */
  at: number;
  taskId: string;
}

/** What happens in a run, before it is numbered. */
export type RunEvent = Told<
  | { type: "run.started"; runId: string }
  | { type: "run.restored"; runId: string; generation: number }
  | { type: "step.started"; nodes: readonly string[]; iteration: number }
  | { type: "node.started"; node: string; visit: number }
  | { type: "node.completed"; node: string }
  | { type: "node.skipped"; node: string }
  | ({ type: "node.failed"; node: string; status: "FAILED" | "PARTIAL" } & Omit<Failure, "final">)
  | { type: "node.retrying"; node: string; attempt: number; error: string }
  | { type: "module.emitted"; node: string; module: string; event: EmittedEvent }
  | { type: "generator.restarted"; node: string; module: string }
  /** An aborted module did not end within the grace time; it may still run. */
  | { type: "module.abandoned"; node: string; module: string }
  | { type: "nodes.added"; nodes: readonly string[] }
  | { type: "jump.taken"; from: string; to: string }
  | { type: "error.reported"; report: ErrorReport }
  /** A call of a model has ended, well or not. */
  | { type: "usage.recorded"; node: string; usage: Usage }
  | { type: "snapshot.saved"; ref: SnapshotRef; nodes: readonly string[] }
  | { type: "run.ended"; status: TaskStatus }
>;

/** In the place of the `count` events that one subscriber did not read in time; `seq` and `at` are those of the last of them. */
type EventsDropped = Told<{ type: "events.dropped"; count: number }>;

export type AgentEvent = Numbered & (RunEvent | EventsDropped);
