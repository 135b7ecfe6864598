/** The client of any language model of the AI SDK. */

import { brand } from "#contract/base/brand";
import { type AiSdkClientOptions, parseAiSdkOptions } from "#inference/ai-sdk/options";
import { AiSdkWire } from "#inference/ai-sdk/wire";
import { InferenceClient } from "./inference-client.ts";

/**
 * Models of the AI SDK's providers, such as Mistral, Groq, xAI, DeepSeek, Cohere and those of its gateway: whatever implements version 2, 3 or 4 of its
 * specification for language models. The provider's package sends and reads; retries, limits, prices, chains and traces are the library's own.
 *
 * What its package warns of stands in `warnings`. In `providerOptions` names and members are the AI SDK's, and under `"ai-sdk"` go those of its
 * settings that have no option here, such as `seed` and `topK`. Keys, addresses and a `fetch` are given to the package. Thinking is asked
 * by an option of version 4 of the specification; models of the earlier ones take it in `providerOptions` alone.
 *
 * @throws AsimovError `invalid-options` for what is no such model; calls reject as `InferenceClient` says
 * @example
 * const client = new AiSdkInferenceClient({ model: mistral("mistral-large-latest") });
 * const { text } = await client.generate([{ role: ChatRole.USER, content: "Say hello" }]);
 */
export class AiSdkInferenceClient extends InferenceClient {
  constructor(options: AiSdkClientOptions) {
    const parsed = parseAiSdkOptions(options);
    const { model, ...rest } = parsed;
    const wire = new AiSdkWire(parsed);
    super({ model: model.modelId, wire, options: { ...rest, capabilities: { ...wire.capabilities, ...rest.capabilities } } });
  }
}

brand(AiSdkInferenceClient, "AiSdkInferenceClient");
