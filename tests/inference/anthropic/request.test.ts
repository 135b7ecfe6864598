import { describe, expect, it } from "vitest";
import { z } from "zod";
import { ChatRole } from "#contract/base/vocabulary";
import type { ToolUseBlock } from "#contract/chat/message";
import { compileSchema, type JsonSchema } from "#contract/chat/schema";
import type { ModelRequest, WireBlock, WireMessage, WireTool } from "#contract/chat/wire";
import { toRequest } from "#inference/anthropic/to-request";
import { outputFit } from "#inference/request/output-schema";
import { MODEL } from "./messages-server.ts";

const says = (role: ChatRole, ...blocks: WireBlock[]): WireMessage => ({ role, blocks, cacheMarker: false });
const text = (value: string): WireBlock => ({ type: "text", text: value });
const user = (value: string): WireMessage => says(ChatRole.USER, text(value));
const assistant = (...blocks: WireBlock[]): WireMessage => says(ChatRole.ASSISTANT, ...blocks);
const system = (value: string): WireMessage => says(ChatRole.SYSTEM, text(value));
const call = (id: string, rest: Partial<ToolUseBlock> = {}): WireBlock => ({
  type: "tool-use",
  id,
  name: "add",
  input: { a: 1 },
  ...rest,
});
const result = (toolUseId: string, content = "1"): WireBlock => ({ type: "tool-result", toolUseId, content });
const marked = (message: WireMessage): WireMessage => ({ ...message, cacheMarker: true });
const add: WireTool = { name: "add", description: "Adds", inputSchema: { type: "object", properties: { a: { type: "number" } } } };
const CACHED = { cache_control: { type: "ephemeral" } };

const requestOf = (rest: Partial<ModelRequest> = {}): ModelRequest => ({
  model: MODEL,
  system: [],
  messages: [user("Hello")],
  tools: [],
  toolsMarker: false,
  toolChoice: "auto",
  ...rest,
});
const turnsOf = (...messages: WireMessage[]) => toRequest(requestOf({ messages })).messages;

describe("a request to Anthropic", () => {
  it("holds nothing that was not asked for, but the limit that the API wants", () => {
    expect(toRequest(requestOf())).toEqual({
      model: MODEL,
      max_tokens: 16_000,
      messages: [{ role: "user", content: [{ type: "text", text: "Hello" }] }],
    });
  });

  it("holds all that was asked for", () => {
    const request = requestOf({
      system: [system("Be brief."), marked(system("Be kind."))],
      tools: [add, { ...add, name: "sub" }],
      toolsMarker: true,
      toolChoice: { name: "sub" },
      maxTokens: 5000,
      temperature: 0.5,
      topP: 0.9,
      stopSequences: ["END"],
    });
    expect(toRequest(request)).toMatchObject({
      max_tokens: 5000,
      system: [
        { type: "text", text: "Be brief." },
        { type: "text", text: "Be kind.", ...CACHED },
      ],
      tools: [
        { name: "add", description: "Adds", input_schema: add.inputSchema },
        { name: "sub", ...CACHED },
      ],
      tool_choice: { type: "tool", name: "sub" },
      temperature: 0.5,
      top_p: 0.9,
      stop_sequences: ["END"],
    });
    expect(toRequest(request).tools?.[0]).not.toHaveProperty("cache_control");
    expect(toRequest(request).system?.[0]).not.toHaveProperty("cache_control");
  });

  it.each([
    ["auto", undefined],
    ["any", { type: "any" }],
    ["none", { type: "none" }],
  ] as const)("says the tool choice %s", (toolChoice, told) => {
    expect(toRequest(requestOf({ tools: [add], toolChoice })).tool_choice).toEqual(told);
  });

  it("gives a tool's schema the type that the API wants", () => {
    const [tool] = toRequest(requestOf({ tools: [{ ...add, inputSchema: {} }] })).tools ?? [];
    expect(tool).toMatchObject({ input_schema: { type: "object" } });
  });
});

