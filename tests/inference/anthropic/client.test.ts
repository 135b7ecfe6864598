import Anthropic from "@anthropic-ai/sdk";
import { type AnthropicClientLike, type AnthropicClientOptions, AnthropicInferenceClient } from "asimov-agents/anthropic";
import { describe, expect, it, vi } from "vitest";
import { ChatRole } from "#contract/base/vocabulary";
import type { ChatMessage } from "#contract/chat/message";
import { recorder } from "../../telemetry/recorder.ts";
import {
  answer,
  answerOf,
  bodyOf,
  clientOf,
  forgetEnvironment,
  HELLO,
  KEY,
  MODEL,
  PATIENT,
  refuse,
  sendAll,
  serve,
  textStream,
} from "./messages-server.ts";

const recorded = recorder();

describe("an Anthropic client", () => {
  it("sends its key as a bearer token, also where the environment holds another", async () => {
    const server = await serve((_request, response) => answer(response));
    const client = clientOf(server.url);
    vi.stubEnv("ANTHROPIC_API_KEY", "of-the-environment");
    await client.generate(HELLO);
    expect(server.requests[0]).toMatchObject({ method: "POST", url: "/v1/messages", headers: { authorization: `Bearer ${KEY}` } });
    await new AnthropicInferenceClient({ model: MODEL, baseURL: server.url }).generate(HELLO);
    expect(server.requests[1]?.headers.authorization).toBe("Bearer of-the-environment");
  });

  it("says what to do when there is no key, and sends nothing", async () => {
    const server = await serve((_request, response) => answer(response));
    forgetEnvironment();
    const client = new AnthropicInferenceClient({ model: MODEL, baseURL: server.url, retry: PATIENT });
    await expect(client.generate(HELLO)).rejects.toMatchObject({
      code: "unauthorized",
      retryable: false,
      message: expect.stringMatching(/no key was given.*apiKey or ANTHROPIC_API_KEY/),
    });
    expect(server.requests).toHaveLength(0);
  });

  it("asks for long answers without a stream", async () => {
    const server = await serve((_request, response) => answer(response));
    expect((await clientOf(server.url).generate(HELLO, { maxTokens: 128_000 })).text).toBe("Hi");
    expect(server.requests[0]?.body).toMatchObject({ max_tokens: 128_000 });
  });

  it("goes by the fetch that it is given", async () => {
    const server = await serve((_request, response) => answer(response));
    const urls: string[] = [];
    const given: typeof fetch = (input, init) => {
      urls.push(String(input));
      return fetch(input, init);
    };
    await clientOf(server.url, { fetch: given }).generate(HELLO);
    expect(urls).toEqual([`${server.url}/v1/messages`]);
  });

  it("thinks as it was made to, where a call does not say", async () => {
    const server = await serve((_request, response) => answer(response));
    const client = clientOf(server.url, { thinking: { effort: "low" } });
    await client.generate(HELLO);
    expect(server.requests[0]?.body).toMatchObject({ thinking: { type: "adaptive" }, output_config: { effort: "low" } });
  });

  it("asks the version of the API that samples, where the model is said to", async () => {
    const server = await serve((_request, response) => answer(response));
    await clientOf(server.url, { capabilities: { sampling: true } }).generate(HELLO, { temperature: 0.5 });
    expect(server.requests[0]).toMatchObject({ headers: { "anthropic-version": "2023-06-01" }, body: { temperature: 0.5 } });
    const { warnings } = await clientOf(server.url).generate(HELLO, { temperature: 0.5 });
    expect(warnings).toHaveLength(1);
    expect(server.requests[1]?.headers["anthropic-version"]).not.toBe("2023-06-01");
    expect(server.requests[1]?.body).not.toHaveProperty("temperature");
  });

  it("sends SYSTEM wherever it stands, as the model takes it there", async () => {
    const server = await serve((_request, response) => answer(response));
    const talk: ChatMessage[] = [...HELLO, { role: ChatRole.ASSISTANT, content: "Hi" }, { role: ChatRole.SYSTEM, content: "Be brief." }];
    const more: ChatMessage[] = [...talk, { role: ChatRole.USER, content: "Go on" }];
    const rolesOf = async (model: string, messages: ChatMessage[]): Promise<string[]> => {
      await clientOf(server.url, { model }).generate(messages);
      return bodyOf(server, server.requests.length - 1).messages.map(({ role }) => role);
    };
    expect(await rolesOf("claude-sonnet-5-5", talk)).toEqual(["user", "assistant", "user"]);
    expect(await rolesOf("claude-sonnet-5-5", more)).toEqual(["user", "assistant", "user", "system"]);
    expect(await rolesOf("claude-sonnet-4-6", talk)).toEqual(["user", "assistant", "user"]);
    expect(await rolesOf("claude-sonnet-4-6", more)).toEqual(["user", "assistant", "user"]);
  });

  it("gives an older model a budget for its thoughts, with room for the answer", async () => {
    const server = await serve((_request, response) => answer(response));
    await clientOf(server.url, { model: "claude-haiku-4-5" }).generate(HELLO, { thinking: true, maxTokens: 4096 });
    expect(server.requests[0]?.body).toMatchObject({ max_tokens: 4096, thinking: { type: "enabled", budget_tokens: 2048 } });
  });

  it("takes its key to no other host", async () => {
    const other = await serve((_request, response) => answer(response));
    const server = await serve((_request, response) => {
      response.writeHead(307, { location: `${other.url}/v1/messages` });
      response.end();
    });
    await expect(clientOf(server.url, { retry: PATIENT }).generate(HELLO)).rejects.toMatchObject({
      code: "hostile-response",
      retryable: false,
    });
    expect([server.requests.length, other.requests.length]).toEqual([1, 0]);
  });

  it("reads no more of an answer than it may", async () => {
    const server = await serve((_request, response, n) =>
      n === 0 ? answer(response, "x".repeat(5000)) : sendAll(response, ...textStream("x".repeat(5000))),
    );
    const client = clientOf(server.url, { maxResponseBytes: 4000 });
    await expect(client.generate(HELLO)).rejects.toMatchObject({ code: "hostile-response" });
    await expect(client.stream(HELLO).result).rejects.toMatchObject({ code: "hostile-response" });
  });

  it("is traced once: the SDK tells no span of its own", async () => {
    const server = await serve((_request, response, n) => (n === 0 ? answer(response) : sendAll(response, ...textStream("Hi"))));
    const client = clientOf(server.url);
    await client.generate(HELLO);
    await client.stream(HELLO).result;
    const ended = recorded.ended();
    expect(ended.map(({ name }) => name)).toEqual([`chat ${MODEL}`, `chat ${MODEL}`]);
    expect(recorded.started()).toBe(2);
    const { port } = new URL(server.url);
    expect(ended[0]?.attributes).toMatchObject({ "server.address": "127.0.0.1", "server.port": Number(port) });
  });

  it.each([
    [{ model: "" }, "model"],
    [{ model: MODEL, apikey: "k" }, "apikey"],
    [{ model: MODEL, apiKey: "" }, "apiKey"],
    [{ model: MODEL, baseURL: "ftp://example.com" }, "http or https"],
    [{ model: MODEL, client: {} }, "messages.create"],
    [{ model: MODEL, client: { messages: { create: async () => ({}) } }, apiKey: "k" }, "either client or those"],
    [{ model: MODEL, fetch: "fetch" }, "a function"],
  ])("refuses %j", (options, words) => {
    expect(() => new AnthropicInferenceClient(options as AnthropicClientOptions)).toThrow(
      expect.objectContaining({ code: "invalid-options", message: expect.stringContaining(words) }),
    );
  });
});

