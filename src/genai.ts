/** The entry point `asimov-agents/genai`: Gemini, by the Gemini API or Vertex AI; it needs the package `@google/genai`. */
export { GoogleGenAIInferenceClient } from "./clients/genai.ts";
export type { GoogleGenAIClientLike, GoogleGenAIClientOptions } from "./inference/genai/options.ts";
export type { GoogleProviderOptions } from "./inference/genai/provider-options.ts";
