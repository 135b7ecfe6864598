/** OpenAI's two APIs behind the port of a wire: one SDK client, loaded at the first call, whose requests go by the fetch of their attempt. */
import { loadPackage } from "#contract/base/load-package";
import type { FileKind } from "#contract/chat/file-kind";
import type { FileBlock, ProviderBlock } from "#contract/chat/message";
import type { JsonSchema } from "#contract/chat/schema";
import type { Fault, GenerationSink, ModelRequest, SchemaFit, Wire, WireCall } from "#contract/chat/wire";
import type { Capabilities } from "#inference/request/capabilities";
import { withExtra } from "#inference/request/provider-options";
import { fitOf } from "#inference/request/strict-schema";
import { attemptOf, carrying } from "#inference/transport/attempt-init";
import { onceMade } from "#inference/transport/once-made";
import { fetchOf } from "#inference/transport/platform-fetch";
import { type ServerAddress, serverOf } from "#inference/transport/server-address";
import { errorEvent, eventsOf, LastEvent } from "#inference/transport/server-sent-events";
import { fitBody } from "./chat/fit-body.ts";
import { readChatResponse } from "./chat/from-response.ts";
import { DONE, readChatEvents, streamEnd } from "./chat/from-stream.ts";
import { toChatRequest } from "./chat/to-request.ts";
import { toFault } from "./errors.ts";
import { hintOf } from "./hints.ts";
import { type Dialect, dialectOf, type OpenAIClientLike, type OpenAIClientOptions } from "./options.ts";
import { Refusals } from "./refusals.ts";
import { readResponsesResponse } from "./responses/from-response.ts";
import { readResponsesEvents } from "./responses/from-stream.ts";
import { toResponsesRequest } from "./responses/to-request.ts";

const OPENAI_URL = "https://api.openai.com/v1";
/** Local servers ask for none, and the SDK for one. */
const NO_KEY = "no-key";

/** Chat Completions has no place for text files, which it is told as text; servers of models that see videos take those. */
const FILES: Readonly<Record<Dialect["api"], readonly FileKind[]>> = {
  chat: ["image", "pdf", "document", "audio", "video"],
  responses: ["image", "pdf", "text", "document"],
};

export class OpenAIWire implements Wire {
  readonly provider: string;
  readonly server?: ServerAddress;
  /** What the attempts' fetches are made of. */
  readonly fetch: typeof fetch;
  readonly #options: OpenAIClientOptions;
  readonly #dialect: Dialect;
  readonly #connect = onceMade(() => this.#load());
  readonly #refusals = new Refusals();
  /** What to tell of whole answers. */
  readonly #warnings = new WeakMap<object, readonly string[]>();

  constructor(options: OpenAIClientOptions) {
    const { client, baseURL } = options;
    this.#options = options;
    // Private in the SDK's types.
    const own = (client ?? {}) as { fetch?: unknown; baseURL?: unknown };
    this.fetch = fetchOf(options.fetch, own.fetch);
    const address = baseURL ?? (client === undefined ? (environment("OPENAI_BASE_URL") ?? OPENAI_URL) : String(own.baseURL ?? ""));
    this.#dialect = dialectOf(options, address);
    this.provider = this.#dialect.provider;
    const server = serverOf(address);
    if (server !== undefined) this.server = server;
  }

  async send(request: ModelRequest, call: WireCall): Promise<unknown> {
    const sdk = await this.#connect();
    const { answer, warnings } = await this.#refusals.ask(this.#bodyOf(request), (body) => this.#create(sdk, body, call, request));
    if (warnings.length > 0 && typeof answer === "object" && answer !== null) this.#warnings.set(answer, warnings);
    return answer;
  }

