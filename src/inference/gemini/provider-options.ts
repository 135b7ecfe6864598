/** `providerOptions.google`, as the types of the SDK allow. */
// biome-ignore lint/suspicious/noTsIgnore: it is there only where the SDK is not
/** @ts-ignore where the SDK is not installed: then any words are allowed */
import type { GenerationConfig, SafetySetting, Tool, ToolConfig } from "@google/genai";
import type { InProviderWords } from "#contract/chat/provider-options";

/** The SDK's words are enums, whose values are the API's own texts. */
type Worded<T> = T extends string
  ? T | `${T}`
  : T extends readonly (infer E)[]
    ? Worded<E>[]
    : T extends object
      ? { [K in keyof T]: Worded<T[K]> }
      : T;

/** Members of a request to `generateContent` (ai.google.dev, Generating content, November 2026). */
export type GoogleProviderOptions = InProviderWords<{
  safetySettings: Worded<SafetySetting>[];
  generationConfig: Worded<Omit<GenerationConfig, "responseSchema" | "responseJsonSchema">> & Record<string, unknown>;
  toolConfig: Worded<ToolConfig>;
  tools: Tool[];
  cachedContent: string;
  labels: Record<string, string>;
}>;

declare module "#contract/chat/provider-options" {
  interface ProviderOptions {
    google?: GoogleProviderOptions;
  }
}
