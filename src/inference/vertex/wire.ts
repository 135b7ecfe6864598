/** Gemini behind the port of a wire, by `@google-cloud/vertexai`: of what it gives only the chunks are used, as its own whole of a stream loses signatures. */
import type { VertexInit } from "@google-cloud/vertexai";
import { loadPackage } from "#contract/base/load-package";
import type { FileBlock, ProviderBlock } from "#contract/chat/message";
import type { GenerationSink, ModelRequest, Wire, WireCall, WireTool } from "#contract/chat/wire";
import { generationOf, toolConfigOf, toolsOf } from "#inference/gemini/config";
import { contentsOf, isHandedOn, systemOf } from "#inference/gemini/contents";
import { TakenStream } from "#inference/gemini/events";
import { faultingFetch } from "#inference/gemini/faults";
import { readChunks } from "#inference/gemini/parts";
import { withExtra } from "#inference/request/provider-options";
import { onceMade } from "#inference/transport/once-made";
import { type ServerAddress, serverOf } from "#inference/transport/server-address";
import { toFault } from "./errors.ts";
import { openApiParameters, openApiSchema } from "./openapi-schema.ts";
import type { VertexClientLike, VertexClientOptions, VertexModelLike } from "./options.ts";
import { platformFetch, withRoutedFetch } from "./scoped-fetch.ts";

/** What a streamed call gives. */
interface StreamResult {
  stream: AsyncIterable<unknown>;
  response?: PromiseLike<unknown>;
}

export class VertexWire implements Wire {
  readonly provider = "gcp.vertex_ai";
  readonly server?: ServerAddress;
  /** What the attempts' fetches are made of. */
  readonly fetch = platformFetch;
  readonly #options: VertexClientOptions;
  readonly #endpoint: string | undefined;
  readonly #connect = onceMade(() => this.#load());

  constructor(options: VertexClientOptions) {
    const { apiEndpoint, location } = options;
    this.#options = options;
    // The SDK would make a host of its name, which is none.
    this.#endpoint = apiEndpoint ?? (location === "global" ? "aiplatform.googleapis.com" : undefined);
    const host = this.#endpoint ?? (location === undefined ? undefined : `${location}-aiplatform.googleapis.com`);
    const server = serverOf(host === undefined ? undefined : `https://${host}`);
    if (server !== undefined) this.server = server;
  }

  async send(request: ModelRequest, call: WireCall): Promise<unknown> {
    const { response } = (await this.#ask(faultingFetch(call.fetch), (model) => model.generateContent(toRequest(request)), request)) as {
      response: unknown;
    };
    return response;
  }

  async open(request: ModelRequest, call: WireCall): Promise<AsyncIterable<unknown>> {
    const taken = new TakenStream(faultingFetch(call.fetch));
    const result = await this.#ask(taken.fetch, (model) => model.generateContentStream(toRequest(request)), request);
    const { stream, response } = result as StreamResult;
    // The SDK reads the stream twice; when it breaks, this one nobody awaits.
    response?.then(undefined, () => {});
    return taken.chunks ?? stream;
  }

  readResponse(response: unknown, into: GenerationSink): void {
    readChunks(into)(response);
  }

  readEvents(into: GenerationSink): (event: unknown) => void {
    return readChunks(into);
  }

  takesBack(block: ProviderBlock | FileBlock): boolean {
    return isHandedOn(block, this.provider);
  }

  toFault = toFault;

  async #ask(
    fetch: typeof globalThis.fetch,
    ask: (model: VertexModelLike) => PromiseLike<unknown>,
    { model, extra }: ModelRequest,
  ): Promise<unknown> {
    const sdk = await this.#connect();
    return withRoutedFetch(fetch, async (customHeaders) => {
      for (const [name, value] of Object.entries(extra?.headers ?? {})) customHeaders.set(name, value);
      return ask(sdk.getGenerativeModel({ model }, { customHeaders }));
    });
  }

  async #load(): Promise<VertexClientLike> {
    const { client, project, location, googleAuthOptions } = this.#options;
    if (client !== undefined) return client;
    const { VertexAI } = await loadPackage("@google-cloud/vertexai", () => import("@google-cloud/vertexai"));
    const init = {
      ...(project === undefined ? {} : { project }),
      ...(location === undefined ? {} : { location }),
      ...(this.#endpoint === undefined ? {} : { apiEndpoint: this.#endpoint }),
      ...(googleAuthOptions === undefined ? {} : { googleAuthOptions }),
    };
    return new VertexAI(init as VertexInit) as unknown as VertexClientLike;
  }
}

function toRequest(request: ModelRequest): object {
  const { tools, output } = request;
  const systemInstruction = systemOf(request);
  const toolConfig = toolConfigOf(request);
  const body = {
    contents: contentsOf(request),
    ...(systemInstruction === undefined ? {} : { systemInstruction: { role: "system", ...systemInstruction } }),
    ...toolsOf(tools, declarationOf),
    ...(toolConfig === undefined ? {} : { toolConfig }),
    generationConfig: { ...generationOf(request), ...(output === undefined ? {} : { responseSchema: openApiSchema(output) }) },
  };
  return withExtra(body, request);
}

function declarationOf({ name, description, inputSchema }: WireTool): object {
  const parameters = openApiParameters(inputSchema);
  return { name, description, ...(parameters === undefined ? {} : { parameters }) };
}
