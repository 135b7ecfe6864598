/** What stands for events that are gone. */
import type { AgentEvent } from "./events.ts";

/** @param last the number and moment of the last of them; @param count how many they are */
export const eventsDropped = (taskId: string, { seq, at }: { seq: number; at: number }, count: number): AgentEvent => ({
  ...{ seq, at, taskId, graph: [] },
  type: "events.dropped",
  count,
});
