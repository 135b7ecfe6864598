/** The port of a provider: requests out, answers and streams in, errors read; all else of a client is shared. */

import type { FileKind } from "./file-kind.ts";
import type { FinishReason, Thinking, ToolChoice } from "./generation.ts";
import type {
  ChatMessage,
  Citation,
  FileBlock,
  ProviderBlock,
  TextBlock,
  ThinkingBlock,
  ToolResultBlock,
  ToolUseBlock,
} from "./message.ts";
import type { ProviderOptions } from "./provider-options.ts";
import type { JsonSchema } from "./schema.ts";
import type { Usage } from "./usage.ts";

/** A file as providers' converters get it: its data as base64. */
export interface WireFile extends FileBlock {
  data?: string;
}

/** Its content is a list only where a file is in it. */
export interface WireResult extends ToolResultBlock {
  content: string | (TextBlock | WireFile)[];
}

export type WireBlock = TextBlock | ThinkingBlock | WireFile | ToolUseBlock | WireResult | ProviderBlock;

/** A message as providers' converters get it: blocks alone, none of them empty, nothing of another model's. */
export interface WireMessage {
  role: ChatMessage["role"];
  blocks: readonly WireBlock[];
  /** Caching ends here; there are never more of them, with those of tools and system, than the provider takes. */
  cacheMarker: boolean;
}

export interface WireTool {
  name: string;
  description: string;
  inputSchema: JsonSchema;
  /** The provider is to hold the model to the schema. */
  strict?: boolean;
  /** In the provider's own words, in place of all that. */
  definition?: Readonly<Record<string, unknown>>;
}

/** In the provider's own words. */
export interface ExtraRequest {
  /** Goes into the body last. */
  body: Record<string, unknown>;
  headers: Record<string, string>;
}

/** A call that was checked, and that holds nothing which the model's capabilities exclude. */
export interface ModelRequest {
  model: string;
  /** The leading SYSTEM messages. */
  system: readonly WireMessage[];
  /** The rest. SYSTEM messages among them only where `Capabilities.systemAnywhere` holds. */
  messages: readonly WireMessage[];
  tools: readonly WireTool[];
  /** Whether caching ends after the tools. */
  toolsMarker: boolean;
  toolChoice: ToolChoice;
  maxTokens?: number;
  temperature?: number;
  topP?: number;
  stopSequences?: readonly string[];
  thinking?: Thinking;
  /** Structured output that the provider supports itself. */
  output?: JsonSchema;
  extra?: ExtraRequest;
  /** As they were asked for, of every provider: for a wire that stands for many. */
  providerOptions?: ProviderOptions;
}

/** What a request is sent with: the platform's type, by a name that is there without the DOM library too. */
export type SentHeaders = RequestInit["headers"];

export interface WireCall {
  /** Of this attempt alone. Once aborted, the wire frees its socket. */
  signal: AbortSignal;
  /**
   * A fetch that bounds lines and bodies, refuses redirects to other hosts, and sees each byte and header.
   * A wire whose SDK takes none calls `onRequest`, `onByte` and `onHeaders` itself as far as it can.
   */
  fetch: typeof fetch;
  /** Told of a request's headers before it is sent: no error shows the keys among them. */
  onRequest(headers: SentHeaders): void;
  onByte(): void;
  onHeaders(status: number, headers: Headers): void;
}

/** What an error of an SDK is; plain data, so that one place makes all error texts. */
export interface Fault {
  kind: "retryable" | "final" | "context-length";
  status?: number;
  /** The provider's own type or code, such as `overloaded_error`. */
  reason?: string;
  /** The provider's own words; shown only where they hold nothing of the request. */
  detail?: string;
  /** The detail is the library's own words, with nothing of the provider's in it: shown as it is. Default false. */
  isOwnDetail?: boolean;
  /** What to do about it, in the library's own words. Default by the code. */
  advice?: string;
  retryAfterMs?: number;
  /** In place of that, the moment that was asked for, in milliseconds since 1970: whoever has the clock knows how far it is. */
  retryAt?: number;
  requestId?: string;
  /** Overrides the code that follows from status and kind; see InferenceError. */
  code?: string;
}

/** Puts a generation together from what a provider gives, piece by piece; `key` tells blocks apart in the provider's own way. */
export interface GenerationSink {
  text(key: string | number, delta: string): void;
  thinking(key: string | number, delta: string): void;
  /** Starts a tool's input. An `id` that is absent is made up. @returns nothing; later pieces come under the same key */
  toolStart(key: string | number, tool: { id?: string; name: string }): void;
  /** A piece of the input's JSON text. */
  toolInput(key: string | number, delta: string): void;
  /** The whole input, where the provider gives a value and no text. */
  toolValue(key: string | number, input: unknown): void;
  /** Adds provider data to the block under the key; opens a block of that kind when there is none. */
  native(key: string | number, kind: "text" | "thinking" | "tool-use", data: Record<string, unknown>): void;
  /** A block of the provider's own, as JSON; where its value comes late, its place is taken by the first call. Ending it tells it. */
  provider(key: string | number, value?: unknown): void;
  /** A file that the model made. @param data goes back with it */
  file(key: string | number, file: WireFile, data?: Record<string, unknown>): void;
  /** Of the text block under the key; of the answer where none is open there. */
  cite(key: string | number, citation: Citation): void;
  /** A source that no passage names. */
  source(source: Citation): void;
  /** A thinking block's signature, added to what came before. */
  signature(key: string | number, delta: string): void;
  /** Ends a block; ending one that is not open changes nothing. */
  end(key: string | number): void;
  /** Later values overwrite earlier ones, key by key: usage on streams is cumulative. */
  usage(usage: Partial<Usage>): void;
  model(model: string): void;
  /** The response's id, for spans. */
  responseId(id: string): void;
  /** The provider's end mark. Without it the answer counts as truncated. */
  finish(reason: FinishReason): void;
  warn(warning: string): void;
  /** A fault that the provider tells within an answer: ends the call with the error made of it. */
  fail(fault: Fault): never;
}

/** `held` to the letter; `loose`: told, but not all of it is held to, or it says less than was meant; `refused` by the API. */
export type SchemaFit = "held" | "loose" | "refused";

export interface Wire {
  /** OpenTelemetry's `gen_ai.provider.name`. */
  readonly provider: string;
  /** How its API takes a schema; absent where it takes each to the letter. */
  schemaFit?(schema: JsonSchema, of: "tool" | "output"): SchemaFit;
  /** The files that its API has a place for, whatever the model; absent for all. */
  readonly files?: readonly FileKind[];
  /** Whether a block of its own model's answers, of its own or a file, has a place in a request; absent where each has. */
  takesBack?(block: ProviderBlock | FileBlock): boolean;
  /** Host and port of the service, for spans, where they are known. */
  readonly server?: { address: string; port?: number };
  /** One request, one whole answer. */
  send(request: ModelRequest, call: WireCall): Promise<unknown>;
  /** One request, a stream of the provider's own events; an array holds events that came together. */
  open(request: ModelRequest, call: WireCall): Promise<AsyncIterable<unknown>>;
  /** Reads a whole answer; synchronous. */
  readResponse(response: unknown, into: GenerationSink): void;
  /** A reader for one stream: takes each event in turn. Synchronous; unknown events are ignored. */
  readEvents(into: GenerationSink): (event: unknown) => void;
  /** What an error is that `send`, `open` or the iteration threw; `undefined` leaves it to the rules for networks. */
  toFault(error: unknown): Fault | undefined;
}
