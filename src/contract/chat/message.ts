/** What is said to a model and what it answers: plain JSON, the same for every provider. */
import * as z from "zod/mini";
import { toBase64 } from "#contract/base/base64";
import { isDeeperThan, MAX_DEPTH } from "#contract/base/json";
import { lazily } from "#contract/base/lazily";
import { nonEmpty, parseOptions } from "#contract/base/options";
import { ChatRole } from "#contract/base/vocabulary";

/**
 * What a provider gave with a block, to be handed back unchanged: signatures, encrypted reasoning, ids.
 * It goes back only to the same model of the same provider; for another one it is left out.
 */
export interface NativeData {
  provider: string;
  model: string;
  data?: Record<string, unknown>;
}

/** Where a passage of an answer, or all of it, comes from: what the provider told of that, in one form. */
export interface Citation {
  url?: string;
  title?: string;
  /** The source's own words. */
  quote?: string;
  /** The passage of the block's text that it stands for: from here up to, not including, `end`, in characters as the provider counts them. */
  start?: number;
  end?: number;
  /** Of the documents of the request, from 0. */
  document?: number;
  /** A file that the provider keeps. */
  fileId?: string;
}

export interface TextBlock {
  type: "text";
  text: string;
  /** In the order in which the provider told of them; behind those of passages, in the last text of an answer, what no passage cites. To Anthropic and Bedrock they go back in their own form (`native`), to others not at all. */
  citations?: Citation[];
  native?: NativeData;
}

/** Of ASSISTANT messages alone. The model's thoughts, as far as the provider shows them; an empty text with a signature is one too. */
export interface ThinkingBlock {
  type: "thinking";
  text: string;
  /** Proves to the provider that the thought is its own; goes back byte for byte. */
  signature?: string;
  native?: NativeData;
}

/**
 * An image, a document, audio, video: one of `data`, `url` and `fileId` says where it is.
 *
 * @example
 * const report: FileBlock = { type: "file", mediaType: "application/pdf", url: "https://example.com/report.pdf", name: "report.pdf" };
 */
export interface FileBlock {
  type: "file";
  /** Of RFC 6838, such as `application/pdf`; `image/*` where only the kind is known. */
  mediaType: string;
  /** Bytes, or base64. */
  data?: Uint8Array | string;
  /** An address that the provider fetches; `data:` addresses are read as data. */
  url?: string;
  /** Of a file that the provider keeps, uploaded by its own API. */
  fileId?: string;
  /** Told to the model where the provider has a place for it. */
  name?: string;
  /** Of a file that a model made. */
  native?: NativeData;
}

/** A short form of `FileBlock`: either base64 data with its media type, or an address that the provider fetches. */
export type ImageBlock = { type: "image"; mediaType: string; data: string } | { type: "image"; url: string };

/** Of ASSISTANT messages alone. */
export interface ToolUseBlock {
  type: "tool-use";
  id: string;
  name: string;
  /** JSON; when the model's text was no JSON, that text, and `inputError` says why. */
  input: unknown;
  inputError?: string;
  native?: NativeData;
}

/** Of TOOL_RESULT and USER messages alone. */
export interface ToolResultBlock {
  type: "tool-result";
  toolUseId: string;
  content: string | (TextBlock | FileBlock)[];
  /** Default false. */
  isError?: boolean;
}

/** Of ASSISTANT messages alone. What a provider's own tools gave, and whatever else of an answer has no block of its own. To that provider it goes back as it came, to others not at all. */
export interface ProviderBlock {
  type: "provider";
  /** As `InferenceClient.provider` says. */
  provider: string;
  /** The one that gave it, and takes it back: what others know of its thoughts they would need, too. Absent for all of the provider's. */
  model?: string;
  /** In the provider's own words, as JSON. */
  value: unknown;
}

export type ContentBlock = TextBlock | ThinkingBlock | FileBlock | ImageBlock | ToolUseBlock | ToolResultBlock | ProviderBlock;

