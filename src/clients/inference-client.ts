/** The base of every client: it checks what is asked, calls the model through its wire, and counts what that costs. */

import { ShownChain } from "#chain/chain-stream";
import { runToolChain } from "#chain/tool-chain";
import { brand, inCommon } from "#contract/base/brand";
import { AsimovError, messageOf } from "#contract/base/errors";
import { type Services, systemServices } from "#contract/base/services";
import type { Attributes, Telemetry } from "#contract/base/telemetry";
import { ChatRole } from "#contract/base/vocabulary";
import { currentScope, followCalls } from "#contract/chat/call-scope";
import { InferenceError } from "#contract/chat/errors";
import type { GenerateOptions, Generation, InferenceStream, Thinking } from "#contract/chat/generation";
import type { ChatMessage } from "#contract/chat/message";
import type { CompiledSchema, JsonSchema, Schema } from "#contract/chat/schema";
import type { Tool } from "#contract/chat/tool";
import type { ChainStream, ChatModel, ToolChainOptions, ToolChainResult } from "#contract/chat/tool-chain";
import { addUsage, NO_USAGE, type Usage } from "#contract/chat/usage";
import type { Wire } from "#contract/chat/wire";
import { endsOf } from "#inference/call/call-ends";
import { type CallSettings, type ClientOptions, MAX_RESPONSE_BYTES } from "#inference/call/call-settings";
import { CallStream, type PartSource } from "#inference/call/call-stream";
import { type Judged, judgeOutput, NO_JSON } from "#inference/call/judge-output";
import { LateSource } from "#inference/call/late-source";
import { ModelCall } from "#inference/call/model-call";
import { RateLimiter } from "#inference/call/rate-limiter";
import { aborted, errorOf, wireFaultIn } from "#inference/faults/fault-error";
import { retryPolicyOf } from "#inference/faults/retry";
import { priceLookup, unusedAt } from "#inference/prices/prices";
import { type Capabilities, capabilitiesOf } from "#inference/request/capabilities";
import { lateSchemas, prepareRequest } from "#inference/request/prepare-request";
import { ConversationReader } from "#inference/request/wire-messages";
import { fetchOf } from "#inference/transport/platform-fetch";
import { agentAttributes, EXECUTE_TOOL, INVOKE_AGENT, toolAttributes, toolContent, toolResultContent } from "#telemetry/gen-ai";
import { openTelemetry } from "#telemetry/open-telemetry";

export interface ClientInit {
  model: string;
  wire: Wire;
  /** Parsed already. */
  options: ClientOptions;
  /** Default the platform's own. */
  fetch?: typeof fetch | undefined;
  /** Keys, never to be shown in an error. */
  secrets?: readonly (string | undefined)[];
}

const STREAM_IDLE_MS = 120_000;
const WHOLE_IDLE_MS = 600_000;
/** A line holds one event; the longest hold an image or a whole answer. */
const MAX_LINE_BYTES = 33_554_432;

/** A streamed call before it begins. */
export interface Opening {
  open(): PartSource;
  /** Checks the whole answer, and may change it. */
  check(generation: Generation): Promise<Generation>;
  /** The error of a call that was left before it began. */
  abandoned(reason: unknown): unknown;
}

/** What a client that asks others sees of them. */
export interface Inside {
  readonly wire: Wire;
  readonly services: Services;
  /** Where it asks others itself: those of them that count what they use. */
  readonly askable?: ReadonlySet<InferenceClient>;
  chainModel(options: ToolChainOptions): ChatModel;
  /** Of one conversation: what was converted for one call holds for the next. */
  opener(): (messages: ChatMessage[], options: GenerateOptions) => Opening;
}

/** Not public: `FallbackInferenceClient` asks others by it, those of another copy of the package too. */
export const insides = inCommon("insides of clients", () => new WeakMap<InferenceClient, Inside>());

/** Every client has one since it was made. */
export const insideOf = (client: InferenceClient): Inside => insides.get(client) as Inside;

export const streamOf = ({ open, check, abandoned }: Opening): CallStream => new CallStream(open, check, abandoned);

interface Prepared {
  call(isStreamed: boolean): ModelCall;
  output: CompiledSchema | undefined;
}

