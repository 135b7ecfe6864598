/** The end of an answer, whole or streamed. */
import type { LanguageModelV2Usage, LanguageModelV4FinishReason, LanguageModelV4Usage } from "@ai-sdk/provider";
import type { GenerationSink } from "#contract/chat/wire";
import { endOf, readUsage } from "./usage.ts";

export function finishWith(
  finishReason: LanguageModelV4FinishReason | string | undefined,
  usage: LanguageModelV4Usage | LanguageModelV2Usage | undefined,
  into: GenerationSink,
): void {
  const counts = readUsage(usage);
  if (Object.keys(counts).length > 0) into.usage(counts);
  const { reason, isFailed } = endOf(finishReason);
  const raw = typeof finishReason === "object" ? finishReason.raw : undefined;
  if (isFailed) into.fail({ kind: "retryable", ...(raw === undefined ? {} : { reason: raw }) });
  if (reason !== undefined) into.finish(reason);
}
