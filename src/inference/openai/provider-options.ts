/** `providerOptions.openai`, as the SDK's types allow: of the API that the client speaks. */
// biome-ignore lint/suspicious/noTsIgnore: it is there only where the SDK is not
/** @ts-ignore where the SDK is not installed: then any words are allowed */
import type OpenAI from "openai";
import type { InProviderWords } from "#contract/chat/provider-options";

export type OpenAIProviderOptions =
  | InProviderWords<OpenAI.Responses.ResponseCreateParamsNonStreaming>
  | InProviderWords<OpenAI.Chat.ChatCompletionCreateParamsNonStreaming>;

declare module "#contract/chat/provider-options" {
  interface ProviderOptions {
    openai?: OpenAIProviderOptions;
  }
}
