import { describe, expect, it } from "vitest";
import { z } from "zod";
import { ChatRole } from "#contract/base/vocabulary";
import type { GenerateOptions } from "#contract/chat/generation";
import type { ChatMessage, ContentBlock } from "#contract/chat/message";
import { defineTool } from "#contract/chat/tool";
import { answer, answerOf, bodyOf, clientOf, HELLO, MODEL, serve } from "./converse-server.ts";

type Json = Record<string, unknown>;
interface Body {
  messages: Json[];
  toolConfig?: Json;
  additionalModelRequestFields?: Json;
}

const add = defineTool({
  name: "add",
  description: "Adds",
  input: z.object({ a: z.number() }),
  run: ({ a }) => a,
});
const native = { provider: "aws.bedrock", model: MODEL };
const user = (content: ChatMessage["content"], cacheMarker = false): ChatMessage => ({ role: ChatRole.USER, content, cacheMarker });
const use = (id: string, name = "add", input: unknown = { a: 1 }): ContentBlock => ({ type: "tool-use", id, name, input });
const result = (toolUseId: string, content: string, isError = false): ChatMessage => ({
  role: ChatRole.TOOL_RESULT,
  content: [{ type: "tool-result", toolUseId, content, isError }],
});
const CACHE_POINT = { cachePoint: { type: "default" } };

/** What a server gets. */
async function sent(messages: ChatMessage[], options: GenerateOptions = {}): Promise<Body> {
  const server = await serve((_request, response) => answer(response));
  await clientOf(server.url).generate(messages, options);
  return bodyOf<Body>(server);
}

