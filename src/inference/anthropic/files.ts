/** Files as the Messages API takes them: images and documents, in messages and in results of tools (docs.claude.com, Files and PDF support, November 2026). */
import type Anthropic from "@anthropic-ai/sdk";
import { bareType, fileKindOf } from "#contract/chat/file-kind";
import type { WireFile } from "#contract/chat/wire";
import { requireFetched, unsupported } from "#inference/request/unsupported";
import { textData } from "#inference/request/wire-files";

export function fileOf(file: WireFile): Anthropic.ImageBlockParam | Anthropic.DocumentBlockParam {
  const { mediaType, name } = file;
  const kind = fileKindOf(mediaType);
  requireFetched(file, "Anthropic");
  if (kind === "image") return { type: "image", source: sourceOf(file) as Anthropic.ImageBlockParam["source"] };
  if (kind === "text" && file.url !== undefined) {
    throw unsupported(`a file of type ${mediaType} by address: Anthropic fetches images and PDF files alone; give it as data`);
  }
  const source = kind === "text" && file.fileId === undefined ? plainSource(file) : sourceOf(file);
  return {
    type: "document",
    source: source as Anthropic.DocumentBlockParam["source"],
    ...(name === undefined ? {} : { title: name }),
  };
}

const plainSource = (file: WireFile): Anthropic.PlainTextSource => ({ type: "text", media_type: "text/plain", data: textData(file) });

function sourceOf({ mediaType, data, url, fileId }: WireFile): object {
  if (fileId !== undefined) return { type: "file", file_id: fileId };
  return data === undefined ? { type: "url", url } : { type: "base64", media_type: bareType(mediaType), data };
}
