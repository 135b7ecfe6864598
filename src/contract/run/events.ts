/** What a run tells whoever listens: plain data, tagged by `type`, from which its picture can be kept (`applyEvent`). */

import type { ErrorDetails } from "#contract/base/error-details";
import type { TaskStatus } from "#contract/base/vocabulary";
import type { Usage } from "#contract/chat/usage";
import type { EmittedEvent } from "#contract/node/module";
import type { ErrorReport, Failure } from "#contract/node/result";
import type { CommitReason, SnapshotRef } from "#contract/store/run-commit";
import type { QuestionEnd } from "#contract/store/stored-question";
import type { Question } from "./question.ts";
import type { RunView, ViewNode, Waiting } from "./run-view.ts";

/** `graph` is the path of nodes whose nested graph tells this; empty for the agent's own. */
export type Told<T> = T & { graph: readonly string[] };

interface Numbered {
  /** 1, 2, 3 … of its run, the same for every subscriber; what is told while nobody listens counts too. */
  seq: number;
  /** Milliseconds since 1970. */
  at: number;
  taskId: string;
}

/** One run of one module. */
interface ModuleRun {
  node: string;
  module: string;
  visit: number;
  attempt: number;
}

/** What happens in a graph, before it is numbered. */
export type RunEventBody =
  /** The first of each graph: all that a viewer needs to begin. A composite's graph starts anew at each of its attempts. */
  | {
      type: "run.started";
      runId: string;
      /** The agent's name. */
      agent: string;
      version: string;
      task: { type: string; objective: string };
      nodes: readonly ViewNode[];
    }
  /**
   * It goes on from a generation, by the code of that version; of a fork, of the run that it was made of. `passedOver` has a sentence for each newer one that is damaged.
   * `view` is there where its picture is another one than its events have told: as it is now, or null where that has no room in an event.
   */
  | { type: "run.restored"; runId: string; version: string; generation: number; passedOver?: readonly string[]; view?: RunView | null }
  | { type: "node.started"; node: string; visit: number; attempt: number; iteration: number }
  /** `result`: of one module its own, of several by module, of a composite by node. */
  | { type: "node.completed"; node: string; visit: number; durationMs: number; result?: unknown }
  /** `visit` is the latest that ran: a skip is none. */
  | { type: "node.skipped"; node: string; visit: number }
  /** It waited for something, and a jump has sent it back: this visit came to nothing, and another one follows. */
  | { type: "node.withdrawn"; node: string; visit: number }
  /** It will not run, since it is in a failed chain. */
  | { type: "node.blocked"; node: string }
  | ({ type: "node.failed"; node: string; visit: number; durationMs?: number; status: "FAILED" | "PARTIAL" } & Omit<Failure, "final">)
  /** The attempt failed, and another follows; `until` is the moment to which it waits, where it waits. */
  | { type: "node.retrying"; node: string; attempt: number; error: string; until?: number }
  /** What its modules wait for now; nothing where they go on. */
  | { type: "node.waiting"; node: string; waiting: readonly Waiting[] }
  /** A module has succeeded without asking for something that was kept for it: its code is another one now. `number` counts those of that name, from 1. */
  | {
      type: "replay.unused";
      node: string;
      module: string;
      kind: "answer" | "step" | "sleep" | "message" | "run";
      name: string;
      number: number;
    }
  | { type: "question.opened"; question: Question }
  /** The answer did not fit: it is asked anew, and the question before is closed. */
  | { type: "question.reopened"; question: Question; instead: string }
  /** Somebody else is asked from now on. */
  | { type: "question.escalated"; id: string; to: string }
  | { type: "question.closed"; id: string; why: QuestionEnd; by?: string }
  /** A module waits for the end of another run, which it has started, or goes on with. */
  | { type: "child.started"; node: string; module: string; childTaskId: string }
  | ({ type: "module.started" } & ModuleRun)
  | ({
      type: "module.ended";
      status: "success" | "error" | "aborted";
      durationMs: number;
      result?: unknown;
      error?: string;
      code?: string;
    } & ModuleRun &
      ErrorDetails)
  /** A node begins to run for each item of its list. */
  | { type: "items.started"; node: string; count: number }
  /** `index` counts from 0. */
  | ({ type: "item.ended"; node: string; index: number; durationMs: number } & (
      | { status: "success"; result?: unknown }
      | ({ status: "error"; error: string; code: string; module?: string } & ErrorDetails)
    ))
  | { type: "module.emitted"; node: string; module: string; event: EmittedEvent }
  | { type: "generator.restarted"; node: string; module: string }
  /** An aborted module did not end within the grace time; it may still run. */
  | { type: "module.abandoned"; node: string; module: string }
  /** Each as it stands in the graph now; what depended on its `addedBy` depends on it too. */
  | { type: "nodes.added"; nodes: readonly ViewNode[] }
  /** The code's graph is another one than that of the stored run, which fits it: how it differs, and the graph as it is now, by the code of that version. */
  | {
      type: "graph.changed";
      version: string;
      changes: readonly string[];
      nodes: readonly ViewNode[];
      renamed?: Readonly<Record<string, string>>;
    }
  | { type: "jump.taken"; from: string; to: string }
  | { type: "error.reported"; report: ErrorReport }
  /** A call of a model has ended, well or not. */
  | { type: "usage.recorded"; node: string; usage: Usage }
  /** The run is stored with all that it told before: only `run.parked` or `run.ended` may follow in the same generation. */
  | { type: "snapshot.saved"; ref: SnapshotRef; why: CommitReason; nodes: readonly string[] }
  /**
   * It is stored, and nobody owns it any more; what follows, if anything does, is told by whoever goes on with it. `dueAt` is when it can go on without
   * an answer or a message, in milliseconds since 1970; null for never.
   */
  | { type: "run.parked"; dueAt: number | null }
  /** `code` says why a run failed as a whole, such as `cancelled`. */
  | { type: "run.ended"; status: TaskStatus; code?: string };

/** In the place of the `count` events that are gone before one subscriber read them; `seq` and `at` are those of the last of them. */
export interface EventsDropped {
  type: "events.dropped";
  count: number;
}

export type AgentEvent = Numbered & Told<RunEventBody | EventsDropped>;
