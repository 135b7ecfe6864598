/** A whole answer of a model of the AI SDK. */
import type { LanguageModelV4Content, LanguageModelV4GenerateResult } from "@ai-sdk/provider";
import type { GenerationSink } from "#contract/chat/wire";
import { finishWith } from "./finish.ts";
import { citationOf, nativeOf, readOther, signatureIn } from "./from-content.ts";
import { warnAll } from "./warnings.ts";

/** @param who says what is warned of */
export function readResponse(response: unknown, into: GenerationSink, who: string): void {
  const { content = [], finishReason, usage, response: about, warnings } = response as Partial<LanguageModelV4GenerateResult>;
  warnAll(warnings, who, into);
  if (about?.id !== undefined) into.responseId(about.id);
  if (about?.modelId !== undefined) into.model(about.modelId);
  for (const [index, part] of content.entries()) readPart(part, String(index), into);
  finishWith(finishReason, usage, into);
}

function readPart(part: LanguageModelV4Content, key: string, into: GenerationSink): void {
  const { providerMetadata } = part;
  if (part.type === "text") {
    into.text(key, part.text);
    if (providerMetadata !== undefined) into.native(key, "text", nativeOf(providerMetadata));
    for (const citation of part.citations ?? []) into.cite(key, citationOf(citation));
  } else if (part.type === "reasoning") {
    into.thinking(key, part.text);
    if (providerMetadata !== undefined) into.native(key, "thinking", nativeOf(providerMetadata));
    const signature = signatureIn(providerMetadata);
    if (signature !== undefined) into.signature(key, signature);
  } else if (part.type === "tool-call" && part.providerExecuted !== true) {
    into.toolStart(key, { id: part.toolCallId, name: part.toolName });
    into.toolInput(key, part.input);
    if (providerMetadata !== undefined) into.native(key, "tool-use", nativeOf(providerMetadata));
  } else return readOther(part, key, into);
  into.end(key);
}
