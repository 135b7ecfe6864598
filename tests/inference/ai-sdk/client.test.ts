/** What a client makes of the AI SDK's own mock model: what it is asked, and what its answers become. */
import type { LanguageModelV4Content, LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { APICallError, LoadAPIKeyError, UnsupportedFunctionalityError } from "@ai-sdk/provider";
import { MockLanguageModelV3, MockLanguageModelV4 } from "ai/test";
import { type ChatMessage, ContextLengthExceededError, defineTool, InferenceError, providerTool } from "asimov-agents";
import { AiSdkInferenceClient } from "asimov-agents/ai-sdk";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { add, ask, errorOf } from "../client-rows.ts";
import { partsOf } from "../provider-fixture.ts";
import { answering, clientOf, inVersion, STOP, streaming, streamOf, textOf, USAGE } from "./mock.ts";

const HI: LanguageModelV4Content[] = [{ type: "text", text: "Hi" }];
/** The options of the first call. */
const askedOf = (model: MockLanguageModelV4) =>
  (model.doGenerateCalls[0] ?? model.doStreamCalls[0]) as (typeof model.doStreamCalls)[number];

describe("what a model of the AI SDK is asked", () => {
  it("has the conversation in its words: results of tools first, images by data and by address", async () => {
    const model = answering({ content: HI });
    const messages: ChatMessage[] = [
      { role: "SYSTEM", content: "Be brief." },
      {
        role: "USER",
        content: [
          { type: "text", text: "Look" },
          { type: "image", mediaType: "image/png", data: "aGk=" },
          { type: "image", url: "https://example.com/a.png" },
          { type: "file", mediaType: "application/pdf", fileId: "file_1", name: "a.pdf" },
        ],
      },
      {
        role: "ASSISTANT",
        content: [
          { type: "thinking", text: "Hm." },
          { type: "tool-use", id: "call a", name: "add", input: { a: 1 } },
          { type: "tool-use", id: "b", name: "add", input: "{", inputError: "no JSON" },
        ],
      },
      { role: "TOOL_RESULT", content: [{ type: "tool-result", toolUseId: "call a", content: "3" }] },
      { role: "USER", content: "And?" },
      { role: "TOOL_RESULT", content: [{ type: "tool-result", toolUseId: "b", content: "no", isError: true }] },
    ];
    await clientOf(model).generate(messages, { tools: [add] });
    const { prompt } = askedOf(model);
    const id = expect.stringMatching(/^call_a_\w+$/);
    expect(prompt).toEqual([
      { role: "system", content: "Be brief." },
      {
        role: "user",
        content: [
          { type: "text", text: "Look" },
          { type: "file", mediaType: "image/png", data: { type: "data", data: "aGk=" } },
          { type: "file", mediaType: "image/*", data: { type: "url", url: new URL("https://example.com/a.png") } },
          { type: "file", mediaType: "application/pdf", filename: "a.pdf", data: { type: "reference", reference: { mock: "file_1" } } },
        ],
      },
      {
        role: "assistant",
        content: [
          { type: "reasoning", text: "Hm." },
          { type: "tool-call", toolCallId: id, toolName: "add", input: { a: 1 } },
          { type: "tool-call", toolCallId: "b", toolName: "add", input: { invalid_json: "{" } },
        ],
      },
      {
        role: "tool",
        content: [
          { type: "tool-result", toolCallId: id, toolName: "add", output: { type: "text", value: "3" } },
          { type: "tool-result", toolCallId: "b", toolName: "add", output: { type: "error-text", value: "no" } },
        ],
      },
      { role: "user", content: [{ type: "text", text: "And?" }] },
    ]);
    const [, , assistant, tool] = prompt as { content: { toolCallId?: string }[] }[];
    expect(assistant?.content[1]?.toolCallId).toBe(tool?.content[0]?.toolCallId);
  });

  it.each(["v2", "v3"] as const)("has data of images bare in version %s of the specification", async (version) => {
    const model = new MockLanguageModelV3({
      provider: "mock.chat",
      doGenerate: async () => ({ content: HI as never, finishReason: "stop" as never, usage: {} as never, warnings: [] }),
    });
    await clientOf(inVersion(version, model)).generate([
      { role: "USER", content: [{ type: "image", mediaType: "image/png", data: "aGk=" }] },
    ]);
    expect(model.doGenerateCalls[0]?.prompt).toEqual([{ role: "user", content: [{ type: "file", mediaType: "image/png", data: "aGk=" }] }]);
  });

  const PNG = { type: "file", mediaType: "image/png", data: "aGk=", name: "a.png" } as const;
  const seen = (isError = false): ChatMessage[] => [
    ...ask(),
    { role: "ASSISTANT", content: [{ type: "tool-use", id: "a", name: "look", input: {} }] },
    { role: "TOOL_RESULT", content: [{ type: "tool-result", toolUseId: "a", content: [{ type: "text", text: "Look" }, PNG], isError }] },
    ...ask("And?"),
  ];

  /** Of the tool's message, which is the third. */
  const outputIn = (prompt: readonly { content: unknown }[] | undefined): unknown =>
    (prompt as { content: { output?: unknown }[] }[] | undefined)?.[2]?.content[0]?.output;

  it("has files of tools within their results where the provider's package takes them there, else behind them", async () => {
    const whole = { content: HI, finishReason: { unified: "stop", raw: "end" } as const, usage: USAGE, warnings: [] };
    const nesting = new MockLanguageModelV4({ provider: "anthropic.messages", modelId: "claude-sonnet-4-6", doGenerate: [whole, whole] });
    const file = { type: "file", mediaType: "image/png", filename: "a.png", data: { type: "data", data: "aGk=" } };
    await clientOf(nesting).generate(seen());
    await clientOf(nesting).generate(seen(true));
    const outputs = nesting.doGenerateCalls.map(({ prompt }) => outputIn(prompt));
    const text = { type: "text", text: "Look" };
    expect(outputs).toEqual([
      { type: "content", value: [text, file] },
      { type: "content", value: [{ type: "text", text: "The tool failed." }, text, file] },
    ]);
    const other = answering({ content: HI });
    await clientOf(other).generate(seen());
    expect(askedOf(other).prompt.slice(2)).toEqual([
      expect.objectContaining({
        role: "tool",
        content: [
          expect.objectContaining({
            output: { type: "text", value: expect.stringMatching(/^Look\n.*it follows/) },
          }),
        ],
      }),
      { role: "user", content: [file] },
      { role: "user", content: [{ type: "text", text: "And?" }] },
    ]);
  });

  it.each([
    ["v2", { type: "media", data: "aGk=", mediaType: "image/png" }],
    ["v3", { type: "image-data", data: "aGk=", mediaType: "image/png" }],
  ] as const)("has files of tools as version %s of the specification has them, and refuses the id of one", async (version, part) => {
    const model = new MockLanguageModelV3({
      ...{ provider: "anthropic.messages", modelId: "claude-sonnet-4-6" },
      doGenerate: async () => ({ content: HI as never, finishReason: "stop" as never, usage: {} as never, warnings: [] }),
    });
    const client = clientOf(inVersion(version, model));
    await client.generate(seen());
    expect(outputIn(model.doGenerateCalls[0]?.prompt)).toEqual({
      type: "content",
      value: [{ type: "text", text: "Look" }, part],
    });
    const kept: ChatMessage[] = [{ role: "USER", content: [{ type: "file", mediaType: "application/pdf", fileId: "file_1" }] }];
    expect(await errorOf(client.generate(kept))).toMatchObject({ code: "unsupported", message: expect.stringContaining(version) });
    expect(model.doGenerateCalls).toHaveLength(1);
  });

  it("has lengths, sampling, stops, tools and their choice, thinking and the schema of the answer", async () => {
    const model = answering({ content: [{ type: "text", text: '{"answer":3}' }] });
    const { output } = await clientOf(model).generate(ask(), {
      ...{ maxTokens: 50, temperature: 0.5, topP: 0.9, stopSequences: ["END"], tools: [add], toolChoice: { name: "add" } },
      thinking: { effort: "high" },
      output: z.object({ answer: z.number() }),
    });
    expect(output).toEqual({ answer: 3 });
    expect(askedOf(model)).toMatchObject({
      ...{ maxOutputTokens: 50, temperature: 0.5, topP: 0.9, stopSequences: ["END"], reasoning: "high" },
      tools: [
        { type: "function", name: "add", description: "Adds two numbers", inputSchema: { type: "object", required: ["a", "b", "note"] } },
      ],
      toolChoice: { type: "tool", toolName: "add" },
      responseFormat: { type: "json", name: "output", schema: { type: "object", required: ["answer"] } },
    });
  });

  it.each([
    ["any", { type: "required" }],
    ["none", { type: "none" }],
    ["auto", { type: "auto" }],
  ] as const)("has the choice %s of tools as its own", async (toolChoice, told) => {
    const model = answering({ content: HI });
    await clientOf(model).generate(ask(), { tools: [add], toolChoice });
    expect(askedOf(model).toolChoice).toEqual(told);
  });

  it("has strict tools, those of a choice alone, and tools of the provider's own in the AI SDK's words", async () => {
    const model = answering({ content: HI }, { content: HI });
    const strict = defineTool({ name: "strict", description: "Strict", input: z.object({}), strict: true, run: () => 1 });
    const search = providerTool("mock", { id: "mock.web_search", name: "web_search", args: { maxUses: 3 } });
    await clientOf(model).generate(ask(), { tools: [add, strict, search], toolChoice: { only: ["strict", "web_search"] } });
    expect(askedOf(model).tools).toMatchObject([
      { type: "function", name: "strict", strict: true },
      { type: "provider", id: "mock.web_search", name: "web_search", args: { maxUses: 3 } },
    ]);
    expect(askedOf(model).toolChoice).toEqual({ type: "auto" });
    const unknown = providerTool("mock", { type: "web_search_1", name: "web_search" });
    expect(await errorOf(clientOf(model).generate(ask(), { tools: [unknown] }))).toMatchObject({
      code: "unsupported",
      message: expect.stringContaining("id"),
    });
    expect(model.doGenerateCalls).toHaveLength(1);
  });

  it("has providerOptions as they are, headers of its provider alone, and the AI SDK's own settings", async () => {
    const model = answering({ content: HI });
    await clientOf(model).generate(ask(), {
      providerOptions: {
        mock: { speed: "fast", headers: { "x-mine": "yes" } },
        gateway: { order: ["a"] },
        other: { headers: { "x-other": "no" } },
        "ai-sdk": { seed: 7, topK: 3 },
      },
    });
    expect(askedOf(model)).toMatchObject({ seed: 7, topK: 3, headers: { "x-mine": "yes" } });
    expect(askedOf(model).providerOptions).toEqual({ mock: { speed: "fast" }, gateway: { order: ["a"] } });
    expect(askedOf(model).headers).toEqual({ "x-mine": "yes" });
  });

  it("is told where caching ends, and how to think, in the words of a provider that has some", async () => {
    const whole = { content: HI, finishReason: { unified: "stop", raw: "end" } as const, usage: USAGE, warnings: [] };
    const model = new MockLanguageModelV4({ provider: "anthropic.messages", modelId: "claude-sonnet-4-6", doGenerate: [whole, whole] });
    const client = clientOf(model);
    await client.generate(ask(), { caching: "auto", tools: [add], thinking: { budgetTokens: 2_048 }, maxTokens: 4_096 });
    const marker = { anthropic: { cacheControl: { type: "ephemeral" } } };
    expect(askedOf(model)).toMatchObject({
      prompt: [{ role: "user", providerOptions: marker }],
      tools: [{ providerOptions: marker }],
      providerOptions: { anthropic: { thinking: { type: "enabled", budgetTokens: 2_048 } } },
    });
    await client.generate(ask(), { thinking: true });
    expect(model.doGenerateCalls[1]?.providerOptions).toEqual({ anthropic: { thinking: { type: "adaptive" } } });
  });

  it("is warned of thinking before version 4 of the specification, which has no word for it", async () => {
    const model = new MockLanguageModelV3({
      doGenerate: async () => ({ content: HI as never, finishReason: { unified: "stop", raw: "end" }, usage: USAGE, warnings: [] }),
    });
    const { warnings } = await clientOf(model).generate(ask(), { thinking: { effort: "low" } });
    expect(warnings).toEqual([expect.stringContaining("thinking")]);
  });
});

describe("what the answers of a model of the AI SDK become", () => {
  it("is text, thoughts, calls, sources, usage and warnings, whole and streamed alike", async () => {
    const warning = { type: "unsupported", feature: "seed", details: "it has none" } as const;
    const source = { type: "source", sourceType: "url", id: "s1", url: "https://example.com/", title: "Example" } as const;
    const call = {
      type: "tool-call",
      toolCallId: "call_a",
      toolName: "add",
      input: '{"a":1}',
      providerMetadata: { mock: { proof: "p" } },
    } as const;
    const finishReason = { unified: "tool-calls", raw: "calls" } as const;
    const whole = await clientOf(
      answering({
        content: [
          { type: "reasoning", text: "Hm.", providerMetadata: { mock: { signature: "sig" } } },
          { type: "text", text: "Hello" },
          source,
          call,
        ],
        ...{ finishReason, warnings: [warning], response: { id: "r1", modelId: "mock-1.5" } },
      }),
    ).generate(ask(), { tools: [add] });
    const stream = clientOf(
      streaming([
        { type: "stream-start", warnings: [warning] },
        { type: "response-metadata", id: "r1", modelId: "mock-1.5" },
        { type: "reasoning-start", id: "0" },
        { type: "reasoning-delta", id: "0", delta: "Hm." },
        { type: "reasoning-delta", id: "0", delta: "", providerMetadata: { mock: { signature: "sig" } } },
        { type: "reasoning-end", id: "0" },
        ...textOf("Hel", "lo"),
        source,
        { type: "tool-input-start", id: "call_a", toolName: "add" },
        { type: "tool-input-delta", id: "call_a", delta: '{"a"' },
        { type: "tool-input-delta", id: "call_a", delta: ":1}" },
        { type: "tool-input-end", id: "call_a" },
        call,
        { ...STOP, finishReason } as LanguageModelV4StreamPart,
      ]),
    ).stream(ask(), { tools: [add] });
    const parts = await partsOf(stream);
    const { raw: _whole, ...expected } = whole;
    const { raw: _streamed, ...streamed } = await stream.result;
    expect(streamed).toEqual(expected);
    expect(whole).toMatchObject({
      ...{ text: "Hello", model: "mock-1.5", sources: [{ url: "https://example.com/", title: "Example" }] },
      usage: { inputTokens: 100, outputTokens: 20, cacheReadTokens: 60, cacheWriteTokens: 10, reasoningTokens: 5 },
      finishReason: { unified: "tool-calls", raw: "calls" },
      warnings: ["mock mock-1, by the AI SDK: unsupported seed: it has none"],
    });
    expect(parts.map(({ type }) => type)).toEqual([
      ...["thinking-start", "thinking-delta", "thinking-end", "text-start", "text-delta", "text-delta", "text-end", "source"],
      ...["tool-input-start", "tool-input-delta", "tool-input-delta", "tool-call", "finish"],
    ]);
  });

  it("goes back with what its provider gave beside it, after a journey through JSON, and to no other model", async () => {
    const results: LanguageModelV4Content[] = [
      { type: "tool-call", toolCallId: "srv_1", toolName: "web_search", input: '{"q":"x"}', providerExecuted: true },
      { type: "tool-result", toolCallId: "srv_1", toolName: "web_search", result: [{ url: "https://example.com/" }] },
      { type: "file", mediaType: "image/png", data: { type: "data", data: Uint8Array.of(104, 105) } },
    ];
    const thought: LanguageModelV4Content = { type: "reasoning", text: "Hm.", providerMetadata: { mock: { signature: "sig" } } };
    const model = answering({ content: [thought, ...results, ...HI] }, { content: HI });
    const client = clientOf(model);
    const { blocks, text, warnings } = await client.generate(ask());
    expect([text, warnings]).toEqual(["Hi", []]);
    expect(blocks.map(({ type }) => type)).toEqual(["thinking", "provider", "provider", "file", "text"]);
    expect(blocks[3]).toMatchObject({ type: "file", mediaType: "image/png", data: "aGk=" });
    const conversation: ChatMessage[] = [...ask(), { role: "ASSISTANT", content: JSON.parse(JSON.stringify(blocks)) }, ...ask("And?")];
    await client.generate(conversation);
    expect(model.doGenerateCalls[1]?.prompt[1]).toEqual({
      role: "assistant",
      content: [
        { type: "reasoning", text: "Hm.", providerOptions: { mock: { signature: "sig" } } },
        { type: "tool-call", toolCallId: "srv_1", toolName: "web_search", input: { q: "x" }, providerExecuted: true },
        {
          type: "tool-result",
          toolCallId: "srv_1",
          toolName: "web_search",
          output: { type: "json", value: [{ url: "https://example.com/" }] },
        },
        { type: "file", mediaType: "image/png", data: { type: "data", data: "aGk=" } },
        { type: "text", text: "Hi" },
      ],
    });
    const other = new MockLanguageModelV4({
      provider: "mock.chat",
      modelId: "mock-2",
      doGenerate: { content: HI, finishReason: { unified: "stop", raw: "end" }, usage: USAGE, warnings: [] },
    });
    await clientOf(other).generate(conversation);
    const seen = { type: "text", text: "(an image that this model cannot read)" };
    expect(other.doGenerateCalls[0]?.prompt[1]).toEqual({ role: "assistant", content: [seen, { type: "text", text: "Hi" }] });
  });

  it("has passages with what they cite", async () => {
    const source = { type: "source", sourceType: "document", id: "d", mediaType: "text/plain", title: "Notes" } as const;
    const citations = [{ source, startIndex: 0, endIndex: 2, citedText: "hello" }];
    const cited = [{ title: "Notes", quote: "hello", start: 0, end: 2 }];
    const { blocks } = await clientOf(answering({ content: [{ type: "text", text: "Hi", citations }] })).generate(ask());
    expect(blocks).toEqual([{ type: "text", text: "Hi", citations: cited }]);
    const [begin, delta] = textOf("Hi") as [LanguageModelV4StreamPart, LanguageModelV4StreamPart];
    const streamed = await clientOf(streaming([begin, delta, { type: "text-end", id: "0", citations }, STOP])).stream(ask()).result;
    expect(streamed.blocks).toEqual(blocks);
  });

  it("tells texts and thoughts apart that have the same id, and calls that come without pieces or in another encoding", async () => {
    const { blocks } = await clientOf(
      streaming([
        { type: "reasoning-start", id: "0" },
        { type: "text-start", id: "0" },
        { type: "reasoning-delta", id: "0", delta: "Hm." },
        { type: "text-delta", id: "0", delta: "Hi" },
        { type: "tool-call", toolCallId: "a", toolName: "add", input: '{"a":1}' },
        { type: "tool-input-start", id: "b", toolName: "add", inputEncoding: "text" },
        { type: "tool-input-delta", id: "b", delta: "plain" },
        { type: "tool-call", toolCallId: "b", toolName: "add", input: '{"text":"plain"}' },
        { type: "ping" },
        { type: "raw", rawValue: {} },
        STOP,
      ]),
    ).stream(ask()).result;
    expect(blocks).toMatchObject([
      { type: "thinking", text: "Hm." },
      { type: "text", text: "Hi" },
      { type: "tool-use", id: "a", input: { a: 1 } },
      { type: "tool-use", id: "b", input: { text: "plain" } },
    ]);
  });

  it.each(["v2", "v3"] as const)("reads usage and ends of version %s of the specification", async (version) => {
    const old = version === "v2";
    const usage = old ? { inputTokens: 10, outputTokens: 5, totalTokens: 15, cachedInputTokens: 4, reasoningTokens: 2 } : USAGE;
    const finish = { type: "finish", usage, finishReason: old ? "length" : { unified: "length", raw: "max" } };
    const warnings = old ? [{ type: "unsupported-setting", setting: "seed" }] : [{ type: "other", message: "odd" }];
    const model = new MockLanguageModelV3({
      doStream: async () => streamOf([{ type: "stream-start", warnings }, ...textOf("Hi"), finish] as never) as never,
    });
    const generation = await clientOf(inVersion(version, model)).stream(ask()).result;
    expect(generation).toMatchObject({
      text: "Hi",
      finishReason: { unified: "length", raw: old ? null : "max" },
      usage: old ? { inputTokens: 10, outputTokens: 5, cacheReadTokens: 4, reasoningTokens: 2 } : { inputTokens: 100, reasoningTokens: 5 },
      warnings: [expect.stringMatching(old ? /unsupported-setting seed$/ : /: odd$/)],
    });
  });

  it("is used by a chain with tools, whose parts are shown", async () => {
    const model = streaming(
      [
        { type: "tool-call", toolCallId: "call_a", toolName: "add", input: '{"a":1,"b":2,"note":"n"}' },
        { ...STOP, finishReason: { unified: "tool-calls", raw: "calls" } } as LanguageModelV4StreamPart,
      ],
      [...textOf("It is 3."), STOP],
    );
    const chain = clientOf(model).streamChain(ask(), [add]);
    const types: string[] = [];
    for await (const { type } of chain) types.push(type);
    expect(await chain.result).toMatchObject({ text: "It is 3.", iterations: 2, stopReason: "finished", usage: { inputTokens: 200 } });
    expect(types.filter((type) => /^(?:step|tool-(?:call|result))/.test(type))).toEqual([
      ...["step-start", "tool-call", "step-end", "tool-result", "step-start", "step-end"],
    ]);
    expect(model.doStreamCalls[1]?.prompt.at(-1)).toMatchObject({ role: "tool", content: [{ output: { type: "text", value: "3" } }] });
  });

  it("is a call of an unready tool's schema, loaded before anything is asked", async () => {
    const late = defineTool({ name: "late", description: "Late", input: z.object({ a: z.number() }), run: () => 1 });
    const model = answering({ content: HI });
    await clientOf(model).generate(ask(), { tools: [late] });
    expect(askedOf(model).tools).toMatchObject([{ name: "late", inputSchema: { properties: { a: { type: "number" } } } }]);
  });
});

const refusal = (statusCode: number, message: string, more: Partial<ConstructorParameters<typeof APICallError>[0]> = {}): APICallError =>
  new APICallError({ message, url: "https://example.com/v1", requestBodyValues: { secret: "prompt-words" }, statusCode, ...more });

describe("what the errors of the AI SDK become", () => {
  it.each([
    [
      "a limit",
      refusal(429, "Slow down", { responseHeaders: { "retry-after": "7", "x-request-id": "req_1" } }),
      { code: "rate-limited", retryable: true, status: 429, retryAfter: 7_000, requestId: "req_1" },
    ],
    [
      "what was spent",
      refusal(429, "No money", { data: { error: { code: "insufficient_quota", message: "No money" } } }),
      { code: "quota-exceeded", retryable: false },
    ],
    ["an overload", refusal(529, "Overloaded"), { code: "overloaded", retryable: true, status: 529 }],
    ["a key that is refused", refusal(401, "Bad key"), { code: "unauthorized", retryable: false, status: 401 }],
    ["a model that is not there", refusal(404, "No such model"), { code: "model-not-found", retryable: false }],
    [
      "a key that is missing",
      new LoadAPIKeyError({ message: "Mock API key is missing." }),
      { code: "unauthorized", retryable: false, message: expect.stringContaining("Mock API key is missing") },
    ],
    [
      "what it cannot do",
      new UnsupportedFunctionalityError({ functionality: "audio input" }),
      { code: "unsupported", retryable: false, message: expect.stringContaining("audio input") },
    ],
    [
      "a network that is down",
      new APICallError({
        message: "Cannot connect to API",
        url: "u",
        requestBodyValues: {},
        isRetryable: true,
        cause: Object.assign(new Error("connect"), { code: "ECONNREFUSED" }),
      }),
      { code: "network", retryable: true },
    ],
    ["what nobody knows", new Error("odd"), { code: "inference-failed", retryable: false }],
  ])("names %s", async (_what, error, expected) => {
    const model = new MockLanguageModelV4({ provider: "mock.chat", modelId: "mock-1", doGenerate: async () => Promise.reject(error) });
    const thrown = await errorOf(clientOf(model).generate(ask()));
    expect(thrown).toBeInstanceOf(InferenceError);
    expect(thrown).toMatchObject({ provider: "mock", model: "mock-1", ...expected });
    expect(`${thrown.message}${JSON.stringify(thrown)}`).not.toContain("prompt-words");
  });

  it("knows a conversation that is too long, whole and within a stream", async () => {
    const words = "This model's maximum context length is 10 tokens";
    const refusing = new MockLanguageModelV4({ doGenerate: async () => Promise.reject(refusal(400, words)) });
    expect(await errorOf(clientOf(refusing).generate(ask()))).toBeInstanceOf(ContextLengthExceededError);
    const streamed = streaming([{ type: "error", error: { type: "invalid_request_error", message: words } }]);
    expect(await errorOf(clientOf(streamed).stream(ask()).result)).toBeInstanceOf(ContextLengthExceededError);
  });

  it("takes an error within a stream for one, with what had come, and asks again where nothing was shown", async () => {
    const fault: LanguageModelV4StreamPart = { type: "error", error: { type: "overloaded_error", message: "Busy" } };
    const [begin, delta] = textOf("Hel") as [LanguageModelV4StreamPart, LanguageModelV4StreamPart];
    const error = await errorOf(clientOf(streaming([begin, delta, fault])).stream(ask()).result);
    expect(error).toMatchObject({ code: "overloaded", retryable: true, partial: [{ type: "text", text: "Hel" }] });
    const model = streaming([fault], [...textOf("Hi"), STOP]);
    const client = clientOf(model, { retry: { maxAttempts: 2, initialDelayMs: 0 } });
    expect((await client.stream(ask()).result).text).toBe("Hi");
    expect(model.doStreamCalls).toHaveLength(2);
  });

  it.each([
    ["none", []],
    ["one that was interrupted", [{ ...STOP, finishReason: { unified: "interrupted", raw: undefined } }]],
    ["one without a word of the provider's", [{ ...STOP, finishReason: { unified: "other", raw: undefined } }]],
  ])("takes a stream that ends without an end mark for one that was cut: %s", async (_what, end) => {
    const error = await errorOf(clientOf(streaming([...textOf("Hel"), ...(end as LanguageModelV4StreamPart[])])).stream(ask()).result);
    expect(error).toMatchObject({ code: "stream-truncated", retryable: true });
  });

  it("takes a model that ended by an error for a failure", async () => {
    const error = await errorOf(clientOf(answering({ content: HI, finishReason: { unified: "error", raw: "malformed" } })).generate(ask()));
    expect(error).toMatchObject({ code: "inference-failed", retryable: true, message: expect.stringContaining("malformed") });
  });

  it("ends the provider's work when it is aborted, and when its reader leaves", async () => {
    const signals: AbortSignal[] = [];
    let cancelled = 0;
    const model = new MockLanguageModelV4({
      doStream: async ({ abortSignal }) => {
        signals.push(abortSignal as AbortSignal);
        const stream = new ReadableStream<LanguageModelV4StreamPart>({
          start: (controller) => {
            for (const part of textOf("Hi").slice(0, 2)) controller.enqueue(part);
          },
          cancel: () => {
            cancelled += 1;
          },
        });
        return { stream };
      },
    });
    const controller = new AbortController();
    const stream = clientOf(model).stream(ask(), { signal: controller.signal });
    const reading = (async () => {
      for await (const part of stream) if (part.type === "text-delta") controller.abort();
    })();
    expect(await errorOf(reading)).toMatchObject({ name: "AbortError", code: "aborted" });
    for await (const part of clientOf(model).stream(ask())) if (part.type === "text-delta") break;
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(cancelled).toBe(2);
  });

  it("bounds what a stream may hold", async () => {
    const error = await errorOf(
      clientOf(streaming([...textOf("x".repeat(60), "x".repeat(60)), STOP]), { maxResponseBytes: 100 }).stream(ask()).result,
    );
    expect(error).toMatchObject({ code: "hostile-response", retryable: false, message: expect.stringContaining("100 characters") });
  });
});

describe("what is no model of the AI SDK", () => {
  it.each([
    ["nothing", undefined, "got undefined"],
    ["a string", "openai/gpt-5", "gateway(id)"],
    ["another version", { specificationVersion: "v1", provider: "p", modelId: "m", doGenerate: () => {}, doStream: () => {} }, '"v1"'],
    ["no model at all", { modelId: "m" }, "got object"],
    ["one without a name", { specificationVersion: "v4", provider: "p", modelId: "", doGenerate: () => {}, doStream: () => {} }, "modelId"],
  ])("is refused, saying what came: %s", (_what, model, told) => {
    expect(() => new AiSdkInferenceClient({ model: model as never })).toThrowError(
      expect.objectContaining({ code: "invalid-options", message: expect.stringContaining(told) }),
    );
  });

  it("nor are options that nobody knows", () => {
    expect(() => new AiSdkInferenceClient({ model: answering(), apiKey: "k" } as never)).toThrowError(/apiKey/);
  });
});
