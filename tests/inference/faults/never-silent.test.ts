/** Whatever is asked of a model is sent, or said to be left out, or refused: on every client, for models of every kind, nothing goes silently. */
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { OpenAIInferenceClient } from "#clients/openai";
import { AsimovError } from "#contract/base/errors";
import type { GenerateOptions } from "#contract/chat/generation";
import type { ChatMessage, ContentBlock, FileBlock } from "#contract/chat/message";
import { defineTool, providerTool } from "#contract/chat/tool";
import type { ClientOptions } from "#inference/call/call-settings";
import { capabilitiesOf } from "#inference/request/capabilities";
import { scripted } from "../checklist-calls.ts";
import { add, ask, type ClientRow, isolateClients, CLIENT_ROWS as OWN_ROWS, once, EVERY_ROW as ROWS, SECRET } from "../client-rows.ts";

isolateClients();

const MODELS: Readonly<Record<ClientRow["format"], readonly string[]>> = {
  anthropic: ["claude-sonnet-4-6", "claude-opus-5-5", "claude-3-5-haiku-20241022", "claude-of-tomorrow"],
  bedrock: [
    "global.anthropic.claude-sonnet-4-6",
    "global.anthropic.claude-opus-5-5-v1:0",
    "amazon.nova-pro-v1:0",
    "meta.llama3-3-70b-instruct-v1:0",
    "openai.gpt-oss-120b-1:0",
  ],
  "openai-responses": ["gpt-5.6", "gpt-4.1", "o3"],
  "openai-chat": ["gpt-5.6", "gpt-4.1", "qwen3"],
  gemini: ["gemini-3-pro-preview", "gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.0-flash"],
};

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const user = (...content: ContentBlock[]): ChatMessage[] => [{ role: "USER", content }];
const question: ContentBlock = { type: "text", text: "What is 1 + 2?" };

const TYPES = ["image/png", "application/pdf", "text/csv", "application/msword", "audio/wav", "video/mp4", "application/x-unheard"];
/** Of each kind, wherever it is. */
const FILES: [string, FileBlock][] = TYPES.flatMap((mediaType): [string, FileBlock][] => [
  [`${mediaType} as data`, { type: "file", mediaType, data: PIXEL, name: "given" }],
  [`${mediaType} by address`, { type: "file", mediaType, url: "https://example.com/given" }],
  [`${mediaType} by id`, { type: "file", mediaType, fileId: "file-1" }],
]);
/** Of a tool. */
const given = (...content: (string | FileBlock)[]): ChatMessage[] => [
  ...ask(),
  { role: "ASSISTANT", content: [{ type: "tool-use", id: "call_1", name: "add", input: { a: 1, b: 2 } }] },
  {
    role: "TOOL_RESULT",
    content: [
      {
        type: "tool-result",
        toolUseId: "call_1",
        content: content.map((part) => (typeof part === "string" ? { type: "text", text: part } : part)),
      },
    ],
  },
];

/** Before the question. */
const spoken = (role: "SYSTEM" | "ASSISTANT", ...content: ContentBlock[]): ChatMessage[] =>
  role === "SYSTEM" ? [{ role, content }, ...ask()] : [...ask("Hello"), { role, content }, ...ask()];
const FOREIGN: ContentBlock = { type: "provider", provider: "elsewhere", model: "m", value: { type: "crystal_ball" } };
const other = defineTool({ name: "other", description: "Does more", input: { type: "object" }, run: () => 1 });
const free = defineTool({ name: "free", description: "Takes what comes", input: { type: "object", minProperties: 1 }, run: () => 1 });

/** The same, without what is asked about. */
function withoutOf(messages: ChatMessage[]): ChatMessage[] {
  if (messages.at(-1)?.role === "TOOL_RESULT") return given("3");
  const spokenBy = messages.find(({ role, content }) => role !== "USER" && Array.isArray(content) && content.length === 2)?.role;
  return spokenBy === undefined ? ask() : spoken(spokenBy as "SYSTEM", { type: "text", text: "Be brief." });
}

