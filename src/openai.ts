/** The entry point `asimov-agents/openai`: OpenAI's models and servers that speak as OpenAI does; it needs the package `openai`. */
export { OpenAIInferenceClient } from "./clients/openai.ts";
export type { CompatibleServer, OpenAICompatibility } from "./inference/openai/compatibility.ts";
export type { OpenAIClientLike, OpenAIClientOptions } from "./inference/openai/options.ts";
export type { OpenAIProviderOptions } from "./inference/openai/provider-options.ts";
