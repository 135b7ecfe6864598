/** Gemini's answers, whole or chunk by chunk: a part with a signature stays a block of its own, and only a finish reason proves that the answer is whole. */
import type { FinishReason } from "#contract/chat/generation";
import type { GenerationSink } from "#contract/chat/wire";
import { faultOfBody } from "./faults.ts";
import { groundingOf, type RawGrounding } from "./grounding.ts";
import { type GeminiUsage, usageOf } from "./usage.ts";

interface Part {
  text?: string | null;
  thought?: boolean | null;
  thoughtSignature?: string | null;
  inlineData?: { mimeType?: unknown; data?: unknown } | null;
  functionCall?: { id?: string | null; name?: string | null; args?: unknown } | null;
}

/** What is read of an answer or of a chunk of one; any of it may be missing behind a gateway. */
interface Chunk {
  candidates?:
    | readonly ({
        content?: { parts?: readonly Part[] | null } | null;
        finishReason?: string | null;
        groundingMetadata?: RawGrounding | null;
      } | null)[]
    | null;
  promptFeedback?: { blockReason?: string | null } | null;
  usageMetadata?: GeminiUsage | null;
  modelVersion?: string | null;
  responseId?: string | null;
  /** One SDK gives a fault in the middle of a stream as a chunk. */
  error?: unknown;
}

const UNIFIED = new Map<string, FinishReason["unified"]>([
  // There is no word for tool calls.
  ["STOP", "stop"],
  ["MAX_TOKENS", "length"],
  // Cut off by a limit of the service; what would go on is another request.
  ["CONTINUATION", "length"],
  ["SAFETY", "content-filter"],
  ["RECITATION", "content-filter"],
  ["BLOCKLIST", "content-filter"],
  ["PROHIBITED_CONTENT", "content-filter"],
  ["SPII", "content-filter"],
  ["LANGUAGE", "content-filter"],
  ["MODEL_ARMOR", "content-filter"],
  ["IMAGE_SAFETY", "content-filter"],
  ["IMAGE_PROHIBITED_CONTENT", "content-filter"],
  ["IMAGE_RECITATION", "content-filter"],
]);
/** The model wrote what is no answer; another attempt may give one. */
const MALFORMED = /^(?:MALFORMED_|UNEXPECTED_TOOL_CALL)/;
/** Of a call that is there: of a tool that it was not told of, which a chain tells it. */
const UNTOLD = "UNEXPECTED_TOOL_CALL";

const isFile = (given: Part["inlineData"]): given is { mimeType: string; data: string } =>
  typeof given?.mimeType === "string" && typeof given.data === "string";

/** Whether a part is nothing but its signature: it proves what came before it, and has its own place. */
const isBare = (part: Part): boolean =>
  Object.entries(part).every(([key, value]) => key === "text" || key === "thought" || key === "thoughtSignature" || value === null);

export function readChunks(into: GenerationSink): (chunk: unknown) => void {
  let key = 0;
  /** What the block under the key is, while it may grow. */
  let open: "text" | "thinking" | undefined;
  let hasCalled = false;
  /** Of the text block that is open. */
  let text = "";

  const next = (kind: typeof open): number => {
    if (open !== undefined) into.end(key);
    open = kind;
    text = "";
    return ++key;
  };

  const readPart = (part: Part): void => {
    const { text: words, thought, thoughtSignature, functionCall } = part;
    const signed = thoughtSignature ? { thoughtSignature } : undefined;
    if (functionCall) {
      const { id, name, args } = functionCall;
      if (!name) into.fail({ kind: "retryable", reason: "a tool call without a name" });
      const call = next(undefined);
      hasCalled = true;
      into.toolStart(call, { ...(id ? { id } : {}), name });
      // Only ids of the provider's own go back to it.
      if (id || signed) into.native(call, "tool-use", { ...(id ? { id } : {}), ...signed });
      into.toolValue(call, args ?? {});
      into.end(call);
      return;
    }
    if (typeof words !== "string" && !isBare(part)) {
      const { inlineData } = part;
      const place = next(undefined);
      if (isFile(inlineData) && thought !== true)
        into.file(place, { type: "file", mediaType: inlineData.mimeType, data: inlineData.data }, signed);
      // What is not read here, such as code that the model ran, is kept where it stands.
      else into.provider(place, part);
      into.end(place);
      return;
    }
    const said = words ?? "";
    if (said === "" && signed === undefined) return;
    const kind = thought === true ? "thinking" : "text";
    const block = open === kind && signed === undefined ? key : next(kind);
    into[kind](block, said);
    text += said;
    if (signed === undefined) return;
    into.native(block, kind, signed);
    next(undefined);
  };

  return (given) => {
    const { candidates, promptFeedback, usageMetadata, modelVersion, responseId, error } = (given ?? {}) as Chunk;
    if (error) into.fail(faultOfBody(given));
    if (typeof responseId === "string") into.responseId(responseId);
    if (typeof modelVersion === "string") into.model(modelVersion);
    if (usageMetadata) into.usage(usageOf(usageMetadata));
    const candidate = candidates?.[0];
    for (const part of candidate?.content?.parts ?? []) readPart(part);
    if (candidate?.groundingMetadata) {
      const { cited, sources } = groundingOf(candidate.groundingMetadata, text);
      for (const citation of cited) into.cite(key, citation);
      for (const source of sources) into.source(source);
    }
    const raw = candidate?.finishReason;
    if (typeof raw === "string" && raw !== "" && raw !== "FINISH_REASON_UNSPECIFIED") {
      const isUntold = raw === UNTOLD && hasCalled;
      if (MALFORMED.test(raw) && !isUntold) into.fail({ kind: "retryable", reason: raw });
      into.finish({ unified: isUntold ? "tool-calls" : (UNIFIED.get(raw) ?? "other"), raw });
    } else if (promptFeedback?.blockReason && promptFeedback.blockReason !== "BLOCKED_REASON_UNSPECIFIED") {
      into.finish({ unified: "content-filter", raw: promptFeedback.blockReason });
    }
  };
}
