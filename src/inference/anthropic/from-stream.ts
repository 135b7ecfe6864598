/** The raw events of a Messages stream, read one by one; only `message_stop` proves that the answer is whole. */
import type { GenerationSink } from "../../contract/wire.ts";
import { faultOfBody } from "./errors.ts";
import { finishReasonOf } from "./stop-reason.ts";
import { type RawUsage, usageReader } from "./usage.ts";

/** What is read of an event; any of it may be missing behind a gateway. */
interface StreamEvent {
  type?: string;
  index?: number;
  message?: { id?: string; model?: string; usage?: RawUsage | null };
  content_block?: RawBlock;
  delta?: RawDelta;
  usage?: RawUsage | null;
}

/** A block of an answer, also of one that is not streamed. */
export interface RawBlock {
  type?: string;
  text?: string;
  thinking?: string;
  signature?: string;
  data?: string;
  id?: string;
  name?: string;
  input?: unknown;
}

interface RawDelta {
  type?: string;
  text?: string;
  partial_json?: string;
  thinking?: string;
  signature?: string;
  stop_reason?: string | null;
}

export function readEvents(into: GenerationSink): (event: unknown) => void {
  const readUsage = usageReader();
  /** Blocks of kinds that are not known, with deltas of kinds that are. */
  const skipped = new Set<number>();
  let stopReason: string | null | undefined;

  return (event) => {
    const { type, index = 0, message, content_block: block, delta, usage } = (event ?? {}) as StreamEvent;
    switch (type) {
      case "content_block_delta":
        if (delta !== undefined && !skipped.has(index)) readDelta(index, delta, into);
        break;
      case "content_block_start":
        if (block !== undefined && !startBlock(index, block, into)) skipped.add(index);
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
      into.text(index, delta.text ?? "");
      break;
    case "input_json_delta":
      into.toolInput(index, delta.partial_json ?? "");
      break;
    case "thinking_delta":
      into.thinking(index, delta.thinking ?? "");
      break;
    case "signature_delta":
      into.signature(index, delta.signature ?? "");
  }
}

/** Opens a block with what it starts with. @returns whether its kind is known */
export function startBlock(index: number, block: RawBlock, into: GenerationSink): boolean {
  switch (block.type) {
    case "text":
      into.text(index, block.text ?? "");
      return true;
    case "thinking":
      into.thinking(index, block.thinking ?? "");
      if (block.signature) into.signature(index, block.signature);
      return true;
    case "redacted_thinking":
      into.native(index, "thinking", { redacted: block.data ?? "" });
      return true;
    case "tool_use":
      // Its input here is a placeholder: the real one comes in pieces.
      into.toolStart(index, { ...(block.id === undefined ? {} : { id: block.id }), name: block.name ?? "" });
      return true;
    default:
      return false;
  }
}
