import { describe, expect, it } from "vitest";
import { ChatRole } from "#contract/base/vocabulary";
import type { ChatMessage, ContentBlock } from "#contract/chat/message";
import type { WireServer } from "../../support/wire-server.ts";
import {
  blockStart,
  bodyOf,
  clientOf,
  delta,
  end,
  errorEvent,
  fixture,
  HELLO,
  input,
  type Json,
  MODEL,
  PATIENT,
  partsOf,
  START,
  sendAll,
  serve,
  sseText,
  stop,
  text,
  textStream,
  tool,
} from "./messages-server.ts";

const serveEvents = (...events: Json[]): Promise<WireServer> => serve((_request, response) => sendAll(response, ...events));
const resultOf = async (...events: Json[]) => clientOf((await serveEvents(...events)).url).stream(HELLO).result;

/** Bytes as they are written, each chunk by itself. */
async function resultOfBytes(...chunks: (string | Uint8Array)[]) {
  const server = await serve(async (_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const chunk of chunks) await new Promise((resolve) => response.write(chunk, resolve));
    response.end();
  });
  return clientOf(server.url).stream(HELLO).result;
}

describe("a stream of Anthropic", () => {
  it("that goes on with another message is none, and is asked for again where nothing was shown", async () => {
    const other = { ...START, message: { ...(START.message as Json), id: "msg_other" } };
    const spliced = [START, blockStart({ type: "text", text: "" }), text("The answer is"), other, ...textStream("It is 4.").slice(1)];
    await expect(resultOf(...spliced)).rejects.toMatchObject({
      code: "stream-truncated",
      retryable: true,
      message: expect.stringContaining("another answer began in its place"),
    });
    expect((await resultOf(START, ...textStream("It is 4."))).text).toBe("It is 4.");
  });

  it("adds up to thoughts, text and tool calls, told as parts", async () => {
    const stream = clientOf((await serveEvents(...fixture("tool-turn"))).url).stream(HELLO);
    const parts = await partsOf(stream);
    const { blocks, text: whole, finishReason, model, raw } = await stream.result;
    expect(whole).toBe("Looking at both – Zürich and 東京 🎉.");
    expect(blocks).toMatchObject([
      { type: "thinking", text: "Both cities are asked for.\n", signature: "EqQBCgIYAhIM+/1gb==" },
      {
        type: "thinking",
        text: "",
        native: { provider: "anthropic", model: MODEL, data: { redacted: expect.stringMatching(/^EmwKAhgB/) } },
      },
      { type: "text", text: whole },
      { type: "tool-use", id: "toolu_01Zurich", name: "weather", input: { city: "Zürich", days: 2 } },
      { type: "tool-use", id: "toolu_01Tokyo", name: "weather", input: { city: "東京 🎉" } },
      { type: "tool-use", id: "toolu_01Now", name: "now", input: {} },
    ]);
    expect(finishReason).toEqual({ unified: "tool-calls", raw: "tool_use" });
    expect(model).toBe("claude-sonnet-4-6-20260115");
    expect(raw).toEqual({ type: "message_stop" });
    const calls = parts.flatMap((part) => (part.type === "tool-call" ? [part.id] : []));
    expect(calls).toEqual(["toolu_01Zurich", "toolu_01Tokyo", "toolu_01Now"]);
    const previews = parts.flatMap((part) => (part.type === "tool-input-delta" && part.id === "toolu_01Zurich" ? [part.preview] : []));
    expect(previews).toEqual([{ city: "Zü" }, { city: "Zürich", days: 2 }]);
    expect(parts.at(-1)).toMatchObject({ type: "finish" });
  });

  it("counts its cumulative usage once, with the cached tokens in the input", async () => {
    const { usage } = await resultOf(...fixture("tool-turn"));
    expect(usage).toMatchObject({
      inputTokens: 3410,
      outputTokens: 189,
      cacheReadTokens: 3000,
      cacheWriteTokens: 400,
      cacheWriteLongTokens: 100,
      reasoningTokens: 31,
    });
  });

  it("lets a later figure take the place of an earlier one, and what is null or absent change nothing", async () => {
    const first = { input_tokens: 5, output_tokens: 1, cache_read_input_tokens: 7, cache_creation_input_tokens: 11 };
    const events = [{ type: "message_start", message: { usage: first } }, blockStart({ type: "text", text: "Hi" }), stop()];
    const last = { input_tokens: 6, output_tokens: 40, cache_read_input_tokens: 8, cache_creation_input_tokens: null };
    const told = [
      { type: "message_delta", delta: { stop_reason: "max_tokens" }, usage: { output_tokens: 20 } },
      { type: "message_delta", delta: {}, usage: last },
    ];
    const { usage, finishReason } = await resultOf(...events, ...told, { type: "message_stop" });
    expect(finishReason.raw).toBe("max_tokens");
    expect(usage).toMatchObject({ inputTokens: 25, outputTokens: 40, cacheReadTokens: 8, cacheWriteTokens: 11 });
    expect(usage).not.toHaveProperty("reasoningTokens");
  });

  it("sends thoughts back byte for byte, after a journey through JSON", async () => {
    const server = await serve((_request, response, n) => sendAll(response, ...(n === 0 ? fixture("tool-turn") : textStream("Done"))));
    const client = clientOf(server.url);
    const { blocks } = await client.stream(HELLO, { thinking: true }).result;
    const result = (toolUseId: string): ContentBlock => ({ type: "tool-result", toolUseId, content: "ok" });
    const conversation: ChatMessage[] = [
      ...HELLO,
      { role: ChatRole.ASSISTANT, content: JSON.parse(JSON.stringify(blocks)) },
      { role: ChatRole.TOOL_RESULT, content: ["toolu_01Zurich", "toolu_01Tokyo", "toolu_01Now"].map(result) },
    ];
    await client.stream(conversation, { thinking: true }).result;
    expect(bodyOf(server, 1).messages[1]).toEqual({
      role: "assistant",
      content: [
        { type: "thinking", thinking: "Both cities are asked for.\n", signature: "EqQBCgIYAhIM+/1gb==" },
        {
          type: "redacted_thinking",
          data: "EmwKAhgBEgy3va3pzix/LafPsn4aDFIT2Xlxh0L5L8rLVyIwxtE3rAFBa8cr3qpPkNRj2YfWXGmKDxH4mPnZ5sQ7vB==",
        },
        { type: "text", text: "Looking at both – Zürich and 東京 🎉." },
        { type: "tool_use", id: "toolu_01Zurich", name: "weather", input: { city: "Zürich", days: 2 } },
        { type: "tool_use", id: "toolu_01Tokyo", name: "weather", input: { city: "東京 🎉" } },
        { type: "tool_use", id: "toolu_01Now", name: "now", input: {} },
      ],
    });
  });

  it("keeps a thought of which only the proof is shown", async () => {
    const thought = [
      blockStart({ type: "thinking", thinking: "", signature: "" }),
      delta({ type: "signature_delta", signature: "c2ln" }),
      stop(),
    ];
    const { blocks } = await resultOf(START, ...thought, blockStart({ type: "text", text: "" }, 1), text("Hi", 1), stop(1), ...end());
    expect(blocks).toMatchObject([
      { type: "thinking", text: "", signature: "c2ln" },
      { type: "text", text: "Hi" },
    ]);
  });

  it("reads no events, blocks and deltas that it does not know, but keeps them, and an unknown reason for the end", async () => {
    const { text: whole, blocks, finishReason } = await resultOf(...fixture("strange-turn"));
    expect(whole).toBe("Seen again");
    const native = { provider: "anthropic", model: MODEL };
    const hologram = { type: "hologram", text: "not to be readnor this", depth: 3, input: { invalid_json: '{"nor":' } };
    const beside = {
      rest: { citations: [{ type: "char_location", cited_text: "x" }] },
      deltas: [{ type: "aroma_delta", aroma: "pine" }],
    };
    expect(blocks).toEqual([
      { type: "provider", ...native, value: hologram },
      { type: "text", text: "Seen", citations: [{ quote: "x" }], native: { ...native, data: beside } },
      { type: "text", text: " again" },
    ]);
    expect(finishReason).toEqual({ unified: "other", raw: "bored" });
  });

  it.each([
    ["end_turn", "stop"],
    ["stop_sequence", "stop"],
    ["max_tokens", "length"],
    ["model_context_window_exceeded", "length"],
    ["refusal", "content-filter"],
    ["pause_turn", "other"],
  ])("ends by %s as %s", async (raw, unified) => {
    const { finishReason } = await resultOf(START, blockStart({ type: "text", text: "Hi" }), stop(), ...end(raw));
    expect(finishReason).toEqual({ unified, raw });
  });

  it("keeps the text of an input that is no JSON, and says so", async () => {
    const events = [START, tool("toolu_1", "add"), input('{"a": 1, "b": tw'), input("o}"), stop(), ...end("tool_use")];
    const { blocks } = await resultOf(...events);
    expect(blocks).toMatchObject([{ type: "tool-use", input: '{"a": 1, "b": two}', inputError: expect.stringContaining("no JSON") }]);
  });

  it("is truncated without message_stop, whatever came before", async () => {
    const [messageDelta] = end() as [Json];
    const cut = [
      [START],
      [START, blockStart({ type: "text", text: "" }), text("Hel")],
      [START, blockStart({ type: "text", text: "" }), text("Hello"), stop(), messageDelta],
    ];
    for (const events of cut) {
      await expect(resultOf(...events)).rejects.toMatchObject({ code: "stream-truncated", retryable: true });
    }
  });

  it("fails with what had come when an error follows it, and is not asked for again", async () => {
    const server = await serveEvents(
      START,
      blockStart({ type: "text", text: "" }),
      text("Hel"),
      errorEvent("overloaded_error", "Overloaded"),
    );
    const error = await clientOf(server.url, { retry: PATIENT })
      .stream(HELLO)
      .result.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "overloaded",
      retryable: true,
      partial: [{ type: "text", text: "Hel" }],
      usage: { inputTokens: 3, outputTokens: 1 },
    });
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    ["rate_limit_error", { code: "rate-limited", retryable: true }],
    ["api_error", { code: "inference-failed", retryable: true }],
    ["timeout_error", { retryable: true }],
    ["brand_new_error", { retryable: true }],
    ["invalid_request_error", { code: "invalid-request", retryable: false }],
    ["authentication_error", { retryable: false }],
  ])("that tells of %s fails so", async (type, expected) => {
    await expect(resultOf(START, errorEvent(type))).rejects.toMatchObject(expected);
  });

  it("that tells of an error under another name, or without a body, fails too", async () => {
    const unnamed = `event: notice\ndata: ${JSON.stringify(errorEvent("overloaded_error"))}\n\n`;
    await expect(resultOfBytes(sseText([START]), unnamed)).rejects.toMatchObject({ code: "overloaded", retryable: true });
    await expect(resultOfBytes(sseText([START]), "event: error\ndata: <broken\n\n")).rejects.toMatchObject({ retryable: true });
  });

  it("that tells of a conversation that is too long says so", async () => {
    const event = errorEvent("invalid_request_error", "prompt is too long: 200001 tokens > 200000 maximum");
    await expect(resultOf(START, event)).rejects.toMatchObject({ code: "context-length-exceeded" });
  });

  it("is no stream when JSON comes in its place", async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(errorEvent("overloaded_error", "Overloaded")));
    });
    await expect(clientOf(server.url).stream(HELLO).result).rejects.toMatchObject({ code: "overloaded", retryable: true });
  });

  it("is empty when no event comes", async () => {
    await expect(resultOfBytes(": nothing yet\n\n")).rejects.toMatchObject({ code: "empty-response", retryable: true });
  });

  it("is read where a gateway leaves out the names of events", async () => {
    const nameless = textStream("Hi").map((event) => `data: ${JSON.stringify(event)}\n\n`);
    await expect(resultOfBytes(...nameless)).resolves.toMatchObject({ text: "Hi" });
  });

  it("is hostile when an event is no JSON", async () => {
    await expect(resultOfBytes(sseText([START]), 'event: ping2\ndata: {"a":\n\n')).rejects.toMatchObject({
      code: "hostile-response",
      retryable: true,
    });
  });
});
