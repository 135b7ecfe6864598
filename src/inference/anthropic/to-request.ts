/** A request as the Messages API takes it: turns that alternate, tool results first in theirs; the same prefix gives the same bytes at every turn. */
import type Anthropic from "@anthropic-ai/sdk";
import { ChatRole } from "#contract/base/vocabulary";
import type { ToolChoice } from "#contract/chat/generation";
import type { FileBlock, NativeData, ProviderBlock, ThinkingBlock, ToolUseBlock } from "#contract/chat/message";
import type { ModelRequest, WireBlock, WireMessage, WireResult, WireTool } from "#contract/chat/wire";
import { outputSchema } from "#inference/request/output-schema";
import { placeSystem } from "#inference/request/place-system";
import { plainId } from "#inference/request/plain-id";
import { fileOf } from "./files.ts";
import { thinkingFields } from "./thinking.ts";

type Block = Anthropic.ContentBlockParam;
/** Sampling parameters are not in the types of the API's latest version. */
type Body = Anthropic.MessageCreateParamsNonStreaming & { temperature?: number; top_p?: number };

/** The API has no default of its own. */
const DEFAULT_MAX_TOKENS = 16_000;
const CACHED = { cache_control: { type: "ephemeral" } } as const;

export function toRequest(request: ModelRequest): Body {
  const { model, tools, maxTokens, temperature, topP, stopSequences, output } = request;
  const system = request.system.flatMap((message) => marked(textsOf(message), message.cacheMarker));
  const { thinking, effort } = thinkingFields(model, request.thinking, maxTokens);
  const budget = thinking?.type === "enabled" ? thinking.budget_tokens : 0;
  const outputConfig = {
    ...(effort === undefined ? {} : { effort }),
    ...(output === undefined ? {} : { format: { type: "json_schema" as const, schema: outputSchema(output) } }),
  };
  return {
    model,
    max_tokens: maxTokens ?? DEFAULT_MAX_TOKENS + budget,
    ...(system.length === 0 ? {} : { system }),
    ...(tools.length === 0 ? {} : { tools: toolsOf(request), ...choiceOf(request.toolChoice) }),
    ...(thinking === undefined ? {} : { thinking }),
    ...(Object.keys(outputConfig).length === 0 ? {} : { output_config: outputConfig }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { top_p: topP }),
    ...(stopSequences === undefined || stopSequences.length === 0 ? {} : { stop_sequences: [...stopSequences] }),
    messages: turnsOf(request.messages),
  };
}

function toolsOf({ tools, toolsMarker }: ModelRequest): Anthropic.ToolUnion[] {
  return tools.map((tool, index) => ({ ...toolOf(tool), ...(toolsMarker && index === tools.length - 1 ? CACHED : {}) }));
}

function toolOf({ name, description, inputSchema, strict, definition }: WireTool): Anthropic.ToolUnion {
  if (definition !== undefined) return { ...definition } as unknown as Anthropic.ToolUnion;
  // The API wants the type, also where a schema goes without.
  const whole = { type: "object" as const, ...inputSchema };
  return strict === true
    ? { name, description, input_schema: outputSchema(whole) as Anthropic.Tool["input_schema"], strict }
    : { name, description, input_schema: whole };
}

function choiceOf(choice: ToolChoice): { tool_choice?: Anthropic.ToolChoice } {
  if (choice === "auto") return {};
  if (typeof choice === "string") return { tool_choice: { type: choice } };
  return "name" in choice ? { tool_choice: { type: "tool", name: choice.name } } : {};
}

interface Turn {
  role: Anthropic.MessageParam["role"];
  /** All results of a turn's tools are in one message, before anything else. */
  results: Block[];
  rest: Block[];
}

