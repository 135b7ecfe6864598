/** Gemini counts cached tokens within its input, and thoughts beside its output; here each total holds all of its parts. */
import type { Usage } from "#contract/chat/usage";

export interface GeminiUsage {
  promptTokenCount?: number | null;
  toolUsePromptTokenCount?: number | null;
  candidatesTokenCount?: number | null;
  thoughtsTokenCount?: number | null;
  cachedContentTokenCount?: number | null;
}

/** Of a stream, each report is whole by itself: the last one counts. */
export function usageOf(raw: GeminiUsage): Partial<Usage> {
  const { promptTokenCount: prompt, candidatesTokenCount: candidates, thoughtsTokenCount: thoughts, cachedContentTokenCount: cached } = raw;
  return {
    ...(prompt == null ? {} : { inputTokens: prompt + (raw.toolUsePromptTokenCount ?? 0) }),
    ...(candidates == null && thoughts == null ? {} : { outputTokens: (candidates ?? 0) + (thoughts ?? 0) }),
    ...(cached == null ? {} : { cacheReadTokens: cached }),
    ...(thoughts == null ? {} : { reasoningTokens: thoughts }),
  };
}
