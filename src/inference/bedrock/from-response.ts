/** A whole answer of Converse, read block by block. */
import type { ConverseResponse } from "@aws-sdk/client-bedrock-runtime";
import { toBase64 } from "#contract/base/base64";
import type { GenerationSink } from "#contract/chat/wire";
import { citationOf } from "./citations.ts";
import { keep } from "./kept-block.ts";
import { faultOfStop, finishReasonOf } from "./stop-reason.ts";
import { readUsage } from "./usage.ts";

export function readResponse(response: unknown, into: GenerationSink): void {
  // Types promise fields that a server may leave out.
  const { output, stopReason, usage } = response as Partial<ConverseResponse>;
  for (const [key, block] of (output?.message?.content ?? []).entries()) {
    if (block.text !== undefined) into.text(key, block.text);
    else if (block.toolUse !== undefined && block.toolUse.type !== "server_tool_use") {
      const { toolUseId, name, input } = block.toolUse;
      into.toolStart(key, { ...(toolUseId === undefined ? {} : { id: toolUseId }), name: name ?? "" });
      into.toolValue(key, input);
    } else if (block.reasoningContent?.reasoningText !== undefined) {
      const { text, signature } = block.reasoningContent.reasoningText;
      into.thinking(key, text ?? "");
      if (signature !== undefined) into.signature(key, signature);
    } else if (block.reasoningContent?.redactedContent !== undefined) {
      into.native(key, "thinking", { redactedContent: toBase64(block.reasoningContent.redactedContent) });
    } else if (block.citationsContent !== undefined) {
      const { content = [], citations = [] } = block.citationsContent;
      into.text(key, content.map(({ text }) => text ?? "").join(""));
      into.native(key, "text", { citations: keep(citations) });
      for (const citation of citations) into.cite(key, citationOf(citation));
    } else into.provider(key, keep(block));
    into.end(key);
  }
  if (usage !== undefined) into.usage(readUsage(usage));
  const fault = faultOfStop(stopReason);
  if (fault !== undefined) into.fail(fault);
  if (stopReason !== undefined) into.finish(finishReasonOf(stopReason));
}
