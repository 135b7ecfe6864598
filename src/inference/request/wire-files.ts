/** Files as users give them to files as converters get them; those that a model cannot read become a text that says so. */
import { fromBase64, toBase64 } from "#contract/base/base64";
import { type FileKind, fileKindOf } from "#contract/chat/file-kind";
import type { FileBlock, ImageBlock, TextBlock } from "#contract/chat/message";
import type { WireFile } from "#contract/chat/wire";

/** How data begins, in base64 (en.wikipedia.org, List of file signatures, November 2026). */
const STARTS: readonly (readonly [RegExp, string])[] = [
  [/^iVBORw0KGgo/, "image/png"],
  [/^\/9j\//, "image/jpeg"],
  [/^R0lGOD/, "image/gif"],
  [/^UklGR.{6}XRUJQ/, "image/webp"],
  [/^UklGR.{6}XQVZF/, "audio/wav"],
  [/^(?:SUQz|\/\/[I-Po-v])/, "audio/mpeg"],
  [/^\/\/[E-Hk-n]/, "audio/aac"],
  [/^ZkxhQ/, "audio/flac"],
  [/^T2dnUw/, "audio/ogg"],
  [/^.{5}GZ0eX/, "audio/mp4"],
  [/^.{5}GZ0eX/, "video/mp4"],
  [/^GkXfo/, "audio/webm"],
  [/^GkXfo/, "video/webm"],
];

/** Where only the kind of a file is told. */
function typeOf(mediaType: string, data: string): string {
  if (!mediaType.endsWith("/*")) return mediaType;
  return STARTS.find(([start, type]) => type.startsWith(mediaType.slice(0, -1)) && start.test(data))?.[1] ?? mediaType;
}

const DATA_ADDRESS = /^data:([^;,]*)((?:;[^;,]*)*),(.*)$/s;

/** Bytes as base64, a `data:` address as the data in it, and its media type, as far as the bytes tell it. */
export function wireFile(block: FileBlock | ImageBlock): WireFile {
  const { mediaType = "image/*", data, url, ...rest } = block as Partial<FileBlock>;
  const plain = { ...rest, type: "file" as const, mediaType };
  if (data !== undefined) {
    const text = typeof data === "string" ? data : toBase64(data);
    return { ...plain, mediaType: typeOf(mediaType, text), data: text };
  }
  if (url === undefined) return plain;
  const [, type = "", parameters = "", body] = DATA_ADDRESS.exec(url) ?? [];
  if (body === undefined) return { ...plain, url };
  const told = type === "" || !mediaType.endsWith("/*") ? mediaType : type;
  return {
    ...plain,
    mediaType: told,
    data: parameters.endsWith(";base64") ? body : toBase64(new TextEncoder().encode(decoded(body))),
  };
}

const NAMES: Readonly<Record<FileKind, string>> = {
  image: "an image",
  pdf: "a PDF file",
  text: "a text file",
  document: "a document",
  audio: "an audio file",
  video: "a video",
};

const titleOf = ({ name }: FileBlock): string => (name === undefined ? "" : ` ${JSON.stringify(name)}`);

/** @param lacking told of a kind that is left out */
export function fileFor(
  given: FileBlock | ImageBlock,
  kinds: readonly FileKind[],
  lacking: (kind: FileKind) => void,
): WireFile | TextBlock {
  const file = wireFile(given);
  const kind = fileKindOf(file.mediaType);
  if (file.data === "") return { type: "text", text: `(${NAMES[kind]}${titleOf(file)} with nothing in it)` };
  if (kinds.includes(kind)) return file;
  if (kind === "text" && file.data !== undefined) return { type: "text", text: plainText(file) };
  lacking(kind);
  return { type: "text", text: `(${NAMES[kind]}${titleOf(file)} that this model cannot read)` };
}

/** Plain text is what each model reads. */
function plainText(file: WireFile): string {
  const text = textData(file);
  return file.name === undefined ? text : `File ${JSON.stringify(file.name)}:\n${text}`;
}

/** What is no base64 stands as it is. */
export function textData({ data = "" }: WireFile): string {
  try {
    return new TextDecoder().decode(fromBase64(data));
  } catch {
    return data;
  }
}

/** What is no percent-encoding stands as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
