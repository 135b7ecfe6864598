/** What holds for every client alike, each on its provider's own SDK against a local server of its wire format. */
import { getEventListeners } from "node:events";
import { OAuth2Client } from "google-auth-library";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import type { ChatMessage } from "../../src/contract/chat.ts";
import { NonRetryableError } from "../../src/contract/errors.ts";
import type { GenerateOptions, Generation, StreamPart } from "../../src/contract/generation.ts";
import {
  ContextLengthExceededError,
  FinalInferenceError,
  InferenceError,
  RetriesExceededError,
} from "../../src/contract/inference-errors.ts";
import { defineTool } from "../../src/contract/tool.ts";
import { AnthropicInferenceClient } from "../../src/inference/anthropic/client.ts";
import { BedrockInferenceClient } from "../../src/inference/bedrock/client.ts";
import type { ClientOptions } from "../../src/inference/call-settings.ts";
import type { InferenceClient } from "../../src/inference/client.ts";
import { GoogleGenAIInferenceClient } from "../../src/inference/genai/client.ts";
import { OpenAIInferenceClient } from "../../src/inference/openai/client.ts";
import { VertexInferenceClient } from "../../src/inference/vertex/client.ts";
import type { Script, ScriptedTurn } from "../../src/testing/script.ts";
import { type InferenceServer, type InferenceServerFormat, startInferenceServer } from "../../src/testing/servers/inference-server.ts";
import type { ServedRequest } from "../../src/testing/servers/served-request.ts";

const SECRET = "planted-secret-0123456789";

interface Provider {
  name: string;
  format: InferenceServerFormat;
  make(url: string, options: ClientOptions): InferenceClient;
  /** Whether thoughts come with what proves them, to be sent back. */
  signs: boolean;
  /** Whether the provider tells how many tokens were thoughts. */
  tellsReasoning: boolean;
  /** Whether it tells how many tokens were written to its cache. */
  tellsCacheWrites: boolean;
  /** Whether it sends a tool's input piece by piece, as text. */
  streamsToolInput: boolean;
}

const PROVIDERS: Provider[] = [
  {
    name: "Anthropic",
    format: "anthropic",
    make: (baseURL, options) => new AnthropicInferenceClient({ model: "claude-sonnet-4-5", apiKey: SECRET, baseURL, ...options }),
    signs: true,
    tellsReasoning: true,
    tellsCacheWrites: true,
    streamsToolInput: true,
  },
  {
    name: "Bedrock",
    format: "bedrock",
    make: (endpoint, options) =>
      new BedrockInferenceClient({
        model: "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        region: "us-east-1",
        endpoint,
        credentials: { accessKeyId: "AKIAPLANTED0", secretAccessKey: SECRET },
        ...options,
      }),
    signs: true,
    tellsReasoning: false,
    tellsCacheWrites: true,
    streamsToolInput: true,
  },
  {
    name: "OpenAI Responses",
    format: "openai-responses",
    make: (baseURL, options) => new OpenAIInferenceClient({ model: "gpt-5.6", api: "responses", apiKey: SECRET, baseURL, ...options }),
    signs: true,
    tellsReasoning: true,
    tellsCacheWrites: true,
    streamsToolInput: true,
  },
  {
    name: "OpenAI Chat Completions",
    format: "openai-chat",
    make: (baseURL, options) => new OpenAIInferenceClient({ model: "local-model", api: "chat", apiKey: SECRET, baseURL, ...options }),
    signs: false,
    tellsReasoning: true,
    tellsCacheWrites: true,
    streamsToolInput: true,
  },
  {
    name: "Google GenAI",
    format: "gemini",
    make: (baseURL, options) => new GoogleGenAIInferenceClient({ model: "gemini-3-pro-preview", apiKey: SECRET, baseURL, ...options }),
    signs: true,
    tellsReasoning: true,
    tellsCacheWrites: false,
    streamsToolInput: false,
  },
  {
    name: "Vertex",
    format: "gemini",
    make: (url, options) => {
      const authClient = new OAuth2Client();
      authClient.setCredentials({ access_token: SECRET, expiry_date: Date.now() + 3_600_000 });
      return new VertexInferenceClient({
        model: "gemini-2.5-pro",
        project: "planted-project",
        location: "us-central1",
        apiEndpoint: new URL(url).host,
        googleAuthOptions: { authClient },
        ...options,
      });
    },
    signs: true,
    tellsReasoning: true,
    tellsCacheWrites: false,
    streamsToolInput: false,
  },
];

