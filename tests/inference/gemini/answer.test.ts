import { FinishReason as SdkReason } from "@google/genai";
import { describe, expect, it } from "vitest";
import type { FinishReason } from "#contract/chat/generation";
import { json } from "../../support/wire-server.ts";
import { bodyOf, CLIENTS, chunk, end, HELLO, type Json, MODEL, PATIENT, partsOf, sendAll, serve } from "./gemini-server.ts";

const MALFORMED = ["MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL"];
const REASONS: [string, FinishReason["unified"]][] = [
  ["STOP", "stop"],
  ...reasons("length", "MAX_TOKENS", "CONTINUATION"),
  ...reasons("content-filter", "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR"),
  ...reasons("content-filter", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
  ...reasons("other", "OTHER", "IMAGE_OTHER", "NO_IMAGE", "TOO_MANY_TOOL_CALLS", "A_REASON_OF_TOMORROW"),
];

function reasons(unified: FinishReason["unified"], ...raw: string[]): [string, FinishReason["unified"]][] {
  return raw.map((reason) => [reason, unified]);
}

describe("the reasons that an answer of Gemini ends by", () => {
  it("are all that the SDK knows", () => {
    const read = ["FINISH_REASON_UNSPECIFIED", ...MALFORMED, ...REASONS.map(([raw]) => raw)];
    expect(Object.values(SdkReason).filter((reason) => !read.includes(reason))).toEqual([]);
  });
});

describe.each(CLIENTS)("an answer of $name", ({ clientOf, provider }) => {
  const native = (data: Json): Json => ({ provider, model: MODEL, data });
  const PARTS: Json[] = [
    { text: "Hm.", thought: true, thoughtSignature: "c2lnLXRob3VnaHQ=" },
    { text: "Hm again.", thought: true },
    { text: "Let me ", thoughtSignature: "c2lnLXRleHQ=" },
    { text: "add." },
    { functionCall: { id: "fc-1", name: "add", args: { a: 1 } }, thoughtSignature: "c2lnLWNhbGw=" },
    { functionCall: { name: "add", args: { a: 2 } } },
    { text: "", thoughtSignature: "c2lnLWVuZA==" },
    { thoughtSignature: "c2lnLWJhcmU=" },
    { thought: true, thoughtSignature: "c2lnLWJhcmUtdGhvdWdodA==" },
  ];
  const blocks: Json[] = [
    { type: "thinking", text: "Hm.", native: native({ thoughtSignature: "c2lnLXRob3VnaHQ=" }) },
    { type: "thinking", text: "Hm again." },
    { type: "text", text: "Let me ", native: native({ thoughtSignature: "c2lnLXRleHQ=" }) },
    { type: "text", text: "add." },
    { type: "tool-use", id: "fc-1", name: "add", input: { a: 1 }, native: native({ id: "fc-1", thoughtSignature: "c2lnLWNhbGw=" }) },
    { type: "tool-use", id: expect.stringMatching(/^call_/), name: "add", input: { a: 2 } },
    { type: "text", text: "", native: native({ thoughtSignature: "c2lnLWVuZA==" }) },
    { type: "text", text: "", native: native({ thoughtSignature: "c2lnLWJhcmU=" }) },
    { type: "thinking", text: "", native: native({ thoughtSignature: "c2lnLWJhcmUtdGhvdWdodA==" }) },
  ];

  it("keeps each signature on the block that it came with, whole or streamed", async () => {
    const server = await serve((_request, response, n) =>
      n === 0 ? json(response, 200, end(PARTS)) : sendAll(response, ...PARTS.map((part) => chunk([part])), end()),
    );
    const client = clientOf(server.url);
    const whole = await client.generate(HELLO);
    const streamed = await client.stream(HELLO).result;
    expect(whole.blocks).toMatchObject(blocks);
    expect(streamed.blocks).toMatchObject(blocks);
    expect(whole.finishReason).toEqual({ unified: "tool-calls", raw: "STOP" });
    expect(whole.text).toBe("Let me add.");
  });

  it("goes back part for part, in order, after a round trip through JSON, without ids that were made up", async () => {
    const server = await serve((_request, response, n) =>
      n === 0 ? sendAll(response, ...PARTS.map((part) => chunk([part])), end()) : json(response, 200, end([{ text: "3" }])),
    );
    const client = clientOf(server.url);
    const { blocks: said } = await client.stream(HELLO).result;
    const calls = said.filter((block) => block.type === "tool-use");
    await client.generate([
      ...HELLO,
      { role: "ASSISTANT", content: JSON.parse(JSON.stringify(said)) },
      { role: "TOOL_RESULT", content: calls.map(({ id }, n) => ({ type: "tool-result", toolUseId: id, content: `result ${n}` })) },
    ]);
    const { contents } = bodyOf(server, 1);
    expect(contents.map(({ role }) => role)).toEqual(["user", "model", "user"]);
    // A thought that proves nothing stays out; a signature alone stands on an empty text, as the API wants a part to be something.
    expect(contents[1]?.parts).toEqual(
      PARTS.filter((_part, n) => n !== 1).map((part) => ("functionCall" in part ? part : { text: "", ...part })),
    );
    expect(contents[2]?.parts).toEqual([
      { functionResponse: { id: "fc-1", name: "add", response: { output: "result 0" } } },
      { functionResponse: { name: "add", response: { output: "result 1" } } },
    ]);
  });

  it("is streamed as parts, a tool's input at once", async () => {
    const server = await serve((_request, response) =>
      sendAll(response, chunk([{ text: "Hm.", thought: true }]), chunk([{ text: "A" }]), chunk([{ text: "B" }]), end([PARTS[4] as Json])),
    );
    const parts = await partsOf(clientOf(server.url).stream(HELLO));
    expect(parts.map(({ type }) => type)).toEqual([
      ...["thinking-start", "thinking-delta", "thinking-end", "text-start", "text-delta", "text-delta", "text-end"],
      ...["tool-input-start", "tool-input-delta", "tool-call", "finish"],
    ]);
  });

  it("calls a tool without arguments with none", async () => {
    const server = await serve((_request, response) => json(response, 200, end([{ functionCall: { name: "now" } }])));
    expect((await clientOf(server.url).generate(HELLO)).blocks).toMatchObject([{ type: "tool-use", name: "now", input: {} }]);
  });

  it("that calls a tool without a name is asked for again", async () => {
    const nameless = end([{ functionCall: { args: { a: 1 } } }]);
    const server = await serve((_request, response, n) => (n === 0 ? json(response, 200, nameless) : sendAll(response, nameless)));
    const client = clientOf(server.url);
    const message = expect.stringContaining("a tool call without a name");
    await expect(client.generate(HELLO)).rejects.toMatchObject({ retryable: true, message });
    await expect(client.stream(HELLO).result).rejects.toMatchObject({ retryable: true, message });
  });

  it("counts thoughts as output, tools' prompts as input, and the last report of a stream alone", async () => {
    const usageMetadata = {
      ...{ promptTokenCount: 100, toolUsePromptTokenCount: 10, candidatesTokenCount: 20, thoughtsTokenCount: 7 },
      ...{ cachedContentTokenCount: 60, totalTokenCount: 137 },
    };
    const server = await serve((_request, response, n) => {
      const last = { ...end([{ text: "Hi" }]), usageMetadata };
      if (n === 0) json(response, 200, last);
      else sendAll(response, { ...chunk([{ text: "H" }]), usageMetadata: { promptTokenCount: 90, thoughtsTokenCount: 3 } }, last);
    });
    const client = clientOf(server.url);
    const expected = { inputTokens: 110, outputTokens: 27, cacheReadTokens: 60, cacheWriteTokens: 0, reasoningTokens: 7 };
    expect((await client.generate(HELLO)).usage).toMatchObject(expected);
    expect((await client.stream(HELLO).result).usage).toMatchObject(expected);
  });

  it.each(REASONS)("that ends by %s ends by %s", async (raw, unified) => {
    const server = await serve((_request, response) => json(response, 200, end([{ text: "Hi" }], raw)));
    expect((await clientOf(server.url).generate(HELLO)).finishReason).toEqual({ unified, raw });
  });

  it.each(MALFORMED)("that ends by %s is asked for again", async (raw) => {
    const server = await serve((_request, response, n) => sendAll(response, n === 0 ? end([], raw) : end([{ text: "Hi" }])));
    const { text, usage } = await clientOf(server.url, { retry: PATIENT }).stream(HELLO).result;
    expect(text).toBe("Hi");
    // The first one is paid for too.
    expect(usage).toMatchObject({ inputTokens: 6, outputTokens: 4 });
  });

  it("that calls a tool that it was not told of is handed on, whole or streamed", async () => {
    const call = { functionCall: { name: "list_files", args: { at: "/" } } };
    const server = await serve((request, response) =>
      request.url.includes("stream")
        ? sendAll(response, chunk([call]), end([], "UNEXPECTED_TOOL_CALL"))
        : json(response, 200, end([call], "UNEXPECTED_TOOL_CALL")),
    );
    for (const answer of [await clientOf(server.url).generate(HELLO), await clientOf(server.url).stream(HELLO).result]) {
      expect(answer.blocks).toMatchObject([{ type: "tool-use", name: "list_files", input: { at: "/" } }]);
      expect(answer.finishReason).toEqual({ unified: "tool-calls", raw: "UNEXPECTED_TOOL_CALL" });
    }
    expect(server.requests).toHaveLength(2);
  });

  it("may be none, since the prompt is blocked", async () => {
    const blocked = { promptFeedback: { blockReason: "PROHIBITED_CONTENT" }, usageMetadata: { promptTokenCount: 3 } };
    const server = await serve((_request, response, n) => (n === 0 ? json(response, 200, blocked) : sendAll(response, blocked)));
    const client = clientOf(server.url);
    const finishReason = { unified: "content-filter", raw: "PROHIBITED_CONTENT" };
    expect(await client.generate(HELLO)).toMatchObject({ finishReason, blocks: [] });
    expect(await client.stream(HELLO).result).toMatchObject({ finishReason, blocks: [] });
  });

  it("keeps what is no text where it stands, and gives back what the API takes", async () => {
    const image = { inlineData: { mimeType: "image/png", data: "aW1hZ2U=" }, thoughtSignature: "c2lnLWltYWdl" };
    const code = { executableCode: { language: "PYTHON", code: "1+1" } };
    const result = { codeExecutionResult: { outcome: "OUTCOME_OK", output: "2" } };
    const odd = [{ text: "Look: " }, image, code, result, { tomorrow: { depth: 3 } }, { text: "there." }];
    const server = await serve((_request, response, n) =>
      n === 0 ? sendAll(response, ...odd.map((part) => chunk([part])), end()) : json(response, 200, end(odd)),
    );
    const client = clientOf(server.url);
    const streamed = await client.stream(HELLO).result;
    const whole = await client.generate(HELLO);
    expect(streamed.blocks).toEqual(whole.blocks);
    expect(streamed.text).toBe("Look: there.");
    expect(streamed.blocks).toHaveLength(odd.length);
    expect(streamed.blocks[4]).toEqual({ type: "provider", provider, model: MODEL, value: { tomorrow: { depth: 3 } } });
    const { inlineData, ...signed } = image;
    expect(streamed.blocks[1]).toEqual({ type: "file", mediaType: inlineData.mimeType, data: inlineData.data, native: native(signed) });
    await client.generate([...HELLO, { role: "ASSISTANT", content: JSON.parse(JSON.stringify(streamed.blocks)) }, ...HELLO]);
    expect(bodyOf(server, 2).contents[1]?.parts).toEqual([odd[0], image, code, result, odd[5]]);
  });

  it("may hold parts that nobody knows yet, and nulls", async () => {
    const odd = [{ executableCode: { code: "1" } }, { text: null }, { text: "Hi" }, { tomorrow: true }];
    const server = await serve((_request, response) => sendAll(response, { candidates: null }, chunk([]), chunk(odd), end(), chunk([])));
    expect(await clientOf(server.url).stream(HELLO).result).toMatchObject({ text: "Hi", finishReason: { unified: "stop" } });
  });
});
