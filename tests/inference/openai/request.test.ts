import { describe, expect, it } from "vitest";
import { z } from "zod";
import { ChatRole } from "#contract/base/vocabulary";
import type { ThinkingBlock, ToolUseBlock } from "#contract/chat/message";
import { compileSchema } from "#contract/chat/schema";
import type { ModelRequest, WireBlock, WireMessage, WireTool } from "#contract/chat/wire";
import { toChatRequest } from "#inference/openai/chat/to-request";
import { dialectOf } from "#inference/openai/options";
import { toResponsesRequest } from "#inference/openai/responses/to-request";
import { type Json, MODEL } from "./openai-server.ts";

const OPENAI = dialectOf({ model: MODEL }, "https://api.openai.com/v1");
const ROUTER = dialectOf({ model: MODEL }, "https://openrouter.ai/api/v1");
const LOCAL = dialectOf({ model: MODEL }, "http://127.0.0.1:11434/v1");

const says = (role: ChatRole, ...blocks: WireBlock[]): WireMessage => ({ role, blocks, cacheMarker: false });
const text = (value: string): WireBlock => ({ type: "text", text: value });
const user = (value: string): WireMessage => says(ChatRole.USER, text(value));
const system = (value: string): WireMessage => says(ChatRole.SYSTEM, text(value));
const assistant = (...blocks: WireBlock[]): WireMessage => says(ChatRole.ASSISTANT, ...blocks);
const results = (...blocks: WireBlock[]): WireMessage => says(ChatRole.TOOL_RESULT, ...blocks);
const call = (id: string, rest: Partial<ToolUseBlock> = {}): WireBlock => ({
  type: "tool-use",
  id,
  name: "add",
  input: { a: 1 },
  ...rest,
});
const result = (toolUseId: string, content = "1"): WireBlock => ({ type: "tool-result", toolUseId, content });
const thought = (data: Record<string, unknown>): ThinkingBlock => ({
  type: "thinking",
  text: "Hm.",
  native: { provider: "openai", model: MODEL, data },
});
const marked = (message: WireMessage): WireMessage => ({ ...message, cacheMarker: true });
const add: WireTool = { name: "add", description: "Adds", inputSchema: { type: "object" } };
const BREAKPOINT = { prompt_cache_breakpoint: { mode: "explicit" } };

const requestOf = (rest: Partial<ModelRequest> = {}): ModelRequest => ({
  model: MODEL,
  system: [],
  messages: [user("Hello")],
  tools: [],
  toolsMarker: false,
  toolChoice: "auto",
  ...rest,
});
const chatOf = (rest: Partial<ModelRequest>, dialect = LOCAL): Json => toChatRequest(requestOf(rest), dialect);
const responsesOf = (rest: Partial<ModelRequest>, dialect = OPENAI): Json => toResponsesRequest(requestOf(rest), dialect);
const bothOf = (rest: Partial<ModelRequest>): Json[] => [chatOf(rest), responsesOf(rest)];
const ASKED = { maxTokens: 500, temperature: 0.5, topP: 0.9, tools: [add] };

