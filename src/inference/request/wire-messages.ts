/** Messages as users write them to messages as converters get them: nothing empty, nothing of another model's, system first. */

import { ChatRole } from "#contract/base/vocabulary";
import type { FileKind } from "#contract/chat/file-kind";
import {
  blocksOf,
  type ChatMessage,
  type ContentBlock,
  type FileBlock,
  type ProviderBlock,
  requireMessages,
  type ToolResultBlock,
  textOfResult,
} from "#contract/chat/message";
import type { WireBlock, WireMessage, WireResult } from "#contract/chat/wire";
import { tokensOfMessage } from "./estimate-tokens.ts";
import { fileFor } from "./wire-files.ts";

export interface Audience {
  provider: string;
  model: string;
  files: readonly FileKind[];
  systemAnywhere: boolean;
  /** As a wire says. */
  takesBack?(block: ProviderBlock | FileBlock): boolean;
}

/** What a converter gets of one message. */
interface Kept {
  source: ChatMessage;
  message: WireMessage | undefined;
  lacking: ReadonlySet<Lacking>;
  tokens: number;
  /** As the message was: one that its owner has changed since is converted again. */
  role: ChatRole;
  content: ChatMessage["content"];
  length: number;
  cacheMarker: boolean | undefined;
  modelFamilies: readonly string[] | undefined;
}

function isCurrent(kept: Kept, message: ChatMessage | undefined): boolean {
  return (
    message === kept.source &&
    message.content === kept.content &&
    (typeof kept.content === "string" || kept.content.length === kept.length) &&
    message.role === kept.role &&
    message.cacheMarker === kept.cacheMarker &&
    message.modelFamilies === kept.modelFamilies
  );
}

/** What of a conversation a model does not get as it is. */
export type Lacking = FileKind | "system" | "answer" | "provider";
type Lack = (what: Lacking) => void;

/** Of an answer, none but Gemini takes a file that it has not made itself. */
const TAKES_FILES_BACK = /^gcp\./;

function blocksFor(block: ContentBlock, role: ChatRole, audience: Audience, lack: Lack): WireBlock[] {
  const { provider, model, files } = audience;
  const goesBack = (own: ProviderBlock | FileBlock): boolean => audience.takesBack?.(own) ?? true;
  const { native } = block as { native?: { provider: string; model: string } };
  const isForeign = native !== undefined && (native.provider !== provider || native.model !== model);
  switch (block.type) {
    case "thinking":
      return isForeign ? [] : [block];
    case "text": {
      const { native: own, ...plain } = block;
      if (block.text === "" && (own === undefined || isForeign)) return [];
      return [isForeign ? plain : block];
    }
    case "tool-use": {
      const { native: _native, ...plain } = block;
      return [isForeign ? plain : block];
    }
    case "provider":
      if (block.provider === provider && (block.model ?? model) === model && goesBack(block)) return [block];
      lack("provider");
      return [];
    case "tool-result":
      return [resultFor(block, files, lack)];
    case "file":
    case "image": {
      if (role === ChatRole.SYSTEM) return [fileFor(block, [], () => lack("system"))];
      const isOwn = native !== undefined && !isForeign && goesBack(block as FileBlock);
      if (role === ChatRole.ASSISTANT && !isOwn && !TAKES_FILES_BACK.test(provider)) return [fileFor(block, [], () => lack("answer"))];
      const { native: _native, ...plain } = block as FileBlock;
      return [fileFor(isForeign ? plain : block, files, lack)];
    }
  }
}

function resultFor(block: ToolResultBlock, kinds: readonly FileKind[], lack: Lack): WireResult {
  const { content } = block;
  const parts = typeof content === "string" ? [] : content.map((part) => (part.type === "file" ? fileFor(part, kinds, lack) : part));
  if (parts.some(({ type }) => type === "file")) {
    return { ...block, content: parts.filter((part) => part.type === "file" || part.text !== "") };
  }
  const text = textOfResult(typeof content === "string" ? content : parts);
  // Providers refuse a result without text.
  return { ...block, content: text === "" ? "(no output)" : text };
}

function convert(source: ChatMessage, audience: Audience, isLeading: boolean): Kept {
  const { cacheMarker = false, modelFamilies, role } = source;
  const isMeant =
    modelFamilies === undefined || modelFamilies.some((family) => audience.model.toLowerCase().includes(family.toLowerCase()));
  const lacking = new Set<Lacking>();
  const blocks = isMeant ? blocksOf(source).flatMap((block) => blocksFor(block, role, audience, (what) => lacking.add(what))) : [];
  const plain = { role, blocks, cacheMarker };
  const isMoved = role === ChatRole.SYSTEM && !isLeading && !audience.systemAnywhere;
  const message = blocks.length === 0 ? undefined : isMoved ? asInstruction(plain) : plain;
  return {
    source,
    message,
    lacking,
    tokens: message === undefined ? 0 : tokensOfMessage(message),
    role,
    content: source.content,
    length: source.content.length,
    cacheMarker: source.cacheMarker,
    modelFamilies,
  };
}

/** SYSTEM as the user says it, where nobody else can. */
export function asInstruction(message: WireMessage): WireMessage {
  return { ...message, role: ChatRole.USER, blocks: [{ type: "text", text: "[Instruction of the system]" }, ...message.blocks] };
}

/** A conversation so far. */
class WireConversation {
  readonly kept: Kept[] = [];
  readonly system: WireMessage[] = [];
  readonly messages: WireMessage[] = [];
  readonly toolUseIds = new Set<string>();
  /** Where the caller wants caching to end. */
  readonly asked = { system: [] as number[], messages: [] as number[] };
  readonly lacking = new Set<Lacking>();
  /** About as many as it has. */
  tokens = 0;

  add(source: ChatMessage, audience: Audience): void {
    const kept = convert(source, audience, this.messages.length === 0);
    this.kept.push(kept);
    for (const kind of kept.lacking) this.lacking.add(kind);
    this.tokens += kept.tokens;
    const { message } = kept;
    if (message === undefined) return;
    const place = message.role === ChatRole.SYSTEM && this.messages.length === 0 ? "system" : "messages";
    if (message.cacheMarker) this.asked[place].push(this[place].length);
    this[place].push(message);
    for (const block of message.blocks) if (block.type === "tool-use") this.toolUseIds.add(block.id);
  }
}

/** Reads one conversation again and again as it grows by its end: only what is new is checked and converted. */
export class ConversationReader {
  readonly #audience: Audience;
  #latest = new WireConversation();
  #array: readonly ChatMessage[] | undefined;

  constructor(audience: Audience) {
    this.#audience = audience;
  }

  /**
   * @param messages given as the same array again, they have only grown, or are others from the first change on
   * @returns good until the next call: it may grow then. @throws AsimovError `invalid-options`
   */
  read(messages: readonly ChatMessage[]): WireConversation {
    if (!this.#isContinued(messages)) this.#latest = new WireConversation();
    const from = this.#latest.kept.length;
    requireMessages(messages, from);
    for (let at = from; at < messages.length; at++) this.#latest.add(messages[at] as ChatMessage, this.#audience);
    this.#array = messages;
    return this.#latest;
  }

  #isContinued(messages: readonly ChatMessage[]): boolean {
    const { kept } = this.#latest;
    if (!Array.isArray(messages) || messages.length < kept.length) return false;
    if (messages === this.#array) return messages[kept.length - 1] === kept.at(-1)?.source;
    return kept.every((one, at) => isCurrent(one, messages[at]));
  }
}
