/** `providerOptions.bedrock`, as the SDK's types allow. */
// biome-ignore lint/suspicious/noTsIgnore: it is there only where the SDK is not
/** @ts-ignore where the SDK is not installed: then any words are allowed */
import type { ConverseCommandInput } from "@aws-sdk/client-bedrock-runtime";
import type { InProviderWords } from "#contract/chat/provider-options";

export type BedrockProviderOptions = InProviderWords<ConverseCommandInput>;

declare module "#contract/chat/provider-options" {
  interface ProviderOptions {
    bedrock?: BedrockProviderOptions;
  }
}
