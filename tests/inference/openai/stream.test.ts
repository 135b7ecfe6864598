import { describe, expect, it } from "vitest";
import {
  APIS,
  call,
  chunk,
  clientOf,
  completed,
  end,
  HELLO,
  hiStream,
  type Json,
  MODEL,
  resultOf,
  sendAll,
  serve,
  serveEvents,
  text,
  tools,
} from "./openai-server.ts";

describe("a stream of Chat Completions", () => {
  it.each([
    ["stop", "stop"],
    ["length", "length"],
    ["tool_calls", "tool-calls"],
    ["content_filter", "content-filter"],
    ["bored", "other"],
  ])("ends by %s as %s", async (raw, unified) => {
    expect((await resultOf("chat", text("Hi"), end(raw))).finishReason).toEqual({ unified, raw });
  });

  it("is refused where the model says so", async () => {
    const { finishReason, text: said } = await resultOf("chat", chunk({ refusal: "I " }), chunk({ refusal: "won't." }), end());
    expect(said).toBe("I won't.");
    expect(finishReason).toEqual({ unified: "content-filter", raw: "stop" });
  });

  it.each<[string, Json]>([
    ["reasoning_content", { reasoning_content: "Hm." }],
    ["reasoning", { reasoning: "Hm.", reasoning_content: null }],
    [
      "reasoning_details",
      {
        reasoning_details: [
          { type: "reasoning.text", text: "Hm" },
          { type: "reasoning.summary", summary: "." },
        ],
      },
    ],
  ])("tells thoughts as %s", async (_field, delta) => {
    const { blocks } = await resultOf("chat", chunk({ ...delta, content: "" }), text("Hi"), end());
    expect(blocks).toMatchObject([
      { type: "thinking", text: "Hm." },
      { type: "text", text: "Hi" },
    ]);
  });

  it("may hold chunks without choices, empty pieces, unknown fields, and chunks after its end", async () => {
    const events: Json[] = [
      { choices: null },
      { ...chunk({}), choices: [] },
      { ...chunk({}), choices: [null] },
      chunk({ role: "assistant", content: "" }),
      text("Hi"),
      { object: "brand.new", nothing: true },
      end(),
      text(" there"),
      { ...chunk({}), choices: [] },
    ];
    const { text: said, finishReason } = await resultOf("chat", ...events);
    expect(said).toBe("Hi there");
    expect(finishReason.unified).toBe("stop");
  });

  it("counts the last usage that it tells", async () => {
    const first = { prompt_tokens: 10, completion_tokens: 1 };
    const last = {
      prompt_tokens: 10,
      completion_tokens: 7,
      prompt_tokens_details: { cached_tokens: 4, cache_write_tokens: 3 },
      completion_tokens_details: { reasoning_tokens: 2 },
      cost: 0.0125,
    };
    const { usage } = await resultOf("chat", { ...text("Hi"), usage: first }, { ...end(), usage: null }, { choices: [], usage: last });
    expect(usage).toEqual({
      inputTokens: 10,
      outputTokens: 7,
      cacheReadTokens: 4,
      cacheWriteTokens: 3,
      reasoningTokens: 2,
      cost: 0.0125,
    });
  });

  it("is truncated without a reason for its end, unless the server tells none", async () => {
    await expect(resultOf("chat", text("Hel"))).rejects.toMatchObject({ code: "stream-truncated", retryable: true });
    await expect(resultOf("chat", tools(call(0, '{"a"', { id: "call_a", name: "add" })))).rejects.toMatchObject({
      code: "stream-truncated",
    });
    const server = await serveEvents(text("Hel"), text("lo"));
    const client = clientOf(server.url, { api: "chat", compatibility: { finishReason: false } });
    expect(await client.stream(HELLO).result).toMatchObject({ text: "Hello", finishReason: { unified: "stop", raw: null } });
  });

  it("is whole where the server counts what it gave, and says [DONE]; else the error names the option", async () => {
    const counted = { id: "c", choices: [], usage: { prompt_tokens: 22, completion_tokens: 5 } };
    const told = async (...data: (Json | string)[]) => {
      const lines = data.map((each) => `data: ${typeof each === "string" ? each : JSON.stringify(each)}\n\n`).join("");
      const server = await serve((_request, response) => void response.writeHead(200, { "content-type": "text/event-stream" }).end(lines));
      return clientOf(server.url, { api: "chat" }).stream(HELLO).result;
    };
    expect(await told(text("4"), counted, "[DONE]")).toMatchObject({ text: "4", finishReason: { unified: "stop", raw: null } });
    const message = expect.stringContaining("compatibility: { finishReason: false }");
    await expect(told(text("4"), "[DONE]")).rejects.toMatchObject({ code: "stream-truncated", retryable: true, message });
    await expect(told(text("4"), counted)).rejects.toMatchObject({ code: "stream-truncated" });
  });

  it("may have whole messages in place of deltas", async () => {
    const whole = {
      id: "c",
      model: MODEL,
      choices: [{ index: 0, message: { role: "assistant", content: "Hello" }, finish_reason: "stop" }],
    };
    expect((await resultOf("chat", whole)).text).toBe("Hello");
  });

  it("of a server that tells no reason for the end may name a call late, but not never", async () => {
    const streamOf = async (...events: Json[]) =>
      clientOf((await serveEvents(...events)).url, { api: "chat", compatibility: { finishReason: false } }).stream(HELLO).result;
    const late = [text("Hm."), tools(call(0, '{"a":', { id: "call_a" })), tools(call(0, "1}", { name: "add" })), { choices: [] }];
    const { blocks, finishReason, raw } = await streamOf(...late);
    expect(blocks).toEqual([expect.objectContaining({ text: "Hm." }), { type: "tool-use", id: "call_a", name: "add", input: { a: 1 } }]);
    expect(finishReason).toEqual({ unified: "tool-calls", raw: null });
    expect(raw).toEqual({ choices: [] });
    await expect(streamOf(text("Hm."), tools(call(0, '{"a":1}', { id: "call_a" })))).rejects.toMatchObject({
      retryable: true,
      message: expect.stringContaining("a tool call without a name"),
    });
    await expect(streamOf({ choices: [], id: "chatcmpl-test" })).rejects.toMatchObject({ code: "empty-response" });
  });

  it("is empty, also for a server that tells no reason for the end, when nothing comes", async () => {
    const server = await serve((_request, response) => sendAll(response));
    const client = clientOf(server.url, { api: "chat", compatibility: { finishReason: false } });
    await expect(client.stream(HELLO).result).rejects.toMatchObject({ code: "empty-response", retryable: true });
  });
});

