/** Files of every kind, as each client sends them: in messages and in what tools gave, as bytes, as base64, by address and by id. */
import { describe, expect, it } from "vitest";
import type { ChatMessage, FileBlock } from "#contract/chat/message";
import { defineTool } from "#contract/chat/tool";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import { scripted } from "./checklist-calls.ts";
import { type ClientRow, isolateClients, once, EVERY_ROW as ROWS } from "./client-rows.ts";
import { AT, at, GIVEN, PDF, PNG, WRITTEN } from "./file-forms.ts";

isolateClients();

const user = (...content: Exclude<ChatMessage["content"], string>): ChatMessage[] => [{ role: "USER", content }];

async function bodyOf(row: ClientRow, messages: ChatMessage[], asked: object = {}): Promise<{ body: string; warnings: readonly string[] }> {
  const { server, client } = await scripted(row, [{ text: "seen" }], { ...once, ...asked });
  const { warnings } = await client.generate(messages);
  return { body: JSON.stringify(server.requests[0]?.body), warnings };
}

const drawn = (content: (FileBlock | { type: "text"; text: string })[]): ChatMessage[] => [
  { role: "USER", content: "Draw" },
  { role: "ASSISTANT", content: [{ type: "tool-use", id: "call_1", name: "draw", input: {} }] },
  { role: "TOOL_RESULT", content: [{ type: "tool-result", toolUseId: "call_1", content }] },
];

/** Every object within it. */
function objectsIn(value: unknown): object[] {
  if (typeof value !== "object" || value === null) return [];
  return [value, ...Object.values(value).flatMap(objectsIn)];
}

describe.each(ROWS)("a file through $name", (row) => {
  it.each(WRITTEN[row.name] ?? [])("is %s", async (_what, file, json, asked) => {
    const { body, warnings } = await bodyOf(row, user({ type: "text", text: "See:" }, file), asked);
    expect(objectsIn(JSON.parse(body))).toContainEqual(json);
    expect(warnings).toEqual([]);
  });

  it.each(GIVEN[row.name] ?? [])("stands in what a tool gave, in its place or behind it: %s", async (_what, file, json, asked) => {
    const { body, warnings } = await bodyOf(row, drawn([{ type: "text", text: "Here:" }, file]), asked);
    const objects = objectsIn(JSON.parse(body));
    for (const one of json) expect(objects).toContainEqual(expect.objectContaining(one));
    expect(warnings).toEqual([]);
  });

  it("is given back as the same bytes, whichever way they came", async () => {
    const forms: FileBlock[] = [
      { ...PNG, data: new Uint8Array([1, 2, 3]) },
      PNG,
      { type: "file", mediaType: "image/*", url: "data:image/png;base64,AQID" },
    ];
    const [first, ...others] = await Promise.all(forms.map(async (file) => (await bodyOf(row, user(file))).body));
    expect(others).toEqual([first, first]);
  });
});

/** What a client refuses before it sends anything: the file, and what its error says. */
const REFUSED: Readonly<Record<ClientRow["name"], [file: FileBlock, says: string][]>> = {
  Anthropic: [[at("image/png", "ftp://example.com/a.png"), "Anthropic fetches https, http alone"]],
  Bedrock: [[at("image/png", "file:///a.png"), "Converse fetches nothing but s3:// addresses"]],
  "OpenAI Responses": [[at("application/pdf", "gs://b/a.pdf"), "OpenAI fetches https, http alone"]],
  "OpenAI Chat Completions": [
    [{ type: "file", mediaType: "audio/*", data: "AQID" }, "give its whole media type"],
    [at("audio/wav", "https://example.com/a.wav"), "audio by address"],
  ],
  "Google GenAI": [
    [at("image/png", "s3://b/a.png"), "Gemini fetches https, http, gs alone"],
    [{ type: "file", mediaType: "audio/*", data: "AQID" }, "give its whole media type"],
    [at("video/*", "https://example.com/a"), "give its whole media type"],
  ],
};

describe.each(ROWS.filter(({ name }) => REFUSED[name] !== undefined))("a file that $name has no place for", (row) => {
  it.each(REFUSED[row.name] ?? [])("is refused before anything is sent: %o", async (file, says) => {
    const { server, client } = await scripted(row, [{ text: "never" }], {
      ...once,
      ...(says.startsWith("OpenAI") ? { provider: "openai" } : {}),
    });
    await expect(client.generate(user(file))).rejects.toMatchObject({ code: "unsupported", message: expect.stringContaining(says) });
    expect(server.requests).toEqual([]);
  });
});

