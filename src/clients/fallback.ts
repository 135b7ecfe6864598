/** Several clients as one: the next is asked where one cannot answer. */
import * as z from "zod/mini";
import { ShownChain } from "#chain/chain-stream";
import { runToolChain } from "#chain/tool-chain";
import { brand } from "#contract/base/brand";
import { lazily } from "#contract/base/lazily";
import { isFunction, parseOptions } from "#contract/base/options";
import type { GenerateOptions, Generation, InferenceStream } from "#contract/chat/generation";
import type { ChatMessage } from "#contract/chat/message";
import type { Schema } from "#contract/chat/schema";
import type { Tool } from "#contract/chat/tool";
import type { ChainStream, ChatModel, ToolChainOptions, ToolChainResult } from "#contract/chat/tool-chain";
import { addUsage, NO_USAGE, type Usage } from "#contract/chat/usage";
import { CallStream } from "#inference/call/call-stream";
import { FallbackSource } from "#inference/call/fallback-source";
import { Failures, isCannotAnswer } from "#inference/faults/failures";
import { InferenceClient, insideOf, insides, type Opening } from "./inference-client.ts";

export interface FallbackOptions {
  /**
   * Whether the next client is asked after this error. Default: after each InferenceError, once its client's own retries have ended, but not where the caller
   * aborted, and not where an answer came that does not fit its schema.
   */
  on?: (error: unknown) => boolean;
}

const clientsSchema = lazily(() =>
  z
    .array(z.custom<InferenceClient>((value) => value instanceof InferenceClient, { message: "expected a client of a model" }))
    .check(z.minLength(1, { message: "expected at least one client" })),
);
const optionsSchema = lazily(() =>
  z.strictObject({ on: z.optional(z.custom<NonNullable<FallbackOptions["on"]>>(isFunction, { message: "expected a function" })) }),
);

type Open = ReturnType<ReturnType<typeof insideOf>["opener"]>;

/**
 * Asks the first client, and the next one where that cannot answer: each call of a chain begins with the first again. What of an answer was shown is never
 * said twice: a stream that breaks off after its first part fails. Each client has its own retries, limits, prices and `onTrace`; an answer's `model`, `usage`
 * and cost are those of the client that answered, and a warning names each that did not. `usage` is the sum of all.
 *
 * @throws AsimovError `invalid-options`; calls reject with the InferenceError `all-failed`, whose `cause` is an AggregateError of each client's own; where the
 * conversation was too long for all, as the last of them did
 * @example
 * const client = new FallbackInferenceClient([
 *   new ScriptedInferenceClient([{ error: { status: 529 } }], { retry: { maxAttempts: 1 } }),
 *   new ScriptedInferenceClient(["Hello"]),
 * ]);
 * const { text, warnings } = await client.generate([{ role: "USER", content: "Say hello" }]);
 */
export class FallbackInferenceClient extends InferenceClient {
  readonly #clients: readonly InferenceClient[];
  readonly #on: (error: unknown) => boolean;

  constructor(clients: readonly InferenceClient[], options: FallbackOptions = {}) {
    const [first, ...others] = parseOptions(clientsSchema(), clients, "FallbackInferenceClient: clients") as [
      InferenceClient,
      ...InferenceClient[],
    ];
    const { on = isCannotAnswer } = parseOptions(optionsSchema(), options, "FallbackInferenceClient");
    const { wire, services } = insideOf(first);
    super({ model: first.model, wire, options: { services } });
    this.#clients = [first, ...others];
    this.#on = on;
    const opener = (): Open => {
      const openers = this.#openers();
      return (messages, asked) => this.#opening(openers, messages, asked);
    };
    insides.set(this, { wire, services, opener, chainModel: (asked) => this.#chainModel(asked) });
  }

  override get usage(): Usage {
    return this.#clients.reduce((sum, { usage }) => addUsage(sum, usage), NO_USAGE);
  }

  override generate<S extends Schema | undefined = undefined>(
    messages: ChatMessage[],
    options: GenerateOptions<S> = {},
  ): Promise<Generation<S>> {
    return this.#first(this.#clients, (client) => client.generate(messages, options));
  }

  override stream<S extends Schema | undefined = undefined>(messages: ChatMessage[], options: GenerateOptions<S> = {}): InferenceStream<S> {
    return this.#stream(this.#openers(), messages, options) as InferenceStream<S>;
  }

  override toolChain<S extends Schema | undefined = undefined>(
    messages: ChatMessage[],
    tools: Tool[],
    options: ToolChainOptions<S> = {},
  ): Promise<ToolChainResult<S>> {
    return runToolChain(this.#chainModel(options), messages, tools, options) as Promise<ToolChainResult<S>>;
  }

  override streamChain<S extends Schema | undefined = undefined>(
    messages: ChatMessage[],
    tools: Tool[],
    options: ToolChainOptions<S> = {},
  ): ChainStream<S> {
    const model = this.#chainModel(options);
    return new ShownChain((watch) => runToolChain(model, messages, tools, options, watch)) as ChainStream as ChainStream<S>;
  }

  /** The strictest of them: whichever answers takes the conversation as it is. */
  #chainModel(options: ToolChainOptions): ChatModel {
    const models = this.#clients.map((client) => insideOf(client).chainModel(options));
    const openers = this.#openers();
    const windows = models.flatMap(({ contextWindow }) => contextWindow ?? []);
    return {
      ...(models[0] as ChatModel),
      boundThinking: models.some(({ boundThinking }) => boundThinking),
      contextWindow: windows.length === 0 ? undefined : Math.max(...windows),
      stream: (messages, asked) => this.#stream(openers, messages, asked),
      answer: (messages, asked) => this.#first(models, (model) => model.answer(messages, asked)),
    };
  }

  #openers(): Open[] {
    return this.#clients.map((client) => insideOf(client).opener());
  }

  async #first<Asked extends { provider: string; model: string }, G extends Pick<Generation, "warnings">>(
    all: readonly Asked[],
    ask: (one: Asked) => Promise<G>,
  ): Promise<G> {
    const failures = new Failures(all);
    for (;;) {
      try {
        const generation = await ask(failures.current as Asked);
        return { ...generation, warnings: [...failures.warnings, ...generation.warnings] };
      } catch (error) {
        failures.goOn(error, this.#on);
      }
    }
  }

  #stream(openers: readonly Open[], messages: ChatMessage[], options: GenerateOptions): CallStream {
    const { open, check, abandoned } = this.#opening(openers, messages, options);
    return new CallStream(open, check, abandoned);
  }

  #opening(openers: readonly Open[], messages: ChatMessage[], options: GenerateOptions): Opening {
    const failures = new Failures(this.#clients);
    let opening = (openers[0] as Open)(messages, options);
    const next = (error: unknown): ReturnType<Opening["open"]> => {
      for (let failed = error; ; ) {
        const at = failures.goOn(failed, this.#on);
        try {
          opening = (openers[at] as Open)(messages, options);
          return opening.open();
        } catch (thrown) {
          failed = thrown;
        }
      }
    };
    const check = async (generation: Generation): Promise<Generation> => {
      const checked = await opening.check(generation);
      return { ...checked, warnings: [...failures.warnings, ...checked.warnings] };
    };
    return {
      open: () => new FallbackSource(opening.open(), next),
      check,
      abandoned: (reason) => opening.abandoned(reason),
    };
  }
}

brand(FallbackInferenceClient, "FallbackInferenceClient");
