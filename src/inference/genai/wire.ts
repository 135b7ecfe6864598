/** Gemini behind the port of a wire, by `@google/genai`: one SDK client, loaded at the first call, each of whose requests goes by the fetch of its attempt. */
import type { GenerateContentConfig, GoogleGenAIOptions } from "@google/genai";
import { loadPackage } from "#contract/base/load-package";
import type { FileBlock, ProviderBlock } from "#contract/chat/message";
import type { GenerationSink, ModelRequest, Wire, WireCall } from "#contract/chat/wire";
import { WireFault } from "#contract/chat/wire-fault";
import { generationOf, toolConfigOf, toolsOf } from "#inference/gemini/config";
import { contentsOf, isHandedOn, systemOf } from "#inference/gemini/contents";
import { TakenStream } from "#inference/gemini/events";
import { faultingFetch } from "#inference/gemini/faults";
import { readChunks } from "#inference/gemini/parts";
import { onceMade } from "#inference/transport/once-made";
import { fetchOf } from "#inference/transport/platform-fetch";
import { type ServerAddress, serverOf } from "#inference/transport/server-address";
import { toFault } from "./errors.ts";
import type { GoogleGenAIClientLike, GoogleGenAIClientOptions } from "./options.ts";

/** What is read of a ready-made client beside its methods; private in the SDK's types. */
interface OwnSettings {
  vertexai?: unknown;
  httpOptions?: { baseUrl?: unknown; fetch?: unknown };
}

export class GoogleGenAIWire implements Wire {
  readonly provider: string;
  readonly server?: ServerAddress;
  /** What the attempts' fetches are made of. */
  readonly fetch: typeof fetch;
  readonly #options: GoogleGenAIClientOptions;
  /** By itself the SDK has none; those that a ready-made client has are off: its time limit ends long streams. */
  readonly #limits: object;
  readonly #connect = onceMade(() => this.#load());

  constructor(options: GoogleGenAIClientOptions) {
    const { client, project, baseURL } = options;
    const own = (client ?? {}) as OwnSettings;
    const isVertex = project !== undefined || own.vertexai === true;
    this.#options = options;
    this.#limits = client === undefined ? {} : { timeout: 0, retryOptions: { attempts: 1 } };
    this.provider = isVertex ? "gcp.vertex_ai" : "gcp.gemini";
    this.fetch = fetchOf(options.fetch, own.httpOptions?.fetch);
    const server = serverOf(baseURL ?? own.httpOptions?.baseUrl ?? defaultURL(options));
    if (server !== undefined) this.server = server;
  }

  async send(request: ModelRequest, call: WireCall): Promise<unknown> {
    const { models } = await this.#connect();
    return models.generateContent(toRequest(request, call.signal, { fetch: faultingFetch(call.fetch), ...this.#limits }));
  }

  async open(request: ModelRequest, call: WireCall): Promise<AsyncIterable<unknown>> {
    const { models } = await this.#connect();
    const taken = new TakenStream(faultingFetch(call.fetch));
    const stream = await models.generateContentStream(toRequest(request, call.signal, { fetch: taken.fetch, ...this.#limits }));
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

  async #load(): Promise<GoogleGenAIClientLike> {
    const { client, apiKey, project, location, baseURL, googleAuthOptions } = this.#options;
    if (client !== undefined) return client;
    const isVertex = project !== undefined;
    // Without this the SDK warns, and asks the machine for credentials that the Gemini API does not take.
    if (!isVertex && (apiKey ?? keyOfEnvironment()) === undefined && googleAuthOptions === undefined) {
      throw new WireFault({ kind: "final", code: "unauthorized", detail: "no key was given, and none was found", isOwnDetail: true });
    }
    const { GoogleGenAI } = await loadPackage("@google/genai", () => import("@google/genai"));
    const options = {
      vertexai: isVertex,
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(project === undefined ? {} : { project }),
      ...(location === undefined ? {} : { location }),
      ...(googleAuthOptions === undefined ? {} : { googleAuthOptions }),
      httpOptions: baseURL === undefined ? {} : { baseUrl: baseURL },
    };
    return new GoogleGenAI(options as GoogleGenAIOptions) as unknown as GoogleGenAIClientLike;
  }
}

function toRequest(request: ModelRequest, abortSignal: AbortSignal, limits: object): object {
  const { model, tools, output, extra } = request;
  const httpOptions = { ...limits, ...(extra === undefined ? {} : { extraBody: extra.body, headers: extra.headers }) };
  const systemInstruction = systemOf(request);
  const toolConfig = toolConfigOf(request);
  const config = {
    ...(systemInstruction === undefined ? {} : { systemInstruction }),
    ...toolsOf(tools, ({ name, description, inputSchema }) => ({ name, description, parametersJsonSchema: inputSchema })),
    ...(toolConfig === undefined ? {} : { toolConfig }),
    ...generationOf(request),
    ...(output === undefined ? {} : { responseJsonSchema: output }),
    // By itself the SDK asks again for what an answer lacks, and books it nowhere.
    automaticContinuation: false,
    abortSignal,
    httpOptions,
  };
  return { model, contents: contentsOf(request), config: config as unknown as GenerateContentConfig };
}

const keyOfEnvironment = (): string | undefined => environment("GOOGLE_API_KEY") ?? environment("GEMINI_API_KEY");

function environment(name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env?.[name] || undefined;
}

/** Where the SDK goes by itself, as far as the options tell. */
function defaultURL({ client, project, location }: GoogleGenAIClientOptions): string | undefined {
  if (client !== undefined) return undefined;
  if (project === undefined) return environment("GOOGLE_GEMINI_BASE_URL") ?? "https://generativelanguage.googleapis.com";
  const region = location === undefined || location === "global" ? "" : `${location}-`;
  const isKnown = location !== undefined || environment("GOOGLE_CLOUD_LOCATION") === undefined;
  return environment("GOOGLE_VERTEX_BASE_URL") ?? (isKnown ? `https://${region}aiplatform.googleapis.com` : undefined);
}
