/** A server on loopback that answers a provider's SDK from a script, in the provider's own wire format. */
import * as z from "zod/mini";
import { lazily } from "#contract/base/lazily";
import { parseOptions } from "#contract/base/options";
import type { Script } from "#testing/script";
import { ScriptReader } from "#testing/script-reader";
import { anthropicFormat } from "./anthropic.ts";
import { bedrockFormat } from "./bedrock.ts";
import { Exchange } from "./exchange.ts";
import type { WireFormat } from "./format.ts";
import { geminiFormat } from "./gemini.ts";
import { listen } from "./listen.ts";
import { openaiChatFormat } from "./openai-chat.ts";
import { openaiResponsesFormat } from "./openai-responses.ts";
import type { ServedRequest } from "./served-request.ts";

const FORMATS = {
  anthropic: anthropicFormat,
  "openai-chat": openaiChatFormat,
  "openai-responses": openaiResponsesFormat,
  bedrock: bedrockFormat,
  gemini: geminiFormat,
} satisfies Record<string, WireFormat>;

/**
 * `gemini` is also Vertex; `anthropic` is also Claude on Vertex. The SDK `@google-cloud/vertexai` speaks https alone: with it, a test
 * replaces the global fetch by one that takes `https://127.0.0.1` for `http://127.0.0.1`.
 */
export type InferenceServerFormat = keyof typeof FORMATS;

export interface InferenceServerOptions {
  /** Default: a free one. */
  port?: number;
  /** Writes answers in pieces of so many bytes, at least 1, also within a character. Default: event by event. */
  bytesPerWrite?: number;
}

export interface InferenceServer {
  /** What the SDK is given as its address: `baseURL`, `endpoint` or `httpOptions.baseUrl`. */
  readonly url: string;
  /** In the order in which they came. */
  readonly requests: readonly ServedRequest[];
  /** The number of turns that no request has taken. */
  readonly remaining: number;
  /** @throws AsimovError `script-unfinished`, or what was said where requests and script parted */
  assertDone(): void;
  /** Ends every connection; may be called twice. */
  close(): Promise<void>;
}

const optionsSchema = lazily(() =>
  z.strictObject({
    port: z.optional(z.int().check(z.gte(0), z.lte(65_535))),
    bytesPerWrite: z.optional(z.int().check(z.gte(1))),
  }),
);
const formatSchema = z.enum(Object.keys(FORMATS) as [InferenceServerFormat, ...InferenceServerFormat[]]);

/**
 * Starts a server that an SDK can be pointed at, with any key. It speaks HTTP/1.1, and HTTP/2 to those who start with it,
 * as Bedrock's SDK does.
 *
 * A request beyond the script, or one that its turn does not expect, is answered with status 400 and the reason; `assertDone`
 * throws it again.
 *
 * @throws AsimovError `invalid-options`, and `no-server` where there is no Node
 * @example
 * const server = await startInferenceServer("anthropic", ["Hello!"]);
 * const client = new AnthropicInferenceClient({ model: "claude-haiku-4-5", apiKey: "any", baseURL: server.url });
 */
export async function startInferenceServer(
  format: InferenceServerFormat,
  script: Script<ServedRequest>,
  options: InferenceServerOptions = {},
): Promise<InferenceServer> {
  const wire: WireFormat = FORMATS[parseOptions(formatSchema, format, "format")];
  const { port, bytesPerWrite } = parseOptions(optionsSchema(), options, "startInferenceServer");
  const reader = new ScriptReader(script);
  const requests: ServedRequest[] = [];
  const connections = await listen(port ?? 0, (incoming, response) => {
    const exchange = new Exchange(wire, response, bytesPerWrite);
    void exchange.serve(incoming, reader, requests);
  });
  return {
    url: `http://127.0.0.1:${connections.port}${wire.basePath}`,
    requests,
    get remaining() {
      return reader.remaining;
    },
    assertDone: () => reader.assertDone(),
    close: connections.close,
  };
}
