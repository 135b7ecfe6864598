/** The local OpenAI servers answer OpenAI's own SDK as the service does, in Chat Completions as in Responses. */
import OpenAI, { APIError } from "openai";
import { afterEach, describe, expect, it } from "vitest";
import type { Script } from "#testing/script";
import { type InferenceServer, startInferenceServer } from "#testing/servers/inference-server";
import type { ServedRequest } from "#testing/servers/served-request";

let server: InferenceServer | undefined;

async function serve(format: "openai-chat" | "openai-responses", script: Script<ServedRequest>): Promise<OpenAI> {
  server = await startInferenceServer(format, script);
  return new OpenAI({ apiKey: "planted-key", baseURL: server.url, maxRetries: 0, logLevel: "off" });
}

afterEach(async () => {
  await server?.close();
});

const calls = [
  { name: "add", input: { a: 1, b: 2, note: "three words here" }, id: "call_a" },
  { name: "now", id: "call_b" },
];
const usage = { inputTokens: 100, outputTokens: 20, cacheReadTokens: 60, cacheWriteTokens: 30, reasoningTokens: 5 };
const turn = { thinking: "Hm, hm.", text: "Let me add.", toolCalls: calls, usage };

async function errorOf(promise: Promise<unknown>): Promise<APIError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(APIError);
  return error as APIError;
}

describe("openai chat server", () => {
  const ask = { model: "gpt-5.6", messages: [{ role: "user" as const, content: "What is 1 + 2?" }] };
  const toolCalls = [
    { id: "call_a", type: "function", function: { name: "add", arguments: JSON.stringify(calls[0]?.input) } },
    { id: "call_b", type: "function", function: { name: "now", arguments: "{}" } },
  ];

  it("answers whole", async () => {
    const client = await serve("openai-chat", [turn]);
    const { choices, usage: used, model } = await client.chat.completions.create(ask);
    expect(model).toBe("gpt-5.6");
    expect(choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: { content: "Let me add.", reasoning_content: "Hm, hm.", tool_calls: toolCalls },
    });
    expect(used).toEqual({
      prompt_tokens: 100,
      completion_tokens: 20,
      total_tokens: 120,
      prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 30 },
      completion_tokens_details: { reasoning_tokens: 5 },
    });
  });

  it("streams what the SDK's own helper puts together to the same message, and usage when asked", async () => {
    const client = await serve("openai-chat", [turn, turn]);
    const final = await client.chat.completions.stream({ ...ask, stream_options: { include_usage: true } }).finalChatCompletion();
    expect(final.choices[0]).toMatchObject({ finish_reason: "tool_calls", message: { content: "Let me add." } });
    expect(final.choices[0]?.message.tool_calls).toMatchObject(toolCalls);
    expect(final.usage).toMatchObject({ prompt_tokens: 100, completion_tokens: 20 });
    const usages: unknown[] = [];
    for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) usages.push(chunk.usage);
    expect(usages.every((value) => value === undefined)).toBe(true);
  });

  it("tells errors with status, code and headers, and a spent quota by its name", async () => {
    const client = await serve("openai-chat", [
      { error: { status: 429, retryAfterMs: 20 } },
      { error: { status: 429, reason: "insufficient_quota" } },
      { error: { reason: "context-length-exceeded" } },
    ]);
    const limited = await errorOf(client.chat.completions.create(ask));
    expect(limited).toMatchObject({ status: 429, code: "rate_limit_exceeded" });
    expect([limited.headers?.get("retry-after"), limited.headers?.get("retry-after-ms")]).toEqual(["1", "20"]);
    expect(await errorOf(client.chat.completions.create(ask))).toMatchObject({ status: 429, code: "insufficient_quota" });
    expect(await errorOf(client.chat.completions.create(ask))).toMatchObject({ status: 400, code: "context_length_exceeded" });
  });

  it("fails in the middle of a stream, and truncates one without an error", async () => {
    const client = await serve("openai-chat", [
      { text: "one two three", error: { after: 1 } },
      { text: "one two", truncated: true },
    ]);
    const contents: (string | null | undefined)[] = [];
    const read = async (): Promise<unknown[]> => {
      const reasons: unknown[] = [];
      for await (const { choices } of await client.chat.completions.create({ ...ask, stream: true })) {
        contents.push(choices[0]?.delta.content);
        reasons.push(choices[0]?.finish_reason);
      }
      return reasons;
    };
    expect(await errorOf(read())).toMatchObject({ code: "server_error" });
    expect(contents.splice(0)).toEqual(["", "one "]);
    expect(await read()).toEqual([null, null, null]);
    expect(contents).toEqual(["", "one ", "two"]);
  });
});

