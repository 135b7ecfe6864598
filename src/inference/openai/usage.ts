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
  /** OpenRouter: dollars. */
  cost?: Count;
}

interface InputDetails {
  cached_tokens?: Count;
  cache_write_tokens?: Count;
  cache_write_tokens_details?: { ttl_12h_tokens?: Count } | null;
}

export function usageOf(raw: RawUsage): Partial<Usage> {
  const input = raw.prompt_tokens_details ?? raw.input_tokens_details;
  const output = raw.completion_tokens_details ?? raw.output_tokens_details;
  const told = {
    inputTokens: raw.prompt_tokens ?? raw.input_tokens,
    outputTokens: raw.completion_tokens ?? raw.output_tokens,
    cacheReadTokens: input?.cached_tokens,
    cacheWriteTokens: input?.cache_write_tokens,
    cacheWriteLongTokens: input?.cache_write_tokens_details?.ttl_12h_tokens || undefined,
    reasoningTokens: output?.reasoning_tokens,
    cost: raw.cost,
  };
  return Object.fromEntries(Object.entries(told).filter(([, value]) => typeof value === "number"));
}
