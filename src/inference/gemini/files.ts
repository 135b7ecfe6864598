/** Files as Gemini takes them: data within the request, or an address (ai.google.dev, File input methods, November 2026). */
import { bareType } from "#contract/chat/file-kind";
import type { WireFile } from "#contract/chat/wire";
import { unsupported } from "#inference/request/unsupported";

export interface FilePart {
  inlineData?: { mimeType: string; data: string };
  fileData?: { mimeType: string; fileUri: string };
}

const IMAGE_TYPES: ReadonlyMap<string, string> = new Map([
  ["png", "image/png"],
  ["webp", "image/webp"],
  ["gif", "image/gif"],
  ["heic", "image/heic"],
  ["heif", "image/heif"],
]);

/** Where the Gemini API keeps what was uploaded to it. */
const KEPT_AT = "https://generativelanguage.googleapis.com/v1beta/";

export function fileOf({ mediaType, data, url, fileId }: WireFile): FilePart {
  if (data !== undefined) return { inlineData: { mimeType: bareType(mediaType), data } };
  if (url === undefined && !/^files\//.test(fileId ?? "")) {
    throw unsupported('a file by a fileId that does not begin with "files/": give the address that the upload gave as its url');
  }
  const fileUri = url ?? `${KEPT_AT}${fileId}`;
  return { fileData: { mimeType: mediaType.endsWith("/*") ? typeOf(fileUri) : bareType(mediaType), fileUri } };
}

/** The API wants a type, and looks at the image itself. */
function typeOf(address: string): string {
  const extension = /\.(\w+)(?:[?#]|$)/.exec(address)?.[1]?.toLowerCase() ?? "";
  return IMAGE_TYPES.get(extension) ?? "image/jpeg";
}
