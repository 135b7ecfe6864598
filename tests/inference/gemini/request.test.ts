import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { GenerateOptions } from "#contract/chat/generation";
import type { ChatMessage, ContentBlock } from "#contract/chat/message";
import { defineTool } from "#contract/chat/tool";
import { answer, bodyOf, CLIENTS, HELLO, type Json, MODEL, type SentBody, serve } from "./gemini-server.ts";

const add = defineTool({ name: "add", description: "Adds", input: z.object({ a: z.number() }), run: () => 0 });
const use = (id: string, rest: Json = {}): ContentBlock => ({ type: "tool-use", id, name: `tool_${id}`, input: { id }, ...rest });
const result = (toolUseId: string, rest: Json = {}): ContentBlock => ({
  type: "tool-result",
  toolUseId,
  content: `of ${toolUseId}`,
  ...rest,
});

describe.each(CLIENTS)("a request of $name", ({ clientOf, provider }) => {
  async function sent(messages: ChatMessage[], options: GenerateOptions = {}, model = MODEL): Promise<SentBody> {
    const server = await serve((_request, response) => answer(response));
    const client = clientOf(server.url, { model });
    await client.generate(messages, options);
    await client.stream(messages, options).result.catch(() => {});
    expect(bodyOf(server, 1)).toEqual(bodyOf(server, 0));
    return bodyOf(server);
  }

  it("says what the system says beside the conversation", async () => {
    const { systemInstruction, contents } = await sent([
      { role: "SYSTEM", content: "Be brief." },
      { role: "SYSTEM", content: "Be kind." },
      ...HELLO,
    ]);
    expect(systemInstruction).toMatchObject({ parts: [{ text: "Be brief." }, { text: "Be kind." }] });
    expect(contents).toEqual([{ role: "user", parts: [{ text: "Hello" }] }]);
  });

  it("has all results of a turn in one content, in the order of their calls, before what the user says", async () => {
    const { contents } = await sent(
      [
        ...HELLO,
        { role: "ASSISTANT", content: [use("one"), use("two"), use("three")] },
        { role: "TOOL_RESULT", content: [result("three")] },
        { role: "USER", content: "Go on." },
        { role: "TOOL_RESULT", content: [result("two", { isError: true }), result("one")] },
      ],
      {},
      "gemini-2.5-pro",
    );
    expect(contents.map(({ role }) => role)).toEqual(["user", "model", "user"]);
    expect(contents[1]?.parts).toEqual(["one", "two", "three"].map((id) => ({ functionCall: { name: `tool_${id}`, args: { id } } })));
    expect(contents[2]?.parts).toEqual([
      { functionResponse: { name: "tool_one", response: { output: "of one" } } },
      { functionResponse: { name: "tool_two", response: { error: "of two" } } },
      { functionResponse: { name: "tool_three", response: { output: "of three" } } },
      { text: "Go on." },
    ]);
  });

  it("asks models that want signatures to excuse the first call of another model", async () => {
    const conversation: ChatMessage[] = [
      ...HELLO,
      { role: "ASSISTANT", content: [use("one"), use("two")] },
      { role: "TOOL_RESULT", content: [result("one"), result("two")] },
    ];
    const { contents } = await sent(conversation);
    expect(contents[1]?.parts.map(({ thoughtSignature }) => thoughtSignature)).toEqual(["skip_thought_signature_validator", undefined]);
    expect(JSON.stringify(await sent(conversation, {}, "gemini-2.5-pro"))).not.toContain("thoughtSignature");
  });

  it("leaves signatures and ids of another provider out", async () => {
    const native = { provider: "elsewhere", model: "other", data: { id: "foreign", thoughtSignature: "foreign" } };
    const { contents } = await sent(
      [
        ...HELLO,
        {
          role: "ASSISTANT",
          content: [{ type: "thinking", text: "Hm.", native }, { type: "text", text: "Hi", native }, use("one", { native })],
        },
        { role: "TOOL_RESULT", content: [result("one")] },
      ],
      {},
      "gemini-2.5-pro",
    );
    expect(contents[1]?.parts).toEqual([{ text: "Hi" }, { functionCall: { name: "tool_one", args: { id: "one" } } }]);
  });

  it("tells the model what it wrote amiss, never something else", async () => {
    const native = { provider, model: MODEL, data: { thoughtSignature: "c2ln" } };
    const { contents } = await sent([
      ...HELLO,
      { role: "ASSISTANT", content: [use("one", { input: '{"a":', inputError: "the input is no JSON", native })] },
      { role: "TOOL_RESULT", content: [result("one")] },
    ]);
    expect(contents[1]?.parts).toEqual([{ functionCall: { name: "tool_one", args: { invalid_json: '{"a":' } }, thoughtSignature: "c2ln" }]);
  });

  it("shows images, by their data or by their address", async () => {
    const content: ContentBlock[] = [
      { type: "image", mediaType: "image/png", data: "AAAA" },
      { type: "image", url: "https://example.com/a.webp?size=1" },
      { type: "image", url: "gs://bucket/photo" },
      { type: "image", url: "data:image/gif;base64,BBBB" },
    ];
    expect((await sent([{ role: "USER", content }])).contents[0]?.parts).toEqual([
      { inlineData: { mimeType: "image/png", data: "AAAA" } },
      { fileData: { mimeType: "image/webp", fileUri: "https://example.com/a.webp?size=1" } },
      { fileData: { mimeType: "image/jpeg", fileUri: "gs://bucket/photo" } },
      { inlineData: { mimeType: "image/gif", data: "BBBB" } },
    ]);
  });

  it("limits and samples as it is told", async () => {
    const options: GenerateOptions = { maxTokens: 100, temperature: 0.5, topP: 0.9, stopSequences: ["END"] };
    expect((await sent(HELLO, options)).generationConfig).toEqual({
      maxOutputTokens: 100,
      temperature: 0.5,
      topP: 0.9,
      stopSequences: ["END"],
    });
  });

  it.each<[string, GenerateOptions["thinking"], Json]>([
    ["gemini-3-pro-preview", true, { includeThoughts: true }],
    ["gemini-3-pro-preview", { effort: "max" }, { includeThoughts: true, thinkingLevel: "HIGH" }],
    ["gemini-3-pro-preview", { effort: "minimal", display: "omitted" }, { includeThoughts: false, thinkingLevel: "LOW" }],
    ["gemini-3-flash-preview", { effort: "minimal" }, { includeThoughts: true, thinkingLevel: "MINIMAL" }],
    ["gemini-3-flash-preview", false, { thinkingLevel: "MINIMAL" }],
    ["gemini-flash-latest", { effort: "medium" }, { includeThoughts: true, thinkingLevel: "MEDIUM" }],
    ["gemini-2.5-flash", { effort: "low" }, { includeThoughts: true, thinkingBudget: 2048 }],
    ["gemini-2.5-flash", { budgetTokens: 1234 }, { includeThoughts: true, thinkingBudget: 1234 }],
    ["gemini-2.5-flash", false, { thinkingBudget: 0 }],
    ["gemini-2.5-pro", false, { thinkingBudget: 128 }],
  ])("tells %s to think %j", async (model, thinking, expected) => {
    const options = thinking === undefined ? {} : { thinking };
    expect((await sent(HELLO, options, model)).generationConfig?.thinkingConfig).toEqual(expected);
  });

  it.each<[GenerateOptions["toolChoice"], Json | undefined]>([
    ["auto", undefined],
    ["any", { functionCallingConfig: { mode: "ANY" } }],
    ["none", { functionCallingConfig: { mode: "NONE" } }],
    [{ name: "add" }, { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["add"] } }],
  ])("tells of tools, to be chosen by %j", async (toolChoice, expected) => {
    const { tools, toolConfig } = await sent(HELLO, { tools: [add], ...(toolChoice === undefined ? {} : { toolChoice }) });
    expect(tools).toMatchObject([{ functionDeclarations: [{ name: "add", description: "Adds" }] }]);
    expect(toolConfig).toEqual(expected);
  });
});