export interface ChatMessage {
  role: ChatRole;
  content: string | ContentBlock[];
  /** Asks the provider to cache the conversation up to the end of this message. Default false. */
  cacheMarker?: boolean;
  /** Says the message only to models whose id contains one of these, such as `"claude"`; absent says it to all. */
  modelFamilies?: string[];
}

const native = lazily(() =>
  z.optional(z.strictObject({ provider: z.string(), model: z.string(), data: z.optional(z.record(z.string(), z.unknown())) })),
);
const citation = lazily(() =>
  z.strictObject({
    url: z.optional(z.string()),
    title: z.optional(z.string()),
    quote: z.optional(z.string()),
    start: z.optional(z.number()),
    end: z.optional(z.number()),
    document: z.optional(z.number()),
    fileId: z.optional(z.string()),
  }),
);
const text = lazily(() =>
  z.strictObject({ type: z.literal("text"), text: z.string(), citations: z.optional(z.array(citation())), native: native() }),
);
const MEDIA_TYPE = /^[\w.+-]+\/(?:[\w.+-]+|\*)(?:\s*;.*)?$/;
export const isMediaType = (value: unknown): value is string => typeof value === "string" && MEDIA_TYPE.test(value);
/** Lines may be broken, as in mail. */
const BASE64 = /^[A-Za-z0-9+/\s]*={0,2}\s*$/;
const base64 = z.string().check(z.regex(BASE64, { message: "expected base64" }));
/** It is never shown: it may be signed. */
const address = z.string().check(
  z.refine((url) => /^data:/i.test(url) || URL.canParse(url), {
    message: 'expected a whole address, such as "https://example.com/report.pdf"; give what you have read yourself as data',
  }),
);
const value = z.unknown().check(
  z.refine((json) => !isDeeperThan(json, MAX_DEPTH), {
    message: `expected JSON of ${MAX_DEPTH} levels at most, got what is nested deeper`,
  }),
);
const file = lazily(() =>
  z
    .strictObject({
      type: z.literal("file"),
      mediaType: z.string().check(z.regex(MEDIA_TYPE, { message: 'expected a media type, such as "application/pdf"' })),
      data: z.optional(z.union([base64, z.instanceof(Uint8Array)])),
      url: z.optional(address),
      fileId: z.optional(nonEmpty),
      name: z.optional(nonEmpty),
      native: native(),
    })
    .check(
      z.refine(({ data, url, fileId }) => [data, url, fileId].filter((place) => place !== undefined).length === 1, {
        message: "expected one of data, url and fileId",
      }),
    ),
);
const resultPart = lazily(() => z.discriminatedUnion("type", [text(), file()]));
const block = lazily(() =>
  z.discriminatedUnion("type", [
    text(),
    file(),
    z.strictObject({ type: z.literal("thinking"), text: z.string(), signature: z.optional(z.string()), native: native() }),
    z
      .strictObject({
        type: z.literal("image"),
        mediaType: z.optional(z.string()),
        data: z.optional(base64),
        url: z.optional(address),
      })
      .check(
        z.refine(({ mediaType, data, url }) => (url === undefined ? mediaType !== undefined && data !== undefined : data === undefined), {
          message: "expected mediaType with data, or url",
        }),
      ),
    z.strictObject({
      type: z.literal("tool-use"),
      id: nonEmpty,
      name: nonEmpty,
      input: value,
      inputError: z.optional(z.string()),
      native: native(),
    }),
    z.strictObject({ type: z.literal("provider"), provider: nonEmpty, model: z.optional(nonEmpty), value }),
    z.strictObject({
      type: z.literal("tool-result"),
      toolUseId: nonEmpty,
      content: z.union([z.string(), z.array(resultPart())]),
      isError: z.optional(z.boolean()),
    }),
  ]),
);
const messageSchema = lazily(() =>
  z
    .strictObject({
      role: z.enum(ChatRole),
      content: z.union([z.string(), z.array(block())]),
      cacheMarker: z.optional(z.boolean()),
      modelFamilies: z.optional(z.array(nonEmpty)),
    })
    .check(requireRoles),
);