describe("a conversation to Anthropic", () => {
  it("alternates, with all results of a turn in one message, before text", () => {
    const turns = turnsOf(
      user("One"),
      user("Two"),
      assistant(call("a"), call("b")),
      says(ChatRole.TOOL_RESULT, result("a")),
      user("And?"),
      says(ChatRole.TOOL_RESULT, result("b"), text("late")),
    );
    expect(turns.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
    expect(turns[2]?.content).toEqual([
      { type: "tool_result", tool_use_id: "a", content: "1" },
      { type: "tool_result", tool_use_id: "b", content: "1" },
      { type: "text", text: "And?" },
      { type: "text", text: "late" },
    ]);
  });

  it("tells SYSTEM after what the user says in the same turn, where the API takes it", () => {
    const roles = (...messages: WireMessage[]): string[] => turnsOf(...messages).map(({ role }) => role);
    const hi = assistant(text("Hi"));
    expect(roles(user("One"), system("Be brief."), hi)).toEqual(["user", "system", "assistant"]);
    expect(roles(user("One"), hi, system("Be brief."), user("Two"))).toEqual(["user", "assistant", "user", "system"]);
    expect(roles(user("One"), system("Be brief."), user("Two"), system("Be kind."))).toEqual(["user", "system"]);
    expect(roles(assistant(call("a")), system("Be brief."), says(ChatRole.TOOL_RESULT, result("a")))).toEqual([
      "assistant",
      "user",
      "system",
    ]);
    expect(turnsOf(user("One"), hi, system("Be brief."), user("Two"))[3]).toEqual({
      role: "system",
      content: [{ type: "text", text: "Be brief." }],
    });
  });

  it("tells SYSTEM in the user's place right after an answer, where the API takes none", () => {
    const told = { role: "user", content: [text("[Instruction of the system]"), text("Be brief.")] };
    const hi = assistant(text("Hi"));
    expect(turnsOf(user("One"), hi, system("Be brief."))[2]).toEqual(told);
    expect(turnsOf(user("One"), hi, system("Be brief."), assistant(text("Yes.")), user("Two"))[2]).toEqual(told);
    expect(turnsOf(user("One"), hi, system("Be brief."), user(" \n"))[2]).toEqual(told);
    expect(turnsOf(assistant(text("Hi")), system("Be brief."))).toEqual([{ role: "assistant", content: [text("Hi")] }, told]);
  });

  it("holds no text of nothing but white space, no empty message, and no empty result", () => {
    expect(
      turnsOf(user("One"), assistant(text(" \n")), assistant(text(""), call("a")), says(ChatRole.TOOL_RESULT, result("a", ""))),
    ).toEqual([
      { role: "user", content: [{ type: "text", text: "One" }] },
      { role: "assistant", content: [{ type: "tool_use", id: "a", name: "add", input: { a: 1 } }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "a", content: "(no output)" }] },
    ]);
  });

  it("gives ids of other providers a form that the API takes, the same for call and result", () => {
    const ids = ["functions.add:0", "functions_add_0", `call_${"x".repeat(80)}`, "toolu_01-a"];
    const turns = turnsOf(assistant(...ids.map((id) => call(id))), says(ChatRole.TOOL_RESULT, ...ids.map((id) => result(id))));
    const [calls = [], results = []] = turns.map(({ content }) =>
      (content as { id?: string; tool_use_id?: string }[]).map((block) => block.id ?? block.tool_use_id),
    );
    expect(results).toEqual(calls);
    expect(new Set(calls).size).toBe(4);
    for (const id of calls) expect(id).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
    expect(calls[3]).toBe("toolu_01-a");
  });

  it("says of a result that it is an error", () => {
    const failed: WireBlock = { type: "tool-result", toolUseId: "a", content: "No.", isError: true };
    expect(turnsOf(says(ChatRole.TOOL_RESULT, failed))[0]?.content).toEqual([
      { type: "tool_result", tool_use_id: "a", content: "No.", is_error: true },
    ]);
  });

  it("sends images as data and as addresses", () => {
    const images: WireBlock[] = [
      { type: "file", mediaType: "image/png", data: "aWNvbg==" },
      { type: "file", mediaType: "image/*", url: "https://example.com/a.png" },
    ];
    expect(turnsOf(says(ChatRole.USER, ...images))[0]?.content).toEqual([
      { type: "image", source: { type: "base64", media_type: "image/png", data: "aWNvbg==" } },
      { type: "image", source: { type: "url", url: "https://example.com/a.png" } },
    ]);
  });

  it("tells the model what it wrote amiss, in the object that the API wants", () => {
    const calls = [
      call("a", { input: '{"a": tw', inputError: "the input is no JSON" }),
      call("b", { input: [1, 2] }),
      call("c", { input: "text" }),
      call("d", { input: null }),
    ];
    const content = turnsOf(assistant(...calls))[0]?.content as { input: unknown }[];
    expect(content.map(({ input }) => input)).toEqual([
      { invalid_json: '{"a": tw' },
      { invalid_json: "[1,2]" },
      { invalid_json: "text" },
      { invalid_json: "null" },
    ]);
  });

  it("keeps thoughts in their places, and leaves out one that nothing proves", () => {
    const native = { provider: "anthropic", model: MODEL, data: { redacted: "b3BhcXVl" } };
    const thoughts: WireBlock[] = [
      { type: "thinking", text: "", signature: "c2ln" },
      { type: "thinking", text: "", native },
      { type: "thinking", text: "somebody's" },
    ];
    expect(turnsOf(assistant(...thoughts, text("Hi"), { type: "thinking", text: " More\n", signature: "bW9yZQ" }))[0]?.content).toEqual([
      { type: "thinking", thinking: "", signature: "c2ln" },
      { type: "redacted_thinking", data: "b3BhcXVl" },
      { type: "text", text: "Hi" },
      { type: "thinking", thinking: " More\n", signature: "bW9yZQ" },
    ]);
  });
});

