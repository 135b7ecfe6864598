/** Files as Converse takes them: bytes, or an object in S3, each under a format of its own list (docs.aws.amazon.com, Converse, November 2026). */
import type {
  AudioFormat,
  ContentBlock as ConverseBlock,
  DocumentFormat,
  ImageFormat,
  ToolResultContentBlock,
  VideoFormat,
} from "@aws-sdk/client-bedrock-runtime";
import { fromBase64 } from "#contract/base/base64";
import { bareType, fileKindOf, OFFICE } from "#contract/chat/file-kind";
import type { WireFile } from "#contract/chat/wire";
import { WireFault } from "#contract/chat/wire-fault";
import { unsupported } from "#inference/request/unsupported";

const IMAGES: Readonly<Record<string, ImageFormat>> = {
  "image/png": "png",
  "image/jpeg": "jpeg",
  "image/jpg": "jpeg",
  "image/gif": "gif",
  "image/webp": "webp",
};
const DOCUMENTS: Readonly<Record<string, DocumentFormat>> = {
  "application/pdf": "pdf",
  "text/csv": "csv",
  "application/csv": "csv",
  "text/html": "html",
  "text/markdown": "md",
  "application/msword": "doc",
  [`${OFFICE}.wordprocessingml.document`]: "docx",
  "application/vnd.ms-excel": "xls",
  [`${OFFICE}.spreadsheetml.sheet`]: "xlsx",
};
const AUDIO: Readonly<Record<string, AudioFormat>> = {
  "audio/mpeg": "mp3",
  "audio/mp3": "mp3",
  "audio/wav": "wav",
  "audio/wave": "wav",
  "audio/x-wav": "wav",
  "audio/flac": "flac",
  "audio/aac": "aac",
  "audio/mp4": "m4a",
  "audio/x-m4a": "m4a",
  "audio/ogg": "ogg",
  "audio/opus": "opus",
  "audio/webm": "webm",
  "audio/pcm": "pcm",
  "audio/x-matroska": "mka",
};
const VIDEOS: Readonly<Record<string, VideoFormat>> = {
  "video/mp4": "mp4",
  "video/quicktime": "mov",
  "video/x-matroska": "mkv",
  "video/webm": "webm",
  "video/x-flv": "flv",
  "video/mpeg": "mpeg",
  "video/x-ms-wmv": "wmv",
  "video/3gpp": "three_gp",
};

/** In results of tools Converse takes all of them but audio. */
export const isNested = ({ mediaType }: WireFile): boolean => fileKindOf(mediaType) !== "audio";

/** The files of one request: Converse wants a name for each document, and no name twice. */
export class ConverseFiles {
  readonly #names = new Set<string>();

  /** @throws WireFault `unsupported`, `invalid-request` */
  blockOf(file: WireFile): ConverseBlock & ToolResultContentBlock {
    return this.#blockOf(file) as ConverseBlock & ToolResultContentBlock;
  }

  #blockOf(file: WireFile): ConverseBlock {
    const type = bareType(file.mediaType);
    const source = sourceOf(file);
    switch (fileKindOf(type)) {
      case "image":
        return { image: { format: formatOf(IMAGES, type, "an image", "PNG, JPEG, GIF and WebP"), source } };
      case "audio":
        return { audio: { format: formatOf(AUDIO, type, "audio", Object.values(AUDIO).join(", ")), source } };
      case "video":
        return { video: { format: formatOf(VIDEOS, type, "a video", Object.values(VIDEOS).join(", ")), source } };
      case "text":
        return { document: { format: DOCUMENTS[type] ?? "txt", name: this.#nameFor(file), source } };
      default: {
        const format = formatOf(DOCUMENTS, type, "a document", "PDF, CSV, DOC, DOCX, XLS, XLSX, HTML, TXT and MD");
        return { document: { format, name: this.#nameFor(file), source } };
      }
    }
  }

  /** Letters, digits, single spaces, hyphens, parentheses and square brackets. */
  #nameFor({ name = "document" }: WireFile): string {
    const plain = name.replace(/[^A-Za-z0-9 ()[\]-]+/g, "-").replace(/ {2,}/g, " ");
    for (let count = 1; ; count++) {
      const candidate = count === 1 ? plain : `${plain} (${count})`;
      if (this.#names.has(candidate)) continue;
      this.#names.add(candidate);
      return candidate;
    }
  }
}

function formatOf<Format>(formats: Readonly<Record<string, Format>>, type: string, what: string, taken: string): Format {
  const format = formats[type];
  if (format === undefined) throw unsupported(`${what} of type ${type}: Converse takes ${taken}`);
  return format;
}

function sourceOf({ mediaType, data, url, fileId }: WireFile): { bytes: Uint8Array } | { s3Location: { uri: string } } {
  if (url?.startsWith("s3://")) return { s3Location: { uri: url } };
  if (fileId !== undefined) throw unsupported("a file by fileId: Bedrock keeps none; give it as data, or by an s3:// url");
  if (data === undefined) {
    const what = mediaType.startsWith("image/") ? "the image" : "the file";
    throw unsupported(`Converse fetches nothing but s3:// addresses: give ${what} as base64 data with its media type instead of this url`);
  }
  try {
    return { bytes: fromBase64(data) };
  } catch {
    const what = mediaType.startsWith("image/") ? "an image" : "a file";
    throw new WireFault({ kind: "final", code: "invalid-request", detail: `the data of ${what} is no base64`, isOwnDetail: true });
  }
}
