/** A conversation as a prompt of the AI SDK: the results of tools in messages of their own, and what a provider gave back to it as it came. */
import type {
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4ToolResultPart,
  SharedV4ProviderOptions,
} from "@ai-sdk/provider";
import { ChatRole } from "#contract/base/vocabulary";
import type { TextBlock, ThinkingBlock, ToolUseBlock } from "#contract/chat/message";
import type { ModelRequest, WireBlock, WireMessage, WireResult } from "#contract/chat/wire";
import { plainId } from "#inference/request/plain-id";
import { splitResult } from "#inference/request/split-result";
import { contentOutput, type FilesAbout, filePart } from "./files.ts";
import { type KeptData, partIn } from "./kept-part.ts";

type AssistantPart = Extract<LanguageModelV4Message, { role: "assistant" }>["content"][number];
type UserPart = Extract<LanguageModelV4Message, { role: "user" }>["content"][number];

export interface PromptAbout extends FilesAbout {
  /** Whether files may stand within what tools gave. */
  nestsFiles: boolean;
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
    const told = blocks.flatMap((block) => (block.type === "tool-result" ? [resultPart(block, names, about)] : []));
    const beside = told.flatMap((result) => result.beside);
    const said = [...beside, ...blocks.flatMap((block) => userPart(block, about) ?? [])];
    if (told.length > 0) {
      const parts = told.map(({ part }) => part);
      results = addResults(prompt, results, parts);
    }
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

function userPart(block: WireBlock, about: PromptAbout): UserPart | undefined {
  if (block.type === "text") return { type: "text", text: block.text };
  return block.type === "file" ? filePart(block, about) : undefined;
}

function assistantPart(block: WireBlock, about: PromptAbout): AssistantPart | undefined {
  switch (block.type) {
    case "text": {
      const { providerMetadata } = (block.native?.data ?? {}) as KeptData;
      return { type: "text", text: block.text, ...optionsOf(providerMetadata) };
    }
    case "thinking":
      return { type: "reasoning", text: block.text, ...optionsOf(proofOf(block)) };
    case "provider":
      return partIn(block.value);
    case "file": {
      const { providerMetadata, isThought } = (block.native?.data ?? {}) as KeptData;
      const part = { ...filePart(block, about), ...optionsOf(providerMetadata) };
      return isThought === true ? ({ ...part, type: "reasoning-file" } as AssistantPart) : part;
    }
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

function resultPart({ toolUseId, content, isError }: WireResult, names: ReadonlyMap<string, string>, about: PromptAbout): ResultPart {
  const { inside, beside } = splitResult(content, () => about.nestsFiles);
  const texts = inside.flatMap((part) => (part.type === "text" ? [part.text] : []));
  const part = {
    type: "tool-result" as const,
    toolCallId: plainId(toolUseId),
    toolName: names.get(toolUseId) ?? "unknown",
    output:
      texts.length === inside.length
        ? ({ type: isError === true ? "error-text" : "text", value: texts.join("\n") } as const)
        : contentOutput(isError === true ? [FAILED, ...inside] : inside, about),
  };
  return { part, beside: beside.map((file) => filePart(file, about)) };
}

interface ResultPart {
  part: LanguageModelV4ToolResultPart;
  /** Files that the provider takes behind its results alone. */
  beside: LanguageModelV4FilePart[];
}

/** A list has no place for that. */
const FAILED: TextBlock = { type: "text", text: "The tool failed." };

/** Every provider wants an object. */
function inputOf({ input, inputError }: ToolUseBlock): unknown {
  const isObject = typeof input === "object" && input !== null && !Array.isArray(input);
  return inputError === undefined && isObject ? input : { invalid_json: input };
}

const optionsOf = (metadata: SharedV4ProviderOptions | undefined): { providerOptions?: SharedV4ProviderOptions } =>
  metadata === undefined ? {} : { providerOptions: metadata };
