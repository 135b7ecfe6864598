/** The client of Claude, by Anthropic's Messages API. */

import { brand } from "#contract/base/brand";
import { type AnthropicClientOptions, parseAnthropicOptions } from "#inference/anthropic/options";
import { AnthropicWire } from "#inference/anthropic/wire";
import { InferenceClient } from "./inference-client.ts";

/**
 * Claude through `@anthropic-ai/sdk`, which is loaded at the first call; on Vertex or Bedrock by a ready-made `client`.
 *
 * The API wants a limit of tokens for each answer: without `maxTokens` it is 16,000, and the budget for thoughts comes on top.
 * What an answer holds that is not read here, such as a call of a tool that the API runs itself, is a `provider` block, and citations come
 * with their text: the next request gives it all back unchanged.
 * SYSTEM right after an answer, where the API takes none, is said in the user's place.
 * `temperature` and `topP` go out under the version of the API that knew them still, for the models that take them.
 *
 * @throws AsimovError `invalid-options`; calls reject as `InferenceClient` says
 * @example
 * const client = new AnthropicInferenceClient({ model: "claude-sonnet-5-5" });
 * const { text } = await client.generate([{ role: ChatRole.USER, content: "Say hello" }]);
 */
export class AnthropicInferenceClient extends InferenceClient {
  constructor(options: AnthropicClientOptions) {
    const parsed = parseAnthropicOptions(options);
    const wire = new AnthropicWire(parsed);
    super({ model: parsed.model, wire, options: parsed, fetch: wire.fetch, secrets: [parsed.apiKey] });
  }
}

brand(AnthropicInferenceClient, "AnthropicInferenceClient");