it("a file whose kind alone is told goes to Gemini by the ending of its address", async () => {
  const gemini = ROWS.find(({ name }) => name === "Google GenAI") as ClientRow;
  for (const [kind, url, mimeType] of [
    ["audio/*", "https://example.com/a.mp3?x=1", "audio/mpeg"],
    ["video/*", "gs://b/a.mov", "video/quicktime"],
    ["image/*", "https://example.com/a", "image/jpeg"],
  ] as const) {
    const { body } = await bodyOf(gemini, user(at(kind, url)));
    expect(objectsIn(JSON.parse(body))).toContainEqual({ fileData: { mimeType, fileUri: url } });
  }
});

describe("a chain whose tool gives a file", () => {
  const draw = (result: unknown) => defineTool({ name: "draw", description: "Draws", input: { type: "object" }, run: () => result });

  const given = async (result: unknown, options = {}) => {
    const client = new ScriptedInferenceClient([{ toolCalls: [{ name: "draw", input: {} }] }, "done"]);
    const { messages } = await client.toolChain(user({ type: "text", text: "Draw" }, PDF), [draw(result)], options);
    const told = client.calls[1]?.messages.at(-1)?.content;
    return { messages, told: Array.isArray(told) ? told[0] : told };
  };
  const text = { type: "text", text: "Here:" } as const;
  const bytes: FileBlock = { ...PNG, data: new Uint8Array([1, 2, 3]) };

  it.each([
    ["a file", bytes, [PNG]],
    ["texts and files", [text, bytes], [text, PNG]],
    ["a list that is no content", [{ type: "file" }], '[{"type":"file"}]'],
    ["texts alone, which are JSON like any other", [text], '[{"type":"text","text":"Here:"}]'],
  ])("tells the model %s", async (_what, result, content) => {
    expect((await given(result)).told).toMatchObject({ type: "tool-result", content });
  });

  it("has messages that JSON holds, with bytes as base64", async () => {
    const { messages } = await given([text, bytes]);
    expect(JSON.parse(JSON.stringify(messages))).toEqual(messages.map((message) => expect.objectContaining({ role: message.role })));
    expect(messages.at(-2)?.content).toMatchObject([{ content: [text, PNG] }]);
  });

  it("cuts its texts and leaves its files, which a reducer may take out", async () => {
    const long = { type: "text", text: "x".repeat(50) } as const;
    const { told } = await given([long, bytes, long], { maxToolResultChars: 60 });
    expect(told).toMatchObject({ content: [long, PNG, { text: expect.stringContaining("of which 10 are shown") }] });
    const short = await given([long, bytes], { toolResultReducer: ({ content }: { content: string }) => content.slice(0, 3) });
    expect(short.told).toMatchObject({ content: [{ type: "text", text: "xxx" }, PNG] });
    expect((await given([long, bytes], { toolResultReducer: () => [text] })).told).toMatchObject({ content: "Here:" });
  });
});

