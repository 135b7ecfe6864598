/** A request as Converse takes it: turns that alternate, tool results first in theirs, and cache points as blocks of their own. */
import type {
  Citation,
  ContentBlock as ConverseBlock,
  ConverseRequest,
  InferenceConfiguration,
  Message,
  OutputConfig,
  SystemContentBlock,
  Tool,
  ToolConfiguration,
  ToolResultBlock,
} from "@aws-sdk/client-bedrock-runtime";
import { fromBase64 } from "#contract/base/base64";
import { ChatRole } from "#contract/base/vocabulary";
import type { ToolChoice } from "#contract/chat/generation";
import type { TextBlock, ThinkingBlock, ToolUseBlock } from "#contract/chat/message";
import type { ModelRequest, WireBlock, WireMessage, WireResult, WireTool } from "#contract/chat/wire";
import { outputSchema } from "#inference/request/output-schema";
import { placeSystem } from "#inference/request/place-system";
import { plainId } from "#inference/request/plain-id";
import { splitResult } from "#inference/request/split-result";
import { ConverseFiles, isNested } from "./files.ts";
import { keptBlock, unkeep } from "./kept-block.ts";
import { thinkingFields } from "./thinking-fields.ts";

type Document = NonNullable<ConverseRequest["additionalModelRequestFields"]>;

const CACHE_POINT = { cachePoint: { type: "default" } } as const;
const NO_TOOLS = "Answer without calling a tool.";
/** @throws WireFault `unsupported` or `invalid-request` for files that Converse does not take */
export function toRequest(request: ModelRequest): ConverseRequest {
  const { model, output } = request;
  const system = request.system.flatMap(systemOf);
  const inferenceConfig = inferenceOf(request);
  const toolConfig = toolsOf(request);
  const { effort, fields } = thinkingFields(model, request.thinking);
  const outputConfig: OutputConfig = {
    ...(effort === undefined ? {} : { effort }),
    ...(output === undefined
      ? {}
      : {
          textFormat: { type: "json_schema", structure: { jsonSchema: { schema: JSON.stringify(outputSchema(output)), name: "output" } } },
        }),
  };
  return {
    modelId: model,
    messages: turnsOf(request),
    ...(system.length === 0 ? {} : { system }),
    ...(isEmpty(inferenceConfig) ? {} : { inferenceConfig }),
    ...(toolConfig === undefined ? {} : { toolConfig }),
    ...(isEmpty(outputConfig) ? {} : { outputConfig }),
    ...(fields === undefined ? {} : { additionalModelRequestFields: fields }),
  };
}

/** Converse refuses text of nothing but white space. */
const isBlank = (text: string): boolean => text.trim() === "";

const isEmpty = (value: object): boolean => Object.keys(value).length === 0;

function inferenceOf({ maxTokens, temperature, topP, stopSequences }: ModelRequest): InferenceConfiguration {
  return {
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(stopSequences === undefined || stopSequences.length === 0 ? {} : { stopSequences: [...stopSequences] }),
  };
}

function systemOf({ blocks, cacheMarker }: WireMessage): SystemContentBlock[] {
  const texts = blocks.flatMap((block) => (block.type === "text" && !isBlank(block.text) ? [{ text: block.text }] : []));
  return cacheMarker && texts.length > 0 ? [...texts, CACHE_POINT] : texts;
}

interface Turn {
  role: NonNullable<Message["role"]>;
  /** Converse wants all results of a turn's tools in one message, before anything else. */
  results: ConverseBlock[];
  rest: ConverseBlock[];
}

function turnsOf({ messages, toolChoice }: ModelRequest): Message[] {
  const turns: Turn[] = [];
  const files = new ConverseFiles();
  for (const { role, blocks, cacheMarker } of placeSystem(messages)) {
    const converseRole = role === ChatRole.ASSISTANT ? "assistant" : role === ChatRole.SYSTEM ? "system" : "user";
    const told = blocks.flatMap((block) => blocksOf(block, files));
    if (told.length === 0) continue;
    // In an answer they are of tools that Bedrock ran, and stand where they came.
    const isResult = ({ toolResult }: ConverseBlock): boolean => toolResult !== undefined && converseRole !== "assistant";
    const rest = told.filter((block) => !isResult(block));
    let turn = turns.at(-1);
    if (turn?.role !== converseRole) {
      turn = { role: converseRole, results: [], rest: [] };
      turns.push(turn);
    }
    turn.results.push(...told.filter(isResult));
    turn.rest.push(...rest);
    if (!cacheMarker) continue;
    const tail = rest.length > 0 ? turn.rest : turn.results;
    // Nothing can be cached up to a thought, which is bound to what follows.
    if (tail.at(-1)?.reasoningContent === undefined) tail.push(CACHE_POINT);
  }
  const last = turns.at(-1);
  // Tools that were called must be named, and there is no choice "none"; after the cache points, so that those stay where they were.
  if (toolChoice === "none" && last?.role === "user" && usedTools(messages).length > 0) last.rest.push({ text: NO_TOOLS });
  for (const { rest } of turns) if (lacksText(rest)) rest.push({ text: "(see the document)" });
  return turns.map(({ role, results, rest }) => ({ role, content: [...results, ...rest] }));
}

