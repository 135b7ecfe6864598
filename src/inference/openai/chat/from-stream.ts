/** The chunks of a Chat Completions stream, read one by one; only a reason for the end proves that the answer is whole. */
import type { FinishReason } from "#contract/chat/generation";
import type { Fault, GenerationSink } from "#contract/chat/wire";
import { unread } from "#inference/faults/unread";
import { citationOf, type RawSources, readSources } from "#inference/openai/annotations";
import { faultOfBody } from "#inference/openai/errors";
import type { Dialect } from "#inference/openai/options";
import { type RawUsage, usageOf } from "#inference/openai/usage";
import { finishReasonOf } from "./finish-reason.ts";
import { MadeFiles, type RawAudio, type RawImage } from "./made-files.ts";
import { ThinkTags } from "./think-tags.ts";
import { type RawCall, ToolSlots } from "./tool-slots.ts";

/** What is read of a chunk; any of it may be missing or null at a compatible server. */
export interface RawChunk extends RawSources {
  id?: string;
  model?: string;
  choices?: (RawChoice | null)[] | null;
  usage?: RawUsage | null;
  error?: unknown;
  object?: string;
  /** Groq's own place for it. */
  x_groq?: { usage?: RawUsage | null } | null;
}

export interface RawChoice {
  index?: number;
  delta?: RawDelta | null;
  /** Of a whole answer; some servers stream it, too. */
  message?: RawDelta | null;
  finish_reason?: string | null;
  error?: unknown;
  /** Moonshot's place for it in a stream. */
  usage?: RawUsage | null;
}

interface RawDelta {
  content?: string | RawPart[] | null;
  refusal?: string | null;
  reasoning_content?: string | null;
  reasoning?: string | null;
  reasoning_details?: RawDetail[] | null;
  tool_calls?: RawCall[] | null;
  annotations?: unknown[] | null;
  images?: (RawImage | null)[] | null;
  audio?: RawAudio | null;
  /** What tools were before them. */
  function_call?: RawCall["function"];
}

/** OpenRouter's pieces of a thought, with what proves them. */
interface RawDetail {
  type?: string;
  index?: number;
  text?: string | null;
  summary?: string | null;
  data?: string | null;
  [key: string]: unknown;
}

interface RawPart extends RawImage {
  type?: string;
  text?: string;
  /** Mistral's, of the type of that name. */
  thinking?: RawPart[] | string | null;
}

/** The protocol's own word after the last chunk. */
export const DONE: object = Object.freeze({ object: "[DONE]" });
const UNREASONED: Fault = {
  kind: "retryable",
  code: "stream-truncated",
  detail: "[DONE] came without a finish_reason; where this server never tells one, set compatibility: { finishReason: false }",
  isOwnDetail: true,
};
const ENDED: FinishReason = { unified: "stop", raw: null };
/** On what stands for the end of an answer; never on a server's own event. */
const END: unique symbol = Symbol("end of the answer");

/** Says that no more comes: for servers that do not. @param last the event before, which it stands for */
export const streamEnd = (last: unknown): object => Object.defineProperty({ ...(last as object) }, END, { value: true });

/** What reading depends on. */
export type ReadDialect = Pick<Dialect, "thinkTags" | "thoughtsInOutput">;

