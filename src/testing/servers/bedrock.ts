/** Bedrock's Converse as a script answers it: JSON when whole, binary frames when streamed; input tokens leave out the cached ones. */
import type { Usage } from "#contract/chat/usage";
import type { Answer, AnswerBlock, AnswerStep } from "#testing/answer";
import type { ScriptedError } from "#testing/script";
import { eventOf, exceptionOf } from "./event-stream.ts";
import { CONTEXT_LENGTH, type Json, lastMessageIn, messageOfError, type WireFormat } from "./format.ts";

const STOP_REASONS = {
  stop: "end_turn",
  length: "max_tokens",
  "tool-calls": "tool_use",
  "content-filter": "content_filtered",
  other: "other",
};
const EXCEPTIONS: Record<number, string> = {
  403: "AccessDeniedException",
  404: "ResourceNotFoundException",
  408: "ModelTimeoutException",
  424: "ModelErrorException",
  429: "ThrottlingException",
  503: "ServiceUnavailableException",
};
/** Bedrock says "too many tokens" of a rate, too, which is no overflow. */
const OVERFLOW = "Input is too long for requested model.";

export const bedrockFormat: WireFormat = {
  basePath: "",
  paths: "POST /model/MODEL/converse and /model/MODEL/converse-stream",
  streamType: "application/vnd.amazon.eventstream",
  requestIdHeader: "x-amzn-requestid",
  question: (path, body) => {
    const { model, stream } = /\/model\/(?<model>[^/]+)\/converse(?<stream>-stream)?$/.exec(path)?.groups ?? {};
    if (model === undefined) return undefined;
    return { model: decodeURIComponent(model), stream: stream !== undefined, lastMessage: lastMessageIn(body.messages) };
  },
  whole: (answer) => ({
    output: { message: { role: "assistant", content: answer.blocks.map(wholeBlock) } },
    stopReason: stopReasonOf(answer),
    usage: usageOf(answer.usage),
    metrics: { latencyMs: 1 },
  }),
  stream: (answer) => (step) => framesOf(step, answer),
  error: (error) => {
    const { status, type, message } = exceptionFor(error);
    const { retryAfterMs } = error;
    const wait: Record<string, string> = retryAfterMs === undefined ? {} : { "retry-after": String(Math.ceil(retryAfterMs / 1000)) };
    return { status, headers: { "x-amzn-errortype": type, ...wait }, body: { message } };
  },
};

const stopReasonOf = ({ finish }: Answer): string => finish.raw ?? STOP_REASONS[finish.unified];

function usageOf({ inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, cacheWriteLongTokens = 0 }: Usage): Json {
  const short = cacheWriteTokens - cacheWriteLongTokens;
  const details = [
    { ttl: "5m", inputTokens: short },
    { ttl: "1h", inputTokens: cacheWriteLongTokens },
  ].filter(({ inputTokens }) => inputTokens > 0);
  return {
    inputTokens: Math.max(0, inputTokens - cacheReadTokens - cacheWriteTokens),
    outputTokens,
    totalTokens: inputTokens + outputTokens,
    cacheReadInputTokens: cacheReadTokens,
    cacheWriteInputTokens: cacheWriteTokens,
    ...(details.length === 0 ? {} : { cacheDetails: details }),
  };
}

function wholeBlock(block: AnswerBlock): Json {
  switch (block.type) {
    case "thinking":
      return { reasoningContent: { reasoningText: { text: block.text, signature: block.signature } } };
    case "text":
      return { text: block.text };
    case "tool-use":
      return { toolUse: { toolUseId: block.id, name: block.name, input: block.input } };
  }
}

function deltaOf(block: AnswerBlock, piece: string): Json {
  switch (block.type) {
    case "thinking":
      return { reasoningContent: { text: piece } };
    case "text":
      return { text: piece };
    case "tool-use":
      return { toolUse: { input: piece } };
  }
}

function framesOf(step: AnswerStep, answer: Answer): Uint8Array[] {
  switch (step.type) {
    case "open":
      return [eventOf("messageStart", { role: "assistant" })];
    case "start": {
      const { block, index: contentBlockIndex } = step;
      // Only tools have a start; text and thoughts begin with their first delta.
      if (block.type !== "tool-use") return [];
      return [eventOf("contentBlockStart", { contentBlockIndex, start: { toolUse: { toolUseId: block.id, name: block.name } } })];
    }
    case "delta":
      return [eventOf("contentBlockDelta", { contentBlockIndex: step.index, delta: deltaOf(step.block, step.piece) })];
    case "end": {
      const { block, index: contentBlockIndex } = step;
      const stop = eventOf("contentBlockStop", { contentBlockIndex });
      if (block.type !== "thinking") return [stop];
      return [eventOf("contentBlockDelta", { contentBlockIndex, delta: { reasoningContent: { signature: block.signature } } }), stop];
    }
    case "finish":
      return [
        eventOf("messageStop", { stopReason: stopReasonOf(answer) }),
        eventOf("metadata", { usage: usageOf(answer.usage), metrics: { latencyMs: 1 } }),
      ];
    case "fail": {
      const { type, message } = exceptionFor(step.error);
      return [exceptionOf(`${type.slice(0, 1).toLowerCase()}${type.slice(1)}`, { message })];
    }
  }
}

function exceptionFor(error: ScriptedError): { status: number; type: string; message: string } {
  const isOverflow = error.reason === CONTEXT_LENGTH;
  const status = error.status ?? (isOverflow ? 400 : 500);
  if (isOverflow) return { status, type: "ValidationException", message: error.message ?? OVERFLOW };
  const byStatus = EXCEPTIONS[status] ?? (status >= 500 ? "InternalServerException" : "ValidationException");
  // A token that is not known is refused as access is, by the same words.
  return { status, type: error.reason ?? (status === 401 ? "UnrecognizedClientException" : byStatus), message: messageOfError(error) };
}
