/** The client of Gemini by Google's Gen AI SDK: the Gemini API, or Vertex AI with a project. */

import { brand } from "#contract/base/brand";
import { type GoogleGenAIClientOptions, parseGenAIOptions } from "#inference/genai/options";
import { GoogleGenAIWire } from "#inference/genai/wire";
import { InferenceClient } from "./inference-client.ts";

/**
 * Gemini through `@google/genai`, which is loaded at the first call: by the Gemini API with a key, by Vertex AI with a `project`.
 *
 * Thought signatures are kept on the blocks that they came with and go back with them.
 * Parts that are not read here, such as an image or code that the model ran, come as text blocks without text: within `native` of the
 * block, by which the next request gives back those that the SDK hands on.
 *
 * @throws AsimovError `invalid-options`; calls reject as `InferenceClient` says
 * @example
 * const client = new GoogleGenAIInferenceClient({ model: "gemini-3-pro-preview" });
 * const { text } = await client.generate([{ role: ChatRole.USER, content: "Say hello" }]);
 */
export class GoogleGenAIInferenceClient extends InferenceClient {
  constructor(options: GoogleGenAIClientOptions) {
    const parsed = parseGenAIOptions(options);
    const wire = new GoogleGenAIWire(parsed);
    super({ model: parsed.model, wire, options: parsed, fetch: wire.fetch, secrets: [parsed.apiKey] });
  }
}

brand(GoogleGenAIInferenceClient, "GoogleGenAIInferenceClient");
