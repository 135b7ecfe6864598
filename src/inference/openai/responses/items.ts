/** The items of an answer of the Responses API, and its end: what a whole answer and the events of a stream have in common. */
import type { FinishReason } from "#contract/chat/generation";
import type { GenerationSink } from "#contract/chat/wire";
import { unread } from "#inference/faults/unread";
import { citationOf } from "#inference/openai/annotations";
import { faultOfBody } from "#inference/openai/errors";
import { type RawUsage, usageOf } from "#inference/openai/usage";

/** What is read of an item; any of it may be missing at a compatible server. */
export interface RawItem {
  id?: string;
  type?: string;
  content?: RawPart[] | null;
  /** Of a message: whether it is said on the way, or is the answer. */
  phase?: string | null;
  summary?: RawPart[] | null;
  encrypted_content?: string | null;
  call_id?: string;
  name?: string;
  arguments?: string;
}

export interface RawPart {
  type?: string;
  text?: string;
  refusal?: string;
  annotations?: unknown[] | null;
}

export interface RawResponse {
  id?: string;
  model?: string;
  status?: string;
  output?: RawItem[];
  usage?: RawUsage | null;
  error?: unknown;
  incomplete_details?: { reason?: string } | null;
}

/** Opens what is told from the start. */
export function startItem(key: string, { type, call_id: id, name }: RawItem, into: GenerationSink): void {
  if (type !== "function_call") return;
  if (!name) into.fail({ kind: "retryable", reason: "a tool call without a name" });
  into.toolStart(key, { ...(id === undefined ? {} : { id }), name });
}

/** What has streamed of an item already. */
export interface Streamed {
  text: boolean;
  sources: boolean;
  thinking: boolean;
  input: boolean;
}

const NOTHING: Streamed = { text: false, sources: false, thinking: false, input: false };

/** Tells the whole item, but for what has streamed of it, and ends it. */
export function endItem(key: string, item: RawItem, into: GenerationSink, streamed: Streamed = NOTHING): void {
  const { type, content, summary, phase } = item;
  switch (type) {
    case "message":
      if (!streamed.text) for (const { text, refusal } of content ?? []) into.text(key, text ?? refusal ?? "");
      for (const part of content ?? []) if (part.text === undefined && part.refusal === undefined) into.warn(unread(part.type));
      if (!streamed.sources) cite(key, content ?? [], into);
      if (typeof phase === "string") into.native(key, "text", { phase });
      break;
    case "reasoning":
      if (!streamed.thinking) into.thinking(key, thoughtsOf(summary?.length ? summary : content));
      into.native(key, "thinking", reasoningData(item));
      break;
    case "function_call":
      if (!streamed.input) into.toolInput(key, item.arguments ?? "");
      break;
    case undefined:
      break;
    default:
      // What is not read here, such as a call of a tool that the API runs itself, goes back as it came.
      into.provider(key, item);
  }
  into.end(key);
}

export const hasRefusal = ({ content }: RawItem): boolean => Array.isArray(content) && content.some(({ type }) => type === "refusal");

function cite(key: string, parts: readonly RawPart[], into: GenerationSink): void {
  let base = 0;
  for (const { text = "", annotations } of parts) {
    for (const annotation of annotations ?? []) into.cite(key, citationOf(annotation, base));
    base += text.length;
  }
}

/** Paragraphs, as they are streamed. */
const thoughtsOf = (parts: RawPart[] | null | undefined): string => (parts ?? []).map(({ text }) => text ?? "").join("\n\n");

function reasoningData({ id, summary, encrypted_content: encrypted }: RawItem): Record<string, unknown> {
  return {
    ...(id === undefined ? {} : { id }),
    summary: summary ?? [],
    ...(typeof encrypted === "string" ? { encrypted_content: encrypted } : {}),
  };
}

const UNIFIED = new Map<string, FinishReason["unified"]>([
  ["max_output_tokens", "length"],
  ["content_filter", "content-filter"],
]);

/** @param refused whether the model said so in place of an answer */
export function finishResponse(response: RawResponse, into: GenerationSink, refused: boolean): void {
  const { id, model, status, usage, error, incomplete_details: details } = response;
  if (typeof id === "string") into.responseId(id);
  if (typeof model === "string") into.model(model);
  if (usage) into.usage(usageOf(usage));
  if (status === "failed" || (error !== undefined && error !== null)) into.fail(faultOfBody(error ?? { code: status }));
  if (status === "incomplete") {
    const raw = details?.reason ?? status;
    into.finish({ unified: UNIFIED.get(raw) ?? "other", raw });
    return;
  }
  const isWhole = status === undefined || status === "completed";
  into.finish({ unified: refused ? "content-filter" : isWhole ? "stop" : "other", raw: status ?? (refused ? "completed" : null) });
}
