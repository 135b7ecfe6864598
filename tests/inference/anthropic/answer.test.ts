import { describe, expect, it } from "vitest";
import { json } from "../../support/wire-server.ts";
import { answerOf, clientOf, HELLO, type Json, serve } from "./messages-server.ts";

async function resultOf(body: unknown) {
  const server = await serve((_request, response) => json(response, 200, body));
  return clientOf(server.url).generate(HELLO);
}
const withContent = (...content: (Json | null)[]): Json => ({ ...answerOf(""), content });

describe("a whole answer of Anthropic", () => {
  it("holds its blocks, usage and reason", async () => {
    const body = {
      ...withContent(
        { type: "thinking", thinking: "Hm.", signature: "c2ln" },
        { type: "redacted_thinking", data: "b3BhcXVl" },
        null,
        { type: "text", text: "Let me see." },
        { type: "tool_use", id: "toolu_1", name: "add", input: { a: 1 } },
        { type: "tool_use", id: "toolu_2", name: "now", input: {} },
      ),
      model: "claude-sonnet-4-6-20260115",
      stop_reason: "tool_use",
      usage: {
        input_tokens: 10,
        cache_read_input_tokens: 20,
        cache_creation_input_tokens: 30,
        cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 30 },
        output_tokens: 9,
        output_tokens_details: { thinking_tokens: 4 },
      },
    };
    const answer = await resultOf(body);
    expect(answer).toMatchObject({
      text: "Let me see.",
      blocks: [
        { type: "thinking", text: "Hm.", signature: "c2ln" },
        { type: "thinking", text: "", native: { data: { redacted: "b3BhcXVl" } } },
        { type: "text", text: "Let me see." },
        { type: "tool-use", id: "toolu_1", name: "add", input: { a: 1 } },
        { type: "tool-use", id: "toolu_2", name: "now", input: {} },
      ],
      usage: {
        inputTokens: 60,
        outputTokens: 9,
        cacheReadTokens: 20,
        cacheWriteTokens: 30,
        cacheWriteLongTokens: 30,
        reasoningTokens: 4,
      },
      model: "claude-sonnet-4-6-20260115",
      finishReason: { unified: "tool-calls", raw: "tool_use" },
    });
    expect(answer.blocks).toHaveLength(5);
    expect(answer.raw).toEqual(body);
  });

  it("keeps a reason for the end that it does not know", async () => {
    expect((await resultOf({ ...answerOf("Hi"), stop_reason: "bored" })).finishReason).toEqual({ unified: "other", raw: "bored" });
  });

  it("is an error when its body is one, whatever its status", async () => {
    const body = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
    await expect(resultOf(body)).rejects.toMatchObject({ code: "overloaded", retryable: true });
  });

  it.each([[{}], [null], [[1]], [{ content: "text" }]])("is none when it is %j", async (body) => {
    await expect(resultOf(body)).rejects.toMatchObject({ code: "empty-response", retryable: true });
  });
});
