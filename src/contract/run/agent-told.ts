/** What the chart of an agent tells whoever has it run: it knows less than what viewers are told. */
import type { TaskStatus } from "#contract/base/vocabulary";
import type { RunEventBody, Told } from "./events.ts";

export type AgentMachineTold = Told<
  | Extract<RunEventBody, { type: "error.reported" }>
  | { type: "run.started"; runId: string }
  /** For whoever has the graph run: whether all that is unfinished of it waits. No viewer is told, who sees it by the nodes. */
  | { type: "run.waiting"; waits: boolean }
  | { type: "run.ended"; status: TaskStatus }
>;
