/** The client of models on Amazon Bedrock, by the Converse API. */

import { brand } from "#contract/base/brand";
import { type BedrockClientOptions, parseBedrockOptions } from "#inference/bedrock/options";
import { BedrockWire } from "#inference/bedrock/wire";
import { InferenceClient } from "./inference-client.ts";

/**
 * Models on Amazon Bedrock, of every maker, through `@aws-sdk/client-bedrock-runtime`, which is loaded at the first call.
 *
 * Images are given as data: Converse fetches none. It knows no tool choice `"none"`: tools are left out, and where the conversation
 * already holds calls of them, the model is asked to call none.
 * What an answer holds that is not read here, such as a call of a tool that Bedrock runs itself, is a `provider` block, and citations come
 * with their text: the next request gives it all back unchanged. Of a stream that goes for blocks whose pieces are known; others are kept,
 * and stay out of the next request.
 *
 * @throws AsimovError `invalid-options`; calls reject as `InferenceClient` says
 * @example
 * const client = new BedrockInferenceClient({ model: "global.anthropic.claude-sonnet-4-6", region: "eu-central-1" });
 * const { text } = await client.generate([{ role: ChatRole.USER, content: "Say hello" }]);
 */
export class BedrockInferenceClient extends InferenceClient {
  constructor(options: BedrockClientOptions) {
    const parsed = parseBedrockOptions(options);
    const { model, apiKey, credentials } = parsed;
    const keys = typeof credentials === "object" ? credentials : undefined;
    super({
      model,
      wire: new BedrockWire(parsed),
      options: parsed,
      secrets: [apiKey, keys?.accessKeyId, keys?.secretAccessKey, keys?.sessionToken],
    });
  }
}

brand(BedrockInferenceClient, "BedrockInferenceClient");