describe("a request to Chat Completions", () => {
  it("holds nothing that was not asked for", () => {
    expect(chatOf({})).toEqual({ model: MODEL, messages: [{ role: "user", content: "Hello" }] });
  });

  it("holds all that was asked for", () => {
    expect(chatOf({ ...ASKED, stopSequences: ["END"], thinking: { effort: "max" } })).toMatchObject({
      max_tokens: 500,
      temperature: 0.5,
      top_p: 0.9,
      stop: ["END"],
      reasoning_effort: "high",
      tools: [{ type: "function", function: { name: "add", description: "Adds", parameters: { type: "object", properties: {} } } }],
    });
  });

  it("uses each server's words for tokens, instructions and thoughts", () => {
    const asked: Partial<ModelRequest> = { system: [system("Be brief.")], maxTokens: 500, thinking: { effort: "low" } };
    expect(chatOf(asked, OPENAI)).toMatchObject({
      max_completion_tokens: 500,
      messages: [{ role: "developer" }, {}],
      reasoning_effort: "low",
    });
    expect(chatOf(asked, ROUTER)).toMatchObject({ max_tokens: 500, messages: [{ role: "system" }, {}], reasoning: { effort: "low" } });
    const own = dialectOf(
      { model: MODEL, compatibility: { maxTokensField: "max_completion_tokens", developerRole: true } },
      "http://127.0.0.1/v1",
    );
    expect(chatOf(asked, own)).toMatchObject({ max_completion_tokens: 500, messages: [{ role: "developer" }, {}] });
    expect(chatOf({ thinking: true }, ROUTER)).toMatchObject({ reasoning: { enabled: true } });
    expect(chatOf({ thinking: { budgetTokens: 2000 } }, ROUTER)).toMatchObject({ reasoning: { max_tokens: 2000 } });
    expect(chatOf({ thinking: true })).not.toHaveProperty("reasoning_effort");
  });

  it("puts each result in a message of its own, directly after the calls, in their order", () => {
    const messages = [
      user("Add."),
      assistant(call("call_a"), call("call_b", { input: "{a", inputError: "no JSON" })),
      results(text("Also:"), result("call_a", "one")),
      results(result("call_b", "two")),
    ];
    expect(chatOf({ messages }).messages).toEqual([
      { role: "user", content: "Add." },
      {
        role: "assistant",
        content: null,
        tool_calls: [
          { id: "call_a", type: "function", function: { name: "add", arguments: '{"a":1}' } },
          { id: "call_b", type: "function", function: { name: "add", arguments: '{"invalid_json":"{a"}' } },
        ],
      },
      { role: "tool", tool_call_id: "call_a", content: "one" },
      { role: "tool", tool_call_id: "call_b", content: "two" },
      { role: "user", content: "Also:" },
    ]);
  });

  it("hands thoughts back with calls alone, by the name that they came under", () => {
    const messages = [
      user("Add."),
      assistant(thought({ field: "reasoning" }), text("Well.")),
      user("On."),
      assistant(thought({ field: "reasoning" }), call("a")),
    ];
    const [, plain, , calling] = chatOf({ messages }).messages as Json[];
    expect(plain).toEqual({ role: "assistant", content: "Well." });
    expect(calling).toMatchObject({ reasoning: "Hm.", tool_calls: [{ id: "a" }] });
  });

  it("shows images by address or as data", () => {
    const images: WireBlock[] = [
      { type: "file", mediaType: "image/*", url: "https://example.org/a.png" },
      { type: "file", mediaType: "image/png", data: "aGk=" },
    ];
    expect(chatOf({ messages: [says(ChatRole.USER, ...images)] }).messages).toMatchObject([
      { content: images.map((_, n) => ({ image_url: { url: n === 0 ? "https://example.org/a.png" : "data:image/png;base64,aGk=" } })) },
    ]);
  });

  it("marks the last part of a marked message, once, in the provider's own way, and elsewhere not at all", () => {
    const conversation = {
      system: [marked(system("Be brief."))],
      messages: [user("Add."), assistant(call("a"), call("b")), marked(results(result("a"), result("b")))],
    };
    const own = chatOf(conversation, OPENAI);
    expect(own.prompt_cache_options).toEqual({ mode: "explicit" });
    expect(own.messages).toMatchObject([{ content: [BREAKPOINT] }, {}, {}, {}, { role: "tool", tool_call_id: "b", content: [BREAKPOINT] }]);
    expect(JSON.stringify(own).match(/prompt_cache_breakpoint/g)).toHaveLength(2);
    const routed = chatOf(conversation, ROUTER);
    expect(JSON.stringify(routed).match(/"cache_control":\{"type":"ephemeral"\}/g)).toHaveLength(2);
    expect(routed).not.toHaveProperty("prompt_cache_options");
    expect(JSON.stringify(chatOf(conversation))).not.toContain("cache");
  });

  it("has the same bytes with a marker and without, but for the marker", () => {
    const plain = JSON.stringify(chatOf({ messages: [user("Hello")] }, OPENAI).messages);
    const withMarker = JSON.stringify(chatOf({ messages: [marked(user("Hello"))] }, OPENAI).messages);
    expect(withMarker.replace(',"prompt_cache_breakpoint":{"mode":"explicit"}', "")).toBe(plain);
  });
});

