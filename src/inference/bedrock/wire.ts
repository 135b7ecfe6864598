/** Bedrock's Converse API behind the port of a wire: one SDK client, loaded and made at the first call. */
import type { BedrockRuntimeClient, BedrockRuntimeClientConfig } from "@aws-sdk/client-bedrock-runtime";
import { loadPackage } from "#contract/base/load-package";
import type { FileBlock, ProviderBlock } from "#contract/chat/message";
import type { GenerationSink, ModelRequest, Wire, WireCall } from "#contract/chat/wire";
import { WireFault } from "#contract/chat/wire-fault";
import { MAX_RESPONSE_BYTES } from "#inference/call/call-settings";
import { outputFit } from "#inference/request/output-schema";
import { withExtra } from "#inference/request/provider-options";
import { onceMade } from "#inference/transport/once-made";
import { type ServerAddress, serverOf } from "#inference/transport/server-address";
import { prepareCommand } from "./call-middleware.ts";
import { toFault } from "./errors.ts";
import { readResponse } from "./from-response.ts";
import { readEvents } from "./from-stream.ts";
import { keptBlock } from "./kept-block.ts";
import type { BedrockClientOptions } from "./options.ts";
import { CustomEndpointHandler, HTTP2_OPTIONS } from "./request-handler.ts";
import { toRequest } from "./to-request.ts";

type Sdk = typeof import("@aws-sdk/client-bedrock-runtime");
type Sender = Pick<BedrockRuntimeClient, "send">;

const PACKAGE = "@aws-sdk/client-bedrock-runtime";

export class BedrockWire implements Wire {
  readonly provider = "aws.bedrock";
  readonly server?: ServerAddress;
  readonly #options: BedrockClientOptions;
  readonly #maxBytes: number;
  readonly #load = onceMade(() => this.#connect());

  constructor(options: BedrockClientOptions) {
    this.#options = options;
    this.#maxBytes = options.maxResponseBytes ?? MAX_RESPONSE_BYTES;
    const { endpoint, region } = options;
    const server = serverOf(endpoint ?? (region === undefined ? undefined : `https://bedrock-runtime.${region}.amazonaws.com`));
    if (server !== undefined) this.server = server;
  }

  async send(request: ModelRequest, call: WireCall): Promise<unknown> {
    const { sdk, client } = await this.#load();
    const command = new sdk.ConverseCommand(withExtra(toRequest(request), request));
    prepareCommand(command, call, { isStreamed: false, maxBytes: this.#maxBytes }, request.extra?.headers);
    return client.send(command, { abortSignal: call.signal });
  }

  async open(request: ModelRequest, call: WireCall): Promise<AsyncIterable<unknown>> {
    const { sdk, client } = await this.#load();
    const command = new sdk.ConverseStreamCommand(withExtra(toRequest(request), request));
    const close = prepareCommand(command, call, { isStreamed: true, maxBytes: this.#maxBytes }, request.extra?.headers);
    const { stream } = await client.send(command, { abortSignal: call.signal });
    if (stream === undefined) throw new WireFault({ kind: "retryable", code: "empty-response" });
    return closing(stream, close);
  }

  readResponse(response: unknown, into: GenerationSink): void {
    readResponse(response, into);
  }

  readEvents(into: GenerationSink): (event: unknown) => void {
    return readEvents(into);
  }

  toFault = toFault;

  schemaFit = outputFit;

  takesBack(block: ProviderBlock | FileBlock): boolean {
    return block.type === "provider" && keptBlock(block.value) !== undefined;
  }

  async #connect(): Promise<{ sdk: Sdk; client: Sender }> {
    const sdk = await loadPackage(PACKAGE, () => import("@aws-sdk/client-bedrock-runtime"));
    const { client } = this.#options;
    return { sdk, client: (client as Sender | undefined) ?? new sdk.BedrockRuntimeClient(await configOf(this.#options)) };
  }
}

async function configOf({ region, credentials, endpoint, apiKey }: BedrockClientOptions): Promise<BedrockRuntimeClientConfig> {
  const identity: BedrockRuntimeClientConfig =
    apiKey !== undefined
      ? { token: { token: apiKey }, authSchemePreference: ["httpBearerAuth"] }
      : // A token in the environment would win over credentials that were given.
        credentials !== undefined
        ? // A copy: the SDK writes into what it gets.
          { credentials: typeof credentials === "function" ? credentials : { ...credentials }, authSchemePreference: ["sigv4"] }
        : {};
  return {
    ...identity,
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    maxAttempts: 1,
    requestHandler: endpoint === undefined ? HTTP2_OPTIONS : await customHandler(),
  };
}

async function customHandler(): Promise<CustomEndpointHandler> {
  const handlers = await loadPackage("@smithy/node-http-handler", () => import("@smithy/node-http-handler"));
  return new CustomEndpointHandler(handlers);
}

/** The SDK does not tell its source when a reader leaves. */
function closing<T>(events: AsyncIterable<T>, close: () => void): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const inner = events[Symbol.asyncIterator]();
      return {
        next: () => inner.next(),
        async return() {
          close();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