  async open(request: ModelRequest, call: WireCall): Promise<AsyncIterable<unknown>> {
    const sdk = await this.#connect();
    const { api, finishReason, streamOptions } = this.#dialect;
    const asksUsage = api === "chat" && streamOptions;
    const body = { ...this.#bodyOf(request), stream: true, ...(asksUsage ? { stream_options: { include_usage: true } } : {}) };
    const { answer, warnings } = await this.#refusals.ask(body, (asked) => eventsOf(this.#create(sdk, asked, call, request), readMessage));
    const isTold = finishReason || api === "responses";
    return isTold && warnings.length === 0 ? answer : withWords(answer, warnings, isTold);
  }

  readResponse(response: unknown, into: GenerationSink): void {
    for (const warning of this.#warnings.get(response as object) ?? []) into.warn(warning);
    if (this.#dialect.api === "chat") readChatResponse(response, into, this.#dialect);
    else readResponsesResponse(response, into);
  }

  get files(): readonly FileKind[] {
    return FILES[this.#dialect.api];
  }

  /** What neither provider nor model tell of what can be asked. */
  get capabilities(): Partial<Capabilities> {
    return this.#dialect.capabilities;
  }

  readEvents(into: GenerationSink): (event: unknown) => void {
    const read = this.#dialect.api === "chat" ? readChatEvents(into, this.#dialect) : readResponsesEvents(into);
    return (event) => (event instanceof Words ? into.warn(event.warning) : read(event));
  }

  toFault(error: unknown): Fault | undefined {
    const fault = toFault(error);
    const isRefused = fault?.kind === "final" || (fault?.status ?? 0) >= 500;
    const advice = isRefused && this.#dialect.isElsewhere ? hintOf(fault?.detail) : undefined;
    return fault === undefined || advice === undefined ? fault : { ...fault, advice };
  }

  /** Other servers hold answers to schemas in ways of their own. */
  schemaFit(schema: JsonSchema, of: "tool" | "output"): SchemaFit {
    if (of === "tool") return fitOf({ type: "object", properties: {}, ...schema });
    return this.#dialect.markers === "openai" ? fitOf(schema) : "held";
  }

  /** Chat Completions has a place for neither. */
  takesBack(block: ProviderBlock | FileBlock): boolean {
    return this.#dialect.api === "responses" && block.type === "provider" && typeof block.value === "object" && block.value !== null;
  }

  #bodyOf(request: ModelRequest): Record<string, unknown> {
    const dialect = this.#dialect;
    const body = dialect.api === "chat" ? fitBody(toChatRequest(request, dialect), request, dialect) : toResponsesRequest(request, dialect);
    return withExtra(body, request);
  }

  #create({ chat, responses }: OpenAIClientLike, body: object, call: WireCall, { extra }: ModelRequest): PromiseLike<unknown> {
    const options = { ...carrying(call), ...(extra === undefined ? {} : { headers: extra.headers }) };
    return this.#dialect.api === "chat" ? chat.completions.create(body, options) : responses.create(body, options);
  }

  async #load(): Promise<OpenAIClientLike> {
    const { client, apiKey, baseURL } = this.#options;
    const settings = { fetch: dispatchTo(this.fetch), maxRetries: 0, logLevel: "off" } as const;
    if (client !== undefined) return client.withOptions?.({ ...settings, ...azureFields(client) }) ?? client;
    const { default: OpenAI } = await loadPackage("openai", () => import("openai"));
    // Nothing that the environment holds for OpenAI goes to a server that an option names.
    const isStranger = baseURL !== undefined && this.#dialect.isElsewhere;
    const asksNoKey = isStranger || (this.#dialect.isElsewhere && environment("OPENAI_API_KEY") === undefined);
    const key = apiKey ?? (asksNoKey ? NO_KEY : undefined);
    return new OpenAI({
      ...settings,
      ...(key === undefined ? {} : { apiKey: key }),
      ...(baseURL === undefined ? {} : { baseURL }),
      ...(isStranger ? { organization: null, project: null, adminAPIKey: null, defaultHeaders: withoutOwnHeaders(key) } : {}),
    });
  }
}

/** Of our own, among the events of a stream. */
class Words {
  readonly warning: string;

  constructor(warning: string) {
    this.warning = warning;
  }
}

/** @param isTold whether the stream says why it ends; where it does not, its end is its reason */
async function* withWords(events: AsyncIterable<unknown>, warnings: readonly string[], isTold: boolean): AsyncGenerator<unknown> {
  for (const warning of warnings) yield new Words(warning);
  let last: unknown;
  for await (const event of events) {
    last = Array.isArray(event) ? event.at(-1) : event;
    yield event;
  }
  if (!isTold && last !== undefined) yield streamEnd(last);
}

/** Of the Responses API; the other one has `[DONE]`. */
const ENDS: ReadonlySet<string> = new Set(["response.completed", "response.incomplete", "response.failed"]);

function readMessage({ event, data }: { event?: string | undefined; data: string }): unknown {
  if (data.startsWith("[DONE]")) return new LastEvent(DONE);
  if (event === "error") return errorEvent(data);
  const told = JSON.parse(data) as object;
  return ENDS.has(event ?? "") ? new LastEvent(told) : told;
}

/** Takes back the headers that the SDK finds in the environment. */
function withoutOwnHeaders(key: string | undefined): Record<string, string | null> {
  const lines = (environment("OPENAI_CUSTOM_HEADERS") ?? "").split("\n").filter((line) => line.includes(":"));
  const names = lines.map((line) => line.slice(0, line.indexOf(":")).trim().toLowerCase());
  return Object.fromEntries(names.map((name) => [name, name === "authorization" ? `Bearer ${key}` : null]));
}

/** Version 6 of the SDK forgets them in a copy. */
function azureFields(client: object): object {
  const { apiVersion, deploymentName } = client as { apiVersion?: unknown; deploymentName?: unknown };
  if (typeof apiVersion !== "string" || apiVersion === "") return {};
  return { apiVersion, ...(typeof deploymentName === "string" ? { deployment: deploymentName } : {}) };
}

/** The fetch of the one SDK client: each request goes by its attempt's own; one for a token has none. */
function dispatchTo(base: typeof fetch): typeof fetch {
  return async (input, init) => {
    const call = attemptOf(init);
    if (call === undefined) return base(input, init);
    const response = await call.fetch(input, init);
    return response.ok ? response : withErrorMember(response);
  };
}

/** Not every server puts its error under `error`, where version 6 of the SDK looks for it alone. */
async function withErrorMember(response: Response): Promise<Response> {
  const { status, headers } = response;
  const text = await response.text();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return new Response(text, { status, headers });
  }
  const isBare = typeof body === "object" && body !== null && !("error" in body);
  return new Response(isBare ? JSON.stringify({ error: body }) : text, { status, headers });
}

function environment(name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env?.[name]?.trim() || undefined;
}
