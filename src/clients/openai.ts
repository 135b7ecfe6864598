/** The client of OpenAI's models, and of servers that speak as OpenAI does. */

import { brand } from "#contract/base/brand";
import { type OpenAIClientOptions, parseOpenAIOptions } from "#inference/openai/options";
import { OpenAIWire } from "#inference/openai/wire";
import { InferenceClient } from "./inference-client.ts";

/**
 * Models through `openai`, which is loaded at the first call: by the Responses API from OpenAI itself, by Chat Completions from others,
 * such as vLLM, Ollama, llama.cpp, LM Studio and OpenRouter. How a server departs from OpenAI's is known by its host, or by its name in
 * `compatibility`; a server on a machine of yours is to be named.
 *
 * A `baseURL` that is given without an `apiKey` gets a placeholder for a key: `OPENAI_API_KEY` goes to OpenAI, and to what
 * `OPENAI_BASE_URL` names, alone. Nothing is stored at OpenAI: conversations are sent whole, with their encrypted thoughts.
 * Items of the Responses API that are not read here, such as a call of a tool that the API runs itself, come as text blocks without
 * text: within `native` of the block, by which the next request gives them back unchanged.
 *
 * @throws AsimovError `invalid-options`; calls reject as `InferenceClient` says
 * @example
 * const client = new OpenAIInferenceClient({ model: "qwen3", baseURL: "http://127.0.0.1:11434/v1", compatibility: "ollama" });
 * const { text } = await client.generate([{ role: ChatRole.USER, content: "Say hello" }]);
 */
export class OpenAIInferenceClient extends InferenceClient {
  constructor(options: OpenAIClientOptions) {
    const parsed = parseOpenAIOptions(options);
    const wire = new OpenAIWire(parsed);
    const capabilities = { ...wire.capabilities, ...parsed.capabilities };
    super({ model: parsed.model, wire, options: { ...parsed, capabilities }, fetch: wire.fetch, secrets: [parsed.apiKey] });
  }
}

brand(OpenAIInferenceClient, "OpenAIInferenceClient");
