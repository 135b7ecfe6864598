/** The local Anthropic server answers Anthropic's own SDK as the service does. */
import Anthropic, { APIError } from "@anthropic-ai/sdk";
import { afterEach, describe, expect, it } from "vitest";
import type { Script } from "#testing/script";
import { type InferenceServer, startInferenceServer } from "#testing/servers/inference-server";
import type { ServedRequest } from "#testing/servers/served-request";

let server: InferenceServer | undefined;

async function serve(script: Script<ServedRequest>, options = {}): Promise<{ server: InferenceServer; client: Anthropic }> {
  server = await startInferenceServer("anthropic", script, options);
  const client = new Anthropic({ apiKey: "planted-key", baseURL: server.url, maxRetries: 0, openTelemetry: false, logLevel: "off" });
  return { server, client };
}

afterEach(async () => {
  await server?.close();
});

const ask = { model: "claude-haiku-4-5", max_tokens: 100, messages: [{ role: "user" as const, content: "What is 1 + 2?" }] };
const addCall = { name: "add", input: { a: 1, b: 2, note: "three words here" }, id: "toolu_1" };
const usage = {
  inputTokens: 100,
  outputTokens: 20,
  cacheReadTokens: 60,
  cacheWriteTokens: 30,
  cacheWriteLongTokens: 10,
  reasoningTokens: 5,
};

describe("anthropic server", () => {
  it("answers whole, with blocks in order and usage without the cached tokens", async () => {
    const { server, client } = await serve([{ thinking: "Hm.", text: "Let me add.", toolCalls: [addCall], usage }]);
    const message = await client.messages.create(ask);
    expect(message.content).toEqual([
      { type: "thinking", thinking: "Hm.", signature: btoa("scripted signature 1") },
      { type: "text", text: "Let me add." },
      { type: "tool_use", id: "toolu_1", name: "add", input: addCall.input },
    ]);
    expect(message).toMatchObject({ model: "claude-haiku-4-5", stop_reason: "tool_use" });
    expect(message.usage).toMatchObject({
      input_tokens: 10,
      cache_read_input_tokens: 60,
      cache_creation_input_tokens: 30,
      cache_creation: { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 10 },
      output_tokens: 20,
      output_tokens_details: { thinking_tokens: 5 },
    });
    expect(message._request_id).toBe("req_scripted_1");
    server.assertDone();
  });

  it("streams what the SDK's own helper puts together to the same message", async () => {
    const turn = { thinking: "Hm, hm.", text: "Let me add.", toolCalls: [addCall], usage };
    const { client } = await serve([turn, turn]);
    const whole = await client.messages.create(ask);
    const streamed = await client.messages.stream(ask).finalMessage();
    expect(streamed.content).toEqual(
      whole.content.map((block) => ({ ...block, ...("signature" in block ? { signature: signature(2) } : {}) })),
    );
    expect(streamed.stop_reason).toBe(whole.stop_reason);
    expect(streamed.usage).toMatchObject({
      input_tokens: 10,
      cache_read_input_tokens: 60,
      cache_creation_input_tokens: 30,
      output_tokens: 20,
    });
  });

  it("cuts the text as the script says, and the bytes anywhere", async () => {
    const chunks = ["Zw", "ölf ", "🎉", "日本"];
    const { client } = await serve([{ chunks }], { bytesPerWrite: 1 });
    const texts: string[] = [];
    for await (const event of await client.messages.create({ ...ask, stream: true })) {
      if (event.type === "content_block_delta" && event.delta.type === "text_delta") texts.push(event.delta.text);
    }
    expect(texts).toEqual(chunks);
  });

  it("tells errors with the status, type and headers of the service", async () => {
    const { client } = await serve([{ error: { status: 429, message: "Slow down.", retryAfterMs: 1500 } }, { error: { status: 529 } }]);
    const limited = await errorOf(client.messages.create(ask));
    expect(limited).toMatchObject({ status: 429, type: "rate_limit_error" });
    expect(limited.message).toContain("Slow down.");
    expect(limited.headers?.get("retry-after")).toBe("2");
    expect(await errorOf(client.messages.create({ ...ask, stream: true }))).toMatchObject({ status: 529, type: "overloaded_error" });
  });

  it("says an overflow in the words of the service", async () => {
    const { client } = await serve([{ error: { reason: "context-length-exceeded" } }]);
    const error = await errorOf(client.messages.create(ask));
    expect(error).toMatchObject({ status: 400, type: "invalid_request_error" });
    expect(error.message).toContain("prompt is too long");
  });

  it("fails in the middle of a stream after as many chunks as the script says", async () => {
    const { client } = await serve([{ text: "one two three", error: { status: 529, after: 2 } }]);
    const stream = await client.messages.create({ ...ask, stream: true });
    const texts: string[] = [];
    const reading = (async () => {
      for await (const event of stream) {
        if (event.type === "content_block_delta" && event.delta.type === "text_delta") texts.push(event.delta.text);
      }
    })();
    expect(await errorOf(reading)).toMatchObject({ type: "overloaded_error" });
    expect(texts).toEqual(["one ", "two "]);
  });

  it("stops a truncated stream before its end mark, without an error", async () => {
    const { client } = await serve([{ text: "one two", truncated: true }]);
    const types: string[] = [];
    for await (const event of await client.messages.create({ ...ask, stream: true })) types.push(event.type);
    expect(types).toEqual(["message_start", "content_block_start", "content_block_delta", "content_block_delta"]);
  });

  it("breaks off a truncated whole answer", async () => {
    const { client } = await serve([{ text: "one two", truncated: true }]);
    await expect(client.messages.create(ask)).rejects.toThrow();
  });

  it("streams a tool's broken input as it is", async () => {
    const { client } = await serve([{ toolCalls: [{ name: "add", inputText: '{"a": 1,' }] }]);
    let json = "";
    for await (const event of await client.messages.create({ ...ask, stream: true })) {
      if (event.type === "content_block_delta" && event.delta.type === "input_json_delta") json += event.delta.partial_json;
    }
    expect(json).toBe('{"a": 1,');
  });

  it("answers Claude on Vertex by its paths", async () => {
    const { server } = await serve(["Hello"]);
    const response = await fetch(`${server.url}/projects/p/locations/l/publishers/anthropic/models/claude-x:rawPredict`, {
      method: "POST",
      body: JSON.stringify({ anthropic_version: "2026-10-21", messages: ask.messages }),
    });
    expect(await response.json()).toMatchObject({ model: "claude-x", content: [{ type: "text", text: "Hello" }] });
  });
});

const signature = (number: number): string => btoa(`scripted signature ${number}`);

async function errorOf(promise: Promise<unknown>): Promise<APIError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(APIError);
  return error as APIError;
}
