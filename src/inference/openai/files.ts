/** Files as OpenAI's APIs take them (platform.openai.com, File inputs, November 2026), and as other servers do after them. */
import { bareType, fileKindOf, OFFICE } from "#contract/chat/file-kind";
import type { WireFile } from "#contract/chat/wire";
import { requireFetched, requireFormat, unsupported } from "#inference/request/unsupported";

type Json = Record<string, unknown>;

const dataAddress = ({ mediaType, data }: WireFile): string => `data:${bareType(mediaType)};base64,${data}`;

/** Where the type's own word is no ending. */
const ENDINGS: Readonly<Record<string, string>> = {
  "text/plain": "txt",
  "text/markdown": "md",
  "text/javascript": "js",
  "application/javascript": "js",
  "application/msword": "doc",
  "application/vnd.ms-excel": "xls",
  "application/vnd.ms-powerpoint": "ppt",
  [`${OFFICE}.wordprocessingml.document`]: "docx",
  [`${OFFICE}.spreadsheetml.sheet`]: "xlsx",
  [`${OFFICE}.presentationml.presentation`]: "pptx",
};

/** The API wants a name with data: its ending tells the kind. */
function nameOf({ name, mediaType }: WireFile): string {
  if (name !== undefined) return name;
  const type = bareType(mediaType);
  const ending = ENDINGS[type] ?? /^(?:text|application)\/([a-z]+)$/.exec(type)?.[1];
  return ending === undefined ? "file" : `file.${ending}`;
}

/** A part of a message of Chat Completions. @param provider some servers fetch documents, too */
export function chatFile(file: WireFile, provider: string): Json {
  const { mediaType, url, fileId } = file;
  const kind = fileKindOf(mediaType);
  if (fileId !== undefined) return { type: "file", file: { file_id: fileId } };
  if (provider === "openai") requireFetched(file, "OpenAI");
  switch (kind) {
    case "image":
      return { type: "image_url", image_url: { url: url ?? dataAddress(file) } };
    case "video":
      return { type: "video_url", video_url: { url: url ?? dataAddress(file) } };
    case "audio":
      if (url !== undefined) throw unsupported("audio by address: Chat Completions takes it as base64 data alone");
      requireFormat(mediaType);
      return { type: "input_audio", input_audio: { data: file.data, format: audioFormat(mediaType) } };
    default:
      if (url === undefined) return { type: "file", file: { filename: nameOf(file), file_data: dataAddress(file) } };
      // openrouter.ai/docs, PDF inputs, November 2026.
      if (provider === "openrouter") return { type: "file", file: { filename: nameOf(file), file_data: url } };
      throw unsupported(
        `a file of type ${mediaType} by address: Chat Completions fetches images alone; give it as data, or set api: "responses"`,
      );
  }
}

const FORMATS: Readonly<Record<string, string>> = { mpeg: "mp3", "x-wav": "wav", wave: "wav", "x-m4a": "m4a", mp4: "m4a" };

function audioFormat(mediaType: string): string {
  const [, subtype = ""] = bareType(mediaType).split("/");
  return FORMATS[subtype] ?? subtype;
}

/** A part of an item of the Responses API. @param provider other servers may fetch from elsewhere */
export function responsesFile(file: WireFile, provider: string): Json {
  const { mediaType, url, fileId, name } = file;
  if (provider === "openai") requireFetched(file, "OpenAI");
  if (fileKindOf(mediaType) === "image") {
    return {
      type: "input_image",
      ...(fileId === undefined ? { image_url: url ?? dataAddress(file) } : { file_id: fileId }),
      detail: "auto",
    };
  }
  if (fileId !== undefined) return { type: "input_file", file_id: fileId };
  if (url !== undefined) return { type: "input_file", file_url: url, ...(name === undefined ? {} : { filename: name }) };
  return { type: "input_file", filename: nameOf(file), file_data: dataAddress(file) };
}
