/** OpenAI's Responses API as a script answers it: items of output, each with an end of its own, and thoughts as a reasoning item. */
import type { Usage } from "#contract/chat/usage";
import type { Answer, AnswerBlock, AnswerStep } from "#testing/answer";
import { type Json, lastMessageIn, serverSentEvent, type WireFormat } from "./format.ts";
import { openaiError, openaiErrorAnswer } from "./openai-errors.ts";

const INCOMPLETE: Record<string, string> = { length: "max_output_tokens", "content-filter": "content_filter", other: "other" };
const CREATED = 1_700_000_000;

export const openaiResponsesFormat: WireFormat = {
  basePath: "/v1",
  paths: "POST …/responses",
  streamType: "text/event-stream; charset=utf-8",
  requestIdHeader: "x-request-id",
  question: (path, body) =>
    path.endsWith("/responses")
      ? { model: String(body.model), stream: body.stream === true, lastMessage: lastMessageIn(body.input) }
      : undefined,
  whole: finished,
  stream: (answer, model) => {
    let count = 0;
    return (step) =>
      eventsOf(step, answer, model).map(({ type, ...event }) => {
        const numbered = { type, sequence_number: count, ...event };
        count += 1;
        return serverSentEvent(numbered, String(type));
      });
  },
  error: openaiErrorAnswer,
};

const responseOf = ({ number }: Answer, model: string, status: string): Json => ({
  id: `resp_scripted_${number}`,
  object: "response",
  created_at: CREATED,
  status,
  error: null,
  incomplete_details: null,
  instructions: null,
  metadata: {},
  model,
  output: [],
  parallel_tool_calls: true,
  temperature: null,
  tool_choice: "auto",
  tools: [],
  top_p: null,
  usage: null,
});

function finished(answer: Answer, model: string): Json {
  const reason = answer.finish.raw ?? INCOMPLETE[answer.finish.unified];
  return {
    ...responseOf(answer, model, reason === undefined ? "completed" : "incomplete"),
    incomplete_details: reason === undefined ? null : { reason },
    output: answer.blocks.map((block, index) => itemOf(block, idOf(answer, block, index))),
    usage: usageOf(answer.usage),
  };
}

function usageOf({ inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, cacheWriteLongTokens, reasoningTokens }: Usage): Json {
  const long = cacheWriteLongTokens ?? 0;
  return {
    input_tokens: inputTokens,
    input_tokens_details: {
      cached_tokens: cacheReadTokens,
      cache_write_tokens: cacheWriteTokens,
      cache_write_tokens_details: { ttl_30m_tokens: cacheWriteTokens - long, ttl_12h_tokens: long },
    },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens ?? 0 },
    total_tokens: inputTokens + outputTokens,
  };
}

const ID_PREFIXES = { thinking: "rs", text: "msg", "tool-use": "fc" };
const idOf = ({ number }: Answer, { type }: AnswerBlock, index: number): string => `${ID_PREFIXES[type]}_scripted_${number}_${index + 1}`;

const summaryPart = (text: string): Json => ({ type: "summary_text", text });
const textPart = (text: string): Json => ({ type: "output_text", text, annotations: [], logprobs: [] });

function itemOf(block: AnswerBlock, id: string): Json {
  switch (block.type) {
    case "thinking":
      return {
        id,
        type: "reasoning",
        summary: block.text === "" ? [] : [summaryPart(block.text)],
        encrypted_content: block.signature,
      };
    case "text":
      return { id, type: "message", role: "assistant", status: "completed", content: [textPart(block.text)] };
    case "tool-use":
      return { id, type: "function_call", status: "completed", call_id: block.id, name: block.name, arguments: block.text };
  }
}

function emptyItemOf(block: AnswerBlock, id: string): Json {
  switch (block.type) {
    case "thinking":
      return { id, type: "reasoning", summary: [] };
    case "text":
      return { id, type: "message", role: "assistant", status: "in_progress", content: [] };
    case "tool-use":
      return { id, type: "function_call", status: "in_progress", call_id: block.id, name: block.name, arguments: "" };
  }
}

function eventsOf(step: AnswerStep, answer: Answer, model: string): Json[] {
  switch (step.type) {
    case "open": {
      const response = responseOf(answer, model, "in_progress");
      return [
        { type: "response.created", response },
        { type: "response.in_progress", response },
      ];
    }
    case "start":
    case "delta":
    case "end": {
      const item_id = idOf(answer, step.block, step.index);
      return blockEvents(step, item_id);
    }
    case "finish": {
      const response = finished(answer, model);
      return [{ type: `response.${String(response.status)}`, response }];
    }
    case "fail": {
      const { message, code } = openaiError(step.error);
      return [{ type: "response.failed", response: { ...responseOf(answer, model, "failed"), error: { code, message } } }];
    }
  }
}

function blockEvents(step: Extract<AnswerStep, { block: AnswerBlock }>, item_id: string): Json[] {
  const { type, block, index } = step;
  const at = { item_id, output_index: index };
  const added = { type: "response.output_item.added", output_index: index, item: emptyItemOf(block, item_id) };
  const done = { type: "response.output_item.done", output_index: index, item: itemOf(block, item_id) };
  switch (block.type) {
    case "thinking": {
      const place = { ...at, summary_index: 0 };
      const name = "response.reasoning_summary";
      if (type === "start" && block.text === "") return [added];
      if (type === "end" && block.text === "") return [done];
      if (type === "start") return [added, { type: `${name}_part.added`, ...place, part: summaryPart("") }];
      if (type === "delta") return block.text === "" ? [] : [{ type: `${name}_text.delta`, ...place, delta: step.piece }];
      return [
        { type: `${name}_text.done`, ...place, text: block.text },
        { type: `${name}_part.done`, ...place, part: summaryPart(block.text) },
        done,
      ];
    }
    case "text": {
      const place = { ...at, content_index: 0 };
      if (type === "start") return [added, { type: "response.content_part.added", ...place, part: textPart("") }];
      if (type === "delta") return [{ type: "response.output_text.delta", ...place, delta: step.piece, logprobs: [] }];
      return [
        { type: "response.output_text.done", ...place, text: block.text, logprobs: [] },
        { type: "response.content_part.done", ...place, part: textPart(block.text) },
        done,
      ];
    }
    case "tool-use": {
      const name = "response.function_call_arguments";
      if (type === "start") return [added];
      if (type === "delta") return [{ type: `${name}.delta`, ...at, delta: step.piece }];
      return [{ type: `${name}.done`, ...at, name: block.name, arguments: block.text }, done];
    }
  }
}