describe("a request to the Responses API", () => {
  it("stores nothing, and wants the thoughts encrypted, where there are some", () => {
    expect(responsesOf({})).toEqual({
      model: MODEL,
      input: [{ type: "message", role: "user", content: [{ type: "input_text", text: "Hello" }] }],
      store: false,
      include: ["reasoning.encrypted_content"],
    });
    for (const model of ["gpt-4o", "ft:gpt-4.1:x", "openai/gpt-4o", "gpt-5-chat-latest"])
      expect(responsesOf({ model })).not.toHaveProperty("include");
  });

  it("holds all that was asked for", () => {
    expect(responsesOf({ ...ASKED, system: [system("Be brief."), system("Be kind.")], thinking: { effort: "high" } })).toMatchObject({
      instructions: "Be brief.\n\nBe kind.",
      max_output_tokens: 500,
      temperature: 0.5,
      top_p: 0.9,
      reasoning: { effort: "high", summary: "auto" },
      tools: [{ type: "function", name: "add", parameters: { type: "object", properties: {} }, strict: false }],
    });
  });

  it.each<[ModelRequest["thinking"], Json]>([
    [true, { summary: "auto" }],
    [false, { effort: "none" }],
    [{ effort: "max", display: "omitted" }, { effort: "max" }],
  ])("asks for thoughts by %j", (thinking, reasoning) => {
    expect(responsesOf({ thinking: thinking as NonNullable<typeof thinking> }).reasoning).toEqual(reasoning);
  });

  it("hands back what was said, thought and called as the items that it came as", () => {
    const native = { provider: "openai", model: MODEL, data: { phase: "commentary" } };
    const summary = [{ type: "summary_text", text: "Hm." }];
    const messages = [
      user("Add."),
      assistant(
        thought({ id: "rs_1", summary, encrypted_content: "c2VjcmV0" }),
        thought({ id: "rs_2", summary }),
        { type: "text", text: "Well.", native },
        call("a"),
        call("b", { input: "{a", inputError: "no JSON" }),
      ),
      results(result("a", "one")),
    ];
    expect((responsesOf({ messages }, LOCAL).input as Json[]).slice(1)).toEqual([
      { type: "reasoning", id: "rs_1", summary, encrypted_content: "c2VjcmV0" },
      { type: "message", role: "assistant", content: [{ type: "output_text", text: "Well." }], phase: "commentary" },
      { type: "function_call", call_id: "a", name: "add", arguments: '{"a":1}' },
      { type: "function_call", call_id: "b", name: "add", arguments: "{a" },
      { type: "function_call_output", call_id: "a", output: "one" },
    ]);
  });

  it("marks the last part of a marked message, and says instructions as a developer when one of them is marked", () => {
    const body = responsesOf({
      system: [marked(system("Be brief."))],
      messages: [user("Add."), assistant(call("a")), marked(results(result("a", "one")))],
    });
    expect(body).not.toHaveProperty("instructions");
    expect(body.prompt_cache_options).toEqual({ mode: "explicit" });
    expect(body.input).toMatchObject([
      { role: "developer", content: [BREAKPOINT] },
      { role: "user" },
      { type: "function_call" },
      { type: "function_call_output", output: [{ text: "one", ...BREAKPOINT }] },
    ]);
    expect(JSON.stringify(body).match(/prompt_cache_breakpoint/g)).toHaveLength(2);
    expect(JSON.stringify(responsesOf({ messages: [marked(user("Hello"))] }, LOCAL))).not.toContain("cache");
  });
});

