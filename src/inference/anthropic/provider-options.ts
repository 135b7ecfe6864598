/** `providerOptions.anthropic`, as the SDK's types allow. */
// biome-ignore lint/suspicious/noTsIgnore: it is there only where the SDK is not
/** @ts-ignore where the SDK is not installed: then any words are allowed */
import type Anthropic from "@anthropic-ai/sdk";
import type { InProviderWords } from "#contract/chat/provider-options";

export type AnthropicProviderOptions = InProviderWords<Anthropic.MessageCreateParamsNonStreaming>;

declare module "#contract/chat/provider-options" {
  interface ProviderOptions {
    anthropic?: AnthropicProviderOptions;
  }
}