function turnsOf(messages: readonly WireMessage[]): Anthropic.MessageParam[] {
  const turns: Turn[] = [];
  for (const { role, blocks, cacheMarker } of placeSystem(messages)) {
    const told = blocks.flatMap((block) => blockOf(block) ?? []);
    const results = told.filter(({ type }) => type === "tool_result");
    const rest = told.filter(({ type }) => type !== "tool_result");
    marked([...results, ...rest], cacheMarker);
    if (told.length === 0) continue;
    const turn = turnFor(turns, role);
    turn.results.push(...results);
    turn.rest.push(...rest);
  }
  return turns.map(({ role, results, rest }) => ({ role, content: [...results, ...rest] }) as Anthropic.MessageParam);
}

function turnFor(turns: Turn[], role: ChatRole): Turn {
  const last = turns.at(-1);
  const apiRole = role === ChatRole.ASSISTANT ? "assistant" : role === ChatRole.SYSTEM ? "system" : "user";
  if (last?.role === apiRole) return last;
  const turn: Turn = { role: apiRole, results: [], rest: [] };
  turns.push(turn);
  return turn;
}

function textsOf({ blocks }: WireMessage): Anthropic.TextBlockParam[] {
  return blocks.flatMap((block) => (block.type === "text" && !isBlank(block.text) ? [{ type: "text", text: block.text }] : []));
}

/** Thoughts may carry none, and what is kept goes back as it came. */
const MARKABLE: ReadonlySet<string> = new Set(["text", "image", "document", "tool_use", "tool_result"]);

/** Puts the marker on the last block that may carry one, in place. */
function marked<B extends Block>(blocks: B[], isMarked: boolean): B[] {
  if (isMarked) {
    const last = blocks.findLast(({ type }) => MARKABLE.has(type));
    if (last !== undefined) Object.assign(last, CACHED);
  }
  return blocks;
}

/** The API refuses text of nothing but white space. */
const isBlank = (text: string): boolean => text.trim() === "";

function blockOf(block: WireBlock): Block | undefined {
  switch (block.type) {
    case "text":
      return isBlank(block.text) ? undefined : { type: "text", text: block.text, ...restIn(block.native) };
    case "provider":
      return block.value as Block;
    case "thinking":
      return thinkingOf(block);
    case "file":
      return fileOf(block);
    case "tool-use":
      return { type: "tool_use", id: plainId(block.id), name: block.name, input: inputOf(block), ...restIn(block.native) };
    case "tool-result":
      return {
        type: "tool_result",
        tool_use_id: plainId(block.toolUseId),
        content: resultOf(block),
        ...(block.isError === true ? { is_error: true } : {}),
      };
  }
}

function resultOf({ content }: WireResult): NonNullable<Anthropic.ToolResultBlockParam["content"]> {
  if (typeof content === "string") return isBlank(content) ? "(no output)" : content;
  return content.flatMap((part) => (part.type === "file" ? fileOf(part) : isBlank(part.text) ? [] : { type: "text", text: part.text }));
}

/** A thought goes back byte for byte, also one of which nothing is shown; one that nothing proves is none of the model's. */
function thinkingOf({ text, signature, native }: ThinkingBlock): Block | undefined {
  const redacted = native?.data?.redacted;
  if (typeof redacted === "string") return { type: "redacted_thinking", data: redacted };
  return signature === undefined ? undefined : { type: "thinking", thinking: text, signature, ...restIn(native) };
}

/** No answer of its own holds another file. */
export const isOwnBlock = (block: ProviderBlock | FileBlock): boolean =>
  block.type === "provider" && isRecord(block.value) && typeof block.value.type === "string";

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** What came with a block beside what is read of it. */
function restIn(native: NativeData | undefined): Record<string, unknown> {
  const rest = native?.data?.rest;
  return isRecord(rest) ? rest : {};
}

/** The API takes objects alone; what the model wrote amiss is told back to it within one. */
function inputOf({ input, inputError }: ToolUseBlock): unknown {
  const isObject = typeof input === "object" && input !== null && !Array.isArray(input);
  if (inputError === undefined && isObject) return input;
  return { invalid_json: typeof input === "string" ? input : JSON.stringify(input) };
}
