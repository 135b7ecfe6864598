/** Several clients as one: the next is asked where one cannot answer. */
import * as z from "zod/mini";
import { brand } from "#contract/base/brand";
import { lazily } from "#contract/base/lazily";
import { isFunction, parseOptions } from "#contract/base/options";
import type { GenerateOptions, Generation } from "#contract/chat/generation";
import type { ChatMessage } from "#contract/chat/message";
import type { Schema } from "#contract/chat/schema";
import type { ChatModel, ToolChainOptions } from "#contract/chat/tool-chain";
import { sumUsage, type Usage } from "#contract/chat/usage";
import { FallbackSource } from "#inference/call/fallback-source";
import { Failures, isCannotAnswer } from "#inference/faults/failures";
import { InferenceClient, type Inside, insideOf, insides, type Opening, streamOf } from "./inference-client.ts";

export interface FallbackOptions {
  /**
   * Whether the next client is asked after this error, which its client's own retries have not helped. Default: after each InferenceError but `invalid-output`,
   * where an answer came that does not fit its schema. It is not asked of the caller's own end, of a budget that is spent, and once something was shown; what it
   * throws is what the call fails with.
   */
  on?: (error: unknown) => boolean;
}

const clientsSchema = lazily(() =>
  z
    .array(z.custom<InferenceClient>((value) => insides.has(value as InferenceClient), { message: "expected a client of a model" }))
    .check(z.minLength(1, { message: "expected at least one client" })),
);
const optionsSchema = lazily(() =>
  z.strictObject({ on: z.optional(z.custom<NonNullable<FallbackOptions["on"]>>(isFunction, { message: "expected a function" })) }),
);

type Open = ReturnType<Inside["opener"]>;

/**
 * Asks the first client, and the next one where that cannot answer: each call of a chain begins with the first again. What of an answer was shown is never
 * said twice: a stream that breaks off after its first part fails. Each client has its own retries, limits, prices and `onTrace`; an answer's `model`, `usage`
 * and cost are those of the client that answered, and a warning names each that did not. `usage` is the sum of all.
 *
 * @throws AsimovError `invalid-options`; where all have failed, calls reject with an InferenceError `all-failed`, whose `cause` is an AggregateError of each
 * client's own: a NonRetryableError, too, where no other attempt could help, a ContextLengthExceededError where the conversation was too long for all
 * @example
 * const client = new FallbackInferenceClient([
 *   new ScriptedInferenceClient([{ error: { status: 529 } }], { retry: { maxAttempts: 1 } }),
 *   new ScriptedInferenceClient(["Hello"]),
 * ]);
 * const { text, warnings } = await client.generate([{ role: "USER", content: "Say hello" }]);
 */
export class FallbackInferenceClient extends InferenceClient {
  readonly #clients: readonly InferenceClient[];
  /** Those, and whom they ask themselves, each once: one client may stand in several places. */
  readonly #askable: ReadonlySet<InferenceClient>;
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
    this.#askable = new Set(this.#clients.flatMap((client) => [...(insideOf(client).askable ?? [client])]));
    this.#on = on;
    const opener = (): Open => {
      const openers = this.#openers();
      return (messages, asked) => this.#opening(openers, messages, asked);
    };
    insides.set(this, { wire, services, askable: this.#askable, opener, chainModel: (asked) => this.#chainModel(asked) });
  }

  override get usage(): Usage {
    return sumUsage([...this.#askable].map(({ usage }) => usage));
  }

  override generate<S extends Schema | undefined = undefined>(
    messages: ChatMessage[],
    options: GenerateOptions<S> = {},
  ): Promise<Generation<S>> {
    return this.#first(this.#clients, (client) => client.generate(messages, options));
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
      unused: () => sumUsage(models.map((model) => model.unused())),
      stream: (messages, asked) => streamOf(this.#opening(openers, messages, asked)),
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

  #opening(openers: readonly Open[], messages: ChatMessage[], options: GenerateOptions): Opening {
    const failures = new Failures(this.#clients);
    const openingFrom = (at: number): Opening => {
      for (let next = at; ; ) {
        try {
          return (openers[next] as Open)(messages, options);
        } catch (refused) {
          next = failures.goOn(refused, this.#on);
        }
      }
    };
    let opening = openingFrom(0);
    const next = (error: unknown): ReturnType<Opening["open"]> => {
      opening = openingFrom(failures.goOn(error, this.#on));
      return opening.open();
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
