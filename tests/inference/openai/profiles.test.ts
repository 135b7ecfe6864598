/** Each server's profile, on the real SDK over loopback: what goes out in its words, and what it answers, in shapes that its sources describe. */
import { OpenAIInferenceClient } from "asimov-agents/openai";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { GenerateOptions, Generation } from "#contract/chat/generation";
import type { ChatMessage } from "#contract/chat/message";
import { defineTool } from "#contract/chat/tool";
import type { CompatibleServer } from "#inference/openai/compatibility";
import { PROFILES } from "#inference/openai/profiles";
import { json } from "../../support/wire-server.ts";
import { bodyOf, call, chunk, end, forgetEnvironment, HELLO, type Json, KEY, serve, serveEvents, text, tools } from "./openai-server.ts";

const look = defineTool({ name: "look", description: "Looks", input: z.object({ at: z.string() }), run: () => "seen" });
const hear = defineTool({ name: "hear", description: "Hears", input: z.object({ at: z.string() }), run: () => "heard" });
const BOTH = [look, hear];
const output = z.object({ moons: z.number() });

const MID_SYSTEM: ChatMessage[] = [
  { role: "SYSTEM", content: "Be brief." },
  { role: "USER", content: "Of Saturn?" },
  { role: "ASSISTANT", content: "Rings." },
  { role: "SYSTEM", content: "Be briefer." },
  { role: "USER", content: "Moons?" },
];
const CALLED: ChatMessage[] = [
  { role: "USER", content: "Look." },
  { role: "ASSISTANT", content: [{ type: "tool-use", id: "toolu_01_of_another", name: "look", input: { at: "Saturn" } }] },
  { role: "TOOL_RESULT", content: [{ type: "tool-result", toolUseId: "toolu_01_of_another", content: "seen" }] },
];

const usage = (rest: Json): Json => ({ prompt_tokens: 40, completion_tokens: 9, ...rest });
const counted = (rest: Json = {}): Json => ({ ...chunk({}), choices: [], usage: usage(rest) });
const thought = { type: "thinking", text: "Hm." };

interface Case {
  what: string;
  messages?: ChatMessage[];
  options?: GenerateOptions;
  /** Within what goes out. */
  sends?: Json;
  sendsNot?: string[];
  warnings?: RegExp[];
  /** What comes back; "Hi" by default. */
  events?: Json[];
  gives?: Record<string, unknown>;
}

const roles = (...names: string[]): Json => ({ messages: names.map((role) => expect.objectContaining({ role })) });
const SYSTEM_ONCE: Case = {
  what: "says a later instruction in the user's place",
  messages: MID_SYSTEM,
  sends: roles("system", "user", "assistant", "user", "user"),
};
const byTemplate = (isOn: boolean): Json => ({ chat_template_kwargs: { enable_thinking: isOn, thinking: isOn } });
const ALONE: Case = {
  what: "tells a tool alone that is forced by its name",
  options: { tools: BOTH, toolChoice: { name: "hear" } },
  sends: { tool_choice: "required", tools: [{ function: { name: "hear" } }] },
};

