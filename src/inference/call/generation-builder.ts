/** Puts one answer together from what a wire tells: the parts of a stream as they come, and the blocks that they add up to. */

import { messageOf } from "#contract/base/errors";
import { isDeeperThan, MAX_DEPTH } from "#contract/base/json";
import { newCallId } from "#contract/chat/call-id";
import { PAUSED } from "#contract/chat/finish";
import type { FinishReason, StreamPart } from "#contract/chat/generation";
import { type Citation, type ContentBlock, type FileBlock, type NativeData, type ProviderBlock, textOf } from "#contract/chat/message";
import type { Usage } from "#contract/chat/usage";
import type { Fault, GenerationSink, WireFile } from "#contract/chat/wire";
import { WireFault } from "#contract/chat/wire-fault";
import { ToolInputPiece } from "./tool-input-delta.ts";

const TOO_DEEP = `it is nested deeper than ${MAX_DEPTH} levels`;

/** Of a kind that is told whole. */
type Whole = ProviderBlock | FileBlock;

interface Draft {
  kind: "text" | "thinking" | "tool-use" | "whole";
  id: string;
  text: string;
  name?: string;
  signature?: string;
  data?: Record<string, unknown>;
  citations?: Citation[];
  /** Where the provider gave a value and no text. */
  value?: { input: unknown };
  inputError?: string;
  whole?: Whole;
  isOpen: boolean;
}

interface Source {
  /** As the answer has it: once, whatever passages were drawn from it. */
  about: Citation;
  told: Citation;
  isCited: boolean;
}

/** What an answer adds up to, before it is priced and checked. */
export interface BuiltAnswer {
  text: string;
  blocks: ContentBlock[];
  sources: Citation[];
  finishReason: FinishReason;
  model: string;
}

interface BuilderAbout {
  provider: string;
  model: string;
  /** Ids of tool uses earlier in the conversation: one that repeats is replaced. */
  takenIds: ReadonlySet<string>;
  /** Makes an id where the provider gave none. */
  ids(): string;
}

export class GenerationBuilder implements GenerationSink {
  /** Parts that nobody has taken yet. */
  parts: StreamPart[] = [];
  readonly warnings: string[] = [];
  /** What the call used as far as it is known. */
  used: Partial<Usage> = {};
  /** Whether the provider told anything at all. */
  isEmpty = true;
  id: string | undefined;
  readonly #about: BuilderAbout;
  readonly #drafts: Draft[] = [];
  readonly #sources = new Map<string, Source>();
  readonly #open = new Map<string | number, Draft>();
  #model: string | undefined;
  #finish: FinishReason | undefined;
  #toolCount = 0;

  constructor(about: BuilderAbout) {
    this.#about = about;
  }

  text(key: string | number, delta: string): void {
    if (delta === "") return;
    const draft = this.#draft(key, "text");
    draft.text += delta;
    this.parts.push({ type: "text-delta", id: draft.id, text: delta });
  }

  thinking(key: string | number, delta: string): void {
    const draft = this.#draft(key, "thinking");
    if (delta === "") return;
    draft.text += delta;
    this.parts.push({ type: "thinking-delta", id: draft.id, text: delta });
  }

  toolStart(key: string | number, { id, name }: { id?: string; name: string }): void {
    this.end(key);
    this.#begin(key, { kind: "tool-use", id: this.#toolId(id), text: "", name, isOpen: true });
  }

  toolInput(key: string | number, delta: string): void {
    const draft = this.#open.get(key);
    if (delta === "" || draft?.kind !== "tool-use") return;
    draft.text += delta;
    this.parts.push(new ToolInputPiece(draft.id, delta, draft.text));
  }

  toolValue(key: string | number, input: unknown): void {
    const draft = this.#open.get(key);
    if (draft?.kind !== "tool-use") return;
    if (isDeeperThan(input, MAX_DEPTH)) {
      draft.value = { input: "" };
      draft.inputError = TOO_DEEP;
      return;
    }
    this.toolInput(key, JSON.stringify(input ?? {}));
    draft.value = { input: input ?? {} };
  }

