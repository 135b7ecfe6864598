/** A conversation that no provider would take: a call without its result gets one that says so; what is no pair otherwise is refused, by the call's id. */
import { AsimovError } from "#contract/base/errors";
import { ChatRole } from "#contract/base/vocabulary";
import type { WireMessage, WireResult } from "#contract/chat/wire";

export interface Paired {
  messages: readonly WireMessage[];
  /** The ids of the calls that had none. */
  unanswered: readonly string[];
  /** Where a message stands now, by where it stood. */
  placeOf(at: number): number;
}

const asIs = (at: number): number => at;

const NOT_RUN = "(no result: this call was not run)";

/** @returns the same messages where nothing is missing. @throws AsimovError `invalid-options` */
export function pairCalls(messages: readonly WireMessage[]): Paired {
  const filled: { at: number; ids: string[] }[] = [];
  let open = new Set<string>();
  let known = new Set<string>();
  let since = -1;
  const close = (): void => {
    if (open.size > 0) filled.push({ at: since, ids: [...open] });
    open = new Set();
  };
  for (const [at, { role, blocks }] of messages.entries()) {
    if (role === ChatRole.ASSISTANT) {
      const calls = blocks.flatMap((block) => (block.type === "tool-use" ? [block.id] : []));
      close();
      since = at;
      known = new Set(calls);
      if (known.size < calls.length)
        throw refused(calls.find((id, n) => calls.indexOf(id) < n) as string, "is the id of two calls of one answer");
      open = new Set(calls);
    } else {
      for (const block of blocks) {
        if (block.type !== "tool-result" || open.delete(block.toolUseId)) continue;
        const isSecond = known.has(block.toolUseId);
        throw refused(block.toolUseId, isSecond ? "has two results" : "has a result, and stands in no answer right before it");
      }
    }
  }
  close();
  if (filled.length === 0) return { messages, unanswered: [], placeOf: asIs };
  const whole = messages.slice();
  for (const { at, ids } of filled.toReversed()) {
    const blocks = ids.map((toolUseId): WireResult => ({ type: "tool-result", toolUseId, content: NOT_RUN, isError: true }));
    whole.splice(at + 1, 0, { role: ChatRole.TOOL_RESULT, blocks, cacheMarker: false });
  }
  const placeOf = (place: number): number => place + filled.filter(({ at }) => at < place).length;
  return { messages: whole, unanswered: filled.flatMap(({ ids }) => ids), placeOf };
}

const refused = (id: string, fault: string): AsimovError =>
  new AsimovError(
    `messages: the tool call ${JSON.stringify(id)} ${fault}; no provider takes that. Give each call one result, in the messages after the answer that calls.`,
    { code: "invalid-options" },
  );