/** Converse wants a text beside a document. */
const lacksText = (blocks: readonly ConverseBlock[]): boolean =>
  blocks.some(({ document }) => document !== undefined) && !blocks.some(({ text }) => text !== undefined);

function blocksOf(block: WireBlock, files: ConverseFiles): ConverseBlock[] {
  switch (block.type) {
    case "text":
      return [textOf(block) ?? []].flat();
    case "provider":
      return [keptBlock(block.value) ?? []].flat();
    case "thinking":
      return [reasoningOf(block) ?? []].flat();
    case "file":
      return [files.blockOf(block)];
    case "tool-use":
      return [{ toolUse: { toolUseId: plainId(block.id), name: block.name, input: inputOf(block) } }];
    case "tool-result":
      return resultOf(block, files);
  }
}

/** What a result cannot hold stands after it. */
function resultOf({ toolUseId, content, isError }: WireResult, files: ConverseFiles): ConverseBlock[] {
  const { inside, beside } = splitResult(content, isNested);
  const told = inside.flatMap((part) => (part.type === "file" ? files.blockOf(part) : isBlank(part.text) ? [] : { text: part.text }));
  const toolResult: ToolResultBlock = {
    toolUseId: plainId(toolUseId),
    content: told.length === 0 ? [{ text: "(empty)" }] : told,
    // Some models take no status at all.
    ...(isError === true ? { status: "error" } : {}),
  };
  return [{ toolResult }, ...beside.map((file) => files.blockOf(file))];
}

function textOf({ text, native }: TextBlock): ConverseBlock | undefined {
  if (isBlank(text)) return undefined;
  const citations = native?.data?.citations;
  return Array.isArray(citations)
    ? { citationsContent: { content: [{ text }], citations: citations.map(unkeep) as Citation[] } }
    : { text };
}

/** Thoughts without a proof are no use to a model, and several refuse them. */
function reasoningOf({ text, signature, native }: ThinkingBlock): ConverseBlock | undefined {
  const redacted = native?.data?.redactedContent;
  if (typeof redacted === "string") return { reasoningContent: { redactedContent: fromBase64(redacted) } };
  return signature === undefined ? undefined : { reasoningContent: { reasoningText: { text, signature } } };
}

/** Converse takes an object and nothing else. */
function inputOf({ input, inputError }: ToolUseBlock): Document {
  const isObject = typeof input === "object" && input !== null && !Array.isArray(input);
  return (inputError === undefined && isObject ? input : { invalid_json: input }) as Document;
}

/** Converse refuses tool blocks without a `toolConfig`, and an empty `toolConfig`. */
function toolsOf({ tools, toolsMarker, toolChoice, messages }: ModelRequest): ToolConfiguration | undefined {
  const used = usedTools(messages);
  // There is no way to say "none" but to name no tools.
  if (toolChoice === "none" && used.length === 0) return undefined;
  const specs = tools.map(toolOf);
  const told = specs.length > 0 ? specs : used.map((name) => ({ toolSpec: { name, inputSchema: { json: { type: "object" } } } }));
  if (told.length === 0) return undefined;
  return {
    tools: toolsMarker ? [...told, CACHE_POINT] : told,
    ...(specs.length === 0 ? {} : choiceOf(toolChoice)),
  };
}

function toolOf({ name, description, inputSchema, strict, definition }: WireTool): Tool {
  if (definition !== undefined) return definition as unknown as Tool;
  const schema = { type: "object", ...inputSchema };
  return {
    toolSpec: {
      name,
      ...(description === "" ? {} : { description }),
      inputSchema: { json: (strict === true ? outputSchema(schema) : schema) as Document },
      ...(strict === true ? { strict } : {}),
    },
  };
}

function choiceOf(choice: ToolChoice): Pick<ToolConfiguration, "toolChoice"> {
  if (choice === "any") return { toolChoice: { any: {} } };
  return typeof choice === "object" && "name" in choice ? { toolChoice: { tool: { name: choice.name } } } : {};
}

function usedTools(messages: readonly WireMessage[]): string[] {
  const names = messages.flatMap(({ blocks }) => blocks.flatMap((block) => (block.type === "tool-use" ? [block.name] : [])));
  return [...new Set(names)];
}
