/** The parts of an answer that are whole when they come: in a stream, and in an answer that is whole itself. */
import type { LanguageModelV4Citation, LanguageModelV4Content, LanguageModelV4Source, SharedV4ProviderMetadata } from "@ai-sdk/provider";
import { toBase64 } from "#contract/base/base64";
import type { Citation } from "#contract/chat/message";
import type { GenerationSink, WireFile } from "#contract/chat/wire";
import { unread } from "#inference/faults/unread";
import { type KeptData, keptPart, keptValue } from "./kept-part.ts";

export const nativeOf = (providerMetadata: SharedV4ProviderMetadata): Record<string, unknown> => ({ providerMetadata }) satisfies KeptData;

/** What proves a thought, where the provider's package tells it as our own client for that provider keeps it. */
export function signatureIn(metadata: SharedV4ProviderMetadata | undefined): string | undefined {
  const signature = metadata?.anthropic?.signature ?? metadata?.bedrock?.signature ?? metadata?.amazonBedrock?.signature;
  return typeof signature === "string" ? signature : undefined;
}

function sourceOf(source: LanguageModelV4Source): Citation {
  const title = source.title === undefined ? {} : { title: source.title };
  return source.sourceType === "url" ? { url: source.url, ...title } : title;
}

export function citationOf({ source, startIndex, endIndex, citedText }: LanguageModelV4Citation): Citation {
  return {
    ...sourceOf(source),
    ...(citedText === undefined ? {} : { quote: citedText }),
    ...(startIndex === undefined || endIndex === undefined ? {} : { start: startIndex, end: endIndex }),
  };
}

/** Everything but texts, thoughts and calls of tools that the caller runs. */
export function readOther(content: LanguageModelV4Content, key: string, into: GenerationSink): void {
  if (content.type === "source") return into.source(sourceOf(content));
  if (content.type === "tool-approval-request") {
    return into.warn("The provider asks for an approval of a tool that it runs itself, which cannot be given here; it was left out.");
  }
  // A first look at a result that follows.
  if (content.type === "tool-result" && content.preliminary === true) return;
  if (content.type === "file" || content.type === "reasoning-file") into.file(key, fileIn(content), keptOf(content));
  else {
    const part = keptPart(content);
    if (part === undefined) return into.warn(unread(content.type));
    into.provider(key, keptValue(part));
  }
  into.end(key);
}

type AnswerFile = Extract<LanguageModelV4Content, { type: "file" | "reasoning-file" }>;

/** Before version 4 of the specification the data has no tag. */
function fileIn({ mediaType, data }: AnswerFile): WireFile {
  const held = (typeof data === "object" && "type" in data ? (data.type === "url" ? data.url : data.data) : data) as unknown;
  if (held instanceof URL) return { type: "file", mediaType, url: held.href };
  return { type: "file", mediaType, data: held instanceof Uint8Array ? toBase64(held) : String(held) };
}

function keptOf({ type, providerMetadata }: AnswerFile): Record<string, unknown> | undefined {
  if (type === "file" && providerMetadata === undefined) return undefined;
  const kept: KeptData = {
    ...(providerMetadata === undefined ? {} : { providerMetadata }),
    ...(type === "file" ? {} : { isThought: true }),
  };
  return { ...kept };
}
