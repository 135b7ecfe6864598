/** The words of the library's states: const objects whose values equal their names. */

/** Where a task or a node stands. */
export const TaskStatus = {
  WAITING: "WAITING",
  EXECUTING: "EXECUTING",
  COMPLETE: "COMPLETE",
  FAILED: "FAILED",
  PARTIAL: "PARTIAL",
} as const;
export type TaskStatus = (typeof TaskStatus)[keyof typeof TaskStatus];

/** What a module or node is for. */
export const ModuleType = {
  EXECUTOR: "EXECUTOR",
  SUBGRAPH: "SUBGRAPH",
  FLOW_CONTROL: "FLOW_CONTROL",
} as const;
export type ModuleType = (typeof ModuleType)[keyof typeof ModuleType];

/** When a snapshot is stored before a node's step: never, at its first visit, or at every visit. */
export const SnapshotControl = {
  NEVER: "NEVER",
  ONCE: "ONCE",
  ALWAYS: "ALWAYS",
} as const;
export type SnapshotControl = (typeof SnapshotControl)[keyof typeof SnapshotControl];

/** Who speaks in a conversation with a model. */
export const ChatRole = {
  SYSTEM: "SYSTEM",
  USER: "USER",
  ASSISTANT: "ASSISTANT",
  TOOL_RESULT: "TOOL_RESULT",
} as const;
export type ChatRole = (typeof ChatRole)[keyof typeof ChatRole];
