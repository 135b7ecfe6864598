/** Files as each provider has them in its requests: in messages, and in what tools gave. */
import type { FileBlock } from "#contract/chat/message";
import type { ClientRow } from "./client-rows.ts";

export const PNG: FileBlock = { type: "file", mediaType: "image/png", data: "AQID" };
export const PDF: FileBlock = { type: "file", mediaType: "application/pdf", data: new Uint8Array([1, 2, 3]), name: "a_b.pdf" };
export const AT = "https://example.com/a.pdf";

export function at(mediaType: string, url: string): FileBlock {
  return { type: "file", mediaType, url };
}
function kept(mediaType: string, fileId = "file-1"): FileBlock {
  return { type: "file", mediaType, fileId };
}
function csv(): FileBlock & { data: string } {
  return { type: "file", mediaType: "text/csv; charset=utf-8", data: Buffer.from("a,ü").toString("base64") };
}

/** Settings of the client that is asked. */
type Asked = { model?: string; provider?: string };

const MP3: FileBlock = { type: "file", mediaType: "audio/mpeg", data: "AQID" };
const MP4: FileBlock = { type: "file", mediaType: "video/mp4", data: "AQID" };
const DOCX: FileBlock = {
  type: "file",
  mediaType: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  data: "AQID",
  name: "a.docx",
};
/** Of Bedrock, which hears and sees. */
const NOVA: Asked = { model: "amazon.nova-2-omni-v1:0" };
/** Of OpenAI itself, which loopback is not. */
const OPENAI: Asked = { provider: "openai", model: "gpt-5.6" };

