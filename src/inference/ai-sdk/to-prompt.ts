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
  const prompt: LanguageModelV4Prompt = system.map((message) => marked(systemMessage(message), message, about));
  /** Of the turn that is not the model's: all results of its tools come first. */
  let results: ToolMessage | undefined;
  for (const message of messages) {
    const { role, blocks } = message;
    if (role === ChatRole.ASSISTANT) {
      results = undefined;
      for (const block of blocks) if (block.type === "tool-use") names.set(block.id, block.name);
      const content = blocks.flatMap((block) => assistantPart(block, about) ?? []);
      if (content.length > 0) prompt.push(marked({ role: "assistant", content }, message, about));
      continue;
    }
    if (role === ChatRole.SYSTEM) {
      prompt.push(marked(systemMessage(message), message, about));
      continue;
    }
    const told = blocks.flatMap((block) => (block.type === "tool-result" ? [resultPart(block, names)] : []));
    const said = blocks.flatMap((block) => userPart(block, about) ?? []);
    if (told.length > 0) results = addResults(prompt, results, told);
    if (said.length > 0) prompt.push(marked({ role: "user", content: said }, message, about));
    else if (results !== undefined) marked(results, message, about);
  }
  return prompt;
}

type ToolMessage = Extract<LanguageModelV4Message, { role: "tool" }>;

/** @returns the message of the turn that holds them */
function addResults(prompt: LanguageModelV4Prompt, known: ToolMessage | undefined, told: ToolMessage["content"]): ToolMessage {
  if (known !== undefined) {
    known.content.push(...told);
    return known;
  }
  const message: ToolMessage = { role: "tool", content: told };
  prompt.splice(prompt.findLastIndex(({ role }) => role === "assistant" || role === "system") + 1, 0, message);
  return message;
}

function marked(told: LanguageModelV4Message, { cacheMarker }: WireMessage, { marker }: PromptAbout): LanguageModelV4Message {
  if (cacheMarker && marker !== undefined) told.providerOptions = marker;
  return told;
}

const systemMessage = ({ blocks }: WireMessage): LanguageModelV4Message => ({
  role: "system",
  content: blocks.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("\n\n"),
});

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