describe("openai responses server", () => {
  const ask = { model: "gpt-5.6", input: "What is 1 + 2?" };

  it("answers whole", async () => {
    const client = await serve("openai-responses", [turn, { text: "Too lo", finishReason: "length" }]);
    const response = await client.responses.create(ask);
    expect(response.output).toMatchObject([
      { type: "reasoning", summary: [{ text: "Hm, hm." }], encrypted_content: btoa("scripted signature 1") },
      { type: "message", content: [{ type: "output_text", text: "Let me add." }] },
      { type: "function_call", call_id: "call_a", name: "add", arguments: JSON.stringify(calls[0]?.input) },
      { type: "function_call", call_id: "call_b", name: "now", arguments: "{}" },
    ]);
    expect(response.output_text).toBe("Let me add.");
    expect(response.status).toBe("completed");
    expect(response.usage).toMatchObject({
      input_tokens: 100,
      output_tokens: 20,
      input_tokens_details: { cached_tokens: 60, cache_write_tokens: 30 },
      output_tokens_details: { reasoning_tokens: 5 },
    });
    expect(await client.responses.create(ask)).toMatchObject({
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
    });
  });

  it("streams what the SDK's own helper accepts, numbered, to the same response", async () => {
    const client = await serve("openai-responses", [turn, turn]);
    const whole = await client.responses.create(ask);
    const stream = client.responses.stream(ask);
    const numbers: number[] = [];
    const deltas: Record<string, string> = {};
    stream.on("event", (event) => {
      numbers.push(event.sequence_number);
      if ("delta" in event && typeof event.delta === "string") deltas[event.type] = (deltas[event.type] ?? "") + event.delta;
    });
    const final = await stream.finalResponse();
    const plain = (output: unknown): unknown => JSON.parse(JSON.stringify(output).replaceAll("scripted_2_", "scripted_1_"));
    const withoutParsed = final.output.map(({ ...item }) => {
      if ("encrypted_content" in item) item.encrypted_content = btoa("scripted signature 1");
      return item;
    });
    expect(plain(withoutParsed)).toMatchObject(plain(whole.output) as unknown[]);
    expect(numbers).toEqual(numbers.map((_, index) => index));
    expect(deltas).toEqual({
      "response.reasoning_summary_text.delta": "Hm, hm.",
      "response.output_text.delta": "Let me add.",
      "response.function_call_arguments.delta": `${JSON.stringify(calls[0]?.input)}{}`,
    });
  });

  it("tells errors with status and code", async () => {
    const client = await serve("openai-responses", [{ error: { status: 401 } }, { error: { status: 503 } }]);
    expect(await errorOf(client.responses.create(ask))).toMatchObject({ status: 401, code: "invalid_api_key" });
    expect(await errorOf(client.responses.create({ ...ask, stream: true }))).toMatchObject({ status: 503 });
  });

  it("fails in the middle as a failed response, and truncates without an end", async () => {
    const client = await serve("openai-responses", [
      { text: "one two", error: { status: 500, message: "Broken.", after: 1 } },
      { text: "one", truncated: true },
    ]);
    const read = async (): Promise<{ type: string }[]> => {
      const events: { type: string }[] = [];
      for await (const event of await client.responses.create({ ...ask, stream: true })) events.push(event);
      return events;
    };
    expect((await read()).at(-1)).toMatchObject({
      type: "response.failed",
      response: { status: "failed", error: { code: "server_error", message: "Broken." } },
    });
    expect((await read()).at(-1)?.type).toBe("response.output_text.delta");
  });
});