describe("a stream of the Responses API", () => {
  it("that goes on with another answer is none", async () => {
    const created = (id: string): Json => ({ type: "response.created", response: { id, model: MODEL } });
    const said = { type: "response.output_text.delta", item_id: "msg_1", output_index: 0, delta: "The answer" };
    await expect(resultOf("responses", created("r1"), said, created("r2"), ...hiStream("responses"))).rejects.toMatchObject({
      code: "stream-truncated",
      message: expect.stringContaining("another answer began in its place"),
    });
    expect((await resultOf("responses", created("r1"), created("r1"), ...hiStream("responses"))).text).toBe("Hi");
  });

  const added = (output_index: number, item: Json): Json => ({ type: "response.output_item.added", output_index, item });
  const done = (output_index: number, item: Json): Json => ({ type: "response.output_item.done", output_index, item });
  const said = (delta: string, output_index = 0): Json => ({ type: "response.output_text.delta", item_id: "msg_1", output_index, delta });
  const input = (delta: string, output_index: number): Json => ({ type: "response.function_call_arguments.delta", output_index, delta });

  it("adds up to thoughts, text and calls, which may come in turns", async () => {
    const reasoning = { id: "rs_1", type: "reasoning", summary: [{ type: "summary_text", text: "Hm." }], encrypted_content: "c2VjcmV0" };
    const a = { id: "fc_1", type: "function_call", call_id: "call_a", name: "add", arguments: "" };
    const b = { id: "fc_2", type: "function_call", call_id: "call_b", name: "sub", arguments: "" };
    const thought = (summary_index: number, delta: string): Json => ({
      type: "response.reasoning_summary_text.delta",
      item_id: "rs_1",
      output_index: 0,
      summary_index,
      delta,
    });
    const { blocks, finishReason } = await resultOf(
      "responses",
      { type: "response.created", response: { id: "resp_test", model: "gpt-5.6-2026" } },
      added(0, { id: "rs_1", type: "reasoning", summary: [] }),
      thought(0, "Hm."),
      thought(1, "Well."),
      done(0, reasoning),
      added(1, { id: "msg_1", type: "message", content: [] }),
      said("Let me.", 1),
      { type: "response.brand_new", output_index: 1 },
      done(1, { id: "msg_1", type: "message", phase: "commentary", content: [{ type: "output_text", text: "Let me." }] }),
      added(2, a),
      added(3, b),
      input('{"a":', 2),
      input('{"b":', 3),
      input("1}", 2),
      input("2}", 3),
      done(3, { ...b, arguments: '{"b":2}' }),
      done(2, { ...a, arguments: '{"a":1}' }),
      completed(),
    );
    expect(blocks).toMatchObject([
      { type: "thinking", text: "Hm.\n\nWell.", native: { data: { id: "rs_1", encrypted_content: "c2VjcmV0" } } },
      { type: "text", text: "Let me.", native: { data: { phase: "commentary" } } },
      { type: "tool-use", id: "call_a", name: "add", input: { a: 1 } },
      { type: "tool-use", id: "call_b", name: "sub", input: { b: 2 } },
    ]);
    expect(finishReason).toEqual({ unified: "tool-calls", raw: "completed" });
  });

  it("may tell items whole, without a delta", async () => {
    const { blocks } = await resultOf(
      "responses",
      done(0, { type: "message", content: [{ type: "output_text", text: "Hi" }] }),
      done(1, { type: "function_call", call_id: "call_a", name: "add", arguments: '{"a":1}' }),
      completed(),
    );
    expect(blocks).toMatchObject([{ text: "Hi" }, { id: "call_a", input: { a: 1 } }]);
  });

  it("may tell what an item is at its end, and its pieces before", async () => {
    const { blocks } = await resultOf(
      "responses",
      input('{"a"', 0),
      input(":1}", 0),
      done(0, { type: "function_call", call_id: "call_a", name: "add", arguments: '{"a":1}' }),
      completed(),
    );
    expect(blocks).toEqual([{ type: "tool-use", id: "call_a", name: "add", input: { a: 1 } }]);
  });

  it("that calls a tool without a name is asked for again", async () => {
    const nameless = { type: "function_call", call_id: "call_a", arguments: "{}" };
    const refused = { retryable: true, message: expect.stringContaining("a tool call without a name") };
    await expect(resultOf("responses", added(0, nameless), done(0, nameless), completed())).rejects.toMatchObject(refused);
    await expect(resultOf("responses", done(0, nameless), completed())).rejects.toMatchObject(refused);
  });

  it.each([
    [{ reason: "max_output_tokens" }, { unified: "length", raw: "max_output_tokens" }],
    [{ reason: "content_filter" }, { unified: "content-filter", raw: "content_filter" }],
    [null, { unified: "other", raw: "incomplete" }],
  ])("that is incomplete by %j says why", async (incomplete_details, expected) => {
    const { finishReason } = await resultOf("responses", said("Hi"), completed({ incomplete_details }, "incomplete"));
    expect(finishReason).toEqual(expected);
  });

  it("is refused where the model says so", async () => {
    const { finishReason } = await resultOf("responses", { type: "response.refusal.delta", output_index: 0, delta: "No." }, completed());
    expect(finishReason).toEqual({ unified: "content-filter", raw: "completed" });
  });

  it("counts its usage, also of a failure", async () => {
    const usage = {
      input_tokens: 10,
      output_tokens: 7,
      input_tokens_details: {
        cached_tokens: 4,
        cache_write_tokens: 3,
        cache_write_tokens_details: { ttl_30m_tokens: 1, ttl_12h_tokens: 2 },
      },
      output_tokens_details: { reasoning_tokens: 2 },
    };
    const expected = {
      inputTokens: 10,
      outputTokens: 7,
      cacheReadTokens: 4,
      cacheWriteTokens: 3,
      cacheWriteLongTokens: 2,
      reasoningTokens: 2,
    };
    expect((await resultOf("responses", said("Hi"), completed({ usage }))).usage).toMatchObject(expected);
    const failed = resultOf("responses", completed({ usage, error: { code: "server_error", message: "No." } }, "failed"));
    await expect(failed).rejects.toMatchObject({ usage: expected });
  });
});

describe.each(APIS)("a stream of OpenAI by %s", (api) => {
  it("is hostile when an event is no JSON", async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end('data: {"a":\n\n');
    });
    await expect(clientOf(server.url, { api }).stream(HELLO).result).rejects.toMatchObject({ code: "hostile-response", retryable: true });
  });
});
