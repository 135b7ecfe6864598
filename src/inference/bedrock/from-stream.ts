/** The events of ConverseStream, read one by one; the usage comes after the end mark. */
import type {
  ContentBlockDelta,
  ContentBlockStart,
  ConverseStreamOutput,
  Citation as RawCitation,
  ReasoningContentBlockDelta,
} from "@aws-sdk/client-bedrock-runtime";
import { toBase64 } from "#contract/base/base64";
import type { Fault, GenerationSink } from "#contract/chat/wire";
import { SPLICED } from "#inference/faults/spliced";
import { citationOf } from "./citations.ts";
import { KeptBlock, keep } from "./kept-block.ts";
import { faultOfStop, finishReasonOf } from "./stop-reason.ts";
import { readUsage } from "./usage.ts";

export function readEvents(into: GenerationSink): (event: unknown) => void {
  /** Told once its usage is known; without one the answer counts as truncated. */
  let fault: Fault | undefined;
  let isStarted = false;
  const redacted = new Map<number, Uint8Array>();
  const kept = new Map<number, KeptBlock>();
  /** What came with blocks that are read. */
  const beside = new Map<number, { citations?: unknown[]; deltas?: unknown[] }>();
  /** Of blocks that are no text. */
  const kinds = new Map<number, "thinking" | "tool-use">();

  const readReasoning = (key: number, { text, signature, redactedContent }: ReasoningContentBlockDelta): void => {
    kinds.set(key, "thinking");
    if (text !== undefined) into.thinking(key, text);
    if (signature !== undefined) into.signature(key, signature);
    if (redactedContent === undefined) return;
    const known = redacted.get(key) ?? new Uint8Array();
    const bytes = new Uint8Array(known.length + redactedContent.length);
    bytes.set(known);
    bytes.set(redactedContent, known.length);
    redacted.set(key, bytes);
    into.native(key, "thinking", { redactedContent: toBase64(bytes) });
  };
  const readDelta = (key: number, delta: ContentBlockDelta): void => {
    if (delta.text !== undefined) into.text(key, delta.text);
    else if (delta.toolUse !== undefined) into.toolInput(key, delta.toolUse.input ?? "");
    else if (delta.reasoningContent !== undefined) readReasoning(key, delta.reasoningContent);
    else keepDelta(key, delta);
  };
  const keepDelta = (key: number, delta: ContentBlockDelta): void => {
    const data = beside.get(key) ?? {};
    beside.set(key, data);
    if (delta.citation !== undefined) {
      data.citations = [...(data.citations ?? []), keep(delta.citation)];
      into.cite(key, citationOf(delta.citation as RawCitation));
    } else data.deltas = [...(data.deltas ?? []), keep(delta)];
    into.native(key, kinds.get(key) ?? "text", data);
  };
  const start = (key: number, block: ContentBlockStart): void => {
    const { toolUse } = block;
    // Some models announce text, too, by nothing.
    if (Object.values(block).every((member) => member === undefined)) return;
    if (toolUse === undefined || toolUse.type === "server_tool_use") {
      // Its place is taken now; what it holds is known at its end.
      into.provider(key);
      kept.set(key, new KeptBlock(block));
      return;
    }
    kinds.set(key, "tool-use");
    const id = toolUse.toolUseId === undefined ? {} : { id: toolUse.toolUseId };
    into.toolStart(key, { ...id, name: toolUse.name ?? "" });
  };
  const stop = (key: number): void => {
    const block = kept.get(key);
    if (block !== undefined) into.provider(key, block.value());
    for (const known of [kept, kinds, beside, redacted]) known.delete(key);
    into.end(key);
  };

  return (event) => {
    const { messageStart, contentBlockStart, contentBlockDelta, contentBlockStop, messageStop, metadata } = event as ConverseStreamOutput;
    if (messageStart !== undefined) {
      if (isStarted) into.fail(SPLICED);
      isStarted = true;
    } else if (contentBlockDelta !== undefined) {
      const { delta, contentBlockIndex = 0 } = contentBlockDelta;
      const unread = kept.size === 0 ? undefined : kept.get(contentBlockIndex);
      if (delta === undefined) return;
      if (unread === undefined) readDelta(contentBlockIndex, delta);
      else unread.take(delta);
    } else if (contentBlockStart !== undefined) {
      // Text and reasoning are not announced: they start with their first delta.
      if (contentBlockStart.start !== undefined) start(contentBlockStart.contentBlockIndex ?? 0, contentBlockStart.start);
    } else if (contentBlockStop !== undefined) {
      stop(contentBlockStop.contentBlockIndex ?? 0);
    } else if (messageStop !== undefined) {
      for (const key of [...kept.keys()]) stop(key);
      fault = faultOfStop(messageStop.stopReason);
      if (fault === undefined) into.finish(finishReasonOf(messageStop.stopReason));
    } else if (metadata !== undefined) {
      if (metadata.usage !== undefined) into.usage(readUsage(metadata.usage));
      if (fault !== undefined) into.fail(fault);
    }
  };
}