describe("a request to OpenAI", () => {
  it.each<[ModelRequest["toolChoice"], unknown, unknown]>([
    ["auto", undefined, undefined],
    ["any", "required", "required"],
    ["none", "none", "none"],
    [{ name: "add" }, { type: "function", function: { name: "add" } }, { type: "function", name: "add" }],
  ])("tells the choice of tools %j", (toolChoice, chat, responses) => {
    expect(bothOf({ tools: [add], toolChoice }).map(({ tool_choice: choice }) => choice)).toEqual([chat, responses]);
  });

  it.each<[string, [string, string, string]]>([
    ["o4-mini", ["low", "low", "high"]],
    ["gpt-5-mini", ["minimal", "low", "high"]],
    ["gpt-5-codex", ["low", "low", "high"]],
    ["gpt-5-pro", ["high", "high", "high"]],
    ["gpt-5.1", ["low", "low", "high"]],
    ["gpt-5.1-codex-max", ["low", "low", "xhigh"]],
    ["gpt-5.2", ["low", "low", "xhigh"]],
    ["gpt-5.2-pro", ["medium", "medium", "xhigh"]],
    ["gpt-5.6-sol", ["low", "low", "max"]],
    ["gpt-6", ["low", "low", "max"]],
    ["newcomer", ["low", "low", "high"]],
  ])("asks %s for no effort that it does not know", (model, expected) => {
    const azure = dialectOf({ model }, "https://team.openai.azure.com/openai");
    for (const dialect of [OPENAI, azure]) {
      const told = (["minimal", "low", "max"] as const).map((effort) => {
        const asked = { model, thinking: { effort } };
        const { reasoning } = responsesOf(asked, dialect) as { reasoning: Json };
        expect(chatOf(asked, dialect).reasoning_effort).toBe(reasoning.effort);
        return reasoning.effort;
      });
      expect(told).toEqual(expected);
    }
  });

  it("asks other servers for the efforts that all of them know", () => {
    const told = (["minimal", "medium", "max"] as const).map((effort) => chatOf({ thinking: { effort } }).reasoning_effort);
    expect(told).toEqual(["low", "medium", "high"]);
    expect(chatOf({ thinking: { effort: "minimal" } }, ROUTER).reasoning).toEqual({ effort: "minimal" });
    expect(chatOf({ thinking: false }, ROUTER).reasoning).toEqual({ effort: "none" });
  });

  it("is strict with no schema that leaves a type open, or says more of one that it names", () => {
    const node = { type: "object", properties: { next: { $ref: "#" } }, required: ["next"], additionalProperties: false };
    const strictOf = (of: Json): unknown => {
      const output = { type: "object", properties: { of }, required: ["of"], additionalProperties: false };
      return ((responsesOf({ output }).text as { format: Json }).format as { strict: boolean }).strict;
    };
    for (const of of [node, { type: ["array", "null"], items: { type: "string" } }, { $ref: "#" }]) expect(strictOf(of)).toBe(true);
    const open: Json[] = [{}, { description: "Anything" }, { enum: ["a", 1] }, { type: "array" }, { type: ["array", "null"] }];
    for (const of of [...open, { $ref: "#", description: "Itself" }]) expect(strictOf(of)).toBe(false);
  });

  it("is strict with schemas that name all keys and need each, and with no others", () => {
    const strict = [z.object({ a: z.string(), b: z.array(z.object({ c: z.int() })), d: z.union([z.string(), z.null()]) })];
    const loose = [z.object({ a: z.string().optional() }), z.record(z.string(), z.number()), z.looseObject({ a: z.string() })];
    const nested = z.object({ a: z.array(z.object({ b: z.string().optional() })) });
    const told = (schema: z.ZodType): unknown[] => {
      const output = compileSchema(z.strictObject({ of: schema }), "output").json;
      const [chat, responses] = bothOf({ output }) as [Json, Json];
      return [(chat.response_format as { json_schema: Json }).json_schema.strict, (responses.text as { format: Json }).format.strict];
    };
    for (const schema of strict) expect(told(schema)).toEqual([true, true]);
    for (const schema of [...loose, nested]) expect(told(schema)).toEqual([false, false]);
  });
});
