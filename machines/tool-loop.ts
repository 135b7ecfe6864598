/**
 * A chain of tool calls: it asks the model, runs what the model calls, and asks again; its conversation is its state.
 *
 *     asking ──▶ running ──▶ asking …  ─▶ finished | cutShort | maxIterations | stopped | contextLength
 *       │  ▲        │
 *       ▼  │        └─ chain.abort ─▶ stopping ─▶ aborted
 *     trimming                        failed: the model, a tool's host or a middleware gave up
 */
import { assign, type DoneActorEvent, sendTo, setup, spawnChild, stopChild } from "xstate";
import type { EffectLogic } from "#contract/base/effect-logic";
import type { FinishReason } from "#contract/chat/generation";
import type { AnswerEnd, ToolChainResult, ToolOrder, ToolOutcome, TurnAnswer } from "#contract/chat/tool-chain";
import { addUsage, NO_USAGE, type Usage } from "#contract/chat/usage";

export interface ToolLoopInput {
  /** The start of every tool call's idempotency key. */
  key: string;
  /** JSON texts: XState walks a context when it stores it, and what models write must not be walked. */
  messages: readonly string[];
  mode: string | null;
  maxIterations: number;
}

export interface ToolLoopContext extends ToolLoopInput {
  /** Calls of the model that were answered. */
  iterations: number;
  usage: Usage;
  /** The tool calls of this turn. */
  orders: readonly ToolOrder[];
  /** How often an answer that does not fit its schema may still be sent back. */
  repairs: number;
  text: string;
  /** JSON text. */
  output?: string;
  /** Of the last answer. */
  end: AnswerEnd;
  finishReason: FinishReason;
  /** Of all answers, each once. */
  warnings: readonly string[];
}

export interface ToolLoopOutput {
  stopReason: ToolChainResult["stopReason"] | "failed" | "aborted";
  messages: readonly string[];
  text: string;
  output?: string;
  usage: Usage;
  iterations: number;
  finishReason: FinishReason;
  warnings: readonly string[];
}

export type ToolLoopEvent =
  | { type: "chain.abort" }
  | DoneActorEvent<TurnAnswer, "ask">
  | DoneActorEvent<ToolOutcome[], "tools">
  | DoneActorEvent<readonly string[] | null, "trim">;

type Answered = Extract<TurnAnswer, { kind: "answered" }>;

const CUT = "Not run: the answer was cut off at its token limit before this call was complete. Call it again, with a shorter input.";
const FILTERED = "Not run: the answer was refused, or taken away by the provider.";

function resultMessage(outcomes: readonly ToolOutcome[]): string {
  const content = outcomes.map(({ id, content: text, isError }) => ({
    type: "tool-result",
    toolUseId: id,
    content: text,
    ...(isError ? { isError: true } : {}),
  }));
  return JSON.stringify({ role: "TOOL_RESULT", content });
}

/** Whether the model is asked again, though no tool has run: an answer was cut off within a call, or its provider paused. */
const wantsMore = (answer: TurnAnswer): boolean =>
  answer.kind === "answered" && (answer.end === "paused" || (answer.end === "length" && answer.calls.length > 0));

/** @param reason that of the last answer by default */
const endOf =
  (reason?: ToolLoopOutput["stopReason"]) =>
  ({ context }: { context: ToolLoopContext }): ToolLoopOutput => {
    const { messages, text, output, usage, iterations, finishReason, warnings, end } = context;
    const stopReason = reason ?? (end as Exclude<AnswerEnd, "paused">);
    const parsed = output === undefined || stopReason !== "finished" ? {} : { output };
    return { stopReason, messages, text, ...parsed, usage, iterations, finishReason, warnings };
  };

