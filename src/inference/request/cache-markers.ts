/** Where caching ends in a request: markers move forward with the conversation, and are never more than the provider takes. */
import { ChatRole } from "#contract/base/vocabulary";
import type { ModelRequest } from "#contract/chat/wire";

/** Positions that the caller marked, oldest first. */
export interface AskedMarkers {
  system: readonly number[];
  messages: readonly number[];
}

export interface Markers {
  tools: boolean;
  /** Positions of SYSTEM messages. */
  system: readonly number[];
  /** Positions of the other messages. */
  messages: readonly number[];
  /** Asked for by the caller, and left out. */
  leftOut: number;
}

/** An answer may be several messages. @returns 0 without one */
function startOfLatestAnswer(messages: ModelRequest["messages"]): number {
  const isAnswer = (index: number): boolean => messages[index]?.role === ChatRole.ASSISTANT;
  let start = messages.findLastIndex(({ role }) => role === ChatRole.ASSISTANT);
  while (start > 0 && isAnswer(start - 1)) start--;
  return Math.max(start, 0);
}

/**
 * Stateless: the tail of the previous request is the message before the latest answer, so that it stays marked for one turn,
 * and the provider finds there what it stored. Those two tails go before all else: without them every turn is read anew.
 * Then come the caller's own, the newest first; then the ends of system and tools, which are part of each prefix anyhow.
 *
 * @param most markers in all
 */
export function placeMarkers(
  { system, messages, tools, asked: own }: Pick<ModelRequest, "system" | "messages" | "tools"> & { asked: AskedMarkers },
  most: number,
  caching: "auto" | "manual",
): Markers {
  const asked = own.system.length + own.messages.length;
  let left = most;
  const take = (): boolean => left > 0 && left-- > 0;
  const marked = { tools: false, system: [] as number[], messages: [] as number[] };
  const mark = (positions: number[], index: number): void => {
    if (index >= 0 && !positions.includes(index) && take()) positions.push(index);
  };
  if (caching === "auto") {
    mark(marked.messages, messages.length - 1);
    mark(marked.messages, startOfLatestAnswer(messages) - 1);
  }
  // The newest first: an older marker is of less use.
  for (const index of own.messages.toReversed()) mark(marked.messages, index);
  for (const index of own.system.toReversed()) mark(marked.system, index);
  if (caching === "auto") {
    mark(marked.system, system.length - 1);
    if (tools.length > 0) marked.tools = take();
  }
  const isKept = (positions: readonly number[]) => (index: number) => positions.includes(index);
  const kept = own.system.filter(isKept(marked.system)).length + own.messages.filter(isKept(marked.messages)).length;
  const ascending = (a: number, b: number): number => a - b;
  return { ...marked, system: marked.system.sort(ascending), messages: marked.messages.sort(ascending), leftOut: asked - kept };
}
