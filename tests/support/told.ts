/** What a run told, and what is made of it. */
import type { AgentEvent, AgentRun } from "asimov-agents";
import { applyEvents, type RunView } from "asimov-agents/view";

/** All events of a run, in the moment in which they are told. */
export function listen(run: AgentRun): AgentEvent[] {
  const events: AgentEvent[] = [];
  run.actor.on("*", (event) => events.push(event));
  return events;
}

export const fold = (events: readonly AgentEvent[]): RunView => applyEvents(undefined, events);

/** As whoever gets it over a wire. */
export const overTheWire = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