describe("a request to Bedrock", () => {
  it("names the model in its address, and signs", async () => {
    const server = await serve((_request, response) => answer(response));
    await clientOf(server.url).generate(HELLO);
    const [request] = server.requests;
    expect(request?.url).toBe(`/model/${encodeURIComponent(MODEL)}/converse`);
    expect(request?.headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIATEST/);
  });

  it("holds what was asked for, and nothing that was not", async () => {
    expect(await sent(HELLO)).toEqual({ messages: [{ role: "user", content: [{ text: "Hello" }] }] });
    const body = await sent([{ role: ChatRole.SYSTEM, content: "Be brief", cacheMarker: true }, ...HELLO], {
      maxTokens: 10,
      stopSequences: ["END"],
    });
    expect(body).toMatchObject({
      system: [{ text: "Be brief" }, CACHE_POINT],
      inferenceConfig: { maxTokens: 10, stopSequences: ["END"] },
    });
  });

  it("puts the results of one turn's tools into one message, in their order, before any text", async () => {
    const body = await sent([
      user("Add"),
      { role: ChatRole.ASSISTANT, content: [use("t1"), use("t2")] },
      result("t1", "1"),
      result("t2", "no", true),
      user("Go on"),
    ]);
    expect(body.messages.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
    expect(body.messages[2]).toEqual({
      role: "user",
      content: [
        { toolResult: { toolUseId: "t1", content: [{ text: "1" }] } },
        { toolResult: { toolUseId: "t2", content: [{ text: "no" }], status: "error" } },
        { text: "Go on" },
      ],
    });
  });

  it("tells of tools, and that one of them is to be called", async () => {
    const { toolConfig } = await sent(HELLO, { tools: [add], toolChoice: { name: "add" } });
    expect(toolConfig).toEqual({
      tools: [
        {
          toolSpec: {
            name: "add",
            description: "Adds",
            inputSchema: { json: expect.objectContaining({ type: "object", required: ["a"] }) },
          },
        },
      ],
      toolChoice: { tool: { name: "add" } },
    });
    expect((await sent(HELLO, { tools: [add], toolChoice: "any" })).toolConfig).toMatchObject({ toolChoice: { any: {} } });
    expect((await sent(HELLO, { tools: [add] })).toolConfig).not.toHaveProperty("toolChoice");
  });

  it("leaves the tools out when none is to be called", async () => {
    expect(await sent(HELLO, { tools: [add], toolChoice: "none" })).not.toHaveProperty("toolConfig");
  });

  it("asks for no call in words where tools were called already, which must be named then", async () => {
    const history = [user("Add"), { role: ChatRole.ASSISTANT, content: [use("t1")] }, { ...result("t1", "1"), cacheMarker: true }];
    const body = await sent(history, { tools: [add], toolChoice: "none" });
    expect(body.toolConfig).toMatchObject({ tools: [{ toolSpec: { name: "add" } }] });
    expect(body.messages.at(-1)?.content).toEqual([
      { toolResult: { toolUseId: "t1", content: [{ text: "1" }] } },
      CACHE_POINT,
      { text: "Answer without calling a tool." },
    ]);
  });

  it("sends no blank text, which Converse refuses", async () => {
    const body = await sent([
      user("Add"),
      { role: ChatRole.ASSISTANT, content: [{ type: "text", text: "\n\n" }, use("t1")] },
      result("t1", " "),
      { role: ChatRole.ASSISTANT, content: [{ type: "text", text: " " }] },
      user("Go on"),
    ]);
    expect(body.messages.slice(1)).toEqual([
      { role: "assistant", content: [{ toolUse: { toolUseId: "t1", name: "add", input: { a: 1 } } }] },
      { role: "user", content: [{ toolResult: { toolUseId: "t1", content: [{ text: "(empty)" }] } }, { text: "Go on" }] },
    ]);
  });

  it("puts a cache point after each marked message", async () => {
    const body = await sent([
      user("One", true),
      { role: ChatRole.ASSISTANT, content: [use("t1")] },
      { ...result("t1", "1"), cacheMarker: true },
      user("Two"),
    ]);
    expect(body.messages).toEqual([
      { role: "user", content: [{ text: "One" }, CACHE_POINT] },
      { role: "assistant", content: [{ toolUse: { toolUseId: "t1", name: "add", input: { a: 1 } } }] },
      { role: "user", content: [{ toolResult: { toolUseId: "t1", content: [{ text: "1" }] } }, CACHE_POINT, { text: "Two" }] },
    ]);
  });

  it("tells SYSTEM right after an answer in the user's place, and where the model takes it, after what the user says", async () => {
    const talk: ChatMessage[] = [
      ...HELLO,
      { role: ChatRole.ASSISTANT, content: [use("t1")] },
      { role: ChatRole.SYSTEM, content: "Be brief" },
    ];
    const unanswered = { toolResult: { toolUseId: "t1", content: [{ text: "(no result: this call was not run)" }], status: "error" } };
    const told = [{ text: "[Instruction of the system]" }, { text: "Be brief" }];
    expect((await sent(talk)).messages[2]).toEqual({ role: "user", content: [unanswered, ...told] });
    const server = await serve((_request, response) => answer(response));
    const client = clientOf(server.url, { capabilities: { systemAnywhere: true } });
    await client.generate([...HELLO, { role: ChatRole.ASSISTANT, content: "Well" }, ...talk.slice(2)]);
    expect(bodyOf<Body>(server).messages[2]).toEqual({ role: "user", content: told });
    await client.generate([...talk, result("t1", "1")]);
    expect(bodyOf<Body>(server, 1).messages.slice(2)).toEqual([
      { role: "user", content: [{ toolResult: { toolUseId: "t1", content: [{ text: "1" }] } }] },
      { role: "system", content: [{ text: "Be brief" }] },
    ]);
  });

  it("holds a schema to what Bedrock enforces, and tells the rest in words", async () => {
    const server = await serve((_request, response) => answer(response, answerOf('{"city":"Rome"}')));
    await clientOf(server.url).generate(HELLO, { output: z.object({ city: z.string().min(2) }) });
    const { outputConfig } = bodyOf<{ outputConfig: { textFormat: { structure: { jsonSchema: { schema: string } } } } }>(server);
    expect(JSON.parse(outputConfig.textFormat.structure.jsonSchema.schema)).toEqual({
      type: "object",
      properties: { city: { type: "string", description: "(minLength: 2)" } },
      required: ["city"],
      additionalProperties: false,
    });
    const output = z.object({ city: z.string(), ages: z.record(z.string(), z.number()).default({}) });
    const { warnings } = await clientOf(server.url).generate(HELLO, { output });
    expect(bodyOf(server, 1)).not.toHaveProperty("outputConfig");
    expect(warnings).toEqual([expect.stringContaining("objects with free keys in `output`")]);
  });

  it("sends images as bytes", async () => {
    const body = await sent([user([{ type: "image", mediaType: "image/png", data: "iVBORw==" }])]);
    expect(body.messages).toEqual([{ role: "user", content: [{ image: { format: "png", source: { bytes: "iVBORw==" } } }] }]);
  });

  it("refuses images that Converse does not take, before anything is sent", async () => {
    const server = await serve((_request, response) => answer(response));
    const client = clientOf(server.url);
    const ask = (block: ContentBlock): Promise<unknown> => client.generate([user([block])]);
    await expect(ask({ type: "image", url: "https://example.com/a.png" })).rejects.toMatchObject({
      code: "unsupported",
      retryable: false,
      message: expect.stringContaining("base64 data with its media type"),
    });
    await expect(ask({ type: "image", mediaType: "image/tiff", data: "AAAA" })).rejects.toMatchObject({ code: "unsupported" });
    await expect(ask({ type: "image", mediaType: "image/png", data: "*" })).rejects.toMatchObject({ code: "invalid-options" });
    expect(server.requests).toEqual([]);
  });

  it("gives a tool's input that was no JSON back as what it was", async () => {
    const broken: ContentBlock = { type: "tool-use", id: "t1", name: "add", input: '{"a":', inputError: "no JSON" };
    const body = await sent([user("Add"), { role: ChatRole.ASSISTANT, content: [broken] }, result("t1", "not JSON", true)]);
    expect(body.messages[1]).toEqual({
      role: "assistant",
      content: [{ toolUse: { toolUseId: "t1", name: "add", input: { invalid_json: '{"a":' } } }],
    });
  });

  it("gives thoughts back with their signatures, and leaves those out that have none", async () => {
    const content: ContentBlock[] = [
      { type: "thinking", text: "Hm", signature: "S", native },
      { type: "thinking", text: "", signature: "E", native },
      { type: "thinking", text: "", native: { ...native, data: { redactedContent: "AQID" } } },
      { type: "thinking", text: "unproven", native },
      { type: "text", text: "Hi" },
    ];
    const body = await sent([...HELLO, { role: ChatRole.ASSISTANT, content }, user("And?")]);
    expect(body.messages[1]).toEqual({
      role: "assistant",
      content: [
        { reasoningContent: { reasoningText: { text: "Hm", signature: "S" } } },
        { reasoningContent: { reasoningText: { text: "", signature: "E" } } },
        { reasoningContent: { redactedContent: "AQID" } },
        { text: "Hi" },
      ],
    });
  });

  it("gives ids of other providers a form that Converse takes, the same for call and result", async () => {
    const body = await sent([user("Add"), { role: ChatRole.ASSISTANT, content: [use("functions.add:0")] }, result("functions.add:0", "1")]);
    const blocks = body.messages.flatMap(({ content }) => content as { toolUse?: Json; toolResult?: Json }[]);
    const [id, other] = blocks.flatMap(({ toolUse, toolResult }) => toolUse?.toolUseId ?? toolResult?.toolUseId ?? []);
    expect(id).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
    expect(other).toBe(id);
  });

  it("gives a tool's schema the type that Converse wants", async () => {
    const any = defineTool({ name: "any", description: "Any", input: {}, run: () => "" });
    expect((await sent(HELLO, { tools: [any] })).toolConfig).toMatchObject({
      tools: [{ toolSpec: { inputSchema: { json: { type: "object" } } } }],
    });
  });

  it("asks a model behind an ARN to think as its capabilities say", async () => {
    const server = await serve((_request, response) => answer(response));
    const model = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc";
    const client = clientOf(server.url, { model, capabilities: { thinking: ["budget", "off"] } });
    await client.generate(HELLO, { thinking: false });
    expect(bodyOf<Body>(server).additionalModelRequestFields).toEqual({ thinking: { type: "disabled" } });
  });

  it("asks Claude to think by its own field", async () => {
    const body = await sent(HELLO, { thinking: { budgetTokens: 2000 }, maxTokens: 4000 });
    expect(body.additionalModelRequestFields).toEqual({ thinking: { type: "enabled", budget_tokens: 2000 } });
  });
});
