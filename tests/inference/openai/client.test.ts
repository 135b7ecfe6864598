import { type OpenAIClientLike, type OpenAIClientOptions, OpenAIInferenceClient } from "asimov-agents/openai";
import OpenAI, { AzureOpenAI } from "openai";
import { describe, expect, it, vi } from "vitest";
import { recorder } from "../../telemetry/recorder.ts";
import {
  APIS,
  answer,
  bodyOf,
  clientOf,
  forgetEnvironment,
  HELLO,
  hiAnswer,
  hiStream,
  KEY,
  MODEL,
  PATIENT,
  refuse,
  serve,
} from "./openai-server.ts";

recorder();
const serveHi = () => serve(answer);

describe("an OpenAI client", () => {
  it("speaks Chat Completions with another server, and Responses when it is told to", async () => {
    const server = await serveHi();
    expect((await clientOf(server.url).generate(HELLO)).text).toBe("Hi");
    expect((await clientOf(server.url, { api: "responses" }).stream(HELLO).result).text).toBe("Hi");
    expect(server.requests.map(({ url }) => url)).toEqual(["/chat/completions", "/responses"]);
  });

  it("speaks Responses with OpenAI itself, and Chat Completions when it is told to", async () => {
    forgetEnvironment();
    const server = await serveHi();
    const seen: string[] = [];
    const rerouted: typeof fetch = (input, init) => {
      const url = new URL(String(input));
      seen.push(url.href);
      return fetch(`${server.url}${url.pathname}`, init);
    };
    const options = { model: MODEL, apiKey: KEY, fetch: rerouted };
    expect((await new OpenAIInferenceClient(options).generate(HELLO)).text).toBe("Hi");
    expect((await new OpenAIInferenceClient({ ...options, api: "chat" }).generate(HELLO)).text).toBe("Hi");
    expect(seen).toEqual(["https://api.openai.com/v1/responses", "https://api.openai.com/v1/chat/completions"]);
  });

  it.each([
    ["https://api.openai.com/v1", "openai"],
    ["https://eu.api.openai.com/v1", "openai"],
    ["https://openrouter.ai/api/v1", "openrouter"],
    ["https://api.openai.com.example.org/v1", "openai-compatible"],
    ["http://127.0.0.1:11434/v1", "openai-compatible"],
  ])("that goes to %s is of the provider %s, unless it is named", (baseURL, provider) => {
    expect(clientOf(baseURL).provider).toBe(provider);
    expect(clientOf(baseURL, { provider: "azure.ai.openai" }).provider).toBe("azure.ai.openai");
  });

  it("sends nothing that the environment holds for OpenAI to a server that an option names", async () => {
    const server = await serveHi();
    forgetEnvironment();
    const held = ["API_KEY", "ADMIN_KEY", "ORG_ID", "PROJECT_ID"];
    for (const name of held) vi.stubEnv(`OPENAI_${name}`, `planted-${name}`);
    vi.stubEnv("OPENAI_CUSTOM_HEADERS", "x-secret: planted-header\nauthorization: planted-bearer");
    await new OpenAIInferenceClient({ model: MODEL, baseURL: server.url }).generate(HELLO);
    await new OpenAIInferenceClient({ model: MODEL, baseURL: server.url, apiKey: KEY }).generate(HELLO);
    expect(JSON.stringify(server.requests.map(({ headers }) => headers)).replaceAll(KEY, "own")).not.toContain("planted");
    expect(server.requests[1]?.headers.authorization).toBe(`Bearer ${KEY}`);
  });

  it("sends the environment's key to the server that the environment names, or a placeholder", async () => {
    const server = await serveHi();
    forgetEnvironment();
    vi.stubEnv("OPENAI_BASE_URL", server.url);
    await new OpenAIInferenceClient({ model: MODEL }).generate(HELLO);
    vi.stubEnv("OPENAI_API_KEY", "of-the-environment");
    await new OpenAIInferenceClient({ model: MODEL }).generate(HELLO);
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer no-key", "Bearer of-the-environment"]);
    expect(server.requests[0]?.url).toBe("/chat/completions");
  });

  it("says where to put a key when there is none", async () => {
    forgetEnvironment();
    const error = await new OpenAIInferenceClient({ model: MODEL }).generate(HELLO).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "unauthorized", retryable: false, message: expect.stringContaining("OPENAI_API_KEY") });
  });

  it.each(APIS)("uses a ready-made SDK client by %s, without its retries", async (api) => {
    const server = await serve((_request, response) => refuse(response, 503, {}));
    forgetEnvironment();
    const client = new OpenAI({ apiKey: KEY, baseURL: server.url, maxRetries: 5 });
    const own = new OpenAIInferenceClient({ model: MODEL, client, api, retry: PATIENT });
    await expect(own.generate(HELLO)).rejects.toMatchObject({ code: "retries-exceeded" });
    expect(server.requests).toHaveLength(3);
    expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
  });

  it.each(APIS)("uses a ready-made client of Azure by %s, with its version, its deployment and its key", async (api) => {
    const server = await serve((request, response, n) =>
      n < 2 ? answer({ ...request, url: request.url.split("?")[0] ?? "" }, response) : refuse(response, 503, {}),
    );
    forgetEnvironment();
    const seen: string[] = [];
    const rerouted: typeof fetch = (input, init) => {
      const url = new URL(String(input));
      seen.push(url.host);
      return fetch(`${server.url}${url.pathname}${url.search}`, init);
    };
    const about = { endpoint: "https://team.openai.azure.com", apiVersion: "2026-10-01", deployment: "our-gpt" };
    const client: OpenAIClientLike = new AzureOpenAI({ ...about, apiKey: KEY, fetch: rerouted, maxRetries: 5 });
    const own = new OpenAIInferenceClient({ model: "gpt-5.2", client, api, retry: PATIENT, maxTokens: 50 });
    expect(own.provider).toBe("azure.ai.openai");
    expect(await own.generate(HELLO, { temperature: 0.5 })).toMatchObject({
      text: "Hi",
      warnings: [expect.stringContaining("temperature")],
    });
    expect((await own.stream(HELLO, { thinking: false }).result).text).toBe("Hi");
    await expect(own.generate(HELLO)).rejects.toMatchObject({ code: "retries-exceeded" });
    expect(server.requests).toHaveLength(5);
    const path = api === "chat" ? "/openai/deployments/our-gpt/chat/completions" : "/openai/responses";
    expect(server.requests.map(({ url }) => url)).toEqual(Array(5).fill(`${path}?api-version=2026-10-01`));
    expect(server.requests.map(({ headers }) => headers["api-key"])).toEqual(Array(5).fill(KEY));
    expect(new Set(seen)).toEqual(new Set(["team.openai.azure.com"]));
    const limit = api === "chat" ? { max_completion_tokens: 50 } : { max_output_tokens: 50 };
    expect(bodyOf(server)).toMatchObject(limit);
    expect(bodyOf(server, 1)).toMatchObject(api === "chat" ? { reasoning_effort: "none" } : { reasoning: { effort: "none" } });
  });

  it("copies a client of Azure with its version and its deployment, which not every version of the SDK does by itself", async () => {
    const copies: unknown[] = [];
    const client = {
      apiVersion: "2026-10-01",
      deploymentName: "our-gpt",
      chat: { completions: { create: async () => hiAnswer("chat") } },
      responses: { create: async () => hiAnswer("responses") },
      withOptions(options: object) {
        copies.push(options);
        return this;
      },
    };
    expect((await new OpenAIInferenceClient({ model: MODEL, client, api: "chat" }).generate(HELLO)).text).toBe("Hi");
    expect(copies).toMatchObject([{ apiVersion: "2026-10-01", deployment: "our-gpt", maxRetries: 0, fetch: expect.any(Function) }]);
  });

  it("chats with Azure, unless it is told otherwise", async () => {
    const server = await serveHi();
    forgetEnvironment();
    const rerouted: typeof fetch = (_input, init) => fetch(`${server.url}/chat/completions`, init);
    const client = new AzureOpenAI({ endpoint: "https://team.openai.azure.com", apiVersion: "2026-10-01", apiKey: KEY, fetch: rerouted });
    expect((await new OpenAIInferenceClient({ model: "our-gpt", client }).generate(HELLO)).text).toBe("Hi");
    expect(bodyOf(server)).toMatchObject({ model: "our-gpt", messages: [{ role: "user" }] });
  });

  it("uses anything that looks like a client", async () => {
    const asked: { body: object; options: object }[] = [];
    async function* events() {
      yield* hiStream("chat");
    }
    const create = async (body: object, options: object) => {
      asked.push({ body, options });
      return "stream" in body ? events() : hiAnswer("chat");
    };
    const client: OpenAIClientLike = { chat: { completions: { create } }, responses: { create } };
    const own = new OpenAIInferenceClient({ model: MODEL, client });
    expect((await own.generate(HELLO)).text).toBe("Hi");
    expect((await own.stream(HELLO).result).text).toBe("Hi");
    for (const { options } of asked) expect(options).toMatchObject({ maxRetries: 0, signal: expect.any(AbortSignal) });
    expect(asked).toHaveLength(2);
  });

  it.each<[string, object, RegExp]>([
    ["an unknown option", { modle: "x" }, /modle/],
    ["an api that is none", { api: "assistants" }, /api/],
    ["an address of another kind", { baseURL: "ftp://example.org" }, /baseURL: expected an http or https address/],
    ["a client that is none", { client: {} }, /chat\.completions\.create/],
    ["a client and a key", { client: new OpenAI({ apiKey: KEY }), apiKey: KEY }, /either client or those/],
    ["an unknown compatibility", { compatibility: { finish: true } }, /compatibility/],
  ])("refuses %s", (_what, options, message) => {
    const make = () => new OpenAIInferenceClient({ model: MODEL, ...options } as OpenAIClientOptions);
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: "invalid-options" }));
  });

  it.each<[string, Partial<OpenAIClientOptions>, object, string[]]>([
    ["a server that nobody knows", {}, {}, ["thinking: false"]],
    ["a server whose user knows better", { capabilities: { thinking: ["effort", "off"] } }, { reasoning_effort: "none" }, []],
    ["OpenRouter", { provider: "openrouter" }, { reasoning: { effort: "none" } }, []],
    ["OpenAI's later models", { provider: "openai" }, { reasoning_effort: "none" }, []],
    ["OpenAI's first models that think", { provider: "openai", model: "gpt-5-mini" }, {}, ["thinking: false"]],
    ["OpenAI's models that do not think", { provider: "openai", model: "gpt-5-chat-latest" }, {}, []],
  ])("tells %s not to think only in words that it takes, and says where it cannot", async (_whom, options, expected, told) => {
    const server = await serveHi();
    const { warnings } = await clientOf(server.url, options).generate(HELLO, { thinking: false });
    const { reasoning_effort, reasoning } = bodyOf(server);
    expect({ reasoning_effort, reasoning }).toEqual({ reasoning_effort: undefined, reasoning: undefined, ...expected });
    expect(warnings).toEqual(told.map((words) => expect.stringContaining(words)));
  });

  it("asks for whole answers and streams with the same words", async () => {
    const server = await serveHi();
    const client = clientOf(server.url);
    await client.generate(HELLO);
    await client.stream(HELLO).result;
    const { stream, stream_options: usage, ...rest } = bodyOf(server, 1);
    expect(rest).toEqual(bodyOf(server, 0));
    expect({ stream, usage }).toEqual({ stream: true, usage: { include_usage: true } });
  });
});
