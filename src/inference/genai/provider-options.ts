/** `providerOptions.google`, as the types of the SDK allow. */
// biome-ignore lint/suspicious/noTsIgnore: it is there only where the SDK is not
/** @ts-ignore where the SDK is not installed: then any words are allowed */
import type { GenerationConfig, SafetySetting, Tool, ToolConfig } from "@google/genai";
import type { EnumsAsText, InProviderWords } from "#contract/chat/provider-options";

/** Members of a request to `generateContent` (ai.google.dev, Generating content, November 2026). */
export type GoogleProviderOptions = InProviderWords<{
  safetySettings: EnumsAsText<SafetySetting>[];
  generationConfig: EnumsAsText<Omit<GenerationConfig, "responseSchema" | "responseJsonSchema">> & Record<string, unknown>;
  toolConfig: EnumsAsText<ToolConfig>;
  tools: Tool[];
  cachedContent: string;
  labels: Record<string, string>;
}>;

declare module "#contract/chat/provider-options" {
  interface ProviderOptions {
    google?: GoogleProviderOptions;
  }
}
