/** Chains of tool calls: what may be asked of one, and what it gives. */

import type { Clock, Services } from "#contract/base/services";
import type { Span } from "#contract/base/telemetry";
import type { Approval, ApprovalRequest } from "./approval.ts";
import type { Checkpoint } from "./call-scope.ts";
import type {
  FinishReason,
  GenerateOptions,
  Generation,
  InferenceStream,
  Output,
  PartialOutput,
  StreamPart,
  ToolResultPart,
} from "./generation.ts";
import type { ChatMessage, ContentBlock, FileBlock, ToolResultBlock, ToolUseBlock } from "./message.ts";
import type { Schema } from "./schema.ts";
import type { Tool } from "./tool.ts";
import type { Usage } from "./usage.ts";

/** A prompt and tools that go together; the model changes modes by its tool `switch_mode`. */
export interface ToolMode {
  /** What the mode is for, for the model that chooses. */
  description: string;
  /** Instructions that hold in this mode. */
  system?: string;
  /** Besides the chain's own tools, which every mode has. */
  tools: Tool[];
}

/** For models without tools of their own. */
export interface ToolParser {
  /** What the model is told of its tools, once, in the system's part. */
  describe(tools: readonly Tool[]): string;
  /** The calls in an answer, and what is left of its text. A call whose text is broken has `inputError`. */
  parse(text: string): { text: string; calls: { name: string; input: unknown; inputError?: string }[] };
  /** How a call looks in an answer, so that the conversation reads as it was written. */
  render(call: { name: string; input: unknown }): string;
}

export interface ToolChainOptions<S extends Schema | undefined = Schema | undefined> extends Omit<GenerateOptions<S>, "tools"> {
  /** Calls of the model; at least 1. Default 10. */
  maxIterations?: number;
  /** Tools of one turn that run at a time; at least 1. Default 8. */
  maxParallelTools?: number;
  /**
   * Called with each block when it ends, one at a time: the model's while its answer still streams, then the tools' results in the
   * order in which the tools end. A `toolParser`'s calls come after the text that it reads them in. What one throws is what the
   * chain fails with: the answer and the tools that still run are aborted, and a chain that goes on from its checkpoint does again
   * what was refused, tools under the same key. While one waits, the block is not done.
   */
  middlewares?: ((block: ContentBlock) => void | Promise<void>)[];
  /** Asked before each call of the model but the first: `true` ends the chain, as `stopped`. What it throws is what the chain fails with. */
  stopWhen?: (progress: ChainProgress) => boolean | Promise<boolean>;
  /** Asked before each call of the model: what it gives is of that call alone, over the chain's own. What it throws is what the chain fails with. */
  prepareStep?: (progress: ChainProgress) => StepOptions | undefined | Promise<StepOptions | undefined>;
  modeSwap?: { modes: Record<string, ToolMode>; initial: string };
  /**
   * When the context is full, the oldest messages are dropped until this part of their size is left, between 0 and 1.
   * SYSTEM messages at the start and the first USER message stay; calls and results stay together. Where a model's thoughts are
   * bound to the conversation before them, all of them are left out, too. Default: the chain ends.
   */
  fifoRatio?: number;
  /** Tokens that the model reads at most. Default: as the library knows it. */
  contextWindow?: number;
  toolParser?: ToolParser;
  /**
   * Shortens what a tool gave, or threw, before it is told to the model: a text takes the place of its texts, a list that of its files, too. What this throws
   * is what the chain fails with.
   */
  toolResultReducer?: (result: {
    name: string;
    content: string;
    files: readonly FileBlock[];
    isError: boolean;
  }) => ToolResultBlock["content"] | Promise<ToolResultBlock["content"]>;
  /**
   * Decides on a call of a tool that needs approval, in place of the question that a run would ask. While it does, the other tools of the turn go on. An edited
   * input that does not fit the tool's schema is asked for again, with `problem`. What it throws is what the chain fails with. Default: in an agent's run, a
   * question; elsewhere such a call fails the chain with `no-approver`.
   */
  onApproval?: (call: ApprovalRequest) => Approval | Promise<Approval>;
  /** Characters of one result; what is longer is cut, and says so. Default 100,000. */
  maxToolResultChars?: number;
  /**
   * Where the chain keeps what it has reached, and goes on from: then the conversation that was kept counts, whatever is given, and
   * a chain that had ended gives its result again. Each chain needs one of its own. Default, in an agent's run: beside the module's.
   */
  checkpoint?: Checkpoint;
  /** The start of every tool call's key. Default: the module's own, else a random one. */
  idempotencyKey?: string;
}

interface ChainEnd {
  /** The whole conversation, what was given first. */
  messages: ChatMessage[];
  /** Of the last answer. */
  text: string;
  /** Of all calls together. */
  usage: Usage;
  /** Calls of the model. */
  iterations: number;
  /** How the last answer ended, in the provider's word; `other` without one. */
  finishReason: FinishReason;
  /** Of all calls together, each once: what was asked for and left out, and what broke the provider's cache. */
  warnings: string[];
}

/** How a chain ended that did not finish. */
type CutReason = Exclude<AnswerEnd, "finished" | "paused"> | "max-iterations" | "stopped" | "context-length";

/** What a chain came to; with the option `output`, the parsed answer where it has finished. */
export type ToolChainResult<S extends Schema | undefined = Schema | undefined> = ChainEnd & {
  /**
   * `finished`: the model has said all. Of its last answer `length`: cut off at its token limit; `content-filter`: the provider took it away;
   * `refused`: the model would not; `empty`: there was nothing in it. `stopped`: by a tool. `context-length`: the conversation became longer than
   * the model reads.
   */
  stopReason: "finished" | CutReason;
} & ({ stopReason: "finished"; output: Output<S> } | { stopReason: CutReason; output?: undefined });

