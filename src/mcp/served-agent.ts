/** What is used of an agent that is served, and of whom it is served to. */
import type { Task } from "#contract/base/task";
import type { AgentEvent } from "#contract/run/events";
import type { TaskOutcome } from "#contract/run/outcome";
import type { ParkedRun } from "#contract/run/parked";

export interface ServedRun {
  readonly id: string;
  readonly outcome: Promise<TaskOutcome | ParkedRun>;
  events(options?: { from?: number }): AsyncIterable<AgentEvent>;
  cancel(reason?: string): Promise<unknown>;
  park(): Promise<void>;
}

/** An `Agent` is one. */
export interface ServedAgent {
  start(task: Task<unknown>, options: { whenWaiting: "hold" | "park" }): ServedRun;
  resume(taskId: string, options: { whenWaiting: "hold" | "park" }): Promise<ServedRun>;
  readonly runs: {
    answer(questionId: string, value: unknown, options: { by?: string; shownHash?: string }): Promise<void>;
    cancel(taskId: string, reason?: string): Promise<void>;
    value(taskId: string, path: readonly string[]): Promise<unknown>;
  };
}

/** Any transport of the protocol's own packages is one. */
export interface McpTransport {
  start(): Promise<void>;
  send(message: object): Promise<void>;
  close(): Promise<void>;
}

/** What is used of `McpServer` of `@modelcontextprotocol/server`. */
export interface McpServerLike {
  readonly server: {
    getClientCapabilities(): { elicitation?: object | undefined } | undefined;
    getClientVersion(): { name: string } | undefined;
  };
  registerTool(name: string, config: object, callback: never): unknown;
}
