/** OpenAI counts cached tokens within the input and thoughts within the output, as we do; its two APIs differ in words alone. */
import type { Usage } from "#contract/chat/usage";

type Count = number | null;

export interface RawUsage {
  prompt_tokens?: Count;
  completion_tokens?: Count;
  prompt_tokens_details?: InputDetails | null;
  completion_tokens_details?: { reasoning_tokens?: Count } | null;
  input_tokens?: Count;
  output_tokens?: Count;
  input_tokens_details?: InputDetails | null;
  output_tokens_details?: { reasoning_tokens?: Count } | null;
  /** DeepSeek; Moonshot; Mistral. */
  prompt_cache_hit_tokens?: Count;
  cached_tokens?: Count;
  num_cached_tokens?: Count;
  /** OpenRouter: dollars. */
  cost?: Count;
}

interface InputDetails {
  cached_tokens?: Count;
  cache_write_tokens?: Count;
  cache_write_tokens_details?: { ttl_12h_tokens?: Count } | null;
}

/** @param thoughtsInOutput whether the server counts thoughts as output */
export function usageOf(raw: RawUsage, thoughtsInOutput = true): Partial<Usage> {
  const input = raw.prompt_tokens_details ?? raw.input_tokens_details;
  const output = raw.completion_tokens_details ?? raw.output_tokens_details;
  const thoughts = output?.reasoning_tokens ?? 0;
  const outputTokens = raw.completion_tokens ?? raw.output_tokens;
  // More thoughts than output are none of it, whatever the server.
  const isBeside = typeof outputTokens === "number" && (!thoughtsInOutput || thoughts > outputTokens);
  const told = {
    inputTokens: raw.prompt_tokens ?? raw.input_tokens,
    outputTokens: isBeside ? outputTokens + thoughts : outputTokens,
    cacheReadTokens: input?.cached_tokens ?? raw.prompt_cache_hit_tokens ?? raw.cached_tokens ?? raw.num_cached_tokens,
    cacheWriteTokens: input?.cache_write_tokens,
    cacheWriteLongTokens: input?.cache_write_tokens_details?.ttl_12h_tokens || undefined,
    reasoningTokens: output?.reasoning_tokens,
    cost: raw.cost,
  };
  return Object.fromEntries(Object.entries(told).filter(([, value]) => typeof value === "number"));
}
