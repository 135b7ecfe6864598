/**
 * The names of OpenTelemetry's conventions for generative AI, in one place since they still move
 * (github.com/open-telemetry/semantic-conventions-genai, in development; read in November 2026).
 */

import type { Attributes, Instrument } from "#contract/base/telemetry";
import { fileKindOf } from "#contract/chat/file-kind";
import type { Generation } from "#contract/chat/generation";
import type { ChatMessage, ContentBlock, FileBlock, ImageBlock, ToolResultBlock } from "#contract/chat/message";
import type { Usage } from "#contract/chat/usage";
import type { ModelRequest, WireMessage } from "#contract/chat/wire";

export const CHAT = "chat";
export const EXECUTE_TOOL = "execute_tool";
export const INVOKE_AGENT = "invoke_agent";

const SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const TOKENS = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864];

export const OPERATION_DURATION: Instrument = {
  name: "gen_ai.client.operation.duration",
  description: "How long an operation took",
  unit: "s",
  bounds: SECONDS,
};
export const TIME_TO_FIRST_CHUNK: Instrument = {
  name: "gen_ai.client.operation.time_to_first_chunk",
  description: "How long the first part of an answer took",
  unit: "s",
  bounds: SECONDS,
};
export const TOKEN_USAGE: Instrument = {
  name: "gen_ai.client.token.usage",
  description: "Tokens of a call",
  unit: "{token}",
  bounds: TOKENS,
};
export const TOKEN_TYPE = "gen_ai.token.type";
export const ERROR_TYPE = "error.type";
/** There is no standard name for what a call costs. */
const COST = "asimov.usage.cost_usd";

const known = (attributes: Record<string, Attributes[string] | undefined>): Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined)) as Attributes;

/** What figures are told apart by; also the start of a span's attributes, since samplers look at these. */
export function callAttributes(
  provider: string,
  model: string,
  server: { address: string; port?: number } | undefined,
  operation: string = CHAT,
): Attributes {
  return known({
    "gen_ai.operation.name": operation,
    "gen_ai.provider.name": provider,
    "gen_ai.request.model": model,
    "server.address": server?.address,
    "server.port": server?.port,
  });
}

export function requestAttributes(request: ModelRequest, isStreamed: boolean): Attributes {
  const { maxTokens, temperature, topP, stopSequences, thinking, output } = request;
  const effort = typeof thinking === "object" ? thinking.effort : undefined;
  return known({
    "gen_ai.request.max_tokens": maxTokens,
    "gen_ai.request.temperature": temperature,
    "gen_ai.request.top_p": topP,
    "gen_ai.request.stop_sequences": stopSequences,
    "gen_ai.request.reasoning.level": effort,
    "gen_ai.request.stream": isStreamed,
    "gen_ai.output.type": output === undefined ? "text" : "json",
  });
}

export function responseAttributes(generation: Pick<Generation, "model" | "finishReason" | "usage">, id: string | undefined): Attributes {
  return known({
    "gen_ai.response.id": id,
    "gen_ai.response.model": generation.model,
    "gen_ai.response.finish_reasons": [generation.finishReason.raw ?? generation.finishReason.unified],
    ...usageAttributes(generation.usage),
  });
}

export function usageAttributes(usage: Usage): Attributes {
  return known({
    "gen_ai.usage.input_tokens": usage.inputTokens,
    "gen_ai.usage.output_tokens": usage.outputTokens,
    "gen_ai.usage.cache_read.input_tokens": usage.cacheReadTokens,
    "gen_ai.usage.cache_write.input_tokens": usage.cacheWriteTokens,
    "gen_ai.usage.reasoning.output_tokens": usage.reasoningTokens,
    [COST]: usage.cost,
  });
}

export const firstChunkAttributes = (seconds: number): Attributes => ({ "gen_ai.response.time_to_first_chunk": seconds });

export function toolAttributes(tool: { name: string; id: string; description?: string }): Attributes {
  return known({
    "gen_ai.operation.name": EXECUTE_TOOL,
    "gen_ai.tool.name": tool.name,
    "gen_ai.tool.call.id": tool.id,
    "gen_ai.tool.type": "function",
    "gen_ai.tool.description": tool.description,
  });
}

export const agentAttributes = (name: string | undefined): Attributes =>
  known({ "gen_ai.operation.name": INVOKE_AGENT, "gen_ai.agent.name": name });

/** What was said, as JSON in the conventions' own form: recorded only where the user asks for it. */
export function inputContent(request: ModelRequest): Attributes {
  return known({
    "gen_ai.system_instructions": request.system.length === 0 ? undefined : JSON.stringify(request.system.flatMap(partsOf)),
    "gen_ai.input.messages": JSON.stringify(request.messages.map((message) => ({ role: roleOf(message.role), parts: partsOf(message) }))),
    "gen_ai.tool.definitions":
      request.tools.length === 0
        ? undefined
        : JSON.stringify(request.tools.map(({ inputSchema, ...tool }) => ({ type: "function", ...tool, parameters: inputSchema }))),
  });
}

export function outputContent({ blocks, finishReason }: Pick<Generation, "blocks" | "finishReason">): Attributes {
  const parts = blocks.flatMap((block) => partOf(block) ?? []);
  return { "gen_ai.output.messages": JSON.stringify([{ role: "assistant", parts, finish_reason: finishReason.unified }]) };
}

export const toolContent = (input: unknown): Attributes => ({ "gen_ai.tool.call.arguments": JSON.stringify(input) ?? "null" });

/** As the model reads it: JSON, where the tool gave no text. */
export const toolResultContent = (content: string): Attributes => ({ "gen_ai.tool.call.result": content });

const roleOf = (role: ChatMessage["role"]): string => (role === "TOOL_RESULT" ? "tool" : role.toLowerCase());

const partsOf = ({ blocks }: WireMessage): object[] => blocks.flatMap((block) => partOf(block) ?? []);

function partOf(block: ContentBlock): object | undefined {
  switch (block.type) {
    case "text":
      return { type: "text", content: block.text };
    case "thinking":
      return { type: "reasoning", content: block.text };
    case "tool-use":
      return { type: "tool_call", id: block.id, name: block.name, arguments: block.input };
    case "tool-result":
      return { type: "tool_call_response", id: block.toolUseId, result: resultOf(block) };
    case "provider":
      return undefined;
    case "file":
    case "image":
      return filePart(block);
  }
}

/** Without the data of files: spans are no place for that. */
function resultOf({ content }: ToolResultBlock): unknown {
  return typeof content === "string" ? content : content.flatMap((part) => partOf(part) ?? []);
}

/** Of the conventions' parts `uri` and `file`; data itself is left out. */
function filePart(block: FileBlock | ImageBlock): object | undefined {
  const { mediaType = "image/*", url, fileId } = block as Partial<FileBlock>;
  const about = { modality: fileKindOf(mediaType), mime_type: mediaType };
  if (fileId !== undefined) return { type: "file", ...about, file_id: fileId };
  return url === undefined || url.startsWith("data:") ? undefined : { type: "uri", ...about, uri: url };
}
