/** Usage and ends as the three versions of the AI SDK's specification tell them. */
import type { LanguageModelV2Usage, LanguageModelV4FinishReason, LanguageModelV4Usage, SharedV4ProviderMetadata } from "@ai-sdk/provider";
import type { FinishReason } from "#contract/chat/generation";
import type { Usage } from "#contract/chat/usage";
import type { GenerationSink } from "#contract/chat/wire";

type RawUsage = LanguageModelV2Usage | LanguageModelV4Usage | undefined;

/** What is not told stays out. */
export function readUsage(usage: RawUsage): Partial<Usage> {
  const { inputTokens, outputTokens } = usage ?? {};
  const isNested = typeof inputTokens === "object" || typeof outputTokens === "object";
  return told(isNested ? nested(usage as LanguageModelV4Usage) : flat((usage ?? {}) as LanguageModelV2Usage));
}

const nested = ({ inputTokens, outputTokens, raw }: Partial<LanguageModelV4Usage>): Counts => ({
  inputTokens: inputTokens?.total,
  outputTokens: outputTokens?.total,
  cacheReadTokens: inputTokens?.cacheRead,
  cacheWriteTokens: inputTokens?.cacheWrite,
  reasoningTokens: outputTokens?.reasoning,
  cacheWriteLongTokens: longWritesIn(raw),
});

/** Of Anthropic, which counts them apart; the AI SDK has no word for them. */
function longWritesIn(raw: unknown): number | undefined {
  const { cache_creation: written } = (raw ?? {}) as { cache_creation?: { ephemeral_1h_input_tokens?: unknown } | null };
  const count = written?.ephemeral_1h_input_tokens;
  return typeof count === "number" && count > 0 ? count : undefined;
}

/** What Anthropic's package tells of the start of a message: a call that fails after it has used that. */
export function readStart(metadata: SharedV4ProviderMetadata | undefined, into: GenerationSink): void {
  const { usage } = (metadata?.anthropic ?? {}) as { usage?: Readonly<Record<string, unknown>> | null };
  const count = (name: string): number => (typeof usage?.[name] === "number" ? usage[name] : 0);
  if (usage === undefined || usage === null) return;
  const cacheReadTokens = count("cache_read_input_tokens");
  const cacheWriteTokens = count("cache_creation_input_tokens");
  into.usage({
    inputTokens: count("input_tokens") + cacheReadTokens + cacheWriteTokens,
    outputTokens: count("output_tokens"),
    cacheReadTokens,
    cacheWriteTokens,
  });
}

const flat = ({ inputTokens, outputTokens, cachedInputTokens, reasoningTokens }: Partial<LanguageModelV2Usage>): Counts => ({
  inputTokens,
  outputTokens,
  cacheReadTokens: cachedInputTokens,
  reasoningTokens,
});

type Counts = { [K in keyof Usage]?: number | undefined };

const told = (counts: Counts): Partial<Usage> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => typeof count === "number")) as Partial<Usage>;

const UNIFIED: ReadonlySet<unknown> = new Set(["stop", "length", "tool-calls", "content-filter"]);

export interface AnswerEnd {
  /** Absent where the provider gave no end mark: then the answer was cut. */
  reason?: FinishReason;
  isFailed: boolean;
}

export function endOf(finish: LanguageModelV4FinishReason | string | undefined): AnswerEnd {
  const isPlain = typeof finish === "string";
  const unified = isPlain ? finish : finish?.unified;
  const raw = (isPlain ? undefined : finish?.raw) ?? null;
  if (unified === "error") return { isFailed: true };
  if (UNIFIED.has(unified)) return { reason: { unified: unified as FinishReason["unified"], raw }, isFailed: false };
  // Packages say "other" of a stream that broke off, too; then without a word of the provider's.
  const isCut = unified === "interrupted" || unified === "unknown" || unified === undefined || (!isPlain && raw === null);
  return isCut ? { isFailed: false } : { reason: { unified: "other", raw }, isFailed: false };
}
