/** What an answer holds beside text, thoughts, files and calls of our tools: kept in the form in which the next request gives it back. */
import type {
  LanguageModelV4Content,
  LanguageModelV4CustomPart,
  LanguageModelV4ToolCallPart,
  LanguageModelV4ToolResultPart,
  SharedV4ProviderMetadata,
} from "@ai-sdk/provider";

/** Within `native` of a text, a thought, a call or a file. */
export interface KeptData {
  providerMetadata?: SharedV4ProviderMetadata;
  /** Of a file that belongs to the model's thoughts. */
  isThought?: true;
}

/** Says that a block's value is in the AI SDK's words: its provider's own client has others, and neither takes those of the other. */
const OWN = "ai-sdk";

export const keptValue = (part: KeptPart): Record<string, unknown> => ({ [OWN]: part });

/** `undefined` for what another client kept. */
export function partIn(value: unknown): KeptPart | undefined {
  const part = (value as { [OWN]?: unknown } | null | undefined)?.[OWN];
  return typeof part === "object" && part !== null ? (part as KeptPart) : undefined;
}

export type KeptPart = LanguageModelV4CustomPart | LanguageModelV4ToolCallPart | LanguageModelV4ToolResultPart;

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
    case "custom":
      return { type: "custom", kind: content.kind, ...options };
    default:
      return undefined;
  }
}

function parsed(input: unknown): unknown {
  if (typeof input !== "string") return input;
  try {
    return JSON.parse(input);
  } catch {
    return { invalid_json: input };
  }
}