export const toolLoopMachine = setup({
  types: {
    context: {} as ToolLoopContext,
    input: {} as ToolLoopInput,
    events: {} as ToolLoopEvent,
    output: {} as ToolLoopOutput,
  },
  actors: {
    /** Asks the model once; fails with what the call failed with. */
    generate: {} as EffectLogic<undefined, TurnAnswer>,
    /** Runs the tools of one turn; its outcomes are in the order of the calls. Ends soon after `tools.abort`. */
    runTools: {} as EffectLogic<{ orders: readonly ToolOrder[] }, ToolOutcome[], { type: "tools.abort" }>,
    /** A shorter conversation, or null when it cannot be shorter. */
    trimConversation: {} as EffectLogic<undefined, readonly string[] | null>,
  },
  guards: {
    isStopAsked: (_, { answer }: { answer: TurnAnswer }) => answer.kind === "stopped",
    isContextFull: (_, { answer }: { answer: TurnAnswer }) => answer.kind === "context-full",
    isRepairable: ({ context }, { answer }: { answer: TurnAnswer }) =>
      answer.kind === "invalid-output" && context.repairs > 0 && context.iterations + 1 < context.maxIterations,
    isInvalid: (_, { answer }: { answer: TurnAnswer }) => answer.kind === "invalid-output",
    wantsMoreAtLast: ({ context }, { answer }: { answer: TurnAnswer }) =>
      wantsMore(answer) && context.iterations + 1 >= context.maxIterations,
    wantsMore: (_, { answer }: { answer: TurnAnswer }) => wantsMore(answer),
    callsTools: (_, { answer }: { answer: TurnAnswer }) =>
      answer.kind === "answered" && (answer.end === "finished" || answer.end === "paused") && answer.calls.length > 0,
    isCutShort: (_, { answer }: { answer: TurnAnswer }) => answer.kind === "answered" && answer.end !== "finished",
    isStopped: (_, { outcomes }: { outcomes: readonly ToolOutcome[] }) => outcomes.some(({ stops }) => stops === true),
    isOverIterations: ({ context }) => context.iterations >= context.maxIterations,
    isTrimmed: (_, { messages }: { messages: readonly string[] | null }) => messages !== null,
  },
  actions: {
    countUsage: assign(({ context }, { answer }: { answer: TurnAnswer }) => ({
      usage: addUsage(context.usage, (answer as Exclude<TurnAnswer, { kind: "stopped" }>).usage),
    })),
    recordAnswer: assign(({ context }, { answer }: { answer: TurnAnswer }) => {
      const { message, text, calls, usage, output, end, finishReason, warnings } = answer as Answered;
      return {
        messages: [...context.messages, message],
        iterations: context.iterations + 1,
        usage: addUsage(context.usage, usage),
        text,
        end,
        finishReason,
        warnings: [...context.warnings, ...warnings.filter((warning) => !context.warnings.includes(warning))],
        ...(output === undefined ? {} : { output }),
        orders: calls.map((call, index) => {
          const isTwice = calls.findIndex(({ id }) => id === call.id) < index;
          const key = `${context.key}/${context.iterations + 1}/${encodeURIComponent(call.id)}`;
          return { ...call, idempotencyKey: isTwice ? `${key}/${index + 1}` : key };
        }),
      };
    }),
    askForRepair: assign(({ context }, { answer }: { answer: TurnAnswer }) => {
      const { message, repair, usage } = answer as Extract<TurnAnswer, { kind: "invalid-output" }>;
      return {
        messages: [...context.messages, message, repair],
        iterations: context.iterations + 1,
        repairs: context.repairs - 1,
        usage: addUsage(context.usage, usage),
      };
    }),
    /** Each has its result: else no provider takes the conversation. */
    refuseCalls: assign(({ context: { messages, orders, end } }) => {
      if (orders.length === 0) return {};
      const content = end === "length" ? CUT : FILTERED;
      return { messages: [...messages, resultMessage(orders.map(({ id }) => ({ id, content, isError: true })))], orders: [] };
    }),
    recordOutcomes: assign(({ context }, { outcomes }: { outcomes: readonly ToolOutcome[] }) => ({
      messages: [...context.messages, resultMessage(outcomes)],
      orders: [],
      mode: outcomes.findLast(({ mode }) => mode !== undefined)?.mode ?? context.mode,
    })),
    recordTrimmed: assign((_, { messages }: { messages: readonly string[] | null }) => ({ messages: messages ?? [] })),
    startTools: spawnChild("runTools", { id: "tools", input: ({ context }: { context: ToolLoopContext }) => ({ orders: context.orders }) }),
    abortTools: sendTo("tools", { type: "tools.abort" }),
    forgetTools: stopChild("tools"),
  },
}).createMachine({
  id: "toolLoop",
  context: ({ input }) => ({
    ...input,
    iterations: 0,
    usage: NO_USAGE,
    orders: [],
    repairs: 1,
    text: "",
    end: "finished",
    finishReason: { unified: "other", raw: null },
    warnings: [],
  }),
  initial: "asking",
  states: {
    asking: {
      on: { "chain.abort": "aborted" },
      invoke: {
        id: "ask",
        src: "generate",
        // What nearly every turn takes comes first.
        onDone: [
          {
            guard: { type: "callsTools", params: ({ event }) => ({ answer: event.output }) },
            target: "running",
            actions: [{ type: "recordAnswer", params: ({ event }) => ({ answer: event.output }) }, "startTools"],
          },
          { guard: { type: "isStopAsked", params: ({ event }) => ({ answer: event.output }) }, target: "stopped" },
          {
            guard: { type: "isContextFull", params: ({ event }) => ({ answer: event.output }) },
            target: "trimming",
            actions: { type: "countUsage", params: ({ event }) => ({ answer: event.output }) },
          },
          {
            guard: { type: "isRepairable", params: ({ event }) => ({ answer: event.output }) },
            target: "asking",
            reenter: true,
            actions: { type: "askForRepair", params: ({ event }) => ({ answer: event.output }) },
          },
          {
            guard: { type: "isInvalid", params: ({ event }) => ({ answer: event.output }) },
            target: "failed",
            actions: { type: "countUsage", params: ({ event }) => ({ answer: event.output }) },
          },
          {
            guard: { type: "wantsMoreAtLast", params: ({ event }) => ({ answer: event.output }) },
            target: "maxIterations",
            actions: [{ type: "recordAnswer", params: ({ event }) => ({ answer: event.output }) }, "refuseCalls"],
          },
          {
            guard: { type: "wantsMore", params: ({ event }) => ({ answer: event.output }) },
            target: "asking",
            reenter: true,
            actions: [{ type: "recordAnswer", params: ({ event }) => ({ answer: event.output }) }, "refuseCalls"],
          },
          {
            guard: { type: "isCutShort", params: ({ event }) => ({ answer: event.output }) },
            target: "cutShort",
            actions: [{ type: "recordAnswer", params: ({ event }) => ({ answer: event.output }) }, "refuseCalls"],
          },
          { target: "finished", actions: { type: "recordAnswer", params: ({ event }) => ({ answer: event.output }) } },
        ],
        onError: "failed",
      },
    },
    trimming: {
      on: { "chain.abort": "aborted" },
      invoke: {
        id: "trim",
        src: "trimConversation",
        onDone: [
          {
            guard: { type: "isTrimmed", params: ({ event }) => ({ messages: event.output }) },
            target: "asking",
            actions: { type: "recordTrimmed", params: ({ event }) => ({ messages: event.output }) },
          },
          { target: "contextLength" },
        ],
        onError: "failed",
      },
    },
    /** The tools are spawned, not invoked: they outlive this state where the chain is aborted. */
    running: {
      on: {
        "chain.abort": { target: "stopping", actions: "abortTools" },
        "xstate.done.actor.tools": [
          {
            guard: { type: "isStopped", params: ({ event }) => ({ outcomes: event.output }) },
            target: "stopped",
            actions: { type: "recordOutcomes", params: ({ event }) => ({ outcomes: event.output }) },
          },
          {
            guard: "isOverIterations",
            target: "maxIterations",
            actions: { type: "recordOutcomes", params: ({ event }) => ({ outcomes: event.output }) },
          },
          {
            target: "asking",
            actions: ["forgetTools", { type: "recordOutcomes", params: ({ event }) => ({ outcomes: event.output }) }],
          },
        ],
        "xstate.error.actor.tools": "failed",
      },
    },
    /** Each call gets a result, so that the conversation can be gone on with. */
    stopping: {
      on: {
        "xstate.done.actor.tools": {
          target: "aborted",
          actions: { type: "recordOutcomes", params: ({ event }) => ({ outcomes: event.output }) },
        },
        "xstate.error.actor.tools": "failed",
      },
    },
    finished: { type: "final", output: endOf() },
    /** The last answer was cut off, filtered, refused or empty. */
    cutShort: { type: "final", output: endOf() },
    maxIterations: { type: "final", output: endOf("max-iterations") },
    stopped: { type: "final", output: endOf("stopped") },
    contextLength: { type: "final", output: endOf("context-length") },
    /** Why is told by whoever runs the chain: an error is no plain data. */
    failed: { type: "final", output: endOf("failed") },
    aborted: { type: "final", output: endOf("aborted") },
  },
  output: ({ event }) => event.output as ToolLoopOutput,
});