/** Of one call of the model. */
export type StepOptions = Partial<Omit<GenerateOptions, "tools" | "signal">>;

/** How far a chain has come, between two calls of its model. */
export interface ChainProgress {
  /** Calls of the model that were answered. */
  readonly steps: number;
  readonly messages: readonly ChatMessage[];
  /** Of the last answer, and what they gave. */
  readonly calls: readonly ToolUseBlock[];
  readonly results: readonly ToolResultBlock[];
  /** Of all calls of the model together. */
  readonly usage: Usage;
}

/** What a chain shows while it runs. Ids of blocks are those of their step. */
export type ChainPart =
  | StreamPart
  | { readonly type: "step-start"; readonly step: number }
  | {
      readonly type: "step-end";
      readonly step: number;
      readonly finishReason: FinishReason;
      readonly usage: Usage;
      readonly warnings: readonly string[];
    }
  /** What a tool told by `emit`. */
  | { readonly type: "tool-progress"; readonly id: string; readonly name: string; readonly event: unknown }
  | ToolResultPart;

/**
 * One chain that shows what it does. Read either its parts, or `text`, or `result` alone; whoever stops reading ends the chain.
 *
 * @example
 * for await (const part of client.streamChain(messages, tools)) if (part.type === "text-delta") process.stdout.write(part.text);
 */
export interface ChainStream<S extends Schema | undefined = Schema | undefined> extends AsyncIterable<ChainPart> {
  /** The text deltas of all steps. */
  readonly text: AsyncIterable<string>;
  /** As of a stream, of the step that runs. */
  readonly partialOutput: AsyncIterable<PartialOutput<S>>;
  /** As `toolChain` gives it; when nobody reads the parts, the chain runs without them. */
  readonly result: Promise<ToolChainResult<S>>;
}

/** How an answer without calls ends a chain; `paused` does not: the provider wants to go on with it, as it came. */
export type AnswerEnd = "finished" | "length" | "content-filter" | "refused" | "empty" | "paused";

/** What is told of one tool call. */
export interface ToolTrace {
  readonly span: Span;
  /** @param content what the model reads of its result */
  gave(content: string): void;
}

/** A streamed call as a chain reads it. */
export interface WatchedStream extends InferenceStream {
  /** Hands on the parts, those together that come so, and waits where it is told to. @throws what `result` rejects with, and what `visit` throws, which ends the call */
  each(visit: (parts: readonly StreamPart[]) => Promise<void> | undefined): Promise<Generation>;
}

/** What a chain needs of a model. */
export interface ChatModel {
  readonly provider: string;
  readonly model: string;
  /** See `Capabilities`. */
  readonly boundThinking: boolean;
  readonly contextWindow: number | undefined;
  /** Of a call that failed before its provider told what it used. */
  unused(): Usage;
  readonly services: Pick<Services, "clock" | "ids">;
  stream(messages: ChatMessage[], options: GenerateOptions): WatchedStream;
  /** A stream that nobody watches: since nothing of it was shown, it may be asked for again where it breaks off. */
  answer(messages: ChatMessage[], options: GenerateOptions): Promise<Generation>;
  traceChain(): Span;
  traceTool(tool: { name: string; id: string; description?: string; input: unknown }, parent: Span): ToolTrace;
}

/** One tool call of the turn, as plain data. */
export interface ToolOrder {
  id: string;
  name: string;
  /** JSON text: what a model wrote is never walked. */
  input: string;
  inputError?: string;
  idempotencyKey: string;
}

/** One call's place in its turn. */
export interface ToolTurn {
  readonly signal: AbortSignal;
  /** What was decided on the call, as it is kept with the chain. */
  readonly decision: Approval | undefined;
  /** Settles when that is kept. */
  decided(decision: Approval): Promise<void>;
  /** While that is done, the call only waits: others run in its place. Settles when it may go on. */
  wait<T>(work: () => Promise<T>): Promise<T>;
}

export interface ToolOutcome {
  id: string;
  content: ToolResultBlock["content"];
  isError: boolean;
  /** The tool ends the chain. */
  stops?: true;
  /** The tool changed the mode. */
  mode?: string;
}

/** What asking the model gave. Messages are JSON texts. */
export type TurnAnswer =
  | {
      kind: "answered";
      message: string;
      text: string;
      calls: Omit<ToolOrder, "idempotencyKey">[];
      end: AnswerEnd;
      finishReason: FinishReason;
      warnings: readonly string[];
      usage: Usage;
      output?: string;
    }
  | { kind: "invalid-output"; message: string; repair: string; usage: Usage }
  | { kind: "context-full"; usage: Usage }
  /** Nothing was asked: whoever runs the chain wants no more. */
  | { kind: "stopped" };

/** What the chain's state holds of it. */
export interface ChainState {
  messages: readonly string[];
  mode: string | null;
  iterations: number;
  usage: Usage;
}

/** What the actors of a chain ask of whoever runs it. */
export interface ToolChainHost {
  readonly clock: Clock;
  readonly maxParallelTools: number;
  ask(state: ChainState, signal: AbortSignal): Promise<TurnAnswer>;
  runTool(order: ToolOrder, mode: string | null, turn: ToolTurn): Promise<ToolOutcome>;
  /** All calls of the turn that have not ended wait. Returns the end of that, which settles when they may go on. */
  rest(): () => Promise<void>;
  /** The conversation with its oldest part left out; `undefined` when nothing can be left out. */
  trim(messages: readonly string[]): readonly string[] | undefined;
  /** Something was finished that must not be done again: settles when it is kept. */
  keep(): Promise<void> | undefined;
}
