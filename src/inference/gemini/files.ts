/** Files as Gemini takes them: data within the request, or an address (ai.google.dev, File input methods, November 2026). */
import { bareType } from "#contract/chat/file-kind";
import type { WireFile } from "#contract/chat/wire";
import { requireFetched, requireFormat, unsupported } from "#inference/request/unsupported";

export interface FilePart {
  inlineData?: { mimeType: string; data: string };
  fileData?: { mimeType: string; fileUri: string };
}

/** By the ending of an address. */
const TYPES: ReadonlyMap<string, string> = new Map([
  ...["png", "webp", "gif", "heic", "heif"].map((ending) => [ending, `image/${ending}`] as const),
  ...["wav", "flac", "ogg", "aac", "aiff"].map((ending) => [ending, `audio/${ending}`] as const),
  ...["mp4", "mpeg", "webm", "wmv", "3gpp"].map((ending) => [ending, `video/${ending}`] as const),
  ["mp3", "audio/mpeg"],
  ["mov", "video/quicktime"],
]);

/** Where the Gemini API keeps what was uploaded to it. */
const KEPT_AT = "https://generativelanguage.googleapis.com/v1beta/";

export function fileOf(file: WireFile): FilePart {
  const { mediaType, data, url, fileId } = file;
  if (data !== undefined) {
    if (mediaType !== "image/*") requireFormat(mediaType);
    return { inlineData: { mimeType: bareType(mediaType), data } };
  }
  requireFetched(file, "Gemini", ["https", "http", "gs"]);
  if (url === undefined && !/^files\//.test(fileId ?? "")) {
    throw unsupported('a file by a fileId that does not begin with "files/": give the address that the upload gave as its url');
  }
  const fileUri = url ?? `${KEPT_AT}${fileId}`;
  return { fileData: { mimeType: mediaType.endsWith("/*") ? typeOf(fileUri, mediaType) : bareType(mediaType), fileUri } };
}

/** The API wants a type, and looks at an image itself. */
function typeOf(address: string, mediaType: string): string {
  const type = TYPES.get(/\.(\w+)(?:[?#]|$)/.exec(address)?.[1]?.toLowerCase() ?? "");
  if (type?.startsWith(mediaType.slice(0, -1))) return type;
  if (mediaType !== "image/*") requireFormat(mediaType);
  return "image/jpeg";
}