describe("a ready-made client of Anthropic's SDK", () => {
  const sdkClient = (baseURL: string, rest: object = {}): Anthropic => {
    forgetEnvironment();
    return new Anthropic({ apiKey: KEY, baseURL, maxRetries: 5, ...rest });
  };

  it("is one by its type, and keeps its key, its headers and its fetch", async () => {
    const server = await serve((_request, response, n) => (n === 0 ? answer(response) : sendAll(response, ...textStream("Hi"))));
    let fetched = 0;
    const own: typeof fetch = (input, init) => {
      fetched += 1;
      return fetch(input, init);
    };
    const ready: AnthropicClientLike = sdkClient(server.url, { fetch: own, defaultHeaders: { "x-team": "blue" } });
    const client = new AnthropicInferenceClient({ model: MODEL, client: ready });
    expect((await client.generate(HELLO)).text).toBe("Hi");
    expect((await client.stream(HELLO).result).text).toBe("Hi");
    expect(fetched).toBe(2);
    expect(server.requests[1]?.headers).toMatchObject({ authorization: `Bearer ${KEY}`, "x-team": "blue" });
  });

  it("makes no retries and no spans of its own", async () => {
    const server = await serve((_request, response) => refuse(response, 529, "overloaded_error"));
    const client = new AnthropicInferenceClient({ model: MODEL, client: sdkClient(server.url), retry: PATIENT });
    await expect(client.generate(HELLO)).rejects.toMatchObject({ attempts: 3 });
    expect(server.requests).toHaveLength(3);
    expect(recorded.ended().map(({ name }) => name)).toEqual([`chat ${MODEL}`]);
  });

  it("keeps its own retries for its own calls", async () => {
    const server = await serve((_request, response, n) =>
      n === 1 ? refuse(response, 529, "overloaded_error", "No.", { "retry-after-ms": "1" }) : answer(response),
    );
    const sdk = sdkClient(server.url);
    await new AnthropicInferenceClient({ model: MODEL, client: sdk }).generate(HELLO);
    await sdk.messages.create({ model: MODEL, max_tokens: 10, messages: [{ role: "user", content: "Hello" }] });
    expect(server.requests).toHaveLength(3);
  });

  it("frees its socket when the reader leaves, and sees bytes where it was silent", async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(": nothing yet\n\n");
    });
    const client = new AnthropicInferenceClient({ model: MODEL, client: sdkClient(server.url), retry: { maxAttempts: 1 } });
    await expect(client.stream(HELLO, { idleTimeoutMs: 100 }).result).rejects.toMatchObject({ code: "stream-idle" });
    await server.requests[0]?.closed;
  });

  it("may be any object that creates messages", async () => {
    const asked: { body: object; options: { maxRetries?: number; signal?: AbortSignal } }[] = [];
    const create = async (body: object, options: object): Promise<unknown> => {
      asked.push({ body, options });
      return "stream" in body
        ? (async function* () {
            yield* textStream("Hi");
          })()
        : answerOf("Hi");
    };
    const client = new AnthropicInferenceClient({ model: MODEL, client: { messages: { create } } });
    // Nobody sees the headers of what it asks for.
    expect(await client.generate(HELLO)).toMatchObject({ text: "Hi", headers: {}, rateLimits: {} });
    expect((await client.stream(HELLO).result).text).toBe("Hi");
    expect(asked).toMatchObject([
      { body: { model: MODEL }, options: { maxRetries: 0, signal: expect.any(AbortSignal) } },
      { body: { stream: true }, options: { maxRetries: 0, signal: expect.any(AbortSignal) } },
    ]);
  });
});
