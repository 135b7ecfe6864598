/** The entry point `asimov-agents/openai`: OpenAI's models and servers that speak as OpenAI does; it needs the package `openai`. */
export { OpenAIInferenceClient } from "./inference/openai/client.ts";
export type { OpenAIClientLike, OpenAIClientOptions, OpenAICompatibility } from "./inference/openai/options.ts";
