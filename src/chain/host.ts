/** What the actors of one chain need: the model and its answers as plain data, the tools, and the conversation. */

import type { Clock } from "#contract/base/services";
import type { Span } from "#contract/base/telemetry";
import { ChatRole } from "#contract/base/vocabulary";
import { bindScope, type CallScope } from "#contract/chat/call-scope";
import { ContextLengthExceededError, InferenceError } from "#contract/chat/errors";
import type { FinishReason, GenerateOptions, Generation, StreamPart } from "#contract/chat/generation";
import { blocksOf, type ChatMessage, type ContentBlock, type ToolUseBlock, textOfResult, withoutBytes } from "#contract/chat/message";
import type { Tool } from "#contract/chat/tool";
import type {
  ChainPart,
  ChainProgress,
  ChainState,
  ChatModel,
  StepOptions,
  ToolChainHost,
  ToolChainOptions,
  ToolChainResult,
  ToolOrder,
  ToolOutcome,
  ToolTurn,
  TurnAnswer,
  WatchedStream,
} from "#contract/chat/tool-chain";
import { NO_USAGE, type Usage } from "#contract/chat/usage";
import { type Answered, answered, asGeneration, invalidOutput } from "./answered.ts";
import { inText, ParsedMessages } from "./conversation.ts";
import { type Modes, modesOf, SWITCH_MODE } from "./modes.ts";
import { askScope, restingBy } from "./places.ts";
import { runTool } from "./tools.ts";
import { trimMessages, withoutThinking } from "./trim-messages.ts";

/** A conversation that fills so much of the window is trimmed before the provider refuses it. */
const FULL = 0.95;

const TRIMMED = "The oldest messages were left out: the provider reads the conversation anew, and what it had cached of it is of no use.";
const SWAPPED =
  "The mode was changed, and with it the prompt and the tools before the conversation: the provider reads all of it anew, and what it had cached is of no use.";

/** Whoever watches a chain. */
export interface Watch {
  /** Ends the chain. */
  signal: AbortSignal;
  /** Told of the parts, of those together that come so; where it gives a promise, the chain waits for it. */
  show?: (parts: readonly ChainPart[]) => Promise<void> | undefined;
}

export interface ChainParts {
  model: ChatModel;
  tools: readonly Tool[];
  own: ToolChainOptions;
  call: GenerateOptions;
  scope: CallScope | undefined;
  show: Watch["show"];
  given: readonly ChatMessage[];
}

export class ChainHost implements ToolChainHost {
  readonly model: ChatModel;
  readonly maxParallelTools: number;
  readonly clock: Clock;
  readonly span: Span;
  /** The conversation that was given, as the chain's state holds it. */
  readonly texts: readonly string[];
  readonly initialMode: string | null;
  /** Why the chain failed; an error is no plain data. */
  failure: unknown;
  keep: () => Promise<void> | undefined = () => undefined;
  readonly #parts: ChainParts;
  readonly #modes: Modes;
  readonly #messages: ParsedMessages;
  readonly #prompts = new Map<string, ChatMessage>();
  readonly #asking: CallScope | undefined;
  readonly #middlewares: NonNullable<ToolChainOptions["middlewares"]>;
  #told: Promise<void> = Promise.resolve();
  /** What the next answer is to tell, too. */
  readonly #warnings: string[] = [];
  /** Of the latest request, as the provider counted. */
  #filled = 0;

  constructor(parts: ChainParts) {
    const { model, tools, own, scope, given } = parts;
    this.model = model;
    this.maxParallelTools = own.maxParallelTools ?? 8;
    this.clock = model.services.clock;
    this.texts = given.map((message) => JSON.stringify(withoutBytes(message)));
    this.#parts = parts;
    this.#middlewares = own.middlewares ?? [];
    this.#modes = modesOf(tools, own.modeSwap, model.boundThinking);
    this.initialMode = this.#modes.initial;
    this.#messages = new ParsedMessages(given, this.texts);
    // After all that may throw: a span that was started must be ended.
    this.span = model.traceChain();
    this.#asking = scope === undefined ? undefined : askScope(scope, this.span);
  }

