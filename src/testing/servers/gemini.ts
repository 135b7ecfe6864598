/** Gemini's API as a script answers it, by the paths of the Gemini API and of Vertex; thoughts are not among its candidates' tokens. */
import type { Usage } from "#contract/chat/usage";
import type { Answer, AnswerBlock, AnswerStep } from "#testing/answer";
import type { ScriptedError } from "#testing/script";
import { CONTEXT_LENGTH, type Json, lastMessageIn, messageOfError, type WireFormat } from "./format.ts";

/** There is no word for tool calls: they end as an answer does. */
const FINISH_REASONS = { stop: "STOP", length: "MAX_TOKENS", "tool-calls": "STOP", "content-filter": "SAFETY", other: "OTHER" };
const STATUSES: Record<number, string> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  408: "DEADLINE_EXCEEDED",
  429: "RESOURCE_EXHAUSTED",
  500: "INTERNAL",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};
const OVERFLOW = "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).";

export const geminiFormat: WireFormat = {
  basePath: "",
  paths: "POST …/models/MODEL:generateContent and …/models/MODEL:streamGenerateContent?alt=sse",
  streamType: "text/event-stream",
  question: (path, body) => {
    const { model, stream } =
      /\/models\/(?<model>[^/:]+):(?:generateContent(?:\?|$)|(?<stream>streamGenerateContent)\?(?:.*&)?alt=sse(?:&|$))/.exec(path)
        ?.groups ?? {};
    if (model === undefined) return undefined;
    return { model: decodeURIComponent(model), stream: stream !== undefined, lastMessage: lastMessageIn(body.contents) };
  },
  whole: (answer, model) => responseOf(answer, model, wholeParts(answer.blocks), true),
  stream: (answer, model) => (step) => chunksOf(step, answer, model).map((chunk) => `data: ${JSON.stringify(chunk)}\r\n\r\n`),
  error: (error) => ({ status: statusOf(error), headers: {}, body: errorBody(error) }),
};

function responseOf(answer: Answer, model: string, parts: readonly Json[], isLast: boolean): Json {
  const { finish, usage, number } = answer;
  const finishReason = isLast ? { finishReason: finish.raw ?? FINISH_REASONS[finish.unified] } : {};
  return {
    candidates: [{ content: { role: "model", parts }, ...finishReason, index: 0 }],
    usageMetadata: isLast ? usageOf(usage) : { promptTokenCount: usage.inputTokens, totalTokenCount: usage.inputTokens },
    modelVersion: model,
    responseId: `scripted-${number}`,
  };
}

function usageOf({ inputTokens, outputTokens, cacheReadTokens, reasoningTokens = 0 }: Usage): Json {
  return {
    promptTokenCount: inputTokens,
    candidatesTokenCount: Math.max(0, outputTokens - reasoningTokens),
    totalTokenCount: inputTokens + outputTokens,
    ...(reasoningTokens === 0 ? {} : { thoughtsTokenCount: reasoningTokens }),
    ...(cacheReadTokens === 0 ? {} : { cachedContentTokenCount: cacheReadTokens }),
  };
}

type ToolUse = Extract<AnswerBlock, { type: "tool-use" }>;

const callPart = ({ id, hasOwnId, name, input }: ToolUse): Json => ({ functionCall: { ...(hasOwnId ? { id } : {}), name, args: input } });
const isTool = ({ type }: AnswerBlock): boolean => type === "tool-use";

/** The signature sits on the first call; without one, on the text. */
function wholeParts(blocks: readonly AnswerBlock[]): Json[] {
  const signed = blocks.find(isTool) ?? blocks.find(({ type }) => type === "text");
  const parts = blocks.flatMap((block) => {
    if (block.type === "thinking") return block.text === "" ? [] : [{ text: block.text, thought: true }];
    const part = block.type === "text" ? { text: block.text } : callPart(block);
    return [block === signed ? { ...part, ...signatureOf(blocks) } : part];
  });
  return signed === undefined && blocks.length > 0 ? [...parts, { text: "", ...signatureOf(blocks) }] : parts;
}

function signatureOf(blocks: readonly AnswerBlock[]): Json {
  const thinking = blocks.find((block) => block.type === "thinking");
  return thinking === undefined ? {} : { thoughtSignature: thinking.signature };
}

function chunksOf(step: AnswerStep, answer: Answer, model: string): Json[] {
  const { blocks } = answer;
  const chunk = (part: Json): Json => responseOf(answer, model, [part], false);
  switch (step.type) {
    case "delta": {
      const { block, piece, isFirst } = step;
      if (block.type === "thinking") return piece === "" ? [] : [chunk({ text: piece, thought: true })];
      if (block.type === "text") return [chunk({ text: piece })];
      // A call comes whole.
      return isFirst ? [chunk(block === blocks.find(isTool) ? { ...callPart(block), ...signatureOf(blocks) } : callPart(block))] : [];
    }
    case "finish":
      return [responseOf(answer, model, [{ text: "", ...(blocks.some(isTool) ? {} : signatureOf(blocks)) }], true)];
    case "fail":
      return [errorBody(step.error)];
    case "open":
    case "start":
    case "end":
      return [];
  }
}

const statusOf = ({ status, reason }: ScriptedError): number => status ?? (reason === CONTEXT_LENGTH ? 400 : 500);

function errorBody(error: ScriptedError): Json {
  const { reason, message, retryAfterMs } = error;
  const code = statusOf(error);
  const byCode = STATUSES[code] ?? (code >= 500 ? "INTERNAL" : "INVALID_ARGUMENT");
  const isOverflow = reason === CONTEXT_LENGTH;
  const details = retryAfterMs === undefined ? {} : { details: [retryInfo(retryAfterMs)] };
  return {
    error: {
      code,
      message: message ?? (isOverflow ? OVERFLOW : messageOfError(error)),
      status: isOverflow ? byCode : (reason ?? byCode),
      ...details,
    },
  };
}

const retryInfo = (ms: number): Json => ({ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: `${ms / 1000}s` });
