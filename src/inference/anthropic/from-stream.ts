/** The raw events of a Messages stream, read one by one; only `message_stop` proves that the answer is whole. */
import type { GenerationSink } from "../../contract/wire.ts";
import { faultOfBody } from "./errors.ts";
import { finishReasonOf } from "./stop-reason.ts";
import { type RawUsage, usageReader } from "./usage.ts";

/** What is read of an event; any of it may be missing behind a gateway. */
interface StreamEvent {
  type?: string;
  index?: number;
  message?: { id?: unknown; model?: unknown; usage?: RawUsage | null } | null;
  content_block?: RawBlock | null;
  delta?: RawDelta | null;
  usage?: RawUsage | null;
}

/** A block of an answer, also of one that is not streamed. */
export interface RawBlock {
  type?: string;
  text?: unknown;
  thinking?: unknown;
  signature?: unknown;
  data?: unknown;
  id?: unknown;
  name?: unknown;
  input?: unknown;
}

interface RawDelta {
  type?: string;
  text?: unknown;
  partial_json?: unknown;
  thinking?: unknown;
  signature?: unknown;
  stop_reason?: unknown;
}

const textIn = (value: unknown): string => (typeof value === "string" ? value : "");

export function readEvents(into: GenerationSink): (event: unknown) => void {
  const readUsage = usageReader();
  /** Blocks of kinds that are not known, with deltas of kinds that are. */
  const skipped = new Set<number>();
  let stopReason: unknown;

  return (event) => {
    const { type, index = 0, message, content_block: block, delta, usage } = (event ?? {}) as StreamEvent;
    switch (type) {
      case "content_block_delta":
        if (delta && !skipped.has(index)) readDelta(index, delta, into);
        break;
      case "content_block_start":
        if (block && startBlock(index, block, into)) skipped.delete(index);
        else skipped.add(index);
        break;
      case "content_block_stop":
        into.end(index);
        break;
      case "message_start":
        if (typeof message?.id === "string") into.responseId(message.id);
        if (typeof message?.model === "string") into.model(message.model);
        if (message?.usage) into.usage(readUsage(message.usage));
        break;
      case "message_delta":
        stopReason = delta?.stop_reason ?? stopReason;
        if (usage) into.usage(readUsage(usage));
        break;
      case "message_stop":
        into.finish(finishReasonOf(stopReason));
        break;
      case "error":
        into.fail(faultOfBody(event));
    }
  };
}

function readDelta(index: number, delta: RawDelta, into: GenerationSink): void {
  switch (delta.type) {
    case "text_delta":
      into.text(index, textIn(delta.text));
      break;
    case "input_json_delta":
      into.toolInput(index, textIn(delta.partial_json));
      break;
    case "thinking_delta":
      into.thinking(index, textIn(delta.thinking));
      break;
    case "signature_delta":
      into.signature(index, textIn(delta.signature));
  }
}

/** Opens a block with what it starts with. @returns whether its kind is known */
export function startBlock(index: number, block: RawBlock, into: GenerationSink): boolean {
  switch (block.type) {
    case "text":
      into.text(index, textIn(block.text));
      return true;
    case "thinking":
      into.thinking(index, textIn(block.thinking));
      if (textIn(block.signature) !== "") into.signature(index, textIn(block.signature));
      return true;
    case "redacted_thinking":
      into.native(index, "thinking", { redacted: textIn(block.data) });
      return true;
    case "tool_use":
      // Its input here is a placeholder: the real one comes in pieces.
      into.toolStart(index, { id: textIn(block.id), name: textIn(block.name) });
      return true;
    default:
      return false;
  }
}