  native(key: string | number, kind: "text" | "thinking" | "tool-use", data: Record<string, unknown>): void {
    const draft = kind === "tool-use" ? this.#open.get(key) : this.#draft(key, kind);
    if (draft !== undefined) draft.data = { ...draft.data, ...data };
  }

  provider(key: string | number, value?: unknown): void {
    const draft = this.#draft(key, "whole");
    const { provider, model } = this.#about;
    if (value !== undefined) draft.whole = { type: "provider", provider, model, value };
  }

  file(key: string | number, file: WireFile, data?: Record<string, unknown>): void {
    const { provider, model } = this.#about;
    this.#draft(key, "whole").whole = { ...file, native: { provider, model, ...(data === undefined ? {} : { data }) } };
  }

  cite(key: string | number, citation: Citation): void {
    const draft = this.#open.get(key);
    if (draft?.kind !== "text") return this.source(citation);
    draft.citations = [...(draft.citations ?? []), citation];
    this.parts.push({ type: "source", id: draft.id, source: citation });
    this.#sourceOf(citation).isCited = true;
  }

  source(source: Citation): void {
    const { size } = this.#sources;
    this.#sourceOf(source);
    if (this.#sources.size > size) this.parts.push({ type: "source", source });
  }

  signature(key: string | number, delta: string): void {
    const draft = this.#draft(key, "thinking");
    draft.signature = (draft.signature ?? "") + delta;
  }

  end(key: string | number): void {
    const draft = this.#open.get(key);
    if (draft === undefined) return;
    this.#open.delete(key);
    this.#close(draft);
  }

  usage(usage: Partial<Usage>): void {
    this.isEmpty = false;
    for (const [key, value] of Object.entries(usage)) {
      if (typeof value === "number" && Number.isFinite(value) && value >= 0) this.used[key as keyof Usage] = value;
    }
  }

  model(model: string): void {
    if (model !== "") this.#model = model;
  }

  responseId(id: string): void {
    this.id = id;
  }

  finish(reason: FinishReason): void {
    this.isEmpty = false;
    this.#finish = reason;
  }

  /** Whether the provider has told why the answer ended. */
  get isFinished(): boolean {
    return this.#finish !== undefined;
  }

  warn(warning: string): void {
    if (!this.warnings.includes(warning)) this.warnings.push(warning);
  }

  fail(fault: Fault): never {
    throw new WireFault(fault);
  }

  /** The whole answer; closes what the provider left open. @throws WireFault `stream-truncated` or `empty-response` */
  complete(): BuiltAnswer {
    const finish = this.#finish;
    if (finish === undefined) {
      throw new WireFault({ kind: "retryable", code: this.isEmpty && this.#drafts.length === 0 ? "empty-response" : "stream-truncated" });
    }
    for (const key of [...this.#open.keys()]) this.end(key);
    if (finish.unified === "other" && finish.raw !== PAUSED)
      this.warn(`The answer ended by ${wordOf(finish.raw)}, which is none of the ends that are known: it may be cut.`);
    this.#citeRest();
    const blocks = this.blocks();
    // Some servers say "stop" although tools are called.
    const callsTools = finish.unified === "stop" && blocks.some(({ type }) => type === "tool-use");
    return {
      text: textOf(blocks),
      blocks,
      sources: [...this.#sources.values()].map(({ about }) => about),
      model: this.#model ?? this.#about.model,
      finishReason: callsTools ? { unified: "tool-calls", raw: finish.raw } : finish,
    };
  }

  /** The blocks as far as they are. */
  blocks(): ContentBlock[] {
    return this.#drafts.flatMap((draft) => this.#blockOf(draft) ?? []);
  }

  /** Without the passage: the same source once. */
  #sourceOf(told: Citation): Source {
    const { start: _start, end: _end, quote, ...source } = told;
    const about: Citation = Object.keys(source).length === 0 && quote !== undefined ? { quote } : source;
    const key = JSON.stringify(about);
    const known = this.#sources.get(key) ?? { about, told, isCited: false };
    this.#sources.set(key, known);
    return known;
  }

  /** What no passage cites, the answer as a whole does: messages keep its blocks alone. */
  #citeRest(): void {
    const rest = [...this.#sources.values()].filter(({ isCited }) => !isCited).map(({ told }) => told);
    const last = this.#drafts.findLast(({ kind, text }) => kind === "text" && text !== "");
    if (last !== undefined && rest.length > 0) last.citations = [...(last.citations ?? []), ...rest];
  }

  #draft(key: string | number, kind: "text" | "thinking" | "whole"): Draft {
    const open = this.#open.get(key);
    if (open?.kind === kind) return open;
    this.end(key);
    return this.#begin(key, { kind, id: String(this.#drafts.length), text: "", isOpen: true });
  }

  #begin(key: string | number, draft: Draft): Draft {
    this.isEmpty = false;
    this.#drafts.push(draft);
    this.#open.set(key, draft);
    if (draft.kind === "tool-use") this.parts.push({ type: "tool-input-start", id: draft.id, name: draft.name as string });
    else if (draft.kind !== "whole") this.parts.push({ type: `${draft.kind}-start`, id: draft.id });
    return draft;
  }

  #close(draft: Draft): void {
    draft.isOpen = false;
    if (draft.kind === "whole") {
      if (draft.whole !== undefined) this.parts.push(draft.whole);
      return;
    }
    if (draft.kind !== "tool-use") {
      this.parts.push({ type: `${draft.kind}-end`, id: draft.id });
      return;
    }
    if (draft.value === undefined) {
      try {
        // No text at all is how several providers call a tool without arguments.
        draft.value = { input: draft.text.trim() === "" ? {} : unwrapped(JSON.parse(draft.text)) };
        if (isDeeperThan(draft.value.input, MAX_DEPTH)) throw new Error(TOO_DEEP);
      } catch (error) {
        draft.value = { input: draft.text };
        draft.inputError = `the input is no JSON: ${messageOf(error).slice(0, 60)}`;
      }
    }
    const { id, value, inputError } = draft;
    const name = draft.name as string;
    this.parts.push({ type: "tool-call", id, name, input: value.input, ...(inputError === undefined ? {} : { inputError }) });
  }

  #toolId(given: string | undefined): string {
    const used = (id: string): boolean => this.#drafts.some((draft) => draft.id === id) || this.#about.takenIds.has(id);
    this.#toolCount += 1;
    if (given !== undefined && given !== "" && !used(given)) return given;
    return newCallId(() => this.#about.ids());
  }

  #blockOf({ kind, id, text, name, signature, data, citations, value, inputError, whole, isOpen }: Draft): ContentBlock | undefined {
    const { provider, model } = this.#about;
    const about: NativeData = { provider, model };
    const native = data === undefined ? {} : { native: { ...about, data } };
    switch (kind) {
      case "text":
        return text === "" && data === undefined
          ? undefined
          : { type: "text", text, ...(citations === undefined ? {} : { citations }), ...native };
      case "thinking":
        return { type: "thinking", text, ...(signature === undefined ? {} : { signature }), native: { ...about, ...native.native } };
      case "whole":
        return whole;
      case "tool-use":
        // Of an answer that broke off: a call is only what was told to its end.
        if (isOpen || value === undefined) return undefined;
        return {
          type: "tool-use",
          id,
          name: name as string,
          input: value.input,
          ...(inputError === undefined ? {} : { inputError }),
          ...native,
        };
    }
  }
}

/** A provider's word for why it ended; a text of another form is none. */
const wordOf = (raw: string | null): string => (raw !== null && /^[\w.:-]{1,64}$/.test(raw) ? JSON.stringify(raw) : "a reason of its own");

/** Some servers encode the object twice; no tool takes a text alone. */
function unwrapped(input: unknown): unknown {
  if (typeof input !== "string") return input;
  try {
    const inner: unknown = JSON.parse(input);
    return typeof inner === "object" && inner !== null ? inner : input;
  } catch {
    return input;
  }
}