const CASES: Readonly<Record<CompatibleServer, readonly Case[]>> = {
  vllm: [
    SYSTEM_ONCE,
    { what: "turns thinking off in the template", options: { thinking: false }, sends: byTemplate(false), sendsNot: ["reasoning_effort"] },
    {
      what: "turns it on with an effort",
      options: { thinking: { effort: "low" } },
      sends: { ...byTemplate(true), reasoning_effort: "low" },
    },
    {
      what: "gives thoughts under their new name",
      events: [chunk({ role: "assistant", content: "" }), chunk({ reasoning: "Hm." }), text("Yes."), end()],
      gives: { text: "Yes.", blocks: [thought, { text: "Yes." }] },
    },
    {
      what: "gives them under the old one",
      events: [chunk({ reasoning_content: "Hm." }), text("Yes."), end()],
      gives: { blocks: [thought, { text: "Yes." }] },
    },
  ],
  sglang: [
    SYSTEM_ONCE,
    { what: "turns thinking off in the template", options: { thinking: false }, sends: byTemplate(false) },
    {
      what: "begins a call with its input",
      events: [tools(call(undefined, '{"at":', { id: "c1" })), tools(call(undefined, '"sea"}', { name: "look" })), end("tool_calls")],
      gives: { blocks: [{ type: "tool-use", name: "look", input: { at: "sea" } }] },
    },
  ],
  ollama: [
    SYSTEM_ONCE,
    {
      what: "is asked in words for what it does not read",
      options: { tools: BOTH, toolChoice: "any" },
      sendsNot: ["tool_choice"],
      warnings: [/toolChoice "any"/],
    },
    { what: "turns thinking off", options: { thinking: false }, sends: { reasoning_effort: "none" } },
    { what: "takes its own greatest effort", options: { thinking: { effort: "max" } }, sends: { reasoning_effort: "max" } },
    {
      what: "gives calls that all have one index",
      events: [
        tools(call(0, '{"at":"sea"}', { id: "c1", name: "look" })),
        tools(call(0, '{"at":"sky"}', { id: "c2", name: "hear" })),
        end("tool_calls"),
      ],
      gives: { blocks: [{ name: "look" }, { name: "hear", input: { at: "sky" } }], finishReason: { unified: "tool-calls" } },
    },
    { what: "gives thoughts", events: [chunk({ reasoning: "Hm." }), text("Yes."), end()], gives: { blocks: [thought, { text: "Yes." }] } },
  ],
  "llama.cpp": [
    SYSTEM_ONCE,
    ALONE,
    { what: "turns thinking off", options: { thinking: false }, sends: { reasoning_effort: "none" }, sendsNot: ["chat_template_kwargs"] },
    {
      what: "gives thoughts, timings and usage",
      events: [
        chunk({ reasoning_content: "Hm." }),
        text("Yes."),
        end(),
        { ...counted({ prompt_tokens_details: { cached_tokens: 36 } }), timings: { cache_n: 36 } },
      ],
      gives: { blocks: [thought, { text: "Yes." }], usage: { inputTokens: 40, cacheReadTokens: 36 } },
    },
  ],
  "lm-studio": [
    SYSTEM_ONCE,
    ALONE,
    {
      what: "gives thoughts in tags",
      events: [text("<think>Hm."), text("</think>\n\nYes."), end()],
      gives: { text: "Yes.", blocks: [thought, { text: "Yes." }] },
    },
  ],
  openrouter: [
    {
      what: "is asked for an effort in its own words",
      options: { thinking: { effort: "high" } },
      sends: { reasoning: { effort: "high" } },
      sendsNot: ["reasoning_effort"],
    },
    {
      what: "tells what it cost",
      events: [
        chunk({ reasoning: "Hm.", reasoning_details: [{ type: "reasoning.text", text: "Hm." }] }),
        text("Yes."),
        end(),
        counted({ cost: 0.002 }),
      ],
      gives: { blocks: [thought, { text: "Yes." }], usage: { cost: 0.002 } },
    },
  ],
  groq: [
    {
      what: "tells its usage under its own name",
      events: [
        chunk({ reasoning: "Hm." }),
        text("Yes."),
        { ...end(), x_groq: { id: "req_1", usage: usage({ prompt_tokens_details: { cached_tokens: 8 } }) } },
      ],
      gives: { blocks: [thought, { text: "Yes." }], usage: { inputTokens: 40, outputTokens: 9, cacheReadTokens: 8 } },
    },
  ],
  mistral: [
    {
      what: "is not asked for its usage, and gets ids that it takes",
      messages: CALLED,
      options: { tools: BOTH, thinking: { effort: "low" } },
      sends: { reasoning_effort: "high" },
      sendsNot: ["stream_options"],
      events: [text("Yes."), { ...end(), usage: usage({ num_cached_tokens: 16 }) }],
      gives: { text: "Yes.", usage: { inputTokens: 40, cacheReadTokens: 16 } },
    },
    { what: "turns thinking off", options: { thinking: false }, sends: { reasoning_effort: "none" } },
    {
      what: "gives thoughts as parts of the content",
      events: [
        chunk({ content: [{ type: "thinking", thinking: [{ type: "text", text: "H" }] }] as unknown as string }),
        chunk({ content: [{ type: "thinking", thinking: [{ type: "text", text: "m." }] }] as unknown as string }),
        chunk({ content: [{ type: "text", text: "Yes." }] as unknown as string }),
        end(),
      ],
      gives: { text: "Yes.", blocks: [thought, { text: "Yes." }] },
    },
  ],
  deepseek: [
    { what: "turns thinking off", options: { thinking: false }, sends: { thinking: { type: "disabled" } }, sendsNot: ["reasoning_effort"] },
    {
      what: "turns it on with an effort that it knows",
      options: { thinking: { effort: "medium" } },
      sends: { thinking: { type: "enabled" }, reasoning_effort: "high" },
    },
    {
      what: "is told the schema in words",
      options: { output },
      sendsNot: ["response_format"],
      warnings: [/output/],
      events: [text('{"moons":146}'), end()],
      gives: { output: { moons: 146 } },
    },
    {
      what: "tells what its cache gave",
      events: [
        chunk({ reasoning_content: "Hm." }),
        text("Yes."),
        end(),
        counted({ prompt_cache_hit_tokens: 32, prompt_cache_miss_tokens: 8 }),
      ],
      gives: { blocks: [thought, { text: "Yes." }], usage: { inputTokens: 40, cacheReadTokens: 32 } },
    },
  ],
  together: [
    { what: "turns thinking off", options: { thinking: false }, sends: { reasoning: { enabled: false } }, sendsNot: ["reasoning_effort"] },
    { what: "turns it on", options: { thinking: { effort: "high" } }, sends: { reasoning: { enabled: true }, reasoning_effort: "high" } },
    { what: "gives thoughts", events: [chunk({ reasoning: "Hm." }), text("Yes."), end()], gives: { blocks: [thought, { text: "Yes." }] } },
  ],
  fireworks: [
    { what: "is asked for an effort", options: { thinking: { effort: "low" } }, sends: { reasoning_effort: "low" } },
    {
      what: "gives thoughts",
      events: [chunk({ reasoning_content: "Hm." }), text("Yes."), end()],
      gives: { blocks: [thought, { text: "Yes." }] },
    },
    { what: "gives them in tags", events: [text("<think>Hm.</think>Yes."), end()], gives: { blocks: [thought, { text: "Yes." }] } },
  ],
  cerebras: [
    {
      what: "gives pieces of a call under another index",
      events: [tools(call(0, '{"at":', { id: "c1", name: "look" })), tools(call(1, '"sea"}')), end("tool_calls")],
      gives: { blocks: [{ name: "look", input: { at: "sea" } }] },
    },
  ],
  xai: [
    {
      what: "counts thoughts beside the output",
      events: [text("Yes."), end(), counted({ completion_tokens_details: { reasoning_tokens: 5 } })],
      gives: { usage: { outputTokens: 14, reasoningTokens: 5 } },
    },
  ],
  moonshot: [
    { what: "turns thinking off", options: { thinking: false }, sends: { thinking: { type: "disabled" } } },
    {
      what: "tells its usage in the choice",
      events: [
        chunk({ reasoning_content: "Hm." }),
        text("Yes."),
        { ...end(), choices: [{ index: 0, delta: {}, finish_reason: "stop", usage: usage({ cached_tokens: 24 }) }] },
      ],
      gives: { blocks: [thought, { text: "Yes." }], usage: { inputTokens: 40, outputTokens: 9, cacheReadTokens: 24 } },
    },
  ],
  alibaba: [
    SYSTEM_ONCE,
    { what: "turns thinking off", options: { thinking: false }, sends: { enable_thinking: false } },
    {
      what: "takes a budget",
      options: { thinking: { budgetTokens: 2048 } },
      sends: { enable_thinking: true, thinking_budget: 2048 },
      events: [chunk({ reasoning_content: "Hm." }), text("Yes."), end()],
      gives: { blocks: [thought, { text: "Yes." }] },
    },
  ],
  deepinfra: [
    {
      what: "counts the thoughts of some models beside the output",
      events: [text("Yes."), end(), counted({ completion_tokens_details: { reasoning_tokens: 1081 } })],
      gives: { usage: { outputTokens: 1090, reasoningTokens: 1081 } },
    },
  ],
};

