/** A conversation as a prompt of the AI SDK: the results of tools in messages of their own, and what a provider gave back to it as it came. */
import type {
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4ToolResultPart,
  SharedV4ProviderOptions,
} from "@ai-sdk/provider";
import { ChatRole } from "#contract/base/vocabulary";
import type { ContentBlock, ImageBlock, ThinkingBlock, ToolResultBlock, ToolUseBlock } from "#contract/chat/message";
import type { ModelRequest, WireMessage } from "#contract/chat/wire";
import { plainId } from "#inference/request/plain-id";
import type { KeptData } from "./kept-part.ts";
import type { AiSdkModel } from "./options.ts";

type AssistantPart = Extract<LanguageModelV4Message, { role: "assistant" }>["content"][number];
type UserPart = Extract<LanguageModelV4Message, { role: "user" }>["content"][number];

export interface PromptAbout {
  version: AiSdkModel["specificationVersion"];
  /** What a message carries where caching ends. */
  marker: SharedV4ProviderOptions | undefined;
}

export function promptOf({ system, messages }: Pick<ModelRequest, "system" | "messages">, about: PromptAbout): LanguageModelV4Prompt {
  const names = new Map<string, string>();
  const prompt: LanguageModelV4Prompt = [];
  for (const message of [...system, ...messages]) {
    for (const block of message.blocks) if (block.type === "tool-use") names.set(block.id, block.name);
    const told = messagesOf(message, names, about);
    const last = told.at(-1);
    if (message.cacheMarker && last !== undefined && about.marker !== undefined) last.providerOptions = about.marker;
    prompt.push(...told);
  }
  return prompt;
}

function messagesOf({ role, blocks }: WireMessage, names: ReadonlyMap<string, string>, about: PromptAbout): LanguageModelV4Message[] {
  if (role === ChatRole.SYSTEM) {
    const content = blocks.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("\n\n");
    return [{ role: "system", content }];
  }
  if (role === ChatRole.ASSISTANT) return [{ role: "assistant", content: blocks.flatMap((block) => assistantPart(block, about) ?? []) }];
  const results = blocks.flatMap((block) => (block.type === "tool-result" ? [resultPart(block, names)] : []));
  const said = blocks.flatMap((block) => userPart(block, about) ?? []);
  return [
    ...(results.length === 0 ? [] : [{ role: "tool" as const, content: results }]),
    ...(said.length === 0 ? [] : [{ role: "user" as const, content: said }]),
  ];
}

function userPart(block: ContentBlock, about: PromptAbout): UserPart | undefined {
  if (block.type === "text") return { type: "text", text: block.text };
  return block.type === "image" ? filePart(block, about) : undefined;
}

function assistantPart(block: ContentBlock, about: PromptAbout): AssistantPart | undefined {
  switch (block.type) {
    case "text": {
      const { part, providerMetadata } = (block.native?.data ?? {}) as KeptData;
      return (part as AssistantPart | undefined) ?? { type: "text", text: block.text, ...optionsOf(providerMetadata) };
    }
    case "thinking":
      return { type: "reasoning", text: block.text, ...optionsOf(proofOf(block)) };
    case "image":
      return filePart(block, about);
    case "tool-use":
      return {
        type: "tool-call",
        toolCallId: plainId(block.id),
        toolName: block.name,
        input: inputOf(block),
        ...optionsOf((block.native?.data as KeptData | undefined)?.providerMetadata),
      };
    case "tool-result":
      return undefined;
  }
}

/** What proves a thought: as it came, or the signature that another client for the same model has kept. */
function proofOf({ native, signature }: ThinkingBlock): SharedV4ProviderOptions | undefined {
  const { providerMetadata } = (native?.data ?? {}) as KeptData;
  if (providerMetadata !== undefined || signature === undefined) return providerMetadata;
  const key = native?.provider === "aws.bedrock" ? "bedrock" : native?.provider;
  return key === "anthropic" || key === "bedrock" ? { [key]: { signature } } : undefined;
}

function resultPart({ toolUseId, content, isError }: ToolResultBlock, names: ReadonlyMap<string, string>): LanguageModelV4ToolResultPart {
  return {
    type: "tool-result",
    toolCallId: plainId(toolUseId),
    toolName: names.get(toolUseId) ?? "unknown",
    output: { type: isError === true ? "error-text" : "text", value: content },
  };
}

/** Before version 4 the specification has the data itself where it has a tagged one now. */
function filePart(block: ImageBlock, { version }: PromptAbout): LanguageModelV4FilePart {
  const isAddress = "url" in block;
  const data = isAddress ? ({ type: "url", url: new URL(block.url) } as const) : ({ type: "data", data: block.data } as const);
  const plain = data.type === "url" ? data.url : data.data;
  return {
    type: "file",
    mediaType: isAddress ? "image/*" : block.mediaType,
    data: version === "v4" ? data : (plain as unknown as LanguageModelV4FilePart["data"]),
  };
}

/** Every provider wants an object. */
function inputOf({ input, inputError }: ToolUseBlock): unknown {
  const isObject = typeof input === "object" && input !== null && !Array.isArray(input);
  return inputError === undefined && isObject ? input : { invalid_json: input };
}

const optionsOf = (metadata: SharedV4ProviderOptions | undefined): { providerOptions?: SharedV4ProviderOptions } =>
  metadata === undefined ? {} : { providerOptions: metadata };
