/** How many tokens a request is about, before anybody counted: on the high side, so that no limit is passed by a guess. */
import { type FileKind, fileKindOf } from "#contract/chat/file-kind";
import type { ModelRequest, WireBlock, WireFile, WireMessage, WireTool } from "#contract/chat/wire";

/** English and code have more. */
const CHARACTERS_PER_TOKEN = 3;
/** Scripts and signs of which about each character is a token. */
const WIDE = /[\u0e00-\u0eff\u2600-\u27bf\u2e80-\u9fff\uac00-\ud7ff\ud83c-\ud83f\uf900-\ufaff\uff00-\uffef]/g;
/** Roles and separators. */
const TOKENS_PER_MESSAGE = 4;
/** About what providers count for a large image. */
const TOKENS_PER_IMAGE = 1_600;

/** Schemas go with every request: what was counted once is not counted again. */
const counted = new WeakMap<object, number>();

function once(key: object, count: () => number): number {
  let tokens = counted.get(key);
  if (tokens === undefined) {
    tokens = count();
    counted.set(key, tokens);
  }
  return tokens;
}

function ofText(text: string): number {
  const wide = text.match(WIDE)?.length ?? 0;
  return wide + Math.ceil((text.length - wide) / CHARACTERS_PER_TOKEN);
}

/** Characters; what is longer in base64 is an image. */
const MAX_ENCRYPTED_LENGTH = 50_000;

function ofKept(kept: unknown): number {
  let images = 0;
  const text = JSON.stringify(kept ?? null, (_key, value: unknown) => {
    if (typeof value !== "string" || value.length < MAX_ENCRYPTED_LENGTH || !/^[\w+/=-]*$/.test(value)) return value;
    images += 1;
    return "";
  });
  return ofText(text) + images * TOKENS_PER_IMAGE;
}

/**
 * Bytes of a file for each token that it costs, about: a page of a PDF is some 50 kB and 3,000 tokens, a minute of compressed audio about 1 MB and 2,000, of
 * video 5 MB and 16,000.
 */
const BYTES_PER_TOKEN: Readonly<Record<Exclude<FileKind, "image">, number>> = { text: 3, pdf: 16, document: 16, audio: 500, video: 300 };

/** Of what is elsewhere nobody knows how long it is. */
function ofFile({ mediaType, data }: WireFile): number {
  const kind = fileKindOf(mediaType);
  if (kind === "image" || data === undefined) return TOKENS_PER_IMAGE;
  return Math.ceil((data.length * 3) / 4 / BYTES_PER_TOKEN[kind]);
}

function ofBlock(block: WireBlock): number {
  switch (block.type) {
    case "text":
      // What a provider gave with it goes back too; where there is no text, it is all there is.
      return block.text === "" ? ofKept(block.native?.data) : ofText(block.text);
    case "provider":
      return ofKept(block.value);
    case "thinking":
      // Of a thought that is not shown, its signature is all there is; it is about as long.
      return ofText(block.text === "" ? (block.signature ?? "") : block.text);
    case "file":
      return ofFile(block);
    case "tool-use":
      return ofText(block.name + (JSON.stringify(block.input) ?? ""));
    case "tool-result":
      return typeof block.content === "string" ? ofText(block.content) : block.content.reduce((sum, part) => sum + ofBlock(part), 0);
  }
}

export const tokensOfMessage = ({ blocks }: WireMessage): number => blocks.reduce((sum, block) => sum + ofBlock(block), TOKENS_PER_MESSAGE);
const ofTool = (tool: WireTool): number =>
  once(tool.inputSchema, () => ofText(tool.name + tool.description + JSON.stringify(tool.inputSchema)));

/** Tokens of what goes in beside the messages: the tools, and the schema of the answer. */
export function tokensBeside({ tools, output }: Pick<ModelRequest, "tools" | "output">): number {
  const tokens = output === undefined ? 0 : once(output, () => ofText(JSON.stringify(output)));
  return tools.reduce((sum, tool) => sum + ofTool(tool), tokens);
}
