/** The pieces of the AI SDK's UI message stream that are written here, and what the data parts of a run hold; all of it plain JSON. */
import type { FinishReason } from "#contract/chat/generation";
import type { AnswerEnd, ToolChainResult } from "#contract/chat/tool-chain";
import type { Usage } from "#contract/chat/usage";
import type { Question } from "#contract/run/question";
import type { RunStatus } from "#contract/store/run-record";

/** How a run stands. */
export interface UiRun {
  taskId: string;
  agent: string;
  objective: string;
  status: RunStatus;
  /** Why it failed as a whole, such as `cancelled`. */
  code?: string;
  /** Of a parked one: when it goes on by itself, in milliseconds since 1970; null for never. */
  dueAt?: number | null;
}

/** How a node of a run stands; nodes of nested graphs too. */
export interface UiNode {
  node: string;
  /** The nodes whose nested graph it is in. */
  path: readonly string[];
  status: "EXECUTING" | "WAITING" | "RETRYING" | "COMPLETE" | "FAILED" | "PARTIAL" | "SKIPPED" | "BLOCKED";
  visit?: number;
  durationMs?: number;
  /** Masked and cut in size, as the run's events have it. */
  result?: unknown;
  error?: string;
  /** Of a node with `forEach`: how many items it has, and how many of them have ended. */
  items?: { count: number; ended: number };
}

/** A question of a run; `closed` says why it is not open any more. */
export type UiQuestion = Question & { closed?: string; by?: string };

/**
 * What the data parts of a message hold, by name: for `UIMessage<UiMetadata, RunUiData>` of the package `ai`, and so for its `useChat`.
 *
 * @example
 * import type { UIMessage } from "ai";
 * const nodesOf = ({ parts }: UIMessage<UiMetadata, RunUiData>) => parts.flatMap((part) => (part.type === "data-node" ? [part.data.status] : []));
 */
export type RunUiData = {
  run: UiRun;
  node: UiNode;
  question: UiQuestion;
  /** What a tool told by `emit`; the newest of each call. */
  "tool-progress": { toolCallId: string; toolName: string; event: unknown };
  /** What a module told by `emit`: given to `onData`, and no part of the message. */
  emitted: { node: string; module: string; event: unknown };
  /** Events that were lost since the page, or who stands before it, reads too slowly. */
  dropped: { count: number };
};

/** What stands in the metadata of the message at its end. */
export interface UiMetadata {
  usage?: Usage;
  warnings?: readonly string[];
  /** Of a chain. */
  stopReason?: AnswerEnd | ToolChainResult["stopReason"];
  /** Of a run. */
  taskId?: string;
  status?: RunStatus;
}

type DataChunk = {
  [Name in keyof RunUiData]: { type: `data-${Name}`; id?: string; data: RunUiData[Name]; transient?: boolean };
}[keyof RunUiData];

/** One piece: a `UIMessageChunk` of the package `ai`. */
export type UiMessageChunk =
  | { type: "start"; messageId?: string }
  | { type: "start-step" | "finish-step" }
  | { type: "text-start" | "text-end" | "reasoning-start" | "reasoning-end"; id: string }
  | { type: "text-delta" | "reasoning-delta"; id: string; delta: string }
  | { type: "tool-input-start"; toolCallId: string; toolName: string }
  | { type: "tool-input-delta"; toolCallId: string; inputTextDelta: string }
  | { type: "tool-input-available"; toolCallId: string; toolName: string; input: unknown }
  | { type: "tool-input-error"; toolCallId: string; toolName: string; input: unknown; errorText: string }
  | { type: "tool-approval-request"; approvalId: string; toolCallId: string; approvalDescriptor?: unknown }
  | { type: "tool-output-available"; toolCallId: string; output: unknown }
  | { type: "tool-output-error"; toolCallId: string; errorText: string }
  | { type: "source-url"; sourceId: string; url: string; title?: string }
  | { type: "source-document"; sourceId: string; mediaType: string; title: string }
  | { type: "file"; url: string; mediaType: string }
  | DataChunk
  | { type: "finish"; finishReason?: FinishReason["unified"]; messageMetadata?: UiMetadata }
  | { type: "abort"; reason?: string }
  | { type: "error"; errorText: string };
