/** The client of Gemini by the Vertex AI SDK, for those who are bound to it. */

import { brand } from "#contract/base/brand";
import { parseVertexOptions, type VertexClientOptions } from "#inference/vertex/options";
import { VertexWire } from "#inference/vertex/wire";
import { InferenceClient } from "./inference-client.ts";

/**
 * Gemini through `@google-cloud/vertexai`, which is loaded at the first call. Google has frozen that package, and it says so on
 * stderr when it is loaded; for anything new take `GoogleGenAIInferenceClient` with a `project`.
 *
 * The SDK takes no fetch and no signal. While a call is on its way, `globalThis.fetch` is therefore replaced by one that takes
 * this client's requests out and passes all others on; it is put back when the last such call has its answer.
 * Parts that are not read here, such as an image or code that the model ran, come as text blocks without text: within `native` of the
 * block, by which the next request gives back those that the SDK hands on.
 *
 * @throws AsimovError `invalid-options`; calls reject as `InferenceClient` says
 * @example
 * const client = new VertexInferenceClient({ model: "gemini-2.5-pro", project: "my-project", location: "us-central1" });
 * const { text } = await client.generate([{ role: ChatRole.USER, content: "Say hello" }]);
 */
export class VertexInferenceClient extends InferenceClient {
  constructor(options: VertexClientOptions) {
    const parsed = parseVertexOptions(options);
    const wire = new VertexWire(parsed);
    super({ model: parsed.model, wire, options: parsed, fetch: wire.fetch });
  }
}

brand(VertexInferenceClient, "VertexInferenceClient");
