/** Anthropic counts cached tokens beside the input, and tells figures of a stream again as they grow; here the input holds them, and the last figure counts. */
import type { Usage } from "#contract/chat/usage";

export interface RawUsage {
  input_tokens?: number | null;
  output_tokens?: number | null;
  cache_read_input_tokens?: number | null;
  cache_creation_input_tokens?: number | null;
  cache_creation?: { ephemeral_1h_input_tokens?: number | null } | null;
  output_tokens_details?: { thinking_tokens?: number | null } | null;
}

/** A reader for one answer: takes each report in turn, and gives all that is known then. */
export function usageReader(): (raw: RawUsage) => Partial<Usage> {
  let input: number | undefined;
  let output: number | undefined;
  let cacheRead = 0;
  let cacheWrite = 0;
  let cacheWriteLong = 0;
  let thinking: number | undefined;
  return (raw) => {
    // A figure that is null or absent was told before.
    input = raw.input_tokens ?? input;
    output = raw.output_tokens ?? output;
    cacheRead = raw.cache_read_input_tokens ?? cacheRead;
    cacheWrite = raw.cache_creation_input_tokens ?? cacheWrite;
    cacheWriteLong = raw.cache_creation?.ephemeral_1h_input_tokens ?? cacheWriteLong;
    thinking = raw.output_tokens_details?.thinking_tokens ?? thinking;
    return {
      ...(input === undefined ? {} : { inputTokens: input + cacheRead + cacheWrite }),
      ...(output === undefined ? {} : { outputTokens: output }),
      cacheReadTokens: cacheRead,
      cacheWriteTokens: cacheWrite,
      ...(cacheWriteLong === 0 ? {} : { cacheWriteLongTokens: cacheWriteLong }),
      ...(thinking === undefined ? {} : { reasoningTokens: thinking }),
    };
  };
}
