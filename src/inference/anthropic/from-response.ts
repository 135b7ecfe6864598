/** A whole message of the Messages API, read block by block as its stream would be. */
import type { GenerationSink } from "#contract/chat/wire";
import { faultOfBody } from "./errors.ts";
import { startBlock } from "./from-stream.ts";
import type { RawBlock } from "./kept-block.ts";
import { finishReasonOf } from "./stop-reason.ts";
import { type RawUsage, usageReader } from "./usage.ts";

interface RawMessage {
  type?: string;
  id?: unknown;
  model?: unknown;
  content?: unknown;
  stop_reason?: unknown;
  usage?: RawUsage | null;
}

export function readResponse(response: unknown, into: GenerationSink): void {
  if (typeof response !== "object" || response === null) return;
  const { type, id, model, content, stop_reason: stopReason, usage } = response as RawMessage;
  if (type === "error") into.fail(faultOfBody(response));
  // Without its content it is no message, and counts as an empty answer.
  if (!Array.isArray(content)) return;
  if (typeof id === "string") into.responseId(id);
  if (typeof model === "string") into.model(model);
  content.forEach((block: RawBlock | null, index) => {
    if (block === null || typeof block !== "object") return;
    const kind = startBlock(index, block, into);
    if (kind === "tool-use") into.toolValue(index, block.input);
    if (kind === undefined) into.provider(index, block);
    into.end(index);
  });
  if (usage) into.usage(usageReader()(usage));
  into.finish(finishReasonOf(stopReason));
}
