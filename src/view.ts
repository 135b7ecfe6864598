/** The entry point `asimov-agents/view`: the picture of a run, kept by its events; for browsers too. */
export { applyEvent, applyEvents } from "./contract/run/apply-event.ts";
export type { AgentEvent } from "./contract/run/events.ts";
export type { NodeView, RunView, ViewNode, Waiting } from "./contract/run/run-view.ts";
export type { RunStatus } from "./contract/store/run-record.ts";
