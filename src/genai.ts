/** The entry point `asimov-agents/genai`: Gemini, by the Gemini API or Vertex AI; it needs the package `@google/genai`. */
export { GoogleGenAIInferenceClient } from "./inference/genai/client.ts";
export type { GoogleGenAIClientLike, GoogleGenAIClientOptions } from "./inference/genai/options.ts";