const open: InferenceServer[] = [];

beforeEach(() => {
  for (const name of Object.keys(process.env)) {
    if (/^(?:ANTHROPIC|OPENAI|AWS|GOOGLE|GEMINI)_/.test(name)) vi.stubEnv(name, undefined);
  }
  // The Vertex SDK speaks https alone, by the platform's fetch.
  const direct = globalThis.fetch;
  vi.stubGlobal("fetch", (input: string | URL | Request, init?: RequestInit) => {
    const isLocal = typeof input === "string" && input.startsWith("https://127.0.0.1:");
    return direct(isLocal ? input.replace("https:", "http:") : input, init);
  });
});

afterEach(async () => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  await Promise.all(open.splice(0).map((server) => server.close()));
});

const ask = (content = "What is 1 + 2?"): ChatMessage[] => [{ role: "USER", content }];
const add = defineTool({
  name: "add",
  description: "Adds two numbers",
  input: z.object({ a: z.number(), b: z.number(), note: z.string() }),
  run: ({ a, b }) => a + b,
});
const input = { a: 1, b: 2, note: "three words and a 🎉" };
const call = { name: "add", input, id: "toolu_01_planted" };
const once: ClientOptions = { retry: { maxAttempts: 1 } };
/** Two attempts, with no wait of our own between them. */
const twice: ClientOptions = { retry: { maxAttempts: 2, initialDelayMs: 0 } };

async function partsOf(stream: AsyncIterable<StreamPart>): Promise<StreamPart[]> {
  const parts: StreamPart[] = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

/** The kinds of parts in their order, deltas of one block as one. */
const kindsOf = (parts: readonly StreamPart[]): string[] =>
  parts.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1]);

async function errorOf(promise: Promise<unknown>): Promise<InferenceError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Error);
  return error as InferenceError;
}

/** What two answers to the same question have in common: all but the provider's raw one, and the ids that we make up. */
function comparable({ raw: _raw, ...generation }: Generation): unknown {
  return JSON.parse(JSON.stringify(generation).replaceAll(/scripted[-_]\d+/g, "scripted"));
}

