/** Converse counts cached tokens beside the input; here the input holds them. */
import type { TokenUsage } from "@aws-sdk/client-bedrock-runtime";
import type { Usage } from "#contract/chat/usage";

export function readUsage({ inputTokens, outputTokens, cacheReadInputTokens, cacheWriteInputTokens, cacheDetails }: TokenUsage): Usage {
  const cacheReadTokens = cacheReadInputTokens ?? 0;
  const cacheWriteTokens = cacheWriteInputTokens ?? 0;
  const long = (cacheDetails ?? []).reduce((sum, { ttl, inputTokens: tokens }) => sum + (ttl === "1h" ? (tokens ?? 0) : 0), 0);
  return {
    inputTokens: (inputTokens ?? 0) + cacheReadTokens + cacheWriteTokens,
    outputTokens: outputTokens ?? 0,
    cacheReadTokens,
    cacheWriteTokens,
    ...(long === 0 ? {} : { cacheWriteLongTokens: long }),
  };
}