describe("a cache marker to Anthropic", () => {
  const thought: WireBlock = { type: "thinking", text: "Hm.", signature: "c2ln" };
  const markedTypes = (...messages: WireMessage[]): string[] =>
    turnsOf(...messages).flatMap(({ content }) =>
      (content as { type: string; cache_control?: unknown }[]).flatMap((block) => (block.cache_control === undefined ? [] : [block.type])),
    );

  it("stands on the last block of its message that may carry one", () => {
    expect(markedTypes(marked(says(ChatRole.USER, text("One"), result("a"))))).toEqual(["text"]);
    expect(markedTypes(marked(says(ChatRole.TOOL_RESULT, result("a"), result("b"))))).toEqual(["tool_result"]);
    expect(markedTypes(marked(assistant(text("Hi"), call("a"), thought)))).toEqual(["tool_use"]);
    expect(markedTypes(marked(assistant(thought)))).toEqual([]);
  });

  it("stays on its own message when messages become one turn", () => {
    const [turn] = turnsOf(marked(user("One")), user("Two"));
    expect(turn?.content).toEqual([
      { type: "text", text: "One", ...CACHED },
      { type: "text", text: "Two" },
    ]);
  });

  it("leaves the bytes of a prefix as they were, but for itself", () => {
    const turns = [user("One"), assistant(thought, text("Hi"), call("a")), says(ChatRole.TOOL_RESULT, result("a")), assistant(text("2"))];
    const bytesOf = (count: number): string => {
      const messages = turns.slice(0, count).map((message, index) => (index === count - 1 ? marked(message) : message));
      const body = toRequest(requestOf({ system: [system("Be brief.")], tools: [add], toolsMarker: true, messages }));
      return JSON.stringify(body).replaceAll(',"cache_control":{"type":"ephemeral"}', "");
    };
    for (let count = 1; count < turns.length; count++) {
      const prefix = bytesOf(count).slice(0, -"]}".length);
      expect(bytesOf(count + 1).startsWith(prefix)).toBe(true);
    }
  });
});

