/** What a model answers, while it answers: told at once to who asks for it, and kept by nobody. */
import type { StreamPart, ToolInputDelta, ToolResultPart } from "#contract/chat/generation";

/** A part of a stream, as plain JSON; of a chain also what its tools gave. */
export type DeltaPart = Exclude<StreamPart, ToolInputDelta> | Omit<ToolInputDelta, "preview"> | ToolResultPart;

/**
 * A part of what a model answers to a module, or what a tool of its chain gave. It has no `seq`, since it is no part of the run's story: it is told before what the run has stored meanwhile,
 * it may be lost, and nobody gives it later. A call that is tried again begins anew, by a start of the same id.
 */
export interface ModelDelta {
  readonly type: "model.delta";
  readonly taskId: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The path of nodes whose nested graph it is in; empty for the agent's own. Of an item, the node of that is the last of it, and `node` counts from "0". */
  readonly graph: readonly string[];
  readonly node: string;
  readonly module: string;
  readonly visit: number;
  readonly attempt: number;
  readonly part: DeltaPart;
}

/** As a module tells it. */
export type ToldDelta = Omit<ModelDelta, "type" | "taskId" | "at" | "graph">;

/** Without what is read of it, and not told. */
export function deltaPartOf(part: StreamPart | ToolResultPart): DeltaPart {
  if (part.type !== "tool-input-delta") return part;
  const { type, id, delta } = part;
  return { type, id, delta };
}
