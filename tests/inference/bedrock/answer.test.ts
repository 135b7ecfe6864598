import { describe, expect, it } from "vitest";
import { z } from "zod";
import { ChatRole } from "#contract/base/vocabulary";
import type { ChatMessage } from "#contract/chat/message";
import { answer, answerOf, bodyOf, clientOf, HELLO, MODEL, serve, USAGE } from "./converse-server.ts";

const whole = (content: unknown[], stopReason = "end_turn", usage: unknown = USAGE): unknown => ({
  output: { message: { role: "assistant", content } },
  stopReason,
  usage,
});

describe("a whole answer of Bedrock", () => {
  it("is read block by block", async () => {
    const content = [
      { reasoningContent: { reasoningText: { text: "Hm", signature: "S" } } },
      { reasoningContent: { redactedContent: "AQID" } },
      { text: "Hi" },
      { toolUse: { toolUseId: "t1", name: "add", input: { a: 1, b: [null, 0.5] } } },
    ];
    const server = await serve((_request, response) => answer(response, whole(content, "tool_use")));
    const generation = await clientOf(server.url).generate(HELLO);
    const native = { provider: "aws.bedrock", model: MODEL };
    expect(generation.blocks).toEqual([
      { type: "thinking", text: "Hm", signature: "S", native },
      { type: "thinking", text: "", native: { ...native, data: { redactedContent: "AQID" } } },
      { type: "text", text: "Hi" },
      { type: "tool-use", id: "t1", name: "add", input: { a: 1, b: [null, 0.5] } },
    ]);
    expect(generation).toMatchObject({ text: "Hi", finishReason: { unified: "tool-calls", raw: "tool_use" } });
  });

  it("gives thoughts that survive JSON and go back as they came, hidden ones too", async () => {
    const content = [
      { reasoningContent: { redactedContent: "AAECAwQFBgcICQoLDA0ODw==" } },
      { reasoningContent: { reasoningText: { text: "", signature: "S1" } } },
      { text: "Hi" },
    ];
    const server = await serve((_request, response, n) => answer(response, n === 0 ? whole(content) : answerOf("Bye")));
    const client = clientOf(server.url);
    const { blocks } = await client.generate(HELLO);
    const stored = JSON.parse(JSON.stringify(blocks)) as typeof blocks;
    const history: ChatMessage[] = [...HELLO, { role: ChatRole.ASSISTANT, content: stored }, { role: ChatRole.USER, content: "Go on" }];
    await client.generate(history);
    const { messages } = bodyOf<{ messages: { content: unknown }[] }>(server, 1);
    expect(messages[1]?.content).toEqual(content);
  });

  it.each([
    ["end_turn", "stop"],
    ["stop_sequence", "stop"],
    ["max_tokens", "length"],
    ["model_context_window_exceeded", "length"],
    ["content_filtered", "content-filter"],
    ["guardrail_intervened", "content-filter"],
    ["something_new", "other"],
  ])("that ended by %s has finished as %s", async (raw, unified) => {
    const server = await serve((_request, response) => answer(response, whole([{ text: "Hi" }], raw)));
    expect((await clientOf(server.url).generate(HELLO)).finishReason).toEqual({ unified, raw });
  });

  it("that is malformed is asked for again, and both are paid for", async () => {
    const server = await serve((_request, response, n) =>
      answer(response, whole([{ text: "Hi" }], n === 0 ? "malformed_model_output" : "end_turn")),
    );
    const client = clientOf(server.url, { retry: { maxAttempts: 2, initialDelayMs: 0 } });
    const { usage } = await client.generate(HELLO);
    expect(server.requests).toHaveLength(2);
    expect(usage).toMatchObject({ inputTokens: 6, outputTokens: 4 });
  });

  it("counts cached tokens as input, and tells those that are kept for an hour", async () => {
    const usage = {
      inputTokens: 10,
      outputTokens: 5,
      totalTokens: 1115,
      cacheReadInputTokens: 1000,
      cacheWriteInputTokens: 100,
      cacheDetails: [
        { ttl: "1h", inputTokens: 60 },
        { ttl: "5m", inputTokens: 40 },
      ],
    };
    const server = await serve((_request, response) => answer(response, whole([{ text: "Hi" }], "end_turn", usage)));
    expect((await clientOf(server.url).generate(HELLO)).usage).toMatchObject({
      inputTokens: 1110,
      outputTokens: 5,
      cacheReadTokens: 1000,
      cacheWriteTokens: 100,
      cacheWriteLongTokens: 60,
    });
  });

  it("of a schema is asked for by it, and parsed", async () => {
    const server = await serve((_request, response) => answer(response, answerOf('{"city":"Rome"}')));
    const { output } = await clientOf(server.url, { capabilities: { structuredOutput: true } }).generate(HELLO, {
      output: z.object({ city: z.string() }),
    });
    expect(output).toEqual({ city: "Rome" });
    const { outputConfig } = bodyOf<{ outputConfig: { textFormat: { structure: { jsonSchema: { schema: string } } } } }>(server);
    expect(JSON.parse(outputConfig.textFormat.structure.jsonSchema.schema)).toMatchObject({ required: ["city"] });
  });

  it("without an end is none", async () => {
    const server = await serve((_request, response) => answer(response, { message: "Oh no" }));
    await expect(clientOf(server.url).generate(HELLO)).rejects.toMatchObject({ code: "empty-response", retryable: true });
  });
});
