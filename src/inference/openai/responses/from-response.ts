/** A whole answer of the Responses API, read item by item as its stream would be. */
import type { GenerationSink } from "#contract/chat/wire";
import { endItem, finishResponse, hasRefusal, type RawResponse, startItem } from "./items.ts";

export function readResponsesResponse(response: unknown, into: GenerationSink): void {
  if (typeof response !== "object" || response === null) return;
  const { output, error, status } = response as RawResponse;
  const isFailed = status === "failed" || (error !== undefined && error !== null);
  // Without its items it is no answer, and counts as an empty one.
  if (!isFailed && !Array.isArray(output)) return;
  const items = Array.isArray(output) ? output : [];
  items.forEach((item, index) => {
    const key = String(index);
    startItem(key, item, into);
    endItem(key, item, into);
  });
  finishResponse(response as RawResponse, into, items.some(hasRefusal));
}