/** Where the blocks belong that do not belong everywhere: elsewhere a provider refuses them, or they would be lost. */
const ROLES_OF: Partial<Record<ContentBlock["type"], readonly ChatRole[]>> = {
  "tool-use": [ChatRole.ASSISTANT],
  thinking: [ChatRole.ASSISTANT],
  provider: [ChatRole.ASSISTANT],
  "tool-result": [ChatRole.TOOL_RESULT, ChatRole.USER],
};

type Placed = Pick<ChatMessage, "role"> & { content: string | Pick<ContentBlock, "type">[] };

function requireRoles({ value, issues }: z.core.ParsePayload<Placed>): void {
  const { role, content } = value;
  if (typeof content === "string") return;
  for (const [at, { type }] of content.entries()) {
    const roles = ROLES_OF[type];
    if (roles === undefined || roles.includes(role)) continue;
    const message = `a ${type} block belongs in a message of the role ${roles.join(" or ")}, not ${role}`;
    issues.push({ code: "custom", path: ["content", at], message, input: undefined });
  }
}
const messagesSchema = lazily(() => z.array(messageSchema()).check(z.minLength(1, { message: "expected at least one message" })));

/** @param from the first that is not known to be right. @throws AsimovError `invalid-options`, naming the place, never the content */
export function requireMessages(messages: readonly ChatMessage[], from = 0): void {
  const isFaulty = (): boolean => {
    // By index, which also comes to the holes of an array.
    for (let at = from; at < messages.length; at++) if (!messageSchema().safeParse(messages[at]).success) return true;
    return false;
  };
  if (Array.isArray(messages) && messages.length > 0 && !isFaulty()) return;
  // Now for the words: every fault, with its place in the whole.
  parseOptions(messagesSchema(), messages, "messages");
}

/** What a tool gave, where it is for the model as it stands: a file, or a list of texts and files; `undefined` for other values. */
export function resultParts(value: unknown): (TextBlock | FileBlock)[] | undefined {
  const parts: unknown[] = (Array.isArray(value) ? value : [value]).map(asFile);
  const isPart = (part: unknown): boolean => typeof part === "object" && part !== null && "type" in part;
  if (!parts.every(isPart) || !parts.some((part) => (part as FileBlock).type === "file")) return undefined;
  return parts.every((part) => resultPart().safeParse(part).success) ? (parts as (TextBlock | FileBlock)[]) : undefined;
}

/** An image in its short form. */
function asFile(value: unknown): unknown {
  if ((value as { type?: unknown } | null | undefined)?.type !== "image") return value;
  const { type: _type, mediaType = "image/*", ...rest } = value as Partial<FileBlock>;
  return { ...rest, type: "file", mediaType };
}

/** With bytes as base64, so that JSON holds it. */
export function withoutBytes<M extends ChatMessage>(message: M): M {
  const { content } = message;
  return typeof content === "string" ? message : { ...message, content: content.map(plainBlock) };
}

const isBytes = (block: ContentBlock): block is FileBlock & { data: Uint8Array } =>
  block.type === "file" && block.data instanceof Uint8Array;

/** As `withoutBytes`. */
export function plainBlock<B extends ContentBlock>(block: B): B {
  if (isBytes(block)) return { ...block, data: toBase64(block.data) };
  const isList = block.type === "tool-result" && typeof block.content !== "string";
  return isList ? { ...block, content: (block.content as (TextBlock | FileBlock)[]).map(plainBlock) } : block;
}

/** The texts of a tool's result. */
export const textOfResult = (content: ToolResultBlock["content"]): string =>
  typeof content === "string" ? content : content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");

/** The files of a tool's result. */
export const filesOfResult = (content: ToolResultBlock["content"]): FileBlock[] =>
  typeof content === "string" ? [] : content.filter((part) => part.type === "file");

export function blocksOf({ content }: ChatMessage): readonly ContentBlock[] {
  return typeof content === "string" ? [{ type: "text", text: content }] : content;
}

/** The text blocks of an answer, put together. */
export function textOf(blocks: readonly ContentBlock[]): string {
  return blocks.map((entry) => (entry.type === "text" ? entry.text : "")).join("");
}
