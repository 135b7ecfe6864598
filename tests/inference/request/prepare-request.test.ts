/** What is asked becomes what a model can take; nothing that it cannot take is sent, and nothing is left out in silence. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { ChatRole } from "#contract/base/vocabulary";
import { FinalInferenceError, InferenceError } from "#contract/chat/errors";
import type { GenerateOptions, Thinking } from "#contract/chat/generation";
import type { ChatMessage, ContentBlock } from "#contract/chat/message";
import { defineTool } from "#contract/chat/tool";
import { type Capabilities, capabilitiesOf } from "#inference/request/capabilities";
import { prepareRequest } from "#inference/request/prepare-request";
import { ConversationReader } from "#inference/request/wire-messages";

const { USER, ASSISTANT, SYSTEM, TOOL_RESULT } = ChatRole;
const HELLO: ChatMessage[] = [{ role: USER, content: "hello" }];
const toolNamed = (name: string) => defineTool({ name, description: "Adds", input: z.object({ a: z.number() }), run: () => 0 });
const add = toolNamed("add");

interface Setting {
  provider?: string;
  model?: string;
  capabilities?: Partial<Capabilities>;
  defaults?: { maxTokens?: number; thinking?: Thinking };
  unsupported?: "warn" | "error";
  conversation?: ConversationReader;
}

const readerOf = (provider = "vllm", model = "m", capabilities: Partial<Capabilities> = {}): ConversationReader =>
  new ConversationReader({ provider, model, ...capabilitiesOf(provider, model, capabilities) });

function prepare(messages: ChatMessage[], options: GenerateOptions = {}, setting: Setting = {}) {
  const { provider = "vllm", model = "m", capabilities = {}, defaults = {}, unsupported = "warn" } = setting;
  const known = capabilitiesOf(provider, model, capabilities);
  const conversation = setting.conversation ?? readerOf(provider, model, capabilities);
  return prepareRequest(messages, options, { provider, model, capabilities: known, defaults, unsupported, conversation });
}

const CLAUDE = { provider: "anthropic", model: "claude-sonnet-5-5" };
const OLD_CLAUDE = { provider: "aws.bedrock", model: "global.anthropic.claude-sonnet-4-5-20250929-v1:0" };

function blocksOf(content: ContentBlock[], setting: Setting = {}): readonly ContentBlock[] | undefined {
  const messages: ChatMessage[] = [...HELLO, { role: ASSISTANT, content }];
  return prepare(messages, {}, setting).request.messages[1]?.blocks;
}

function codeOf(work: () => unknown): unknown {
  try {
    work();
    return "none";
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

describe("options of a call", () => {
  it.each<[string, object, string]>([
    ["an unknown key", { temprature: 1 }, "temprature"],
    ["no tokens", { maxTokens: 0 }, "maxTokens"],
    ["half a token", { maxTokens: 1.5 }, "maxTokens"],
    ["a temperature below 0", { temperature: -1 }, "temperature"],
    ["a topP above 1", { topP: 1.1 }, "topP"],
    ["an empty stop sequence", { stopSequences: [""] }, "stopSequences"],
    ["a tool that defineTool did not make", { tools: [{ name: "add" }] }, "defineTool"],
    ["a tool choice of another form", { toolChoice: "required" }, "toolChoice"],
    ["a budget below 1,024", { thinking: { budgetTokens: 1_000 } }, "thinking"],
    ["an unknown effort", { thinking: { effort: "huge" } }, "thinking"],
    ["a signal that is none", { signal: {} }, "AbortSignal"],
    ["an unknown caching", { caching: "always" }, "caching"],
    ["no schema", { output: "json" }, "output"],
    ["two tools of a name", { tools: [add, toolNamed("sub"), toolNamed("add")] }, '"add"'],
    ["a choice of a tool that is not there", { tools: [add], toolChoice: { name: "sub" } }, '"sub"'],
    ["a forced choice without tools", { toolChoice: "any" }, "needs tools"],
  ])("are refused with %s", (_what, options, named) => {
    const ask = (): unknown => prepare(HELLO, options as GenerateOptions);
    expect(codeOf(ask)).toBe("invalid-options");
    expect(ask).toThrow(named);
  });

  it("pass as they are where the model takes them", () => {
    const signal = new AbortController().signal;
    const options = { maxTokens: 9, temperature: 0, topP: 1, stopSequences: ["x"], tools: [add], toolChoice: { name: "add" }, signal };
    const { request, warnings } = prepare(HELLO, { ...options, thinking: { effort: "low" }, idleTimeoutMs: 5 });
    expect(request).toEqual({
      model: "m",
      system: [],
      messages: [{ role: USER, blocks: [{ type: "text", text: "hello" }], cacheMarker: false }],
      tools: [{ name: "add", description: "Adds", inputSchema: add.inputSchema }],
      toolsMarker: false,
      toolChoice: { name: "add" },
      maxTokens: 9,
      temperature: 0,
      topP: 1,
      stopSequences: ["x"],
      thinking: { effort: "low" },
    });
    expect(warnings).toEqual([]);
  });

  it("come before the client's own", () => {
    const defaults = { maxTokens: 10, thinking: { effort: "low" } } as const;
    const capabilities: Partial<Capabilities> = { thinking: ["effort", "off"] };
    expect(prepare(HELLO, {}, { defaults }).request).toMatchObject({ maxTokens: 10, thinking: { effort: "low" } });
    const own = prepare(HELLO, { maxTokens: 5, thinking: false }, { defaults, capabilities });
    expect(own.request).toMatchObject({ maxTokens: 5, thinking: false });
  });
});

describe("messages of a request", () => {
  it.each<[string, ChatMessage[]]>([
    ["none", []],
    ["SYSTEM alone", [{ role: SYSTEM, content: "s" }]],
    ["empty ones alone", [{ role: USER, content: "" }]],
    ["only those of another family", [{ role: USER, content: "u", modelFamilies: ["other"] }]],
  ])("are refused when they are %s", (_what, messages) => {
    expect(codeOf(() => prepare(messages))).toBe("invalid-options");
  });

  it("are refused by the place of what is wrong, also behind those that were checked before, and not by what they say", () => {
    const wrong = [...HELLO, { role: USER, content: "fine" }, { role: USER, content: [{ type: "text", txt: "s3cret" }] }] as ChatMessage[];
    prepare(wrong.slice(0, 2));
    for (let time = 0; time < 2; time++) {
      const ask = (): unknown => prepare(wrong);
      expect(codeOf(ask)).toBe("invalid-options");
      expect(ask).toThrow(/^messages: (?!.*s3cret).*\b2\.content/s);
    }
    const holed = [...HELLO];
    holed.length = 2;
    expect(codeOf(() => prepare(holed))).toBe("invalid-options");
  });

  it("are said only to the families that they name, whatever the case", () => {
    const messages: ChatMessage[] = [
      { role: SYSTEM, content: "claude only", modelFamilies: ["CLAUDE"] },
      { role: SYSTEM, content: "gpt or llama", modelFamilies: ["gpt", "llama"] },
      { role: USER, content: "all" },
    ];
    const heard = (model: string): unknown => prepare(messages, {}, { model }).request.system.map(({ blocks }) => blocks);
    expect(heard("my-Claude-5")).toEqual([[{ type: "text", text: "claude only" }]]);
    expect(heard("Llama-4")).toEqual([[{ type: "text", text: "gpt or llama" }]]);
    expect(heard("gemini")).toEqual([]);
  });

  it("have the leading SYSTEM ones apart", () => {
    const messages: ChatMessage[] = [
      { role: SYSTEM, content: "a" },
      { role: USER, content: "", modelFamilies: ["m"] },
      { role: SYSTEM, content: "b" },
      { role: USER, content: "u" },
    ];
    const { system, messages: rest } = prepare(messages).request;
    expect(system.map(({ blocks }) => blocks)).toEqual([[{ type: "text", text: "a" }], [{ type: "text", text: "b" }]]);
    expect(rest.map(({ role }) => role)).toEqual([USER]);
  });

  it("keep later SYSTEM ones in place, where the model takes them and where it does not", () => {
    const messages: ChatMessage[] = [...HELLO, { role: SYSTEM, content: "new rule" }, { role: USER, content: "go on" }];
    const taken = prepare(messages).request.messages;
    expect(taken.map(({ role }) => role)).toEqual([USER, SYSTEM, USER]);
    const moved = prepare(messages, {}, { capabilities: { systemAnywhere: false } }).request.messages;
    expect(moved.map(({ role }) => role)).toEqual([USER, USER, USER]);
    const text = moved[1]?.blocks.map((block) => (block.type === "text" ? block.text : "")).join("\n");
    expect(text).toMatch(/instruction of the system/i);
    expect(text).toContain("new rule");
    expect(prepare(messages, {}, { capabilities: { systemAnywhere: false } }).request.messages).toEqual(moved);
  });

  it("lose empty texts, and are left out when nothing is left", () => {
    const call = { type: "tool-use", id: "1", name: "add", input: {} } as const;
    expect(blocksOf([{ type: "text", text: "" }, call])).toEqual([call]);
    const messages: ChatMessage[] = [...HELLO, { role: ASSISTANT, content: [{ type: "text", text: "" }] }, ...HELLO];
    expect(prepare(messages).request.messages).toHaveLength(2);
  });

  it("hold a placeholder for a result without content", () => {
    const result = { type: "tool-result", toolUseId: "1", content: "", isError: true } as const;
    const call = { type: "tool-use", id: "1", name: "add", input: {} } as const;
    const messages: ChatMessage[] = [...HELLO, { role: ASSISTANT, content: [call] }, { role: TOOL_RESULT, content: [result] }];
    const [block] = prepare(messages).request.messages[2]?.blocks ?? [];
    expect(block).toMatchObject({ type: "tool-result", toolUseId: "1", isError: true });
    expect((block as { content: string }).content).not.toBe("");
  });

  it("keep whole what the same model of the same provider gave, in its order", () => {
    const native = { provider: "vllm", model: "m", data: { id: "i", deep: { encrypted: "e" } } };
    const content: ContentBlock[] = [
      { type: "thinking", text: "", signature: "s1", native },
      { type: "text", text: "", native },
      { type: "thinking", text: "t", signature: "s2" },
      { type: "tool-use", id: "1", name: "add", input: { a: 1 }, native },
    ];
    expect(blocksOf(content)).toEqual(content);
    expect(blocksOf(JSON.parse(JSON.stringify(content)) as ContentBlock[])).toEqual(content);
  });

  it.each([
    ["another provider", { provider: "openai", model: "m" }],
    ["another model", { provider: "vllm", model: "m2" }],
  ])("lose what %s gave: its thoughts, its data, and texts of nothing but data", (_what, { provider, model }) => {
    const native = { provider, model, data: { id: "i" } };
    const content: ContentBlock[] = [
      { type: "thinking", text: "t", signature: "s", native },
      { type: "text", text: "", native },
      { type: "text", text: "said", native },
      { type: "tool-use", id: "1", name: "add", input: {}, native },
    ];
    expect(blocksOf(content)).toEqual([
      { type: "text", text: "said" },
      { type: "tool-use", id: "1", name: "add", input: {} },
    ]);
    expect(content[2]).toHaveProperty("native");
  });

  it("are read anew after a change by their owner", () => {
    const conversation = readerOf();
    const draft: ChatMessage = { role: USER, content: "first" };
    const textOf = (): unknown => prepare([draft, ...HELLO], {}, { conversation }).request.messages[0]?.blocks;
    expect(textOf()).toEqual([{ type: "text", text: "first" }]);
    draft.content = "other";
    expect(textOf()).toEqual([{ type: "text", text: "other" }]);
    const grown: ContentBlock[] = [{ type: "text", text: "a" }];
    draft.content = grown;
    textOf();
    grown.push({ type: "text", text: "b" });
    expect(textOf()).toEqual(grown);
  });

  it("are not converted again over a long conversation", () => {
    const conversation = readerOf();
    const long = Array.from({ length: 200 }, (_, n): ChatMessage => ({ role: n % 2 === 0 ? USER : ASSISTANT, content: `${n}` }));
    const first = prepare(long, {}, { conversation }).request.messages;
    const second = prepare([...long, ...HELLO], {}, { conversation }).request.messages;
    expect(first).toHaveLength(200);
    expect(second).toHaveLength(201);
    for (const [index, message] of first.entries()) expect(second[index]).toBe(message);
  });

  it("are the same whatever was asked before, in whatever order", () => {
    const said = Array.from(
      { length: 6 },
      (_, n): ChatMessage => ({ role: n % 3 === 0 ? SYSTEM : n % 3 === 1 ? USER : ASSISTANT, content: `${n}` }),
    );
    fc.assert(
      fc.property(fc.array(fc.array(fc.constantFrom(...said), { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 }), (asked) => {
        const conversation = readerOf();
        for (const messages of asked) {
          const fresh = (own?: ConversationReader): unknown => {
            try {
              const { request, estimate, toolUseIds } = prepare(messages, {}, own === undefined ? {} : { conversation: own });
              return { request, estimate, toolUseIds };
            } catch (error) {
              return (error as Error).message;
            }
          };
          expect(fresh(conversation)).toEqual(fresh());
        }
      }),
    );
  });
});

describe("what a model cannot do", () => {
  const image: ChatMessage[] = [{ role: USER, content: [{ type: "image", url: "https://example.com/a.png" }] }];
  const table: [string, ChatMessage[], GenerateOptions, Setting, object, string][] = [
    ["a forced tool", HELLO, { tools: [add], toolChoice: "any" }, CLAUDE, { toolChoice: "auto" }, 'toolChoice "any"'],
    ["a named tool", HELLO, { tools: [add], toolChoice: { name: "add" } }, CLAUDE, { toolChoice: "auto" }, 'toolChoice { name: "add" }'],
    [
      "a forced tool while it thinks",
      HELLO,
      { tools: [add], toolChoice: "any", thinking: true },
      OLD_CLAUDE,
      { toolChoice: "auto", thinking: { budgetTokens: 8_192 } },
      "while it thinks",
    ],
    [
      "a forced tool while it thinks by default",
      HELLO,
      { tools: [add], toolChoice: "any" },
      { provider: "anthropic", model: "claude-opus-5" },
      { toolChoice: "auto" },
      "while it thinks",
    ],
    ["no tool", HELLO, { tools: [add], toolChoice: "none" }, { capabilities: { noToolChoice: false } }, { toolChoice: "auto" }, '"none"'],
    ["a temperature", HELLO, { temperature: 1 }, CLAUDE, {}, "temperature"],
    ["a temperature on a reasoning model", HELLO, { temperature: 0.2 }, { provider: "openai", model: "gpt-5-mini" }, {}, "temperature"],
    ["both kinds of sampling", HELLO, { temperature: 1, topP: 1 }, CLAUDE, {}, "temperature and topP"],
    [
      "a temperature while it thinks",
      HELLO,
      { topP: 0.5, thinking: true },
      OLD_CLAUDE,
      { thinking: { budgetTokens: 8_192 } },
      "topP while it thinks",
    ],
    ["images", image, {}, { capabilities: { files: [] } }, {}, "images"],
    ["thinking", HELLO, { thinking: true }, { provider: "openai", model: "gpt-4.1" }, {}, "thinking"],
    [
      "how thoughts are shown",
      HELLO,
      { thinking: { effort: "high", display: "omitted" } },
      { capabilities: { thinkingDisplay: false } },
      { thinking: { effort: "high" } },
      "thinking.display",
    ],
    ["not thinking", HELLO, { thinking: false }, { provider: "anthropic", model: "claude-opus-5-5" }, {}, "thinking: false"],
    ["not thinking at all", HELLO, { thinking: false }, CLAUDE, { thinking: false }, "thinking: false"],
    ["a budget", HELLO, { thinking: { budgetTokens: 2_000 } }, CLAUDE, { thinking: true }, "thinking.budgetTokens"],
    [
      "a budget beside an effort",
      HELLO,
      { thinking: { budgetTokens: 2_000, effort: "low" } },
      CLAUDE,
      { thinking: { effort: "low" } },
      "budgetTokens",
    ],
    [
      "an effort",
      HELLO,
      { thinking: { effort: "high", display: "omitted" } },
      OLD_CLAUDE,
      { thinking: { budgetTokens: 16_384, display: "omitted" } },
      "effort",
    ],
    [
      "a budget of all tokens",
      HELLO,
      { maxTokens: 4_000, thinking: { budgetTokens: 4_000 } },
      OLD_CLAUDE,
      { thinking: { budgetTokens: 2_000 } },
      "4000",
    ],
    ["thinking in few tokens", HELLO, { maxTokens: 2_000, thinking: true }, OLD_CLAUDE, {}, "within 2000 tokens"],
    ["answers that long", HELLO, { maxTokens: 200_000 }, CLAUDE, { maxTokens: 128_000 }, "maxTokens of 200000"],
    ["a schema", HELLO, { output: z.object({ a: z.number() }) }, { capabilities: { structuredOutput: false } }, {}, "output"],
    [
      "a schema beside tools",
      HELLO,
      { output: z.object({ a: z.number() }), tools: [add] },
      { provider: "gcp.gemini", model: "gemini-2.5-flash" },
      {},
      "output beside tools",
    ],
  ];

  it.each(table)("is told in a warning: %s", (_what, messages, options, setting, kept, named) => {
    const { request, warnings } = prepare(messages, options, setting);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(named);
    const { temperature, topP, thinking, output, maxTokens, toolChoice } = request;
    const { provider = "vllm", model = "m" } = setting;
    expect(warnings[0]).toContain(`${provider} ${model}`);
    const sent = { temperature, topP, thinking, output, toolChoice, maxTokens };
    const base = { toolChoice: "auto", maxTokens: options.maxTokens };
    expect(JSON.parse(JSON.stringify(sent))).toEqual(JSON.parse(JSON.stringify({ ...base, ...kept })));
  });

  it.each(table)("is an error where the client is strict: %s", (_what, messages, options, setting, _kept, named) => {
    const { provider = "vllm", model = "m" } = setting;
    const ask = (): unknown => prepare(messages, options, { ...setting, unsupported: "error" });
    expect(codeOf(ask)).toBe("unsupported");
    expect(ask).toThrow(FinalInferenceError);
    expect(ask).toThrow(InferenceError);
    for (const part of [provider, model, named, "Leave it out"]) expect(ask).toThrow(part);
  });

  it.each<[string, GenerateOptions, Setting, Partial<GenerateOptions>]>([
    ["forces a tool on a model that does not think", { tools: [add], toolChoice: "any" }, OLD_CLAUDE, { toolChoice: "any" }],
    [
      "forces a tool where thinking is left off",
      { tools: [add], toolChoice: "any", thinking: false },
      { provider: "anthropic", model: "claude-opus-5" },
      { toolChoice: "any", thinking: false },
    ],
    ["sends a temperature where the model does not think", { temperature: 0.3 }, OLD_CLAUDE, { temperature: 0.3 }],
    ["sends none where the model knows no tool choice but has no need", { tools: [add], toolChoice: "none" }, {}, { toolChoice: "none" }],
    ["asks old models for a budget without a word", { thinking: true }, OLD_CLAUDE, { thinking: { budgetTokens: 8_192 } }],
    ["fits a budget of its own into few tokens", { thinking: true, maxTokens: 4_000 }, OLD_CLAUDE, { thinking: { budgetTokens: 2_000 } }],
    [
      "keeps both words for thinking where both are known",
      { thinking: { effort: "low", budgetTokens: 2_000 } },
      { provider: "anthropic", model: "claude-sonnet-4-6" },
      { thinking: { effort: "low", budgetTokens: 2_000 } },
    ],
    ["takes no thinking from a model that has none", { thinking: false }, { provider: "openai", model: "gpt-4.1" }, {}],
  ])("is not met when it %s", (_what, options, setting, sent) => {
    const { request, warnings } = prepare(HELLO, options, { ...setting, unsupported: "error" });
    expect(warnings).toEqual([]);
    expect(request).toMatchObject(sent);
    expect("thinking" in request).toBe("thinking" in sent);
  });

  it("counts a model as thinking that can only think less", () => {
    const capabilities: Partial<Capabilities> = { forcedToolChoice: "without-thinking", thinking: ["by-default", "effort", "least"] };
    const { request, warnings } = prepare(HELLO, { tools: [add], toolChoice: "any", thinking: false }, { capabilities });
    expect(request).toMatchObject({ toolChoice: "auto", thinking: false });
    expect(warnings).toEqual([expect.stringContaining("thinking: false"), expect.stringContaining("while it thinks")]);
  });

  it("leaves the tools in place when none may be called", () => {
    const { request } = prepare(HELLO, { tools: [add], toolChoice: "none" }, { capabilities: { noToolChoice: false } });
    expect(request.tools).toHaveLength(1);
    expect(request.system.at(-1)?.blocks[0]).toMatchObject({ text: expect.stringMatching(/not call any tool/) });
  });

  it("says a placeholder for an image", () => {
    const { request } = prepare(image, {}, { capabilities: { files: [] } });
    expect(request.messages[0]?.blocks).toEqual([{ type: "text", text: expect.stringContaining("image") }]);
    expect(JSON.stringify(request)).not.toContain("example.com");
  });

  it("is asked for in the system's part, after it, in the same bytes at every turn", () => {
    const options = { output: z.object({ a: z.number() }), tools: [add], toolChoice: { name: "add" } };
    const rule: ChatMessage = { role: SYSTEM, content: "rule" };
    const setting = { ...CLAUDE, capabilities: { structuredOutput: false } };
    const first = prepare([rule, ...HELLO], options, setting);
    const later = prepare([rule, ...HELLO, { role: ASSISTANT, content: "a" }, ...HELLO], { ...options }, setting);
    expect(JSON.stringify(later.request.system)).toBe(JSON.stringify(first.request.system));
    expect(first.request.system).toHaveLength(2);
    const [block] = first.request.system[1]?.blocks ?? [];
    const { text } = block as { text: string };
    expect(text).toContain('"add"');
    expect(text).toContain(JSON.stringify(first.output?.json));
    expect(first.request).not.toHaveProperty("output");
  });

  it("holds no word of what was said", () => {
    const secret = "s3cret-prompt";
    const messages: ChatMessage[] = [{ role: USER, content: secret }];
    const options: GenerateOptions = { temperature: 1, thinking: { budgetTokens: 5_000 }, tools: [add], toolChoice: "any" };
    expect(prepare(messages, options, CLAUDE).warnings.join()).not.toContain(secret);
    expect(() => prepare(messages, options, { ...CLAUDE, unsupported: "error" })).toThrow(/^(?!.*s3cret)/);
  });
});

describe("structured output", () => {
  it("goes to the provider where it holds answers to a schema itself", () => {
    const { request, output, warnings } = prepare(HELLO, { output: z.object({ a: z.number() }) });
    expect(request.output).toEqual(output?.json);
    expect(request.output).toMatchObject({ type: "object", required: ["a"] });
    expect(request.system).toEqual([]);
    expect(warnings).toEqual([]);
  });

  it("is compiled once for a schema", () => {
    const schema = z.object({ a: z.number() });
    expect(prepare(HELLO, { output: schema }).output).toBe(prepare(HELLO, { output: schema }).output);
  });

  it("is refused when the schema cannot be told", () => {
    expect(codeOf(() => prepare(HELLO, { output: z.object({ when: z.date() }) }))).toBe("invalid-schema");
  });
});

describe("estimate of tokens", () => {
  const of = (messages: ChatMessage[], options: GenerateOptions = {}): number => prepare(messages, options).estimate;
  const said = (content: ChatMessage["content"]): number => of([{ role: USER, content }]);

  it("is above what English, code and Chinese come to", () => {
    expect(said("The quick brown fox jumps over the lazy dog. ".repeat(100))).toBeGreaterThan(1_000);
    expect(said("const a = b[0] ?? 1;\n".repeat(100))).toBeGreaterThanOrEqual(700);
    expect(said("机器人学三定律".repeat(100))).toBeGreaterThanOrEqual(700);
  });

  it("counts every kind of block, tools, system and the answer's schema", () => {
    const base = said("x");
    const more: ContentBlock[] = [
      { type: "text", text: "y".repeat(90) },
      { type: "image", url: "https://example.com/a.png" },
    ];
    const calledWith = (input: unknown): ChatMessage => ({ role: ASSISTANT, content: [{ type: "tool-use", id: "1", name: "add", input }] });
    const called = calledWith({});
    const thought: ChatMessage = { role: ASSISTANT, content: [{ type: "thinking", text: "", signature: "s".repeat(90) }] };
    expect(of([...HELLO, calledWith({ text: "z".repeat(90) })])).toBeGreaterThanOrEqual(of([...HELLO, called]) + 30);
    expect(of([...HELLO, thought])).toBeGreaterThanOrEqual(of(HELLO) + 30);
    const given: ChatMessage = { role: TOOL_RESULT, content: [{ type: "tool-result", toolUseId: "1", content: "r".repeat(90) }] };
    expect(of([...HELLO, called, given])).toBeGreaterThanOrEqual(of([...HELLO, called]) + 20);
    for (const block of more) expect(said([{ type: "text", text: "x" }, block])).toBeGreaterThanOrEqual(base + 30);
    expect(
      of([
        { role: SYSTEM, content: "s".repeat(90) },
        { role: USER, content: "x" },
      ]),
    ).toBeGreaterThanOrEqual(base + 30);
    expect(of([{ role: USER, content: "x" }], { tools: [add] })).toBeGreaterThan(base);
    expect(of([{ role: USER, content: "x" }], { output: { type: "object", description: "d".repeat(90) } })).toBeGreaterThan(base + 30);
  });

  it("counts what a provider gave without a text: an image as one, however many bytes it has, all else as it is", () => {
    const kept = (data: Record<string, unknown>): number => {
      const block: ContentBlock = { type: "text", text: "", native: { provider: "vllm", model: "m", data } };
      return of([{ role: ASSISTANT, content: [block] }, ...HELLO]) - of(HELLO);
    };
    const image = kept({ part: { inlineData: { mimeType: "image/png", data: "QUJD".repeat(250_000) } } });
    expect(image).toBeGreaterThan(1_000);
    expect(image).toBeLessThan(3_000);
    expect(kept({ item: { type: "web_search_call", found: "so it is. ".repeat(10_000) } })).toBeGreaterThan(20_000);
    expect(kept({ block: { encrypted_content: "QUJD".repeat(3_000) } })).toBeGreaterThan(3_000);
  });

  it("is the same when it is asked for again, and follows what is added", () => {
    const messages: ChatMessage[] = [{ role: USER, content: "a".repeat(300) }];
    const first = of(messages);
    expect(of(messages)).toBe(first);
    expect(of([...messages, { role: ASSISTANT, content: "b".repeat(300) }])).toBeGreaterThanOrEqual(first + 100);
  });
});