export function readChatEvents(into: GenerationSink, { thinkTags, thoughtsInOutput }: ReadDialect): (event: unknown) => void {
  const tools = new ToolSlots(into);
  const made = new MadeFiles(into);
  let isKnown = false;
  let hasRefused = false;
  let hasChosen = false;
  let hasFinished = false;
  let hasUsed = false;
  /** The block that text goes to: a new kind ends it. */
  let current: "text" | "thinking" | undefined;
  /** Of the thought that is open. */
  let details: RawDetail[] = [];
  let isNamed = false;

  const turnTo = (kind: typeof current): void => {
    if (current !== undefined && current !== kind) into.end(current);
    current = kind;
  };
  const say = (text: string): void => {
    turnTo("text");
    into.text("text", text);
  };
  const tagged =
    thinkTags === false ? undefined : new ThinkTags({ say, think: (text) => think({ reasoning: text }, "tag") }, thinkTags === "opened");

  /** @param by what it goes back as, too, but for what stood between tags */
  const think = (delta: RawDelta, by: "field" | "part" | "tag" = "field"): void => {
    const thought = thoughtIn(delta);
    const pieces = Array.isArray(delta.reasoning_details) ? delta.reasoning_details : [];
    if (thought === undefined && pieces.length === 0) return;
    if (current !== "thinking") {
      turnTo("thinking");
      details = [];
      isNamed = false;
    }
    into.thinking("thinking", thought?.text ?? "");
    if (by !== "tag" && thought?.field !== undefined && !isNamed) {
      isNamed = true;
      into.native("thinking", "thinking", by === "part" ? { isPart: true } : { field: thought.field });
    }
    if (pieces.length === 0) return;
    addDetails(details, pieces);
    into.native("thinking", "thinking", { details: [...details] });
  };

  const readDelta = (delta: RawDelta): void => {
    const { content, refusal, annotations, images, audio, function_call: legacy, tool_calls: calls } = delta;
    think(delta);
    const thought = thoughtsIn(content);
    if (thought !== "") think({ reasoning: thought }, "part");
    const text = typeof content === "string" ? content : textIn(content);
    if (text !== "" && tagged === undefined) say(text);
    else if (text !== "") tagged?.take(text);
    if (typeof refusal === "string" && refusal !== "") {
      hasRefused = true;
      say(refusal);
    }
    readFiles(content, images);
    if (audio?.transcript) say(audio.transcript);
    if (audio) made.audio(audio);
    for (const annotation of Array.isArray(annotations) ? annotations : []) into.cite("text", citationOf(annotation));
    const hasCalls = Array.isArray(calls) && calls.length > 0;
    if (!hasCalls && !legacy) return;
    tagged?.end();
    turnTo(undefined);
    if (hasCalls) tools.take(calls);
    else tools.takeOnly(legacy);
  };

  const readFiles = (content: RawDelta["content"], images: RawDelta["images"]): void => {
    for (const part of Array.isArray(content) ? content : []) {
      if (part?.type === "image_url") made.image(part);
      else if (part?.type !== "text" && part?.type !== "thinking") into.warn(unread(part?.type));
    }
    for (const image of Array.isArray(images) ? images : []) made.image(image ?? {});
  };
  const close = (reason: string): void => {
    tagged?.end();
    tools.close(reason);
    made.end();
    hasFinished = true;
  };

  return (event) => {
    const {
      id,
      model,
      choices,
      usage: told,
      x_groq: groq,
      citations,
      search_results: results,
      error,
      object,
      [END]: isOver,
    } = (event ?? {}) as RawChunk & { [END]?: true };
    if (isOver || event === DONE) {
      if (!hasChosen || hasFinished) return;
      // A server that counts what it gave has come to its end.
      if (!isOver && !hasUsed) into.fail(UNREASONED);
      close("");
      into.finish(ENDED);
      return;
    }
    if (error !== undefined && error !== null) into.fail(faultOfBody(error));
    // Older vLLM.
    if (object === "error") into.fail(faultOfBody(event));
    if (!isKnown && typeof id === "string" && id !== "") {
      isKnown = true;
      into.responseId(id);
      if (typeof model === "string") into.model(model);
    }
    // Of several answers the first alone is read.
    const choice = Array.isArray(choices) ? choices.find((each) => (each?.index ?? 0) === 0) : undefined;
    const usage = told ?? groq?.usage ?? choice?.usage;
    if (usage) into.usage(usageOf(usage, thoughtsInOutput));
    hasUsed ||= Boolean(usage);
    if (citations || results) readSources({ citations, search_results: results }, into);
    if (!choice) return;
    hasChosen = true;
    if (choice.error !== undefined && choice.error !== null) into.fail(faultOfBody(choice.error));
    const delta = choice.delta ?? choice.message;
    if (delta) readDelta(delta);
    const raw = choice.finish_reason;
    if (typeof raw === "string" && raw !== "") {
      if (raw === "error") into.fail({ kind: "retryable", reason: raw });
      close(raw);
      into.finish(finishReasonOf(raw, hasRefused));
    }
  };
}

function thoughtIn(delta: RawDelta): { text: string; field?: string } | undefined {
  const { reasoning_content: content, reasoning, reasoning_details: details } = delta;
  if (typeof content === "string" && content !== "") return { text: content, field: "reasoning_content" };
  if (typeof reasoning === "string" && reasoning !== "") return { text: reasoning, field: "reasoning" };
  if (!Array.isArray(details)) return undefined;
  const text = details.map((detail) => detail?.text ?? detail?.summary ?? "").join("");
  return text === "" ? undefined : { text };
}

/** Some servers stream content in parts. */
function textIn(content: RawPart[] | null | undefined): string {
  return Array.isArray(content) ? content.map((part) => part?.text ?? "").join("") : "";
}

/** Mistral streams thoughts as parts of the content. */
function thoughtsIn(content: string | RawPart[] | null | undefined): string {
  if (!Array.isArray(content)) return "";
  return content.map((part) => (typeof part?.thinking === "string" ? part.thinking : textIn(part?.thinking ?? null))).join("");
}

/** Pieces of one detail come one after the other. */
function addDetails(known: RawDetail[], more: readonly RawDetail[]): void {
  for (const piece of more) {
    const last = known.at(-1);
    if (last === undefined || last.type !== piece.type || last.index !== piece.index) {
      known.push({ ...piece });
      continue;
    }
    for (const [key, value] of Object.entries(piece)) {
      const before = last[key];
      const grows = (key === "text" || key === "summary" || key === "data") && typeof before === "string" && typeof value === "string";
      if (value !== null && value !== undefined) last[key] = grows ? before + value : value;
    }
  }
}