/** What stands for it in a request. */
export const WRITTEN: Readonly<Record<ClientRow["name"], [what: string, file: FileBlock, json: object, asked?: Asked][]>> = {
  Anthropic: [
    ["a PDF", PDF, { type: "document", source: { type: "base64", media_type: "application/pdf", data: "AQID" }, title: "a_b.pdf" }],
    ["a PDF by address", { ...at("application/pdf", AT) }, { type: "document", source: { type: "url", url: AT } }],
    ["a kept PDF", kept("application/pdf"), { type: "document", source: { type: "file", file_id: "file-1" } }],
    ["a kept image", kept("image/png"), { type: "image", source: { type: "file", file_id: "file-1" } }],
    ["text", csv(), { type: "document", source: { type: "text", media_type: "text/plain", data: "a,ü" } }],
  ],
  "AI SDK, Anthropic": [
    ["a PDF", PDF, { type: "document", source: { type: "base64", media_type: "application/pdf", data: "AQID" }, title: "a_b.pdf" }],
    ["a PDF by address", { ...at("application/pdf", AT) }, { type: "document", source: { type: "url", url: AT } }],
    ["a kept PDF", kept("application/pdf"), { type: "document", source: { type: "file", file_id: "file-1" } }],
  ],
  "AI SDK, OpenAI-compatible": [
    ["an image", PNG, { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } }],
    ["an image by address", at("image/png", AT), { type: "image_url", image_url: { url: AT } }],
    [
      "audio",
      { type: "file", mediaType: "audio/mpeg", data: "AQID" },
      { type: "input_audio", input_audio: { data: "AQID", format: "mp3" } },
    ],
  ],
  Bedrock: [
    ["a PDF", PDF, { document: { format: "pdf", name: "a-b-pdf", source: { bytes: "AQID" } } }],
    [
      "a PDF in S3",
      at("application/pdf", "s3://b/a.pdf"),
      { document: { format: "pdf", name: "document", source: { s3Location: { uri: "s3://b/a.pdf" } } } },
    ],
    ["text", csv(), { document: { format: "csv", name: "document", source: { bytes: csv().data } } }],
    ["an office document", DOCX, { document: { format: "docx", name: "a-docx", source: { bytes: "AQID" } } }],
    ["an image", PNG, { image: { format: "png", source: { bytes: "AQID" } } }],
    ["audio", MP3, { audio: { format: "mp3", source: { bytes: "AQID" } } }, NOVA],
    ["a video", MP4, { video: { format: "mp4", source: { bytes: "AQID" } } }, NOVA],
    [
      "a video in S3",
      at("video/quicktime", "s3://b/a.mov"),
      { video: { format: "mov", source: { s3Location: { uri: "s3://b/a.mov" } } } },
      NOVA,
    ],
  ],
  "OpenAI Responses": [
    ["a PDF", PDF, { type: "input_file", filename: "a_b.pdf", file_data: "data:application/pdf;base64,AQID" }],
    ["a PDF by address", at("application/pdf", AT), { type: "input_file", file_url: AT }],
    ["a kept PDF", kept("application/pdf"), { type: "input_file", file_id: "file-1" }],
    ["a kept image", kept("image/png"), { type: "input_image", file_id: "file-1", detail: "auto" }],
    ["text", csv(), { type: "input_file", filename: "file.csv", file_data: `data:text/csv;base64,${csv().data}` }],
    [
      "an office document without a name",
      { type: "file", mediaType: DOCX.mediaType, data: "AQID" },
      { type: "input_file", filename: "file.docx", file_data: `data:${DOCX.mediaType};base64,AQID` },
    ],
    ["an office document", DOCX, { type: "input_file", filename: "a.docx", file_data: `data:${DOCX.mediaType};base64,AQID` }],
  ],
  "OpenAI Chat Completions": [
    ["a PDF", PDF, { type: "file", file: { filename: "a_b.pdf", file_data: "data:application/pdf;base64,AQID" } }],
    ["a kept PDF", kept("application/pdf"), { type: "file", file: { file_id: "file-1" } }],
    ["text", csv(), { role: "user", content: "See:\n\na,ü" }],
    [
      "audio",
      { type: "file", mediaType: "audio/mpeg", data: "AQID" },
      { type: "input_audio", input_audio: { data: "AQID", format: "mp3" } },
    ],
    ["a video", at("video/mp4", "https://example.com/a.mp4"), { type: "video_url", video_url: { url: "https://example.com/a.mp4" } }],
  ],
  "Google GenAI": [
    ["a PDF", PDF, { inlineData: { mimeType: "application/pdf", data: "AQID" } }],
    ["a PDF by address", at("application/pdf", AT), { fileData: { mimeType: "application/pdf", fileUri: AT } }],
    [
      "a kept video",
      kept("video/mp4", "files/1"),
      { fileData: { mimeType: "video/mp4", fileUri: "https://generativelanguage.googleapis.com/v1beta/files/1" } },
    ],
    ["audio", { type: "file", mediaType: "audio/wav", data: "AQID" }, { inlineData: { mimeType: "audio/wav", data: "AQID" } }],
  ],
  Vertex: [
    ["a PDF", PDF, { inlineData: { mimeType: "application/pdf", data: "AQID" } }],
    ["audio", MP3, { inlineData: { mimeType: "audio/mpeg", data: "AQID" } }],
    ["a PDF by address", at("application/pdf", AT), { fileData: { mimeType: "application/pdf", fileUri: AT } }],
    ["a video in a bucket", at("video/mp4", "gs://b/a.mp4"), { fileData: { mimeType: "video/mp4", fileUri: "gs://b/a.mp4" } }],
  ],
};

const FOLLOWS = ({ mediaType, name }: FileBlock): string =>
  `(a file of type ${mediaType}${name === undefined ? "" : ` ${JSON.stringify(name)}`}: it follows)`;