describe.each(PROVIDERS)("every client: $name", ({ format, make, signs, tellsReasoning, tellsCacheWrites, streamsToolInput }) => {
  async function serve(
    script: Script<ServedRequest>,
    options: ClientOptions = once,
  ): Promise<{ server: InferenceServer; client: InferenceClient }> {
    const server = await startInferenceServer(format, script);
    open.push(server);
    return { server, client: make(server.url, { maxTokens: 4096, ...options }) };
  }

  /** The same turn, asked for whole and as a stream. */
  async function both(
    turn: ScriptedTurn,
    options: GenerateOptions = {},
  ): Promise<{ whole: Generation; streamed: Generation; parts: StreamPart[] }> {
    const { server, client } = await serve([turn, turn]);
    const whole = await client.generate(ask(), options);
    const stream = client.stream(ask(), options);
    const parts = await partsOf(stream);
    const streamed = await stream.result;
    server.assertDone();
    expect(server.requests.map((request) => request.stream)).toEqual([false, true]);
    return { whole, streamed, parts };
  }

  it("answers in text", async () => {
    const { whole, parts } = await both({ text: "Zwölf 🎉, and 日本." });
    expect(whole).toMatchObject({
      text: "Zwölf 🎉, and 日本.",
      blocks: [{ type: "text", text: "Zwölf 🎉, and 日本." }],
      finishReason: { unified: "stop" },
      warnings: [],
    });
    expect(kindsOf(parts)).toEqual(["text-start", "text-delta", "text-end", "finish"]);
    expect(parts.flatMap((part) => (part.type === "text-delta" ? [part.text] : []))).toEqual(["Zwölf ", "🎉, ", "and ", "日本."]);
  });

  it("gives the same answer whole and streamed", async () => {
    const signature = btoa("a signature of its own");
    const { whole, streamed } = await both(
      { thinking: { text: "Hm, hm.", signature }, text: "Let me add.", toolCalls: [call], usage: { inputTokens: 20, outputTokens: 10 } },
      { tools: [add] },
    );
    expect(comparable(streamed)).toEqual(comparable(whole));
    expect(whole.blocks.map(({ type }) => type)).toEqual(["thinking", "text", "tool-use"]);
    expect(whole.text).toBe("Let me add.");
  });

  it("streams thoughts, text and tool calls as parts in their order", async () => {
    const { parts } = await both(
      { thinking: "Hm, hm.", text: "Let me add.", toolCalls: [call, { ...call, id: "toolu_02" }] },
      { tools: [add] },
    );
    const toolKinds = ["tool-input-start", "tool-input-delta", "tool-call"];
    expect(kindsOf(parts)).toEqual([
      ...["thinking-start", "thinking-delta", "thinking-end", "text-start", "text-delta", "text-end"],
      ...[...toolKinds, ...toolKinds, "finish"],
    ]);
    const calls = parts.filter((part) => part.type === "tool-call");
    expect(calls).toMatchObject([
      { name: "add", input, id: call.id },
      { name: "add", input, id: "toolu_02" },
    ]);
    const deltas = parts.flatMap((part) => (part.type === "tool-input-delta" && part.id === call.id ? [part] : []));
    expect(JSON.parse(deltas.map(({ delta }) => delta).join(""))).toEqual(input);
    expect(deltas.length > 1).toBe(streamsToolInput);
    expect(deltas.at(-1)?.preview).toEqual(input);
  });

  it("ends with the reason for which the model ended", async () => {
    const reasons = ["stop", "length", "content-filter"] as const;
    for (const finishReason of reasons) {
      const { whole, streamed } = await both({ text: "Too lo", finishReason });
      expect([whole.finishReason.unified, streamed.finishReason.unified]).toEqual([finishReason, finishReason]);
    }
    const { whole, streamed } = await both({ text: "Let me add.", toolCalls: [call] }, { tools: [add] });
    expect([whole.finishReason.unified, streamed.finishReason.unified]).toEqual(["tool-calls", "tool-calls"]);
  });

  it("counts tokens alike: all that went in, all that came out", async () => {
    const cacheWriteTokens = tellsCacheWrites ? 30 : 0;
    const usage = { inputTokens: 100, outputTokens: 20, cacheReadTokens: 60, cacheWriteTokens, reasoningTokens: 5 };
    const { whole, streamed, parts } = await both({ thinking: "Hm.", text: "One", usage });
    const { reasoningTokens, ...told } = usage;
    const expected = { ...told, ...(tellsReasoning ? { reasoningTokens } : {}) };
    for (const counted of [whole.usage, streamed.usage]) expect(counted).toMatchObject(expected);
    expect(parts.at(-1)).toMatchObject({ type: "finish", usage: expected });
  });

  it("hands back what the model thought and called, with its proof, and the results", async () => {
    const signature = btoa("a signature of its own");
    const { server, client } = await serve([
      { thinking: { text: "Hm, hm.", signature }, toolCalls: [call] },
      { text: "It is 3.", expect: "three indeed" },
    ]);
    const { blocks } = await client.stream(ask(), { tools: [add], thinking: true }).result;
    const conversation: ChatMessage[] = [
      ...ask(),
      // As it comes out of a snapshot.
      { role: "ASSISTANT", content: JSON.parse(JSON.stringify(blocks)) },
      { role: "TOOL_RESULT", content: [{ type: "tool-result", toolUseId: call.id, content: "three indeed" }] },
    ];
    expect((await client.generate(conversation, { tools: [add], thinking: true })).text).toBe("It is 3.");
    const sent = JSON.stringify(server.requests[1]?.body);
    expect(sent.includes(signature)).toBe(signs);
    expect(sent).toContain("three words and a");
    server.assertDone();
  });

  it.each([
    [401, "unauthorized"],
    [403, "unauthorized"],
    [404, "model-not-found"],
    [400, "invalid-request"],
  ])("makes status %i a final error, after one request", async (status, code) => {
    const error = { status, message: "No." };
    const { server, client } = await serve([{ error }, { error }], twice);
    for (const asked of [() => client.generate(ask()), () => client.stream(ask()).result]) {
      const thrown = await errorOf(asked());
      expect(thrown).toBeInstanceOf(FinalInferenceError);
      expect(thrown).toBeInstanceOf(NonRetryableError);
      expect(thrown).toBeInstanceOf(InferenceError);
      expect(thrown).toMatchObject({ status, code, retryable: false, provider: client.provider, model: client.model });
    }
    expect(server.requests).toHaveLength(2);
  });

  it("retries what is rate limited, waits as it is asked, and gives up after the last attempt", async () => {
    const error = { status: 429, retryAfterMs: 1000 };
    const { server, client } = await serve([{ error }, { error }], { retry: { maxAttempts: 2, initialDelayMs: 0 } });
    const thrown = await errorOf(client.generate(ask()));
    expect(thrown).toBeInstanceOf(RetriesExceededError);
    expect(thrown).toMatchObject({ attempts: 2, status: 429, retryAfter: 1000 });
    expect(thrown.cause).toMatchObject({ code: "rate-limited", retryable: true, retryAfter: 1000 });
    server.assertDone();
  });

  it("gives up at once when it is asked to wait for longer than it may", async () => {
    const { server, client } = await serve([{ error: { status: 429, retryAfterMs: 600_000 } }], twice);
    expect(await errorOf(client.generate(ask()))).toMatchObject({ code: "retries-exceeded", attempts: 1, retryAfter: 600_000 });
    server.assertDone();
  });

  it.each([500, 503])("retries status %i, streamed or not", async (status) => {
    const error = { error: { status } };
    const { server, client } = await serve([error, "One", error, "Two"], twice);
    expect((await client.generate(ask())).text).toBe("One");
    expect((await client.stream(ask()).result).text).toBe("Two");
    server.assertDone();
  });

  it("knows a conversation that is too long", async () => {
    const error = { reason: "context-length-exceeded" };
    const { server, client } = await serve([{ error }, { error }], twice);
    for (const asked of [() => client.generate(ask()), () => client.stream(ask()).result]) {
      const thrown = await errorOf(asked());
      expect(thrown).toBeInstanceOf(ContextLengthExceededError);
      expect(thrown).toMatchObject({ code: "context-length-exceeded", retryable: false });
    }
    server.assertDone();
  });

  it("fails in the middle of a stream with what had come, and does not ask again", async () => {
    const { server, client } = await serve([{ text: "one two three", error: { status: 503, after: 2 } }, "never"], twice);
    const texts: string[] = [];
    const thrown = await errorOf(
      (async () => {
        for await (const text of client.stream(ask()).text) texts.push(text);
      })(),
    );
    expect(texts.join("")).toBe("one two ");
    expect(thrown).toBeInstanceOf(InferenceError);
    expect(thrown).toMatchObject({ retryable: true, partial: [{ type: "text", text: "one two " }] });
    expect(server.requests).toHaveLength(1);
  });

  it("asks again when a stream fails before anything came", async () => {
    const { server, client } = await serve([{ text: "one", error: { status: 503, after: 0 } }, "Two"], twice);
    expect((await client.stream(ask()).result).text).toBe("Two");
    server.assertDone();
  });

  it("takes a stream without its end mark for cut off", async () => {
    const { client } = await serve([{ text: "one two", truncated: true }]);
    const thrown = await errorOf(client.stream(ask()).result);
    expect(thrown).toMatchObject({ code: "stream-truncated", retryable: true, partial: [{ type: "text", text: "one two" }] });
  });

  it("takes a whole answer that breaks off for a failure that a retry may mend", async () => {
    const { server, client } = await serve([{ text: "one two", truncated: true }, "Two"], twice);
    expect((await client.generate(ask())).text).toBe("Two");
    server.assertDone();
  });

  it("frees socket and signal when its reader leaves", async () => {
    const { server, client } = await serve([{ text: "one two", chunkDelayMs: 600_000 }]);
    const { signal } = new AbortController();
    for await (const text of client.stream(ask(), { signal }).text) {
      expect(text).toBe("one ");
      break;
    }
    expect(await server.requests[0]?.ended).toBe("cut");
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("frees socket and signal when it is aborted, before an answer and in the middle of one", async () => {
    let controller = new AbortController();
    const abort = (): ScriptedTurn => {
      controller.abort();
      return { text: "late", delayMs: 600_000 };
    };
    const { server, client } = await serve([abort, abort, { text: "one two", chunkDelayMs: 600_000 }]);
    const asked = [
      ({ signal }: AbortController) => client.generate(ask(), { signal }),
      ({ signal }: AbortController) => client.stream(ask(), { signal }).result,
      async ({ signal }: AbortController) => {
        for await (const _ of client.stream(ask(), { signal }).text) controller.abort();
      },
    ];
    for (const start of asked) {
      controller = new AbortController();
      expect(await errorOf(start(controller))).toMatchObject({ name: "AbortError", code: "aborted" });
      expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
      expect(await server.requests.at(-1)?.ended).toBe("cut");
    }
    expect(server.requests).toHaveLength(3);
  });

  it("asks nothing when it is aborted already", async () => {
    const { server, client } = await serve(["never"]);
    const signal = AbortSignal.abort();
    expect(await errorOf(client.generate(ask(), { signal }))).toMatchObject({ name: "AbortError" });
    expect(await errorOf(client.stream(ask(), { signal }).result)).toMatchObject({ name: "AbortError" });
    expect(server.requests).toHaveLength(0);
  });

  it("ends a call that has been silent for too long, and frees its socket", async () => {
    const { server, client } = await serve([
      { text: "late", delayMs: 600_000 },
      { text: "late", delayMs: 600_000 },
      { text: "one two", chunkDelayMs: 600_000 },
    ]);
    const options = { idleTimeoutMs: 500 };
    for (const asked of [() => client.generate(ask(), options), () => client.stream(ask(), options).result]) {
      expect(await errorOf(asked())).toMatchObject({ code: "stream-idle", retryable: true });
    }
    expect(await errorOf(client.stream(ask(), options).result)).toMatchObject({ code: "stream-idle", partial: [{ text: "one " }] });
    for (const { ended } of server.requests) expect(await ended).toBe("cut");
    expect(server.requests).toHaveLength(3);
  });

  it("shows no key and no prompt in an error, wherever one looks", async () => {
    const echo = ({ lastMessage }: ServedRequest): ScriptedTurn => ({
      error: { status: 400, message: `Bad request with ${SECRET}: ${lastMessage.text}` },
    });
    const { client } = await serve([echo, echo]);
    const prompt = "the planted prompt, which is long enough to be told apart";
    for (const asked of [() => client.generate(ask(prompt)), () => client.stream(ask(prompt)).result]) {
      const thrown = await errorOf(asked());
      const shown = [String(thrown), thrown.stack, JSON.stringify(thrown), String(thrown.cause), JSON.stringify(thrown.cause ?? null)].join(
        "\n",
      );
      expect(shown).not.toContain(SECRET);
      expect(shown).not.toContain(prompt);
    }
  });
});
