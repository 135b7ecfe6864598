/** The parts of one conversation with a model as chunks: each block under an id that no other has, and closed before anything ends. */
import { toBase64 } from "#contract/base/base64";
import { AsimovError } from "#contract/base/errors";
import type { StreamPart, ToolResultPart } from "#contract/chat/generation";
import { type Citation, type FileBlock, plainBlock, textOfResult } from "#contract/chat/message";
import type { DeltaPart } from "#contract/run/model-delta";
import type { UiMessageChunk } from "./chunks.ts";
import type { ErrorWords } from "./error-words.ts";

/** What all conversations of one message share. */
export class MessageIds {
  readonly #calls = new Map<string, ShownAnswer>();
  readonly #sources = new Set<string>();
  readonly #isContinued: boolean;
  #blocks = 0;

  /** @param isContinued the page has the message up to here, and with it calls that are not told again */
  constructor(isContinued = false) {
    this.#isContinued = isContinued;
  }

  /** Whether the page may have heard of calls before. */
  get isContinued(): boolean {
    return this.#isContinued;
  }

  nextBlock(): string {
    this.#blocks += 1;
    return String(this.#blocks);
  }

  /** The id of a call as it is; another one where a second conversation has the same. */
  callId(owner: ShownAnswer, id: string): string {
    const known = this.#calls.get(id);
    if (known === undefined) this.#calls.set(id, owner);
    return known === undefined || known === owner ? id : `${owner.name}/${id}`;
  }

  /** @returns whether the source was not told before */
  addSource(id: string): boolean {
    if (this.#sources.has(id)) return false;
    this.#sources.add(id);
    return true;
  }
}

export class ShownAnswer {
  readonly name: string;
  readonly #ids: MessageIds;
  readonly #tell: (chunk: UiMessageChunk) => void;
  readonly #words: ErrorWords;
  /** By the id of the part. */
  readonly #open = new Map<string, { id: string; kind: "text" | "reasoning" }>();
  /** Calls whose input has begun, and those that are whole: whoever comes late has heard of neither. */
  readonly #begun = new Set<string>();
  readonly #called = new Set<string>();

  constructor(name: string, ids: MessageIds, { tell, words }: { tell: (chunk: UiMessageChunk) => void; words: ErrorWords }) {
    this.name = name;
    this.#ids = ids;
    this.#tell = tell;
    this.#words = words;
  }

  take(part: StreamPart | DeltaPart | ToolResultPart): void {
    switch (part.type) {
      case "text-delta":
      case "thinking-delta":
        return this.#tell({ type: part.type === "text-delta" ? "text-delta" : "reasoning-delta", id: this.#idOf(part), delta: part.text });
      case "text-start":
      case "thinking-start":
        // A call that is tried again begins anew.
        this.#end(part.id);
        this.#idOf(part);
        return;
      case "text-end":
      case "thinking-end":
        return this.#end(part.id);
      case "tool-input-start":
        this.#begun.add(part.id);
        return this.#tell({ type: "tool-input-start", toolCallId: this.callId(part.id), toolName: part.name });
      case "tool-input-delta":
        if (!this.#begun.has(part.id)) return;
        return this.#tell({ type: "tool-input-delta", toolCallId: this.callId(part.id), inputTextDelta: part.delta });
      case "tool-call":
        return this.#call(part);
      case "tool-result":
        return this.#result(part);
      case "source":
        return this.#source(part.source);
      case "file":
        return this.#file(part);
      case "finish":
        return this.close();
      // A provider's own words say nothing to a page.
      case "provider":
        return;
    }
  }

  /** Ends what is open. */
  close(): void {
    for (const id of [...this.#open.keys()]) this.#end(id);
  }

  callId(id: string): string {
    return this.#ids.callId(this, id);
  }

  #idOf({ type, id }: { type: string; id: string }): string {
    const known = this.#open.get(id);
    if (known !== undefined) return known.id;
    const kind = type.startsWith("text") ? "text" : "reasoning";
    const opened = { id: this.#ids.nextBlock(), kind } as const;
    this.#open.set(id, opened);
    this.#tell({ type: `${kind}-start`, id: opened.id });
    return opened.id;
  }

  #end(id: string): void {
    const known = this.#open.get(id);
    if (known === undefined) return;
    this.#open.delete(id);
    this.#tell({ type: `${known.kind}-end`, id: known.id });
  }

  #call({ id, name, input, inputError }: Extract<StreamPart, { type: "tool-call" }>): void {
    this.#called.add(id);
    const call = { toolCallId: this.callId(id), toolName: name, input };
    if (inputError === undefined) this.#tell({ type: "tool-input-available", ...call });
    else this.#tell({ type: "tool-input-error", ...call, errorText: inputError });
  }

  #result({ id, name, content, isError }: ToolResultPart): void {
    const toolCallId = this.callId(id);
    if (!this.#called.has(id) && !this.#ids.isContinued) this.#call({ type: "tool-call", id, name, input: null });
    if (isError) this.#tell({ type: "tool-output-error", toolCallId, errorText: this.#words(faultOf(name, content), "The tool failed.") });
    else this.#tell({ type: "tool-output-available", toolCallId, output: outputOf(content) });
  }

  #file({ mediaType, data, url }: Readonly<FileBlock>): void {
    const base64 = data instanceof Uint8Array ? toBase64(data) : data;
    const address = url ?? (base64 === undefined ? undefined : `data:${mediaType};base64,${base64}`);
    if (address !== undefined) this.#tell({ type: "file", url: address, mediaType });
  }

  #source({ url, title, quote, document, fileId }: Citation): void {
    const sourceId = url ?? fileId ?? title ?? (document === undefined ? quote : `document ${document}`);
    if (sourceId === undefined || !this.#ids.addSource(sourceId)) return;
    if (url !== undefined) this.#tell({ type: "source-url", sourceId, url, ...(title === undefined ? {} : { title }) });
    else this.#tell({ type: "source-document", sourceId, mediaType: "text/plain", title: title ?? sourceId });
  }
}

/** Why a tool was not run is said by the chain; all else by the tool. */
function faultOf(name: string, content: ToolResultPart["content"]): AsimovError {
  const text = textOfResult(content);
  const wasNotRun = [`Tool "${name}" was not run: `, `There is no tool "${name}" now. `].some((begin) => text.startsWith(begin));
  return new AsimovError(text, { code: wasNotRun ? "tool-not-run" : "tool-failed" });
}

/** What a tool gave is told to a model as JSON, where it is no text. */
function outputOf(content: ToolResultPart["content"]): unknown {
  if (typeof content !== "string") return content.map(plainBlock);
  if (!/^\s*[[{]/.test(content)) return content;
  try {
    return JSON.parse(content);
  } catch {
    return content;
  }
}