const names = Object.keys(PROFILES) as CompatibleServer[];
const rows = names.flatMap((name) => CASES[name].map((one) => [name, one.what, one] as const));
const hosts = names.flatMap((name) => PROFILES[name].hosts.map((host) => [host, name] as const));

/** Of that address, though the bytes go over loopback. */
function clientAt(address: string, url: string, compatibility?: CompatibleServer): OpenAIInferenceClient {
  forgetEnvironment();
  const rerouted: typeof fetch = (input, init) => fetch(`${url}${new URL(String(input)).pathname}`, init);
  return new OpenAIInferenceClient({
    model: "planted-model",
    apiKey: KEY,
    baseURL: address,
    fetch: rerouted,
    retry: { maxAttempts: 1 },
    ...(compatibility === undefined ? {} : { compatibility }),
  });
}

async function played(name: CompatibleServer, { messages = HELLO, options = {}, events = [text("Hi"), end()] }: Case) {
  const server = await serveEvents(...events);
  const [host] = PROFILES[name].hosts;
  const client = host === undefined ? clientAt("http://127.0.0.1:1/v1", server.url, name) : clientAt(`https://${host}/v1`, server.url);
  return { generation: await client.stream(messages, options).result, body: bodyOf(server) };
}

describe("a server that is known", () => {
  it.each(rows)("%s %s", async (name, _, one) => {
    const { generation, body } = await played(name, one);
    if (one.sends !== undefined) expect(body).toMatchObject(one.sends);
    for (const member of one.sendsNot ?? []) expect(body).not.toHaveProperty(member);
    expect(generation).toMatchObject(one.gives ?? (one.events === undefined ? { text: "Hi" } : {}));
    expect(generation.warnings).toEqual((one.warnings ?? []).map((words) => expect.stringMatching(words)));
  });

  it.each(hosts)("is known by its host: %s is %s", async (host, name) => {
    const server = await serveEvents(text("Hi"), end());
    await clientAt(`https://${host}/v1`, server.url).stream(HELLO, { thinking: false }).result;
    await clientAt(`https://eu.${host}/v1`, server.url).stream(HELLO, { thinking: false }).result;
    await clientAt("http://127.0.0.1:1/v1", server.url, name).stream(HELLO, { thinking: false }).result;
    const [byHost, byRegion, byName] = [0, 1, 2].map((n) => bodyOf(server, n));
    expect(byRegion).toEqual(byHost);
    // OpenRouter's own words follow from the provider, which the name of a profile is not.
    if (name !== "openrouter") expect(byName).toEqual(byHost);
  });

  it.each(["http://127.0.0.1:11434/v1", "http://localhost:1234/v1", "https://api.groq.com.example.org/v1", "https://notapi.x.ai/v1"])(
    "is none by a port, or by what looks like its host: %s",
    async (address) => {
      const server = await serveEvents(text("Hi"), end(), counted({ completion_tokens_details: { reasoning_tokens: 5 } }));
      const { usage: told } = await clientAt(address, server.url).stream(HELLO, { tools: BOTH, toolChoice: { name: "hear" } }).result;
      expect(bodyOf(server)).toMatchObject({ tools: [{}, {}], tool_choice: { function: { name: "hear" } }, stream_options: {} });
      expect(told.outputTokens).toBe(9);
    },
  );

  it("gives Mistral the same ids for a call and its result, at every turn, and leaves its own", async () => {
    const own: ChatMessage[] = JSON.parse(JSON.stringify(CALLED).replaceAll("toolu_01_of_another", "aB3dE5gH9"));
    const ids = (body: Json): unknown[] =>
      (body.messages as Json[]).flatMap((message) => [
        ...((message.tool_calls as Json[] | undefined) ?? []).map(({ id }) => id),
        ...(message.tool_call_id === undefined ? [] : [message.tool_call_id]),
      ]);
    const what = "";
    const [made, again, kept] = await Promise.all(
      [CALLED, [...CALLED, ...HELLO], own].map(async (messages) =>
        ids((await played("mistral", { what, messages, options: { tools: BOTH } })).body),
      ),
    );
    expect(made).toHaveLength(2);
    expect(new Set(made).size).toBe(1);
    expect(made?.[0]).toMatch(/^[a-zA-Z0-9]{9}$/);
    expect(again).toEqual(made);
    expect(kept).toEqual(["aB3dE5gH9", "aB3dE5gH9"]);
  });

  it("gives way to what is said beside its name", async () => {
    const server = await serveEvents(text("Hi"), end());
    forgetEnvironment();
    const client = new OpenAIInferenceClient({
      model: "m",
      baseURL: server.url,
      compatibility: { profile: "llama.cpp", namedToolChoice: true, streamOptions: false },
      capabilities: { thinking: ["effort"] },
    });
    const { warnings } = await client.stream(HELLO, { tools: BOTH, toolChoice: { name: "hear" }, thinking: false }).result;
    expect(bodyOf(server)).toMatchObject({ tools: [{}, {}], tool_choice: { function: { name: "hear" } } });
    expect(bodyOf(server)).not.toHaveProperty("stream_options");
    expect(bodyOf(server)).not.toHaveProperty("reasoning_effort");
    expect(warnings).toEqual([expect.stringContaining("thinking: false")]);
  });

  it("has sources, each by its address, and a day on which they were read", () => {
    for (const { sources, checked, differs } of Object.values(PROFILES)) {
      expect([sources.length > 0, differs.length > 0]).toEqual([true, true]);
      for (const source of sources) expect(URL.canParse(source) && source.startsWith("https://")).toBe(true);
      expect(checked).toMatch(/^20\d\d-\d\d-\d\d$/);
    }
  });

  it.each([["chat-gpt"], [{ profile: "chat-gpt" }], [{ efforts: [] }], [{ toolCallIds: "eight" }]])(
    "is refused where it is none: %j",
    (compatibility) => {
      const options = { model: "m", baseURL: "http://127.0.0.1:1/v1", compatibility } as unknown as ConstructorParameters<
        typeof OpenAIInferenceClient
      >[0];
      expect(() => new OpenAIInferenceClient(options)).toThrow(/compatibility/);
    },
  );
});

