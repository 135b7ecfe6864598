import { VertexAI } from "@google-cloud/vertexai";
import { type VertexClientLike, type VertexClientOptions, VertexInferenceClient } from "asimov-agents/vertex";
import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { defineTool } from "#contract/chat/tool";
import { toFault } from "#inference/vertex/errors";
import { answer, bodyOf, end, HELLO, type Json, KEY, MODEL, PATIENT, sendAll, serve, signedIn, vertexOf } from "../gemini/gemini-server.ts";

describe("a client of the Vertex SDK", () => {
  it("asks its project at its location, as whom it is signed in, without the header that we know it by", async () => {
    const server = await serve((_request, response, n) => (n === 0 ? answer(response) : sendAll(response, end([{ text: "Hi" }]))));
    const client = vertexOf(server.url);
    expect((await client.generate(HELLO)).text).toBe("Hi");
    expect((await client.stream(HELLO).result).text).toBe("Hi");
    expect(client.provider).toBe("gcp.vertex_ai");
    const path = `/v1/projects/planted-project/locations/us-central1/publishers/google/models/${MODEL}`;
    expect(server.requests.map(({ url }) => url)).toEqual([`${path}:generateContent`, `${path}:streamGenerateContent?alt=sse`]);
    for (const { headers } of server.requests) {
      expect(headers.authorization).toBe(`Bearer ${KEY}`);
      expect(Object.keys(headers).filter((name) => name.includes("asimov"))).toEqual([]);
    }
  });

  it("tells schemas in the words of OpenAPI", async () => {
    const server = await serve((_request, response) => answer(response, '{"n":1}'));
    const output = z.strictObject({ n: z.union([z.number(), z.null()]) });
    const input = z.strictObject({ a: z.string().default("x") });
    const tools = [
      defineTool({ name: "say", description: "Says", input, run: () => 0 }),
      defineTool({ name: "now", description: "The time", input: z.strictObject({}), run: () => 0 }),
    ];
    expect((await vertexOf(server.url).generate(HELLO, { output, tools })).output).toEqual({ n: 1 });
    const { generationConfig, tools: told } = bodyOf(server);
    expect(generationConfig).toEqual({
      responseMimeType: "application/json",
      responseSchema: { type: "OBJECT", properties: { n: { type: "NUMBER", nullable: true } }, required: ["n"] },
    });
    const parameters = { type: "OBJECT", properties: { a: { type: "STRING", default: "x" } } };
    expect(told).toEqual([
      {
        functionDeclarations: [
          { name: "say", description: "Says", parameters },
          { name: "now", description: "The time" },
        ],
      },
    ]);
  });

  it.each([
    ["us-central1", "us-central1-aiplatform.googleapis.com"],
    ["global", "aiplatform.googleapis.com"],
  ])("goes to the host of the location %s", async (location, host) => {
    const server = await serve((_request, response) => answer(response));
    vertexOf(server.url);
    const urls: string[] = [];
    const direct = globalThis.fetch;
    vi.stubGlobal("fetch", (input: string, init?: RequestInit) => {
      urls.push(input);
      return direct(server.url, init);
    });
    const client = new VertexInferenceClient({ model: MODEL, project: "p", location, googleAuthOptions: signedIn() });
    expect((await client.generate(HELLO)).text).toBe("Hi");
    expect(urls).toEqual([`https://${host}/v1/projects/p/locations/${location}/publishers/google/models/${MODEL}:generateContent`]);
  });

  it("says what to do when there is no project", async () => {
    const server = await serve((_request, response) => answer(response));
    vertexOf(server.url);
    const client = new VertexInferenceClient({ model: MODEL, googleAuthOptions: signedIn(), retry: PATIENT });
    await expect(client.generate(HELLO)).rejects.toMatchObject({
      code: "unauthorized",
      retryable: false,
      message: expect.stringMatching(/no project was given/),
    });
  });

  it("says so when signing in fails, and sends nothing", async () => {
    const server = await serve((_request, response) => answer(response));
    const authClient = { getAccessToken: async () => Promise.reject(new Error("invalid_grant")) };
    const client = vertexOf(server.url, { googleAuthOptions: { authClient }, retry: PATIENT });
    await expect(client.generate(HELLO)).rejects.toMatchObject({ code: "unauthorized", retryable: false });
    await expect(client.stream(HELLO).result).rejects.toMatchObject({ code: "unauthorized", retryable: false });
    expect(server.requests).toHaveLength(0);
  });

  it("ends a call that is aborted while it signs in, and sends nothing later", async () => {
    const server = await serve((_request, response) => answer(response));
    const controller = new AbortController();
    const token = Promise.withResolvers<{ token: string }>();
    const authClient = {
      getAccessToken: () => {
        controller.abort();
        return token.promise;
      },
    };
    const client = vertexOf(server.url, { googleAuthOptions: { authClient } });
    const led = globalThis.fetch;
    await expect(client.generate(HELLO, { signal: controller.signal })).rejects.toMatchObject({ code: "aborted" });
    expect(globalThis.fetch).not.toBe(led);
    token.resolve({ token: KEY });
    // All that follows a token is promises, up to the fetch that refuses.
    await new Promise((resolve) => setImmediate(resolve));
    expect(globalThis.fetch).toBe(led);
    expect(server.requests).toHaveLength(0);
  });

  it.each<[Json, string]>([
    [{ model: "" }, "model"],
    [{ apiKey: "k" }, "apiKey"],
    [{ apiEndpoint: "https://example.com" }, "without https://"],
    [{ client: {} }, "getGenerativeModel"],
    [{ client: { getGenerativeModel() {} }, project: "p" }, "either client or those"],
    [{ googleAuthOptions: "key.json" }, "an object"],
  ])("refuses %j", (options, words) => {
    expect(() => new VertexInferenceClient({ model: MODEL, ...options } as VertexClientOptions)).toThrow(
      expect.objectContaining({ code: "invalid-options", message: expect.stringContaining(words) }),
    );
  });
});