/**
 * A model of a provider. Each provider's client is a subclass in an entry of its own, such as `asimov-agents/anthropic`.
 *
 * @example
 * const { text, usage } = await client.generate([{ role: ChatRole.USER, content: "Say hello" }]);
 */
export abstract class InferenceClient {
  readonly model: string;
  /** OpenTelemetry's name of the provider. */
  readonly provider: string;
  readonly #settings: CallSettings;
  readonly #capabilities: Capabilities;
  readonly #defaults: { maxTokens?: number; thinking?: Thinking };
  readonly #unsupported: "warn" | "error";
  readonly #telemetry: Telemetry = openTelemetry();
  #usage: Usage = NO_USAGE;

  /** For clients of a wire of one's own; see `Wire`. */
  constructor({ model, wire, options, fetch: given, secrets }: ClientInit) {
    if (typeof model !== "string" || model === "") {
      throw new AsimovError("A client needs a model: the provider's id of it, a string that is not empty.", { code: "invalid-options" });
    }
    followCalls();
    const { maxTokens, thinking, retry, limits, prices, capabilities, unsupported, timeoutMs, maxResponseBytes, onTrace, captureContent } =
      options;
    const maxBytes = maxResponseBytes ?? MAX_RESPONSE_BYTES;
    this.model = model;
    this.provider = wire.provider;
    const known = capabilitiesOf(wire.provider, model, capabilities);
    this.#capabilities = { ...known, files: known.files.filter((kind) => wire.files?.includes(kind) !== false) };
    this.#defaults = { ...(maxTokens === undefined ? {} : { maxTokens }), ...(thinking === undefined ? {} : { thinking }) };
    this.#unsupported = unsupported ?? "warn";
    const services: Services = { ...systemServices, ...options.services };
    this.#settings = {
      services,
      wire,
      model,
      fetch: fetchOf(given),
      retry: retryPolicyOf(retry),
      rateLimiter: new RateLimiter(limits ?? {}, services.clock),
      prices: priceLookup(prices, services.clock),
      timeoutMs: timeoutMs ?? 3_600_000,
      limits: { maxBytes, maxLineBytes: Math.min(maxBytes, MAX_LINE_BYTES) },
      telemetry: this.#telemetry,
      captureContent: captureContent ?? false,
      onTrace,
      secrets: (secrets ?? []).filter((secret) => secret !== undefined),
      count: (usage) => {
        this.#usage = addUsage(this.#usage, usage);
      },
    };
    insides.set(this, {
      wire,
      services,
      chainModel: (asked) => this.#chainModel(asked),
      opener: () => {
        const reader = this.#reader();
        return (messages, asked) => this.#opening(messages, asked, reader);
      },
    });
  }

  /** The running total of this client's calls, failed ones too; `cost` is absent once a call's price was not known. */
  get usage(): Usage {
    return this.#usage;
  }

  /**
   * Asks for one whole answer.
   *
   * With `output`, an answer that does not fit the schema is sent back once, with what is wrong.
   * @throws InferenceError and its kinds, AsimovError `invalid-options` for misuse
   */
  async generate<S extends Schema | undefined = undefined>(
    messages: ChatMessage[],
    options: GenerateOptions<S> = {},
  ): Promise<Generation<S>> {
    return (await this.#generate(messages, options)) as Generation<S>;
  }

  async #generate(messages: ChatMessage[], options: GenerateOptions): Promise<Generation> {
    const reader = this.#reader();
    const prepared = await this.#prepareLoaded(messages, options, reader);
    const { output } = prepared;
    // Whoever follows the run sees the answer come.
    const whole = ({ call: begin }: Prepared): Promise<Generation> =>
      currentScope(options.signal)?.deltas === undefined ? begin(false).generate() : begin(true).answer();
    const first = await whole(prepared);
    if (output === undefined) return first;
    const judged = await this.#judge(first, output, options.signal);
    if ("generation" in judged) return judged.generation;
    if (first.finishReason.unified !== "stop") throw this.#invalidOutput(first, judged.faults);
    const repair: ChatMessage[] = [
      ...messages,
      { role: ChatRole.ASSISTANT, content: first.blocks },
      { role: ChatRole.USER, content: repairRequest(judged.faults) },
    ];
    const second = await whole(this.#prepare(repair, options, reader));
    const usage = addUsage(first.usage, second.usage);
    const rejudged = await this.#judge({ ...second, usage }, output, options.signal);
    if ("generation" in rejudged) return rejudged.generation;
    throw this.#invalidOutput({ ...second, usage }, rejudged.faults);
  }

  /** Asks for an answer in parts. The call starts when somebody reads. @throws AsimovError `invalid-options` for misuse */
  stream<S extends Schema | undefined = undefined>(messages: ChatMessage[], options: GenerateOptions<S> = {}): InferenceStream<S> {
    return streamOf(insideOf(this).opener()(messages, options)) as InferenceStream<S>;
  }

  /**
   * Asks, runs the tools that the model calls, and asks again, until it has finished or a limit is reached.
   *
   * What a tool throws is told to the model, and throws nothing here.
   * @throws InferenceError and its kinds, SnapshotError for a checkpoint that cannot be gone on from, what a middleware or a
   * reducer throws, AsimovError `invalid-options` for misuse
   * @example
   * const { text, usage } = await client.toolChain([{ role: ChatRole.USER, content: "2 + 3?" }], [add], { maxIterations: 5 });
   */
  toolChain<S extends Schema | undefined = undefined>(
    messages: ChatMessage[],
    tools: Tool[],
    options: ToolChainOptions<S> = {},
  ): Promise<ToolChainResult<S>> {
    return runToolChain(insideOf(this).chainModel(options), messages, tools, options) as Promise<ToolChainResult<S>>;
  }

  /**
   * The same chain, shown while it runs: every part of every answer, each tool's result, and where each step begins and ends. It starts when somebody reads.
   *
   * @throws AsimovError `stream-consumed` where it is read twice; what `toolChain` throws comes to whoever reads
   * @example
   * for await (const text of client.streamChain([{ role: ChatRole.USER, content: "2 + 3?" }], [add]).text) process.stdout.write(text);
   */
  streamChain<S extends Schema | undefined = undefined>(
    messages: ChatMessage[],
    tools: Tool[],
    options: ToolChainOptions<S> = {},
  ): ChainStream<S> {
    return new ShownChain((watch) =>
      runToolChain(insideOf(this).chainModel(options), messages, tools, options, watch),
    ) as ChainStream as ChainStream<S>;
  }

  #chainModel({ signal }: ToolChainOptions): ChatModel {
    const reader = this.#reader();
    return {
      provider: this.provider,
      model: this.model,
      boundThinking: this.#capabilities.boundThinking,
      contextWindow: this.#capabilities.contextWindow,
      unused: () => unusedAt(this.#settings.prices(this.provider, this.model)),
      services: this.#settings.services,
      stream: (asked, given) => streamOf(this.#opening(asked, given, reader)),
      answer: async (asked, given) => {
        const { call, output } = await this.#prepareLoaded(asked, given, reader);
        return this.#judged(await call(true).answer(), output, given.signal);
      },
      traceChain: () => {
        const { agentName: name, span } = currentScope(signal) ?? {};
        const title = name === undefined ? INVOKE_AGENT : `${INVOKE_AGENT} ${name}`;
        return this.#telemetry.startSpan(title, () => agentAttributes(name), span);
      },
      traceTool: (tool, parent) => {
        const span = this.#telemetry.startSpan(`${EXECUTE_TOOL} ${tool.name}`, () => toolAttributes(tool), parent);
        const tell = (attributes: () => Attributes): void => {
          if (this.#settings.captureContent) span.set(attributes);
        };
        tell(() => toolContent(tool.input));
        return { span, gave: (content) => tell(() => toolResultContent(content)) };
      },
    };
  }

  /** Of one conversation. */
  #reader(): ConversationReader {
    const { wire } = this.#settings;
    return new ConversationReader({
      provider: this.provider,
      model: this.model,
      ...this.#capabilities,
      takesBack: (block) => wire.takesBack?.(block) ?? true,
    });
  }

  #opening(messages: ChatMessage[], options: GenerateOptions, reader: ConversationReader): Opening {
    const abandoned = (reason: unknown): unknown => aborted(reason, { provider: this.provider, model: this.model });
    const late = lateSchemas(options);
    let prepared = late === undefined ? this.#prepare(messages, options, reader) : undefined;
    const begin = (): ModelCall => {
      prepared ??= this.#prepare(messages, options, reader);
      return prepared.call(true);
    };
    return {
      open: () => (late === undefined ? begin() : new LateSource(late, begin, abandoned)),
      check: (generation) => this.#judged(generation, prepared?.output, options.signal),
      abandoned,
    };
  }

  async #prepareLoaded(messages: ChatMessage[], options: GenerateOptions, conversation: ConversationReader): Promise<Prepared> {
    await lateSchemas(options)?.();
    return this.#prepare(messages, options, conversation);
  }

  #prepare(messages: ChatMessage[], options: GenerateOptions, conversation: ConversationReader): Prepared {
    const about = {
      provider: this.provider,
      model: this.model,
      capabilities: this.#capabilities,
      defaults: this.#defaults,
      unsupported: this.#unsupported,
      conversation,
      schemaFit: (schema: JsonSchema, of: "tool" | "output") => this.#settings.wire.schemaFit?.(schema, of) ?? "held",
    };
    const { output, ...prepared } = prepareRequest(messages, options, about);
    const { signal, idleTimeoutMs } = options;
    return {
      output,
      call: (isStreamed) =>
        new ModelCall(this.#settings, {
          ...prepared,
          signal,
          idleTimeoutMs: idleTimeoutMs ?? (isStreamed ? STREAM_IDLE_MS : WHOLE_IDLE_MS),
          isStreamed,
          scope: currentScope(signal),
        }),
    };
  }

  /** A schema's own check may take its time, or for ever. @throws InferenceError `aborted`, `timeout`; `invalid-output` where it throws */
  #judge(generation: Generation, output: CompiledSchema, signal: AbortSignal | undefined): Promise<Exclude<Judged, { thrown: unknown }>> {
    const { usage, blocks: partial } = generation;
    const about = { provider: this.provider, model: this.model, usage, partial };
    const { timeoutMs, services } = this.#settings;
    return new Promise((resolve, reject) => {
      const stop = (reason: unknown): void => {
        const own = wireFaultIn(reason);
        reject(own === undefined ? aborted(reason, about) : errorOf(own.fault, about));
      };
      const unlink = endsOf(timeoutMs, [signal, currentScope(signal)?.signal], stop, services.clock);
      void judgeOutput(generation, output).then((judged) => {
        unlink();
        if ("thrown" in judged) reject(this.#invalidOutput(generation, `its own check threw: ${messageOf(judged.thrown)}`, judged.thrown));
        else resolve(judged);
      });
    });
  }

  /** @throws InferenceError `invalid-output` */
  async #judged(generation: Generation, output: CompiledSchema | undefined, signal: AbortSignal | undefined): Promise<Generation> {
    if (output === undefined) return generation;
    const judged = await this.#judge(generation, output, signal);
    if ("generation" in judged) return judged.generation;
    throw this.#invalidOutput(generation, judged.faults);
  }

  /** @param thrown by the schema's own check */
  #invalidOutput({ usage, blocks, finishReason }: Generation, faults: string, thrown?: unknown): InferenceError {
    const why = finishReason.unified === "stop" ? "" : ` (it ended by "${finishReason.raw ?? finishReason.unified}")`;
    const told = faults.length > 300 ? `${faults.slice(0, 300)}…` : faults;
    const what = faults.startsWith(NO_JSON) ? told : `it does not fit the schema of \`output\` (${told})`;
    const advice = thrown === undefined ? "Simplify the schema, or raise maxTokens" : "Mend the schema, whose check is to give issues";
    const message = `${this.provider} ${this.model}: expected JSON as the answer; ${what}${why}. ${advice}; \`partial\` holds what came.`;
    return new InferenceError(message, {
      code: "invalid-output",
      retryable: thrown === undefined,
      provider: this.provider,
      model: this.model,
      usage,
      partial: blocks,
      finishReason,
      cause: thrown ?? new Error(told),
    });
  }
}

brand(InferenceClient, "InferenceClient");

/** What the model is told of an answer that does not fit. */
const repairRequest = (faults: string): string =>
  `Your answer does not fit the schema: ${faults}. Answer again, with nothing but JSON that fits it.`;