describe("thinking on Anthropic", () => {
  const bodyOf = (model: string, thinking: ModelRequest["thinking"], rest: Partial<ModelRequest> = {}) =>
    toRequest(requestOf({ model, ...(thinking === undefined ? {} : { thinking }), ...rest }));

  it.each<[string, ModelRequest["thinking"], unknown, unknown]>([
    [MODEL, undefined, undefined, undefined],
    [MODEL, true, { type: "adaptive" }, undefined],
    [MODEL, false, { type: "disabled" }, undefined],
    ["claude-sonnet-5-5", false, { type: "between_tools" }, undefined],
    ["claude-haiku-5-5", false, { type: "disabled" }, undefined],
    [MODEL, { effort: "minimal" }, { type: "adaptive" }, { effort: "low" }],
    [MODEL, { effort: "max", display: "omitted" }, { type: "adaptive", display: "omitted" }, { effort: "max" }],
    [MODEL, { budgetTokens: 2000 }, { type: "enabled", budget_tokens: 2000 }, undefined],
    ["claude-opus-5-5", true, { type: "adaptive" }, undefined],
  ])("is told to %s as it knows it: %j", (model, thinking, told, config) => {
    const body = bodyOf(model, thinking);
    expect(body.thinking).toEqual(told);
    expect(body.output_config).toEqual(config);
  });

  it("leaves room for the answer beside its budget", () => {
    expect(bodyOf(MODEL, { budgetTokens: 10_000 }).max_tokens).toBe(26_000);
    const tight = bodyOf(MODEL, { budgetTokens: 10_000 }, { maxTokens: 4096 });
    expect(tight).toMatchObject({ max_tokens: 4096, thinking: { budget_tokens: 2048 } });
  });
});

describe("structured output on Anthropic", () => {
  const formatOf = (output: JsonSchema): unknown => toRequest(requestOf({ output })).output_config?.format?.schema;
  const jsonOf = (schema: z.ZodType): JsonSchema => compileSchema(schema, "output").json;

  it("closes each object, and tells in words what it cannot enforce", () => {
    const schema = z.object({
      name: z.string().min(2).describe("Of the city"),
      kind: z.enum(["old", "new"]),
      at: z.iso.datetime(),
      near: z.array(z.object({ km: z.number().min(0) })).min(2),
      also: z.union([z.string(), z.object({})]).optional(),
    });
    expect(formatOf(jsonOf(schema))).toMatchObject({
      type: "object",
      additionalProperties: false,
      required: ["name", "kind", "at", "near"],
      properties: {
        name: { type: "string", description: "Of the city (minLength: 2)" },
        kind: { type: "string", enum: ["old", "new"] },
        at: { type: "string", format: "date-time" },
        near: {
          type: "array",
          description: "(minItems: 2)",
          items: { type: "object", additionalProperties: false, properties: { km: { type: "number", description: "(minimum: 0)" } } },
        },
        also: { anyOf: [{ type: "string" }, { type: "object", properties: {}, additionalProperties: false }] },
      },
    });
    const { properties } = formatOf(jsonOf(schema)) as { properties: { name: object } };
    expect(properties.name).not.toHaveProperty("minLength");
  });

  it("takes a property for one, whatever it is called", () => {
    const properties = { minLength: { type: "number" }, format: { type: "string" }, anyOf: { type: "string" } };
    expect(formatOf({ type: "object", properties })).toEqual({ type: "object", properties, additionalProperties: false });
  });

  it("refuses objects whose keys are free, which would come out empty", () => {
    const record = jsonOf(z.object({ ages: z.record(z.string(), z.number()) }));
    expect([outputFit(record), outputFit(jsonOf(z.object({ ages: z.array(z.number()) })))]).toEqual(["refused", "held"]);
  });
});
