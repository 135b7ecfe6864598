/** One call of a model: what may be asked of it, the parts that it streams, and the whole that they add up to. */
import type { Citation, ContentBlock, FileBlock, ProviderBlock, ToolResultBlock } from "./message.ts";
import type { ProviderOptions } from "./provider-options.ts";
import type { Checked, Given, Schema } from "./schema.ts";
import type { Tool } from "./tool.ts";
import type { Usage } from "./usage.ts";

/** `false` asks for none; `true` for what the model does by itself. */
export type Thinking =
  | boolean
  | {
      /** How hard the model thinks, in the provider's own scale. */
      effort?: "minimal" | "low" | "medium" | "high" | "max";
      /** Tokens at most, at least 1,024, for models that take a budget. */
      budgetTokens?: number;
      /** Whether the thoughts are shown in summary. Default: as the provider does. */
      display?: "summarized" | "omitted";
    };

/** `any` forces a call, `{ name }` one of that tool; `{ only }` leaves the choice, among these tools alone. */
export type ToolChoice = "auto" | "any" | "none" | { name: string } | { only: string[] };

export interface GenerateOptions<S extends Schema | undefined = Schema | undefined> {
  /** Tokens that the answer may have at most. Default: the client's, else what the provider does. */
  maxTokens?: number;
  temperature?: number;
  topP?: number;
  stopSequences?: string[];
  /** Told to the model; the caller runs them. `toolChain` runs them itself. */
  tools?: Tool[];
  /** Default `"auto"`. */
  toolChoice?: ToolChoice;
  thinking?: Thinking;
  /** The answer is JSON of this schema, parsed into `output`. */
  output?: S;
  /** Ends the call; it rejects with an InferenceError of code `aborted` and the name `AbortError`. */
  signal?: AbortSignal;
  /** Milliseconds without a byte from the provider. Default 120,000 for a stream, 600,000 without. */
  idleTimeoutMs?: number;
  /**
   * What the provider has and the library does not name: by its name (`anthropic`, `openai`, `bedrock`, `google`, or a client's own `provider`), members of the
   * request's body in the provider's own words, which go into it last, and its headers under `headers`. Names of other providers are left out, so that one call suits several.
   */
  providerOptions?: ProviderOptions;
  /**
   * Where the provider caches what it reads: `"auto"` puts markers at the end of tools and system, and at the last two tails
   * of the conversation; `"manual"` only where a message has `cacheMarker`. Default `"manual"`, in a tool chain `"auto"`.
   */
  caching?: "auto" | "manual";
}

export interface FinishReason {
  unified: "stop" | "length" | "tool-calls" | "content-filter" | "other";
  /** The provider's own word. */
  raw: string | null;
}

/** What a provider told, with an answer, of one of the limits that it keeps the account under. */
export interface ProviderLimit {
  /** What there is in all, where that is told. */
  limit?: number;
  /** What is left of it. */
  remaining: number;
  /** When it is whole again, in milliseconds since 1970, where that is told. */
  resetAt?: number;
}

/** What an answer is parsed into: what the schema gives; `undefined` without one. */
export type Output<S extends Schema | undefined> = S extends Schema ? Checked<S> : undefined;

/** What streams of it: any of its parts may be missing yet. */
export type PartialOutput<S extends Schema | undefined> = S extends Schema ? PartOf<Given<S>> : never;

type PartOf<T> = T extends readonly (infer Item)[] ? PartOf<Item>[] : T extends object ? { [Key in keyof T]?: PartOf<T[Key]> } : T;

export interface Generation<S extends Schema | undefined = Schema | undefined> {
  /** The text blocks, put together. */
  text: string;
  blocks: ContentBlock[];
  /** With the option `output`: the parsed answer. Nothing where the model calls tools instead. */
  output: Output<S>;
  /** What the answer was drawn from, each once: what its blocks cite, and what the provider named beside them. */
  sources: Citation[];
  usage: Usage;
  /** The model that answered, as the provider names it. */
  model: string;
  finishReason: FinishReason;
  /**
   * The headers of the answer, by lower-case name, without cookies and whatever else is secret; `{}` where the client has seen none:
   * where a ready-made SDK client lets nobody look beneath it. They are not kept with a run.
   */
  headers: Record<string, string>;
  /** What the headers tell of the provider's limits, as Anthropic and OpenAI name them, and whoever names them alike; `{}` where they tell nothing. */
  rateLimits: { requests?: ProviderLimit; tokens?: ProviderLimit; inputTokens?: ProviderLimit; outputTokens?: ProviderLimit };
  /** What was asked for and left out, since the model cannot do it. */
  warnings: string[];
  /** The provider's own answer; of a stream, its last event. */
  raw: unknown;
}

/** A piece of a tool's input as it streams. */
export interface ToolInputDelta {
  readonly type: "tool-input-delta";
  readonly id: string;
  /** The next piece of JSON text. */
  readonly delta: string;
  /** The input as far as it can be read: never to be acted on. Parsed when it is asked for. */
  readonly preview: unknown;
}

/** `id` tells the blocks of one stream apart; for a tool it is the tool use's id. */
export type StreamPart =
  | { readonly type: "text-start"; readonly id: string }
  | { readonly type: "text-delta"; readonly id: string; readonly text: string }
  | { readonly type: "text-end"; readonly id: string }
  | { readonly type: "thinking-start"; readonly id: string }
  | { readonly type: "thinking-delta"; readonly id: string; readonly text: string }
  | { readonly type: "thinking-end"; readonly id: string }
  | { readonly type: "tool-input-start"; readonly id: string; readonly name: string }
  | ToolInputDelta
  | { readonly type: "tool-call"; readonly id: string; readonly name: string; readonly input: unknown; readonly inputError?: string }
  /** A block of the provider's own, such as the call of a tool that it runs; a file that the model made. */
  | Readonly<ProviderBlock>
  | Readonly<FileBlock>
  /** What was cited; `id` is that of the text block, where it is one's. */
  | { readonly type: "source"; readonly id?: string; readonly source: Citation }
  | { readonly type: "finish"; readonly finishReason: FinishReason; readonly usage: Usage };

/** What a tool of a chain gave, as the model is told it. */
export interface ToolResultPart {
  readonly type: "tool-result";
  readonly id: string;
  readonly name: string;
  readonly content: ToolResultBlock["content"];
  readonly isError: boolean;
}

/**
 * One streamed call. Read either its parts, or `text`, or `result` alone; whoever stops reading ends the call.
 *
 * @example
 * for await (const text of client.stream(messages).text) process.stdout.write(text);
 */
export interface InferenceStream<S extends Schema | undefined = Schema | undefined> extends AsyncIterable<StreamPart> {
  /** The text deltas. */
  readonly text: AsyncIterable<string>;
  /** With the option `output`: what has come of it so far, unchecked and never to be acted on; each holds what the one before did. */
  readonly partialOutput: AsyncIterable<PartialOutput<S>>;
  /** The whole answer; when nobody reads the parts, it reads them itself. */
  readonly result: Promise<Generation<S>>;
}
