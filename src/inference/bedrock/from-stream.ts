/** The events of ConverseStream, read one by one; the usage comes after the end mark. */
import type { ContentBlockDelta, ConverseStreamOutput, ReasoningContentBlockDelta } from "@aws-sdk/client-bedrock-runtime";
import type { Fault, GenerationSink } from "../../contract/wire.ts";
import { toBase64 } from "./base64.ts";
import { faultOfStop, finishReasonOf } from "./stop-reason.ts";
import { readUsage } from "./usage.ts";

export function readEvents(into: GenerationSink): (event: unknown) => void {
  /** Told once its usage is known; without one the answer counts as truncated. */
  let fault: Fault | undefined;
  const redacted = new Map<number, Uint8Array>();

  const readReasoning = (key: number, { text, signature, redactedContent }: ReasoningContentBlockDelta): void => {
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
  };

  return (event) => {
    const { contentBlockStart, contentBlockDelta, contentBlockStop, messageStop, metadata } = event as ConverseStreamOutput;
    if (contentBlockDelta !== undefined) {
      if (contentBlockDelta.delta !== undefined) readDelta(contentBlockDelta.contentBlockIndex ?? 0, contentBlockDelta.delta);
    } else if (contentBlockStart !== undefined) {
      // Only tools are announced; text and reasoning start with their first delta.
      const tool = contentBlockStart.start?.toolUse;
      if (tool === undefined || tool.type === "server_tool_use") return;
      const id = tool.toolUseId === undefined ? {} : { id: tool.toolUseId };
      into.toolStart(contentBlockStart.contentBlockIndex ?? 0, { ...id, name: tool.name ?? "" });
    } else if (contentBlockStop !== undefined) {
      into.end(contentBlockStop.contentBlockIndex ?? 0);
    } else if (messageStop !== undefined) {
      fault = faultOfStop(messageStop.stopReason);
      if (fault === undefined) into.finish(finishReasonOf(messageStop.stopReason));
    } else if (metadata !== undefined) {
      if (metadata.usage !== undefined) into.usage(readUsage(metadata.usage));
      if (fault !== undefined) into.fail(fault);
    }
  };
}