  /** @throws SnapshotError `snapshot-other-chain` */
  requireMode(mode: string | null): void {
    this.#modes.require(mode);
  }

  async ask(state: ChainState, signal: AbortSignal): Promise<TurnAnswer> {
    const { messages: texts, mode, iterations } = state;
    const prepared = await this.#prepare(state);
    if (prepared === undefined) return { kind: "stopped" };
    const window = this.#parts.own.contextWindow ?? this.model.contextWindow;
    if (this.#parts.own.fifoRatio !== undefined && window !== undefined && this.#filled > window * FULL) {
      this.#filled = 0;
      return { kind: "context-full", usage: NO_USAGE };
    }
    const step = iterations + 1;
    try {
      const messages = this.#request(texts, mode);
      const options = { ...this.#options(mode, signal), ...prepared };
      const { show } = this.#parts;
      const isWatched = show !== undefined || this.#middlewares.length > 0;
      await show?.([{ type: "step-start", step }]);
      const generation = await this.span.run(() =>
        isWatched ? this.#watch(this.model.stream(messages, options)) : this.model.answer(messages, options),
      );
      this.#filled = generation.usage.inputTokens + generation.usage.outputTokens;
      const answer = await this.#showCalls(this.#answer(generation));
      const { finishReason, usage, warnings } = answer;
      await show?.([{ type: "step-end", step, finishReason, usage, warnings }]);
      return answer;
    } catch (error) {
      const { usage = this.model.unused(), partial } = error instanceof InferenceError ? error : {};
      if (error instanceof ContextLengthExceededError) return { kind: "context-full", usage };
      if (error instanceof InferenceError && error.code === "invalid-output" && partial !== undefined) {
        // Cut off, or taken away: that is how the chain ends.
        const { finishReason } = error;
        const isCut = finishReason?.unified === "length" || finishReason?.unified === "content-filter";
        const answer = this.#answer({ ...asGeneration(usage, partial), ...(isCut ? { finishReason } : {}) });
        if (isCut || answer.calls.length > 0) return this.#showCalls(answer);
        this.failure = error;
        return invalidOutput(error, partial, usage);
      }
      this.failure = error;
      throw error;
    }
  }

  /** Of the call that is next; `undefined` where there is to be none. */
  async #prepare({ messages, iterations, usage }: ChainState): Promise<StepOptions | undefined> {
    const { stopWhen, prepareStep } = this.#parts.own;
    if (stopWhen === undefined && prepareStep === undefined) return {};
    const progress = progressOf(this.#messages.of(messages), iterations, usage);
    try {
      if (progress.steps > 0 && (await stopWhen?.(progress)) === true) return undefined;
      return (await prepareStep?.(progress)) ?? {};
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }

  async runTool(order: ToolOrder, mode: string | null, turn: ToolTurn): Promise<ToolOutcome> {
    const { own, scope } = this.#parts;
    const tools = this.#modes.toolsOf(mode);
    const input = order.inputError === undefined ? JSON.parse(order.input) : order.input;
    const { name, id } = order;
    const description = tools.get(name)?.description;
    const told = { name, id, input, ...(description === undefined ? {} : { description }) };
    const trace = this.model.traceTool(told, this.span);
    const { span } = trace;
    const { onApproval, toolResultReducer: reduce, maxToolResultChars: maxChars = 100_000 } = own;
    const emit = (event: unknown): void => void this.#parts.show?.([{ type: "tool-progress", id, name, event }]);
    const onCut = (): void =>
      void this.#warnings.push(`A result of the tool "${name}" was cut to ${maxChars} characters: raise maxToolResultChars.`);
    const runner = { tools, scope, span, reduce, maxChars, onApproval, emit, onCut };
    try {
      const { outcome: ran, thrown } = await span.run(() => runTool(order, runner, turn));
      const isSwitch = name === SWITCH_MODE && !ran.isError && this.initialMode !== null;
      const outcome = isSwitch ? this.#announce(ran, (input as { mode: string }).mode) : ran;
      if (this.#middlewares.length > 0) {
        const { content, isError } = outcome;
        await this.#tell({ type: "tool-result", toolUseId: id, content, ...(isError ? { isError } : {}) });
      }
      const part = { type: "tool-result", id, name, content: outcome.content, isError: outcome.isError } as const;
      scope?.deltas?.(part);
      await this.#parts.show?.([part]);
      if (!outcome.isError) trace.gave(textOfResult(outcome.content));
      if (thrown !== undefined) span.fail(thrown.error);
      else span.end(outcome.isError ? "the tool was not run" : undefined);
      return outcome;
    } catch (error) {
      span.fail(error);
      this.failure = error;
      throw error;
    }
  }

  rest(): () => Promise<void> {
    const { own, scope } = this.#parts;
    if (scope === undefined) return async () => {};
    if (own.onApproval === undefined && scope.approvals !== undefined) return scope.approvals.rest();
    return restingBy((work) => scope.wait(work));
  }

  trim(texts: readonly string[]): readonly string[] | undefined {
    const { fifoRatio } = this.#parts.own;
    if (fifoRatio === undefined) return undefined;
    const trimmed = trimMessages(this.#messages.of(texts), fifoRatio);
    if (trimmed === undefined) return undefined;
    this.#warnings.push(TRIMMED);
    return (this.model.boundThinking ? withoutThinking(trimmed) : trimmed).map((message) => JSON.stringify(message));
  }

  resultOf(end: {
    stopReason: ToolChainResult["stopReason"];
    messages: readonly string[];
    text: string;
    output?: string;
    usage: Usage;
    iterations: number;
    finishReason: FinishReason;
    warnings: readonly string[];
  }): ToolChainResult {
    const { messages, output, warnings, ...rest } = end;
    const parsed = output === undefined ? {} : { output: JSON.parse(output) };
    return { ...rest, messages: [...this.#messages.of(messages)], warnings: [...warnings], ...parsed } as ToolChainResult;
  }

  /** The mode's prompt stands where it changes nothing before it: first, or where the whole prefix must stay, last. */
  #request(texts: readonly string[], mode: string | null): ChatMessage[] {
    const { toolParser } = this.#parts.own;
    const messages = this.#messages.of(texts);
    const told = toolParser === undefined ? undefined : toolParser.describe(this.#modes.toolsTold(mode));
    const firstMode = this.model.boundThinking ? this.initialMode : mode;
    const prompts = [this.#modes.systemOf(firstMode), told].filter((text) => text !== undefined);
    if (prompts.length === 0 && toolParser === undefined) return messages as ChatMessage[];
    const leading = messages.findIndex(({ role }) => role !== ChatRole.SYSTEM);
    const head = messages.slice(0, Math.max(0, leading));
    const rest = messages.slice(Math.max(0, leading));
    const system = prompts.map((content) => this.#prompt(content));
    const said = toolParser === undefined ? rest : inText(rest, toolParser);
    return [...head, ...system, ...said];
  }

  /** The same message for the same prompt: what was converted for one turn holds for the next. */
  #prompt(content: string): ChatMessage {
    const prompt = this.#prompts.get(content) ?? { role: ChatRole.SYSTEM, content };
    this.#prompts.set(content, prompt);
    return prompt;
  }

  /** Where the whole prefix must stay, a mode's prompt is said once, in the result of the switch, and stays in the conversation. */
  #announce(outcome: ToolOutcome, mode: string): ToolOutcome {
    if (!this.model.boundThinking) {
      this.#warnings.push(SWAPPED);
      return { ...outcome, mode };
    }
    const tools = [...this.#modes.toolsOf(mode).keys()].join(", ");
    const prompt = this.#modes.systemOf(mode) ?? "";
    return { ...outcome, mode, content: `${textOfResult(outcome.content)} Only these tools work in it: ${tools}. ${prompt}`.trim() };
  }

  #options(mode: string | null, signal: AbortSignal): GenerateOptions {
    const { call, own } = this.#parts;
    if (this.#asking !== undefined) bindScope(signal, this.#asking);
    const tools = own.toolParser === undefined ? [...this.#modes.toolsTold(mode)] : [];
    return { caching: "auto", ...call, ...(tools.length === 0 ? {} : { tools }), signal };
  }

  #watch(stream: WatchedStream): Promise<Generation> {
    const { show } = this.#parts;
    if (this.#middlewares.length === 0) return stream.each((parts) => show?.(parts));
    const told = this.#tellBlocks();
    const tell = (part: StreamPart): Promise<void> | undefined => {
      const [shown, heard] = [show?.([part]), told(part)];
      return shown === undefined ? heard : heard === undefined ? shown : Promise.all([shown, heard]).then(() => {});
    };
    return stream.each((parts) => inTurn(parts, tell));
  }

  /** For one answer: tells the middlewares each of its blocks when it ends. */
  #tellBlocks(): (part: StreamPart) => Promise<void> | undefined {
    const texts = new Map<string, string>();
    return (part) => {
      switch (part.type) {
        case "text-delta":
        case "thinking-delta":
          texts.set(part.id, (texts.get(part.id) ?? "") + part.text);
          return undefined;
        case "text-end":
        case "thinking-end":
          return this.#tell({ type: part.type === "text-end" ? "text" : "thinking", text: texts.get(part.id) ?? "" });
        case "tool-call": {
          const { id, name, input, inputError } = part;
          return this.#tell({ type: "tool-use", id, name, input, ...(inputError === undefined ? {} : { inputError }) });
        }
        case "provider":
        case "file":
          return this.#tell(part);
        default:
          return undefined;
      }
    };
  }

  /** Calls that a parser read in a text were no part of the stream. */
  async #showCalls(answer: Answered): Promise<Answered> {
    if (this.#parts.own.toolParser === undefined) return answer;
    for (const { id, name, input, inputError } of answer.calls) {
      const use = { type: "tool-use" as const, id, name };
      const block: ToolUseBlock = inputError === undefined ? { ...use, input: JSON.parse(input) } : { ...use, input, inputError };
      await this.#parts.show?.([{ ...block, type: "tool-call" }]);
      await this.#tell(block);
    }
    return answer;
  }

  /** One block at a time, also when tools end while a middleware still has an earlier block. */
  #tell(block: ContentBlock): Promise<void> {
    const told = this.#told.then(async () => {
      try {
        for (const middleware of this.#middlewares) await this.span.run(() => middleware(block));
      } catch (error) {
        this.failure = error;
        throw error;
      }
    });
    this.#told = told.catch(() => {});
    return told;
  }

  #answer(told: Parameters<typeof answered>[0]): Answered {
    const { toolParser } = this.#parts.own;
    return answered(told, { warnings: this.#warnings.splice(0), toolParser, ids: this.model.services.ids });
  }
}

/** Nothing comes before what it is told to wait for; a promise for each part would be felt. */
function inTurn<T>(all: readonly T[], visit: (one: T) => Promise<void> | undefined, from = 0): Promise<void> | undefined {
  for (let at = from; at < all.length; at++) {
    const wait = visit(all[at] as T);
    if (wait !== undefined) return wait.then(() => inTurn(all, visit, at + 1));
  }
  return undefined;
}

function progressOf(messages: readonly ChatMessage[], steps: number, usage: Usage): ChainProgress {
  const last = messages.at(-1);
  const results = last?.role === ChatRole.TOOL_RESULT && steps > 0 ? blocksOf(last).filter((block) => block.type === "tool-result") : [];
  const answer = results.length === 0 ? undefined : messages.at(-2);
  const calls = answer === undefined ? [] : blocksOf(answer).filter((block) => block.type === "tool-use");
  return { steps, messages, calls, results, usage };
}
