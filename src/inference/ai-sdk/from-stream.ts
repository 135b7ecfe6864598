/** The parts of a stream of the AI SDK, read one by one. */
import type { LanguageModelV4StreamPart, LanguageModelV4ToolCall, SharedV4ProviderMetadata } from "@ai-sdk/provider";
import type { GenerationSink } from "#contract/chat/wire";
import { faultOfTold, missesEnd } from "./errors.ts";
import { finishWith } from "./finish.ts";
import { citationOf, nativeOf, readOther, signatureIn } from "./from-content.ts";
import { readStart } from "./usage.ts";
import { warnAll } from "./warnings.ts";

/** Ids are told apart by kind: some packages number texts and thoughts alike. */
const textKey = (id: string): string => `text ${id}`;
const thoughtKey = (id: string): string => `thought ${id}`;
const callKey = (id: string): string => `call ${id}`;

/** @param who says what is warned of */
export function readEvents(into: GenerationSink, who: string): (event: unknown) => void {
  const metadata = new Map<string, SharedV4ProviderMetadata>();
  /** Calls whose input has come in pieces. */
  const streamed = new Set<string>();
  /** Calls of which no pieces are read: of the provider's own tools, and inputs that are no JSON on their way. */
  const passedOver = new Set<string>();
  let others = 0;
  /** The package misses the end mark, and tells so by an error of its own before an end that it makes up. */
  let isCut = false;

  /** Pieces of what belongs to one block come with its start, its deltas and its end. */
  const keep = (key: string, kind: "text" | "thinking" | "tool-use", more: SharedV4ProviderMetadata | undefined): void => {
    if (more === undefined) return;
    const whole = { ...metadata.get(key) };
    for (const [name, value] of Object.entries(more)) whole[name] = { ...whole[name], ...value };
    metadata.set(key, whole);
    into.native(key, kind, nativeOf(whole));
  };
  const think = (key: string, delta: string, more: SharedV4ProviderMetadata | undefined): void => {
    into.thinking(key, delta);
    if (more === undefined) return;
    keep(key, "thinking", more);
    const signature = signatureIn(more);
    if (signature !== undefined) into.signature(key, signature);
  };
  const end = (key: string): void => {
    into.end(key);
    metadata.delete(key);
  };
  const call = (part: LanguageModelV4ToolCall): void => {
    const { toolCallId: id, toolName: name, input, providerMetadata } = part;
    if (part.providerExecuted === true) return readOther(part, callKey(id), into);
    const key = callKey(id);
    if (!streamed.has(key)) {
      if (!metadata.has(key)) into.toolStart(key, { id, name });
      into.toolInput(key, input);
    }
    keep(key, "tool-use", providerMetadata);
    // Some packages end a call when the stream has broken off in its middle: it is one when the answer has its end mark.
    if (isJson(input)) end(key);
  };

  return (event) => {
    const part = event as LanguageModelV4StreamPart;
    switch (part.type) {
      case "text-delta":
        into.text(textKey(part.id), part.delta);
        if (part.providerMetadata !== undefined) keep(textKey(part.id), "text", part.providerMetadata);
        return;
      case "reasoning-delta":
        return think(thoughtKey(part.id), part.delta, part.providerMetadata);
      case "tool-input-delta":
        if (passedOver.has(part.id) || part.delta === "") return;
        streamed.add(callKey(part.id));
        return into.toolInput(callKey(part.id), part.delta);
      case "text-start":
        return keep(textKey(part.id), "text", part.providerMetadata);
      case "text-end":
        keep(textKey(part.id), "text", part.providerMetadata);
        for (const citation of part.citations ?? []) into.cite(textKey(part.id), citationOf(citation));
        return end(textKey(part.id));
      case "reasoning-start":
        return think(thoughtKey(part.id), "", part.providerMetadata);
      case "reasoning-end":
        keep(thoughtKey(part.id), "thinking", part.providerMetadata);
        return end(thoughtKey(part.id));
      case "tool-input-start":
        if (part.providerExecuted === true || part.inputEncoding === "text") return void passedOver.add(part.id);
        into.toolStart(callKey(part.id), { id: part.id, name: part.toolName });
        metadata.set(callKey(part.id), {});
        return keep(callKey(part.id), "tool-use", part.providerMetadata);
      case "tool-call":
        return call(part);
      case "stream-start":
        return warnAll(part.warnings, who, into);
      case "response-metadata":
        if (part.id !== undefined) into.responseId(part.id);
        if (part.modelId !== undefined) into.model(part.modelId);
        return;
      case "finish":
        return finishWith(isCut ? undefined : part.finishReason, part.usage, into);
      case "error":
        isCut ||= missesEnd(part.error);
        if (isCut) return;
        if (part.error instanceof Error) throw part.error;
        return into.fail(faultOfTold(part.error));
      case "tool-input-end":
      case "raw":
      case "ping":
        return;
      case "custom":
        if (part.kind.endsWith(".message_start")) return readStart(part.providerMetadata, into);
        others += 1;
        return readOther(part, `other ${others}`, into);
      default:
        others += 1;
        return readOther(part, `other ${others}`, into);
    }
  };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return text.trim() === "";
  }
}