describe("a ready-made client of the Vertex SDK", () => {
  it("is one by its type, and frees its socket when the reader leaves", async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`data: ${JSON.stringify(end([{ text: "Hi" }]))}\r\n\r\n`);
    });
    vertexOf(server.url);
    const ready: VertexClientLike = new VertexAI({
      project: "theirs",
      location: "europe-west4",
      apiEndpoint: new URL(server.url).host,
      googleAuthOptions: signedIn() as object,
    });
    const client = new VertexInferenceClient({ model: MODEL, client: ready });
    for await (const text of client.stream(HELLO).text) {
      expect(text).toBe("Hi");
      break;
    }
    await server.requests[0]?.closed;
    expect(server.requests[0]?.url).toContain("/projects/theirs/locations/europe-west4/");
  });

  it("may be any object that gives models", async () => {
    const response = end([{ text: "Hi" }]);
    const getGenerativeModel: VertexClientLike["getGenerativeModel"] = () => ({
      generateContent: async () => ({ response }),
      generateContentStream: async () => ({
        stream: (async function* () {
          yield response;
        })(),
      }),
    });
    const client = new VertexInferenceClient({ model: MODEL, client: { getGenerativeModel } });
    expect((await client.generate(HELLO)).text).toBe("Hi");
    expect((await client.stream(HELLO).result).text).toBe("Hi");
  });
});

describe("a fault of the Vertex SDK", () => {
  const named = (name: string, message: string, rest: object = {}): Error => Object.assign(new Error(message), { name, ...rest });

  it("is known by its origin or its words, whichever copy of the SDK made it", () => {
    const stackTrace = Object.assign(new Error("No."), { code: 429, status: "RESOURCE_EXHAUSTED", errorDetails: [{ retryDelay: "2s" }] });
    expect(toFault(named("ClientError", "got status: 429", { stackTrace }))).toEqual({
      kind: "retryable",
      status: 429,
      reason: "RESOURCE_EXHAUSTED",
      detail: "No.",
      retryAfterMs: 2000,
    });
    const words =
      '[VertexAI.GoogleGenerativeAIError]: got status: 503 Service Unavailable. {"error":{"status":"UNAVAILABLE","message":"No."}}';
    expect(toFault(named("GoogleGenerativeAIError", words))).toEqual({
      kind: "retryable",
      status: 503,
      reason: "UNAVAILABLE",
      detail: "No.",
    });
  });

  it("leaves to the rules of the network what came from there", () => {
    const wrapped = named("GoogleGenerativeAIError", "[VertexAI.GoogleGenerativeAIError]: exception posting request", {
      cause: new TypeError("fetch failed"),
    });
    for (const error of [wrapped, new TypeError("terminated"), new SyntaxError("no JSON"), undefined, "text", null]) {
      expect(toFault(error)).toBeUndefined();
    }
  });
});
