/** Anthropic's Messages API behind the port of a wire: one SDK client, loaded at the first call, whose requests go by the fetch of their attempt. */
import { loadPackage } from "#contract/base/load-package";
import type { ModelRequest, Wire, WireCall } from "#contract/chat/wire";
import { outputFit } from "#inference/request/output-schema";
import { withExtra } from "#inference/request/provider-options";
import { attemptOf, carrying } from "#inference/transport/attempt-init";
import { onceMade } from "#inference/transport/once-made";
import { fetchOf } from "#inference/transport/platform-fetch";
import { type ServerAddress, serverOf } from "#inference/transport/server-address";
import { errorEvent, eventsOf, LastEvent } from "#inference/transport/server-sent-events";
import { toFault } from "./errors.ts";
import { readResponse } from "./from-response.ts";
import { readEvents } from "./from-stream.ts";
import type { AnthropicClientLike, AnthropicClientOptions } from "./options.ts";
import { isOwnBlock, toRequest } from "./to-request.ts";

/** The last version of the API that takes sampling parameters; the SDK's own refuses them from every model. */
const SAMPLING_VERSION = { "anthropic-version": "2023-06-01" };

export class AnthropicWire implements Wire {
  readonly provider = "anthropic";
  readonly server?: ServerAddress;
  /** What the attempts' fetches are made of. */
  readonly fetch: typeof fetch;
  readonly #options: AnthropicClientOptions;
  readonly #connect = onceMade(() => this.#load());

  constructor(options: AnthropicClientOptions) {
    const { client, baseURL } = options;
    this.#options = options;
    // Private in the SDK's types.
    const own = (client ?? {}) as { fetch?: unknown; baseURL?: unknown };
    this.fetch = fetchOf(options.fetch, own.fetch);
    const server = serverOf(baseURL ?? own.baseURL ?? defaultURL(client));
    if (server !== undefined) this.server = server;
  }

  async send(request: ModelRequest, call: WireCall): Promise<unknown> {
    const { messages } = await this.#connect();
    return messages.create(withExtra(toRequest(request), request), callOptions(request, call));
  }

  async open(request: ModelRequest, call: WireCall): Promise<AsyncIterable<unknown>> {
    const { messages } = await this.#connect();
    return eventsOf(messages.create({ ...withExtra(toRequest(request), request), stream: true }, callOptions(request, call)), readMessage);
  }

  readResponse = readResponse;
  readEvents = readEvents;
  toFault = toFault;

  schemaFit = outputFit;
  takesBack = isOwnBlock;

  async #load(): Promise<AnthropicClientLike> {
    const { client, apiKey, baseURL } = this.#options;
    const settings = { fetch: dispatchTo(this.fetch), maxRetries: 0, openTelemetry: false } as const;
    // What is no SDK's takes no fetch: its bytes are seen as events only.
    if (client !== undefined) return client.withOptions?.(settings) ?? client;
    const { default: Anthropic } = await loadPackage("@anthropic-ai/sdk", () => import("@anthropic-ai/sdk"));
    return new Anthropic({
      ...settings,
      logLevel: "off",
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(baseURL === undefined ? {} : { baseURL }),
    });
  }
}

function readMessage({ event, data }: { event?: string | undefined; data: string }): unknown {
  if (event === "error") return errorEvent(data);
  if (event === "message_stop") return new LastEvent({ type: event });
  return event === "ping" || data === "" ? undefined : JSON.parse(data);
}

/** The fetch of the one SDK client: each request goes by its attempt's own; one for a token has none. */
function dispatchTo(base: typeof fetch): typeof fetch {
  return async (input, init) => {
    const call = attemptOf(init);
    return (call?.fetch ?? base)(input, init);
  };
}

function callOptions({ temperature, topP, extra }: ModelRequest, call: WireCall): object {
  const samples = temperature !== undefined || topP !== undefined;
  return { ...carrying(call), headers: { ...(samples ? SAMPLING_VERSION : {}), ...extra?.headers } };
}

/** Where the SDK goes by itself. */
function defaultURL(client: AnthropicClientLike | undefined): string | undefined {
  if (client !== undefined) return undefined;
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env?.ANTHROPIC_BASE_URL || "https://api.anthropic.com";
}