type Given = [what: string, file: FileBlock, json: object[], asked?: Asked];
const within = (what: string, file: FileBlock, block: object): Given => [
  what,
  file,
  [{ type: "tool_result", tool_use_id: "call_1", content: [{ type: "text", text: "Here:" }, block] }],
];
const IMAGE_WITHIN = within("an image", PNG, { type: "image", source: { type: "base64", media_type: "image/png", data: "AQID" } });
const PDF_SENT = { type: "document", source: { type: "base64", media_type: "application/pdf", data: "AQID" } };
const inConverse = (what: string, file: FileBlock, block: object, asked?: Asked): Given => [
  what,
  file,
  [{ toolUseId: "call_1", content: [{ text: "Here:" }, block] }],
  ...(asked === undefined ? ([] as const) : ([asked] as const)),
];
/** @param between what separates the texts of a result */
const behind = (what: string, file: FileBlock, part: object, between = "\n\n"): Given => [
  what,
  file,
  [
    { role: "tool", tool_call_id: "call_1", content: `Here:${between}${FOLLOWS(file)}` },
    { role: "user", content: [part] },
  ],
];
/** OpenAI itself takes it within, and other servers after it. */
const afterOutput = (what: string, file: FileBlock, part: object): Given[] => [
  [
    what,
    file,
    [
      { type: "function_call_output", call_id: "call_1", output: `Here:\n${FOLLOWS(file)}` },
      { type: "message", role: "user", content: [part] },
    ],
  ],
  [
    `${what}, of OpenAI itself`,
    file,
    [{ type: "function_call_output", call_id: "call_1", output: [{ type: "input_text", text: "Here:" }, part] }],
    OPENAI,
  ],
];
const CHAT_IMAGE = { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } };
const CHAT_AUDIO = { type: "input_audio", input_audio: { data: "AQID", format: "mp3" } };
const CHAT_PDF = { type: "file", file: { filename: "a_b.pdf", file_data: "data:application/pdf;base64,AQID" } };
const GEMINI: [string, FileBlock][] = [
  ["an image", PNG],
  ["a PDF", PDF],
  ["audio", MP3],
  ["a video", MP4],
];
const inline = ({ mediaType }: FileBlock): object => ({ inlineData: { mimeType: mediaType, data: "AQID" } });

/** What stands for "Here:" and the file that a tool gave. */
export const GIVEN: Readonly<Record<ClientRow["name"], Given[]>> = {
  Anthropic: [IMAGE_WITHIN, within("a PDF", PDF, { ...PDF_SENT, title: "a_b.pdf" })],
  // The package gives no title there.
  "AI SDK, Anthropic": [IMAGE_WITHIN, within("a PDF", PDF, PDF_SENT)],
  "AI SDK, OpenAI-compatible": [
    behind("an image", PNG, CHAT_IMAGE, "\n"),
    behind("audio", MP3, CHAT_AUDIO, "\n"),
    behind("a PDF", PDF, CHAT_PDF, "\n"),
  ],
  Bedrock: [
    inConverse("an image", PNG, { image: { format: "png", source: { bytes: "AQID" } } }),
    inConverse("a PDF", PDF, { document: { format: "pdf", name: "a-b-pdf", source: { bytes: "AQID" } } }),
    inConverse("a video", MP4, { video: { format: "mp4", source: { bytes: "AQID" } } }, NOVA),
    [
      "audio",
      MP3,
      [
        { toolUseId: "call_1", content: [{ text: "Here:" }, { text: FOLLOWS(MP3) }] },
        { audio: { format: "mp3", source: { bytes: "AQID" } } },
      ],
      NOVA,
    ],
  ],
  "OpenAI Responses": [
    ...afterOutput("an image", PNG, { type: "input_image", image_url: "data:image/png;base64,AQID", detail: "auto" }),
    ...afterOutput("a PDF", PDF, { type: "input_file", filename: "a_b.pdf", file_data: "data:application/pdf;base64,AQID" }),
  ],
  "OpenAI Chat Completions": [
    behind("an image", PNG, CHAT_IMAGE),
    behind("a PDF", PDF, CHAT_PDF),
    behind("audio", MP3, CHAT_AUDIO),
    behind("a video", MP4, { type: "video_url", video_url: { url: "data:video/mp4;base64,AQID" } }),
  ],
  "Google GenAI": GEMINI.map(([what, file]) => [
    what,
    file,
    [{ functionResponse: { name: "draw", response: { output: "Here:" }, parts: [inline(file)] } }],
  ]),
  Vertex: GEMINI.map(([what, file]) => [
    what,
    file,
    [{ functionResponse: { name: "draw", response: { output: `Here:\n${FOLLOWS(file)}` } } }, inline(file)],
  ]),
};
