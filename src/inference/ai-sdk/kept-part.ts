/** What an answer holds beside text, thoughts and calls of our tools: kept in the form in which the next request gives it back. */
import type {
  LanguageModelV4Content,
  LanguageModelV4CustomPart,
  LanguageModelV4FilePart,
  LanguageModelV4ReasoningFilePart,
  LanguageModelV4ToolCallPart,
  LanguageModelV4ToolResultPart,
  SharedV4ProviderMetadata,
} from "@ai-sdk/provider";
import { toBase64 } from "#contract/base/base64";

/** Within `native` of a block. */
export interface KeptData {
  /** Of a text, a thought or a call. */
  providerMetadata?: SharedV4ProviderMetadata;
  /** The whole block, where it is none of these. */
  part?: KeptPart;
}

type KeptPart =
  | LanguageModelV4CustomPart
  | LanguageModelV4FilePart
  | LanguageModelV4ReasoningFilePart
  | LanguageModelV4ToolCallPart
  | LanguageModelV4ToolResultPart;

/** Calls and results are those of tools that the provider runs itself. */
export function keptPart(content: LanguageModelV4Content): KeptPart | undefined {
  const options = content.providerMetadata === undefined ? {} : { providerOptions: content.providerMetadata };
  switch (content.type) {
    case "tool-call": {
      const { toolCallId, toolName, input } = content;
      return { type: "tool-call", toolCallId, toolName, input: parsed(input), providerExecuted: true, ...options };
    }
    case "tool-result": {
      const { toolCallId, toolName, result, isError } = content;
      return {
        type: "tool-result",
        toolCallId,
        toolName,
        output: { type: isError === true ? "error-json" : "json", value: result },
        ...options,
      };
    }
    case "file":
    case "reasoning-file":
      return { type: content.type, mediaType: content.mediaType, data: plainData(content.data), ...options } as KeptPart;
    case "custom":
      return { type: "custom", kind: content.kind, ...options };
    default:
      return undefined;
  }
}

/** A message is plain JSON; before version 4 of the specification the data has no tag. */
function plainData(data: unknown): unknown {
  if (data instanceof Uint8Array) return toBase64(data);
  if (typeof data !== "object" || data === null) return data;
  const tagged = data as { type?: unknown; data?: unknown; url?: unknown };
  if (tagged.data instanceof Uint8Array) return { ...tagged, data: toBase64(tagged.data) };
  return tagged.url instanceof URL ? { ...tagged, url: String(tagged.url) } : data;
}

function parsed(input: unknown): unknown {
  if (typeof input !== "string") return input;
  try {
    return JSON.parse(input);
  } catch {
    return { invalid_json: input };
  }
}
