/** Anthropic's Messages API as a script answers it; its input tokens leave out the cached ones, its usage on streams is cumulative. */
import type { Usage } from "#contract/chat/usage";
import type { Answer, AnswerBlock, AnswerStep } from "#testing/answer";
import type { ScriptedError } from "#testing/script";
import { CONTEXT_LENGTH, type Json, lastMessageIn, messageOfError, retryAfterHeaders, serverSentEvent, type WireFormat } from "./format.ts";

const STOP_REASONS = { stop: "end_turn", length: "max_tokens", "tool-calls": "tool_use", "content-filter": "refusal", other: "other" };
const TYPES: Record<number, string> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  408: "timeout_error",
  413: "request_too_large",
  429: "rate_limit_error",
  504: "timeout_error",
  529: "overloaded_error",
};

export const anthropicFormat: WireFormat = {
  basePath: "",
  paths: "POST …/v1/messages",
  streamType: "text/event-stream; charset=utf-8",
  requestIdHeader: "request-id",
  question: (path, body) => {
    // The second is Claude on Vertex.
    const { model } = /\/models\/(?<model>[^/:]+):(?:rawPredict|streamRawPredict)$/.exec(path)?.groups ?? {};
    if (model === undefined && !path.endsWith("/messages")) return undefined;
    return { model: model ?? String(body.model), stream: body.stream === true, lastMessage: lastMessageIn(body.messages) };
  },
  whole: (answer, model) => ({
    ...messageOf(answer, model),
    content: answer.blocks.map(wholeBlock),
    stop_reason: stopReasonOf(answer),
    usage: { ...inputUsage(answer.usage), ...outputUsage(answer.usage) },
  }),
  stream: (answer, model) => (step) => eventsOf(step, answer, model).map((event) => serverSentEvent(event, String(event.type))),
  error: (error) => {
    const isOverflow = error.reason === CONTEXT_LENGTH;
    return { status: error.status ?? (isOverflow ? 400 : 500), headers: retryAfterHeaders(error), body: errorBody(error) };
  },
};

const messageOf = ({ number }: Answer, model: string): Json => ({
  id: `msg_scripted_${number}`,
  type: "message",
  role: "assistant",
  model,
  content: [],
  stop_reason: null,
  stop_sequence: null,
});

const stopReasonOf = ({ finish }: Answer): string => finish.raw ?? STOP_REASONS[finish.unified];

function inputUsage({ inputTokens, cacheReadTokens, cacheWriteTokens, cacheWriteLongTokens = 0 }: Usage): Json {
  return {
    input_tokens: Math.max(0, inputTokens - cacheReadTokens - cacheWriteTokens),
    cache_creation_input_tokens: cacheWriteTokens,
    cache_read_input_tokens: cacheReadTokens,
    cache_creation: {
      ephemeral_5m_input_tokens: cacheWriteTokens - cacheWriteLongTokens,
      ephemeral_1h_input_tokens: cacheWriteLongTokens,
    },
  };
}

const outputUsage = ({ outputTokens, reasoningTokens }: Usage): Json => ({
  output_tokens: outputTokens,
  output_tokens_details: reasoningTokens === undefined ? null : { thinking_tokens: reasoningTokens },
});

function wholeBlock(block: AnswerBlock): Json {
  switch (block.type) {
    case "thinking":
      return { type: "thinking", thinking: block.text, signature: block.signature };
    case "text":
      return { type: "text", text: block.text };
    case "tool-use":
      return { type: "tool_use", id: block.id, name: block.name, input: block.input };
  }
}

function emptyBlock(block: AnswerBlock): Json {
  switch (block.type) {
    case "thinking":
      return { type: "thinking", thinking: "", signature: "" };
    case "text":
      return { type: "text", text: "" };
    case "tool-use":
      return { type: "tool_use", id: block.id, name: block.name, input: {} };
  }
}

function deltaOf(block: AnswerBlock, piece: string): Json {
  switch (block.type) {
    case "thinking":
      return { type: "thinking_delta", thinking: piece };
    case "text":
      return { type: "text_delta", text: piece };
    case "tool-use":
      return { type: "input_json_delta", partial_json: piece };
  }
}

function eventsOf(step: AnswerStep, answer: Answer, model: string): Json[] {
  switch (step.type) {
    case "open":
      return [
        { type: "message_start", message: { ...messageOf(answer, model), usage: { ...inputUsage(answer.usage), output_tokens: 0 } } },
        { type: "ping" },
      ];
    case "start":
      return [{ type: "content_block_start", index: step.index, content_block: emptyBlock(step.block) }];
    case "delta":
      return [{ type: "content_block_delta", index: step.index, delta: deltaOf(step.block, step.piece) }];
    case "end": {
      const { index, block } = step;
      const stop = { type: "content_block_stop", index };
      if (block.type !== "thinking") return [stop];
      return [{ type: "content_block_delta", index, delta: { type: "signature_delta", signature: block.signature } }, stop];
    }
    case "finish":
      return [
        { type: "message_delta", delta: { stop_reason: stopReasonOf(answer), stop_sequence: null }, usage: finalUsage(answer.usage) },
        { type: "message_stop" },
      ];
    case "fail":
      return [errorBody(step.error)];
  }
}

/** The end of a stream counts again what its start did, without the kinds of cache writes. */
function finalUsage(usage: Usage): Json {
  const { cache_creation: _kinds, ...input } = inputUsage(usage);
  return { ...input, ...outputUsage(usage) };
}

function errorBody(error: ScriptedError): Json {
  const isOverflow = error.reason === CONTEXT_LENGTH;
  const type = isOverflow ? "invalid_request_error" : (error.reason ?? TYPES[error.status ?? 500] ?? "api_error");
  const message = error.message ?? (isOverflow ? "prompt is too long: 200001 tokens > 200000 maximum" : messageOfError(error));
  return { type: "error", error: { type, message } };
}