/** What is asked, and what makes no difference to it where it is lost. */
const CASES: [string, GenerateOptions, GenerateOptions?, ChatMessage[]?][] = [
  ["maxTokens", { maxTokens: 77 }],
  ["temperature", { temperature: 0.3 }],
  ["topP", { topP: 0.4 }],
  ["stopSequences", { stopSequences: ["END"] }],
  ["tools", { tools: [add] }],
  ["toolChoice any", { tools: [add], toolChoice: "any" }, { tools: [add] }],
  ["toolChoice none", { tools: [add], toolChoice: "none" }, { tools: [add] }],
  ["toolChoice by name", { tools: [add], toolChoice: { name: "add" } }, { tools: [add] }],
  ["toolChoice among some", { tools: [add, other], toolChoice: { only: ["add"] } }, { tools: [add, other] }],
  ["a strict tool", { tools: [{ ...add, strict: true }] }, { tools: [add] }],
  ["a strict tool whose schema goes beyond most", { tools: [{ ...free, strict: true }] }, { tools: [free] }],
  ["a tool of another provider's own", { tools: [add, providerTool("elsewhere", { type: "crystal_ball" })] }, { tools: [add] }],
  ...(["minimal", "low", "medium", "high", "max"] as const).map((effort): [string, GenerateOptions] => [
    `thinking with effort ${effort}`,
    { thinking: { effort } },
  ]),
  ["thinking with a budget", { thinking: { budgetTokens: 2048 } }, { thinking: true }],
  ["thoughts summarized", { thinking: { display: "summarized" } }, { thinking: { display: "omitted" } }],
  ["thoughts omitted", { thinking: { display: "omitted" } }, { thinking: { display: "summarized" } }],
  ["output", { output: z.object({ answer: z.number() }) }],
  ["a cache marker", {}, {}, ask().map((message) => ({ ...message, cacheMarker: true }))],
  ["an image as data", {}, {}, user(question, { type: "image", mediaType: "image/png", data: PIXEL })],
  ["an image by address", {}, {}, user(question, { type: "image", url: "https://example.com/a.png" })],
  ...FILES.flatMap(([name, file]): typeof CASES => [
    [name, {}, {}, user(question, file)],
    [`${name} that a tool gave`, {}, {}, given("3", file)],
  ]),
  ...(["SYSTEM", "ASSISTANT"] as const).flatMap((role): typeof CASES =>
    FILES.slice(0, 2).map(([name, file]) => [`${name} of ${role}`, {}, {}, spoken(role, { type: "text", text: "Be brief." }, file)]),
  ),
  ["a block of another provider", {}, {}, spoken("ASSISTANT", { type: "text", text: "Be brief." }, FOREIGN)],
  [
    "SYSTEM in the middle",
    {},
    {},
    [...ask(), { role: "ASSISTANT", content: "3" }, { role: "SYSTEM", content: "Be brief." }, ...ask("And 2 + 2?")],
  ],
];

/** Markers are left out without harm, and what a package could not do it tells with its answer. */
const HARMLESS = /cache marker|, by the AI SDK: /;

/** The answers of a provider itself, which loopback is not. */
const OPENAI = OWN_ROWS.filter(({ format }) => format.startsWith("openai")).map((row) => ({
  ...row,
  name: `${row.name} of OpenAI itself`,
  make: (baseURL: string, options: ClientOptions & { model?: string }) =>
    new OpenAIInferenceClient({
      model: "gpt-5.6",
      provider: "openai",
      api: row.format === "openai-chat" ? "chat" : "responses",
      apiKey: SECRET,
      baseURL,
      ...options,
    }),
}));
const ASKED = [...ROWS, ...OPENAI].flatMap((row) => MODELS[row.format].map((model) => ({ ...row, model })));

const providerOf = ({ make }: Pick<ClientRow, "make">, model: string): string => make("http://127.0.0.1:1", { model }).provider;

describe.each(ASKED)("what is asked of $model by $name", ({ model, ...row }) => {
  /** The request, without what was said before it; or what was told in its place. */
  async function outcomeOf(options: GenerateOptions, messages: ChatMessage[], more: ClientOptions = {}) {
    const answer = JSON.stringify({ answer: 3 });
    const { server, client } = await scripted(row, [{ text: answer }], { ...once, ...more, model });
    try {
      const { warnings } = await client.generate(messages, options);
      return { sent: JSON.stringify(server.requests[0]?.body), warnings };
    } catch (error) {
      if (!(error instanceof AsimovError)) throw error;
      expect(server.requests).toEqual([]);
      return { error };
    }
  }

  const asked = new Map<string, ReturnType<typeof outcomeOf>>();
  /** Many a case is lost to the same. */
  const sentWithout = async (rest: GenerateOptions, messages: ChatMessage[]): Promise<string | undefined> => {
    const without = withoutOf(messages);
    const key = JSON.stringify([rest, without]);
    const outcome = asked.get(key) ?? outcomeOf(rest, without);
    asked.set(key, outcome);
    return (await outcome).sent;
  };

  it.each(CASES)(
    "is sent, warned of or refused, and refused where the client is strict: %s",
    async (_what, options, rest = {}, messages = ask()) => {
      const { sent, warnings = [], error } = await outcomeOf(options, messages);
      if (error !== undefined) return expect(["unsupported", "invalid-options"]).toContain(error.code);
      const isSent = sent !== (await sentWithout(rest, messages));
      expect({ isSent, warnings }).not.toEqual({ isSent: false, warnings: [] });
      for (const warning of warnings) expect(warning).toContain(model);
      if (warnings.length === 0) return;
      const strictly = await outcomeOf(options, messages, { unsupported: "error" });
      if (warnings.every((warning) => HARMLESS.test(warning))) expect(strictly).toEqual({ sent, warnings });
      else expect(strictly.error?.code).toBe("unsupported");
    },
  );

  it("thinks as it does by itself, or not at all, or is warned of", async () => {
    const [plain, thinking, none] = [
      await outcomeOf({}, ask()),
      await outcomeOf({ thinking: true }, ask()),
      await outcomeOf({ thinking: false }, ask()),
    ];
    for (const { error } of [plain, thinking, none]) expect(error).toBeUndefined();
    expect(plain.warnings).toEqual([]);
    const forms = row.thinking ?? capabilitiesOf(providerOf(row, model), model).thinking;
    // Nothing is to be said where it is so anyhow.
    if (forms.length > 0 && !forms.includes("by-default") && row.format !== "openai-chat") expect(thinking.sent).not.toBe(plain.sent);
    if (forms.length === 0) expect(thinking.warnings).toEqual([expect.stringContaining("thinking")]);
    if (forms.includes("off")) expect(none).toMatchObject({ warnings: [] });
    else if (forms.length > 0) expect(none.warnings).toEqual([expect.stringContaining("thinking: false")]);
    else expect(none).toEqual(plain);
  });
});
