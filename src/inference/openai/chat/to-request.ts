/** A request as Chat Completions takes it: results directly after the calls that they answer; the same prefix gives the same bytes at every turn. */

import { ChatRole } from "#contract/base/vocabulary";
import type { Thinking } from "#contract/chat/generation";
import type { ToolUseBlock } from "#contract/chat/message";
import type { ModelRequest, WireBlock, WireMessage, WireTool } from "#contract/chat/wire";
import { effortOf } from "#inference/openai/effort";
import { chatFile } from "#inference/openai/files";
import type { Dialect } from "#inference/openai/options";
import { type ChoiceWords, toolChoiceOf } from "#inference/openai/tool-choice";
import { splitResult } from "#inference/request/split-result";
import { heldSchema, outputFormat } from "#inference/request/strict-schema";

type Json = Record<string, unknown>;

const CHOICE: ChoiceWords = {
  named: (name) => ({ type: "function", function: { name } }),
  allowed: (tools) => ({ type: "allowed_tools", allowed_tools: { mode: "auto", tools } }),
};

/** How a part says that caching ends with it. */
const MARKS: Readonly<Record<string, Json>> = {
  openai: { prompt_cache_breakpoint: { mode: "explicit" } },
  openrouter: { cache_control: { type: "ephemeral" } },
};

export function toChatRequest(request: ModelRequest, dialect: Dialect): Json {
  const { model, tools, maxTokens, temperature, topP, stopSequences, thinking, output } = request;
  const isMarked = [...request.system, ...request.messages].some(({ cacheMarker }) => cacheMarker);
  return {
    model,
    messages: messagesOf(request, dialect),
    ...(tools.length === 0 ? {} : { tools: tools.map(toolOf), ...toolChoiceOf(request, CHOICE) }),
    ...(maxTokens === undefined ? {} : { [dialect.maxTokensField]: maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { top_p: topP }),
    ...(stopSequences === undefined ? {} : { stop: [...stopSequences] }),
    ...thinkingFields(thinking, model, dialect),
    ...(output === undefined ? {} : { response_format: { type: "json_schema", json_schema: outputFormat(output) } }),
    ...(isMarked && dialect.markers === "openai" ? { prompt_cache_options: { mode: "explicit" } } : {}),
  };
}

function thinkingFields(thinking: Thinking | undefined, model: string, { provider }: Dialect): Json {
  const effort = effortOf(thinking, model, provider);
  if (provider !== "openrouter") return effort === undefined ? {} : { reasoning_effort: effort };
  if (thinking === undefined) return {};
  const budget = typeof thinking === "object" ? thinking.budgetTokens : undefined;
  if (budget !== undefined) return { reasoning: { max_tokens: budget } };
  return { reasoning: effort === undefined ? { enabled: true } : { effort } };
}

/** The API wants properties, also where a schema goes without. */
function toolOf({ name, description, inputSchema, strict, definition }: WireTool): Json {
  if (definition !== undefined) return definition;
  const { schema, ...held } = heldSchema({ type: "object", properties: {}, ...inputSchema }, strict);
  return { type: "function", function: { name, description, parameters: schema, ...held } };
}

const nowhere = (): boolean => false;

function messagesOf({ system, messages }: ModelRequest, dialect: Dialect): Json[] {
  const sent: Json[] = [];
  /** Where the results of the latest answer's calls end. */
  let resultsEnd = 0;
  // The templates of local models take one instruction.
  const leading = system.flatMap((message) => partsOf(message.blocks, message.cacheMarker, dialect));
  if (leading.length > 0) sent.push({ role: dialect.instructor, content: contentOf(leading, dialect) });
  for (const message of messages) {
    const { role, blocks, cacheMarker } = message;
    if (role === ChatRole.ASSISTANT) {
      sent.push(...answerOf(message, dialect));
      resultsEnd = sent.length;
      continue;
    }
    const results = blocks.flatMap((block) => (block.type === "tool-result" ? [{ ...block, ...splitResult(block.content, nowhere) }] : []));
    // The API takes text alone as a tool's result: files follow, said by the user.
    const parts = partsOf([...results.flatMap(({ beside }) => beside), ...blocks], cacheMarker, dialect);
    for (const { toolUseId, inside } of results) {
      const isMarked = cacheMarker && parts.length === 0 && toolUseId === results.at(-1)?.toolUseId;
      const told = contentOf(partsOf(inside, isMarked, dialect), dialect);
      sent.splice(resultsEnd++, 0, { role: "tool", tool_call_id: toolUseId, content: told });
    }
    if (parts.length > 0) sent.push({ role: role === ChatRole.SYSTEM ? dialect.instructor : "user", content: contentOf(parts, dialect) });
  }
  return sent;
}

function answerOf({ blocks, cacheMarker }: WireMessage, dialect: Dialect): Json[] {
  const parts = partsOf(blocks, cacheMarker, dialect);
  const calls = blocks.filter((block) => block.type === "tool-use");
  if (parts.length === 0 && calls.length === 0) return [];
  return [
    {
      role: "assistant",
      content: parts.length === 0 ? null : contentOf(parts, dialect),
      ...(calls.length === 0 ? {} : { ...thoughtsOf(blocks), tool_calls: calls.map(callOf) }),
    },
  ];
}

/** Models that think between calls want their thoughts back with the calls, under the name that they came by. */
function thoughtsOf(blocks: readonly WireBlock[]): Json {
  const thoughts = blocks.filter((block) => block.type === "thinking");
  const field = thoughts.map(({ native }) => native?.data?.field).find((name) => typeof name === "string");
  const details = thoughts.flatMap(({ native }) => (Array.isArray(native?.data?.details) ? native.data.details : []));
  return {
    ...(field === undefined ? {} : { [field]: thoughts.map(({ text }) => text).join("") }),
    ...(details.length === 0 ? {} : { reasoning_details: details }),
  };
}

/** Local servers parse what was called before: what was no JSON goes back within some. */
const callOf = ({ id, name, input, inputError, native }: ToolUseBlock): Json => ({
  id,
  type: "function",
  function: { name, arguments: JSON.stringify(inputError === undefined ? input : { invalid_json: input }) },
  ...(native?.data?.extra_content === undefined ? {} : { extra_content: native.data.extra_content }),
});

/** Text, files, and thoughts that came as parts, which Mistral wants back as such (docs.mistral.ai, Reasoning, November 2026); the last with the marker. */
function partsOf(blocks: readonly WireBlock[], isMarked: boolean, { markers, provider }: Dialect): Json[] {
  const parts = blocks.flatMap((block): Json[] => {
    if (block.type === "text") return block.text === "" ? [] : [{ type: "text", text: block.text }];
    if (block.type === "thinking" && block.native?.data?.isPart === true) {
      return [{ type: "thinking", thinking: [{ type: "text", text: block.text }], closed: true }];
    }
    return block.type === "file" ? [chatFile(block, provider)] : [];
  });
  const last = parts.at(-1);
  if (isMarked && last !== undefined) Object.assign(last, MARKS[markers]);
  return parts;
}

/** Where markers may be, text has the same form with and without one; elsewhere plain text is what every server reads. */
function contentOf(parts: Json[], { markers }: Dialect): Json[] | string {
  if (MARKS[markers] !== undefined || parts.some(({ type }) => type !== "text")) return parts;
  return parts.map(({ text }) => text).join("\n\n");
}
