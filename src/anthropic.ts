/** The entry point `asimov-agents/anthropic`: Claude, by Anthropic's own API or a ready-made client; it needs the package `@anthropic-ai/sdk`. */
export { AnthropicInferenceClient } from "./clients/anthropic.ts";
export type { AnthropicClientLike, AnthropicClientOptions } from "./inference/anthropic/options.ts";
export type { AnthropicProviderOptions } from "./inference/anthropic/provider-options.ts";
