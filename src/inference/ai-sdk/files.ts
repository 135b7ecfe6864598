/** Files as the three versions of the AI SDK's specification have them, in messages and in what tools gave. */
import type { LanguageModelV4FilePart, LanguageModelV4ToolResultOutput } from "@ai-sdk/provider";
import { fileKindOf } from "#contract/chat/file-kind";
import type { TextBlock } from "#contract/chat/message";
import type { WireFile } from "#contract/chat/wire";
import { unsupported } from "#inference/request/unsupported";
import type { AiSdkModel } from "./options.ts";

export interface FilesAbout {
  version: AiSdkModel["specificationVersion"];
  /** Under which a provider's package looks for the ids of its files. */
  key: string;
}

/** Before version 4 the data stands by itself, where it has a tag now. */
export function filePart(file: WireFile, about: FilesAbout): LanguageModelV4FilePart {
  const { mediaType, name } = file;
  const tagged = dataOf(file, about);
  const bare = tagged.type === "url" ? tagged.url : tagged.type === "data" ? tagged.data : tagged;
  return {
    type: "file",
    mediaType,
    data: about.version === "v4" ? tagged : (bare as LanguageModelV4FilePart["data"]),
    ...(name === undefined ? {} : { filename: name }),
  };
}

/** @throws WireFault `unsupported` for the id of a file before version 4 */
function dataOf({ data, url, fileId }: WireFile, { version, key }: FilesAbout): Exclude<LanguageModelV4FilePart["data"], { type: "text" }> {
  if (data !== undefined) return { type: "data", data };
  if (url !== undefined) return { type: "url", url: new URL(url) };
  if (version !== "v4") {
    throw unsupported(`a file by its id: version ${version} of the AI SDK's specification has no place for it; give its data, or a url`);
  }
  return { type: "reference", reference: { [key]: fileId as string } };
}

type Content = Extract<LanguageModelV4ToolResultOutput, { type: "content" }>;

export function contentOutput(parts: readonly (TextBlock | WireFile)[], about: FilesAbout): Content {
  const value = parts.map((part) => (part.type === "text" ? { type: "text", text: part.text } : resultFile(part, about)));
  return { type: "content", value } as Content;
}

function resultFile(file: WireFile, about: FilesAbout): object {
  const { mediaType, data, url, name } = file;
  const filename = name === undefined ? {} : { filename: name };
  switch (about.version) {
    case "v4":
      return filePart(file, about);
    case "v3":
      if (fileKindOf(mediaType) === "image") {
        return url === undefined ? { type: "image-data", data: knownData(data, about), mediaType } : { type: "image-url", url };
      }
      return url === undefined ? { type: "file-data", data: knownData(data, about), mediaType, ...filename } : { type: "file-url", url };
    case "v2":
      return { type: "media", data: knownData(data, about), mediaType };
  }
}

/** @throws WireFault `unsupported` */
function knownData(data: string | undefined, { version }: FilesAbout): string {
  if (data !== undefined) return data;
  throw unsupported(`a file without its data in what a tool gave: version ${version} of the AI SDK's specification has no place for it`);
}