describe("a file where a model takes none", () => {
  it.each([
    ["SYSTEM", "files in SYSTEM messages"],
    ["ASSISTANT", "files in ASSISTANT messages"],
  ] as const)("becomes a text, with a warning: said by %s", async (role, what) => {
    for (const row of ROWS.filter(({ format }) => format !== "gemini" || role === "SYSTEM")) {
      const content: ChatMessage["content"] = [{ type: "text", text: "Look" }, PNG];
      const messages: ChatMessage[] = [
        { role: "USER", content: "Hi" },
        { role, content },
        { role: "USER", content: "And?" },
      ];
      const { body, warnings } = await bodyOf(row, role === "SYSTEM" ? messages.slice(1) : messages);
      expect(body).not.toContain("AQID");
      expect(body).toContain("(an image that this model cannot read)");
      expect(warnings).toEqual([expect.stringContaining(what)]);
    }
  });

  it("is told of blocks of other providers that are left out", async () => {
    const client = new ScriptedInferenceClient(["seen"]);
    const { warnings } = await client.generate([
      { role: "USER", content: "Hi" },
      {
        role: "ASSISTANT",
        content: [
          { type: "text", text: "It is so." },
          { type: "provider", provider: "elsewhere", value: { a: 1 } },
        ],
      },
      { role: "USER", content: "And?" },
    ]);
    expect(warnings).toEqual([expect.stringContaining("blocks of other providers, models and APIs; they were left out")]);
  });

  it("with nothing in it is told as that, and ends no chain", async () => {
    const client = new ScriptedInferenceClient([{ toolCalls: [{ name: "draw", input: {} }] }, "done"]);
    const run = () => ({ type: "file", mediaType: "text/plain", data: new Uint8Array(0) });
    const draw = defineTool({ name: "draw", description: "Draws", input: { type: "object" }, run });
    await client.toolChain(user({ type: "text", text: "Draw" }), [draw]);
    expect(client.calls[1]?.messages.at(-1)?.content).toMatchObject([{ content: "(a text file with nothing in it)" }]);
  });

  it.each([
    ["image/png", [0x89, "PNG\r\n", 0x1a, "\n"]],
    ["image/jpeg", [0xff, 0xd8, 0xff, 0xe0]],
    ["image/gif", ["GIF89a"]],
    ["image/webp", ["RIFF", 1, 2, 3, 4, "WEBPVP8 "]],
    ["audio/wav", ["RIFF", 1, 2, 3, 4, "WAVEfmt "]],
    ["audio/mpeg", ["ID3", 4]],
    ["audio/mpeg", [0xff, 0xfb, 0x90]],
    ["audio/flac", ["fLaC", 0]],
    ["audio/ogg", ["OggS", 0]],
    ["audio/mp4", [0, 0, 0, 0x20, "ftypM4A "]],
    ["video/mp4", [0, 0, 0, 0x18, "ftypmp42"]],
    ["video/webm", [0x1a, 0x45, 0xdf, 0xa3]],
  ])("is known by its bytes where only its kind is told: %s", async (mediaType, start) => {
    const data = Buffer.concat(start.map((piece) => (typeof piece === "number" ? Buffer.from([piece]) : Buffer.from(piece))));
    const client = new ScriptedInferenceClient(["seen"]);
    await client.generate(user({ type: "file", mediaType: `${mediaType.split("/")[0]}/*`, data }));
    expect(client.calls[0]?.messages[0]?.content).toMatchObject([{ mediaType }]);
  });

  it("is known by its address whatever is wrong with that", async () => {
    const client = new ScriptedInferenceClient(["seen"]);
    await client.generate(user({ type: "file", mediaType: "text/plain", url: "data:text/plain,%zz" }));
    expect(client.calls[0]?.messages[0]?.content).toMatchObject([{ data: Buffer.from("%zz").toString("base64") }]);
  });

  it("is a text where it is a drawing in SVG, which no model sees", async () => {
    const client = new ScriptedInferenceClient(["seen"], { capabilities: { files: ["image"] } });
    const { warnings } = await client.generate(user({ type: "file", mediaType: "image/svg+xml", data: Buffer.from("<svg/>") }));
    expect([client.calls[0]?.messages[0]?.content, warnings]).toEqual(["<svg/>", []]);
  });
});

describe("a file that is none", () => {
  it.each([
    ["no place", { type: "file", mediaType: "image/png" }],
    ["two places", { ...PNG, url: AT }],
    ["no media type", { type: "file", mediaType: "png", data: "AQID" }],
    ["no base64", { type: "file", mediaType: "image/png", data: "!!!" }],
  ])("is refused before anything is sent: %s", async (_what, file) => {
    const client = new ScriptedInferenceClient(["never"]);
    const asked = client.generate(user(file as FileBlock));
    await expect(asked).rejects.toMatchObject({ code: "invalid-options", message: expect.stringContaining("content") });
    expect(client.calls).toEqual([]);
  });

  it("is told as a text to a model that reads none, with a warning that says which", async () => {
    const client = new ScriptedInferenceClient(["seen"], { capabilities: { files: ["pdf"] } });
    const { warnings } = await client.generate(user(PDF, { type: "file", mediaType: "audio/wav", data: "AQID", name: "a.wav" }));
    expect(client.calls[0]?.messages[0]?.content).toMatchObject([
      { type: "file", data: "AQID" },
      { text: '(an audio file "a.wav" that this model cannot read)' },
    ]);
    expect(warnings).toEqual([expect.stringContaining("does not take audio files")]);
  });
});
