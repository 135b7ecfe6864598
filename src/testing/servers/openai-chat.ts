/** OpenAI's Chat Completions as a script answers it; thoughts come as `reasoning_content`, as compatible servers send them. */
import type { Usage } from "#contract/chat/usage";
import type { Answer, AnswerBlock, AnswerStep } from "#testing/answer";
import { type Json, lastMessageIn, serverSentEvent, type WireFormat } from "./format.ts";
import { openaiError, openaiErrorAnswer } from "./openai-errors.ts";

const FINISH_REASONS = { stop: "stop", length: "length", "tool-calls": "tool_calls", "content-filter": "content_filter", other: "other" };
const CREATED = 1_700_000_000;

export const openaiChatFormat: WireFormat = {
  basePath: "/v1",
  paths: "POST …/chat/completions",
  streamType: "text/event-stream; charset=utf-8",
  requestIdHeader: "x-request-id",
  question: (path, body) =>
    path.endsWith("/chat/completions")
      ? { model: String(body.model), stream: body.stream === true, lastMessage: lastMessageIn(body.messages) }
      : undefined,
  whole: (answer, model) => ({
    id: idOf(answer),
    object: "chat.completion",
    created: CREATED,
    model,
    choices: [{ index: 0, message: messageOf(answer.blocks), logprobs: null, finish_reason: finishReasonOf(answer) }],
    usage: usageOf(answer.usage),
  }),
  stream: (answer, model, body) => {
    const withUsage = (body.stream_options as { include_usage?: unknown } | undefined)?.include_usage === true;
    return (step) => eventsOf(step, answer, model, withUsage);
  },
  error: openaiErrorAnswer,
};

const idOf = ({ number }: Answer): string => `chatcmpl-scripted-${number}`;
const finishReasonOf = ({ finish }: Answer): string => finish.raw ?? FINISH_REASONS[finish.unified];

function usageOf({ inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens, cost }: Usage): Json {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: cacheReadTokens, cache_write_tokens: cacheWriteTokens },
    ...(reasoningTokens === undefined ? {} : { completion_tokens_details: { reasoning_tokens: reasoningTokens } }),
    ...(cost === undefined ? {} : { cost }),
  };
}

function messageOf(blocks: readonly AnswerBlock[]): Json {
  const textOf = (type: AnswerBlock["type"]): string | null => blocks.find((block) => block.type === type)?.text ?? null;
  const thinking = textOf("thinking");
  const calls = blocks.flatMap((block) => (block.type === "tool-use" ? [callOf(block)] : []));
  return {
    role: "assistant",
    content: textOf("text"),
    refusal: null,
    ...(thinking === null ? {} : { reasoning_content: thinking }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

const callOf = ({ id, name, text }: Extract<AnswerBlock, { type: "tool-use" }>): Json => ({
  id,
  type: "function",
  function: { name, arguments: text },
});

function eventsOf(step: AnswerStep, answer: Answer, model: string, withUsage: boolean): string[] {
  const base = { id: idOf(answer), object: "chat.completion.chunk", created: CREATED, model };
  const chunk = (delta: Json, finish_reason: string | null = null): string =>
    serverSentEvent({ ...base, choices: [{ index: 0, delta, logprobs: null, finish_reason }], ...(withUsage ? { usage: null } : {}) });
  switch (step.type) {
    case "open":
      return [chunk({ role: "assistant", content: "" })];
    case "start": {
      const { block, index } = step;
      if (block.type !== "tool-use") return [];
      const call = { index: callIndex(answer, index), id: block.id, type: "function", function: { name: block.name, arguments: "" } };
      return [chunk({ tool_calls: [call] })];
    }
    case "delta": {
      const { block, index, piece } = step;
      if (block.type === "text") return [chunk({ content: piece })];
      if (block.type === "thinking") return [chunk({ reasoning_content: piece })];
      return [chunk({ tool_calls: [{ index: callIndex(answer, index), function: { arguments: piece } }] })];
    }
    case "end":
      return [];
    case "finish": {
      const usage = withUsage ? [serverSentEvent({ ...base, choices: [], usage: usageOf(answer.usage) })] : [];
      return [chunk({}, finishReasonOf(answer)), ...usage, "data: [DONE]\n\n"];
    }
    case "fail":
      return [serverSentEvent({ error: openaiError(step.error) })];
  }
}

/** Calls count among themselves. */
const callIndex = ({ blocks }: Answer, index: number): number => index - blocks.findIndex(({ type }) => type === "tool-use");