describe("a server that is not known", () => {
  it.each<[status: number, message: string, option: RegExp]>([
    [400, "Jinja Exception: System message must be at the beginning.", /capabilities: \{ systemAnywhere: false \}/],
    [500, "system message must be at the beginning", /compatibility: "vllm"/],
    [
      400,
      "Invalid tool_choice type: 'object'. Supported string values: none, auto, required",
      /compatibility: \{ namedToolChoice: false \}/,
    ],
    [400, "tool_choice is not supported", /capabilities: \{ forcedToolChoice: false \}/],
    [400, "This response_format type is unavailable now", /capabilities: \{ structuredOutput: false \}/],
    [400, "Tool call id was toolu_1 but must be a-z, A-Z, 0-9, with a length of 9.", /compatibility: \{ toolCallIds: "nine" \}/],
    [422, "reasoning_effort: extra fields not permitted", /compatibility: \{ thinkingField/],
    [400, "Unexpected role: developer", /compatibility: \{ developerRole: false \}/],
  ])("whose refusal (%i, %s) is about an option is told of with that option", async (status, message, option) => {
    const server = await serve((_, response) => json(response, status, { error: { message } }));
    const failed = clientAt("http://127.0.0.1:1/v1", server.url).generate(HELLO);
    await expect(failed).rejects.toThrow(option);
  });

  it("is told of as before where it refuses anything else, and OpenAI always", async () => {
    const told = async (address: string, message: string): Promise<string> => {
      const server = await serve((_, response) => json(response, 400, { error: { message } }));
      return clientAt(address, server.url)
        .generate(HELLO)
        .then(
          ({ text: said }: Generation) => said,
          (error: Error) => error.message,
        );
    };
    for (const [address, message] of [
      ["http://127.0.0.1:1/v1", "temperature is too high"],
      ["https://api.openai.com/v1", "tool_choice is not supported"],
    ] as const) {
      expect(await told(address, message)).toContain("Change what the provider names");
    }
  });
});
