/** A request as a model of the AI SDK takes it. */
import type { LanguageModelV4CallOptions, LanguageModelV4ToolChoice } from "@ai-sdk/provider";
import type { Thinking, ToolChoice } from "#contract/chat/generation";
import type { ModelRequest } from "#contract/chat/wire";
import { merged } from "#inference/request/provider-options";
import { unsupported } from "#inference/request/unsupported";
import type { AiSdkModel } from "./options.ts";
import type { ProviderFacts } from "./providers.ts";
import { promptOf } from "./to-prompt.ts";

type Json = Record<string, unknown>;

/** Under which a call takes what the AI SDK has for every provider and the library does not name, such as `seed` and `topK`. */
const OWN = "ai-sdk";

export function toCall(
  request: ModelRequest,
  { marker, thinking, key, nestsFiles = false, schemaFit, loose }: ProviderFacts,
  version: AiSdkModel["specificationVersion"],
): LanguageModelV4CallOptions {
  const { maxTokens, temperature, topP, stopSequences, tools, toolsMarker, toolChoice, output } = request;
  const { own, providerOptions, headers } = optionsOf(request, key);
  const asked = request.thinking === undefined || request.thinking === false ? undefined : thinking?.(request.thinking);
  const isLoose = output !== undefined && schemaFit?.(output) === "loose";
  const options = merged({ ...asked, ...(isLoose ? loose : {}) } as Json, providerOptions);
  const call: LanguageModelV4CallOptions = {
    prompt: promptOf(request, { version, key, marker, nestsFiles }),
    ...(maxTokens === undefined ? {} : { maxOutputTokens: maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(stopSequences === undefined ? {} : { stopSequences: [...stopSequences] }),
    ...(tools.length === 0 ? {} : { tools: toolsOf(tools, toolsMarker ? marker : undefined, version), toolChoice: choiceOf(toolChoice) }),
    ...(output === undefined ? {} : { responseFormat: { type: "json", schema: output as object, name: "output" } }),
    ...reasoningOf(request.thinking, asked !== undefined),
    ...(Object.keys(options).length === 0
      ? {}
      : { providerOptions: options as NonNullable<LanguageModelV4CallOptions["providerOptions"]> }),
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
  };
  return merged(call as unknown as Json, own) as unknown as LanguageModelV4CallOptions;
}

/** The AI SDK's word for it; what it has no word for is asked in the provider's own. */
function reasoningOf(thinking: Thinking | undefined, isAskedOtherwise: boolean): Pick<LanguageModelV4CallOptions, "reasoning"> {
  if (thinking === false) return { reasoning: "none" };
  if (thinking === undefined || thinking === true || thinking.effort === undefined) return {};
  return isAskedOtherwise && thinking.budgetTokens !== undefined ? {} : { reasoning: thinking.effort };
}

type CallTool = NonNullable<LanguageModelV4CallOptions["tools"]>[number];

function toolsOf(tools: ModelRequest["tools"], marker: ProviderFacts["marker"], version: AiSdkModel["specificationVersion"]): CallTool[] {
  return tools.map(({ name, description, inputSchema, strict, definition }, index) =>
    definition !== undefined
      ? providerTool(name, definition, version)
      : {
          type: "function",
          name,
          description,
          inputSchema: inputSchema as object,
          ...(strict === undefined ? {} : { strict }),
          ...(marker === undefined || index < tools.length - 1 ? {} : { providerOptions: marker }),
        },
  );
}

/** In the AI SDK's words: what its packages make by `provider.tools`, with a name. @throws WireFault `unsupported` */
function providerTool(
  name: string,
  { id, args = {} }: Readonly<Record<string, unknown>>,
  version: AiSdkModel["specificationVersion"],
): CallTool {
  if (typeof id !== "string" || !id.includes(".")) {
    throw unsupported(`the tool "${name}" as it is: the AI SDK takes a provider's tool as { id: "PROVIDER.TOOL", name, args }`);
  }
  return { type: version === "v2" ? "provider-defined" : "provider", id, name, args } as CallTool;
}

function choiceOf(choice: ToolChoice): LanguageModelV4ToolChoice {
  if (choice === "any") return { type: "required" };
  if (typeof choice === "string") return { type: choice };
  // Of a choice among some, the others are left out before.
  return "name" in choice ? { type: "tool", toolName: choice.name } : { type: "auto" };
}

/** Headers are those of this provider; all else goes to the model, which reads what is its own. */
function optionsOf(
  { providerOptions = {}, extra }: ModelRequest,
  key: string,
): { own: Json; providerOptions: Json; headers: Record<string, string> } {
  const { [OWN]: own = {}, ...rest } = providerOptions;
  const headers = { ...extra?.headers, ...(rest[key]?.headers as Record<string, string> | undefined) };
  const plain = Object.entries(rest as Record<string, Json | undefined>).map(([name, given]) => {
    const { headers: _headers, ...options } = given ?? {};
    return [name, options] as const;
  });
  return { own, providerOptions: Object.fromEntries(plain.filter(([, options]) => Object.keys(options).length > 0)), headers };
}
