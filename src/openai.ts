/** The entry point `asimov-agents/openai`: OpenAI's models and servers that speak as OpenAI does; it needs the package `openai`. */
export { OpenAIInferenceClient } from "./clients/openai.ts";
export type { OpenAIClientLike, OpenAIClientOptions, OpenAICompatibility } from "./inference/openai/options.ts";
