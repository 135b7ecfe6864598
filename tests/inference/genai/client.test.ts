import { GoogleGenAI } from "@google/genai";
import { type GoogleGenAIClientLike, type GoogleGenAIClientOptions, GoogleGenAIInferenceClient } from "asimov-agents/genai";
import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { defineTool } from "#contract/chat/tool";
import { toFault } from "#inference/genai/errors";
import { json } from "../../support/wire-server.ts";
import {
  answer,
  bodyOf,
  end,
  forgetEnvironment,
  genaiOf,
  HELLO,
  type Json,
  KEY,
  MODEL,
  PATIENT,
  refuse,
  sendAll,
  serve,
} from "../gemini/gemini-server.ts";

describe("a client of Google's Gen AI SDK", () => {
  it("asks the Gemini API with its key, whatever the environment says", async () => {
    const server = await serve((_request, response) => answer(response));
    const client = genaiOf(server.url);
    vi.stubEnv("GOOGLE_API_KEY", "of-the-environment");
    vi.stubEnv("GOOGLE_GENAI_USE_VERTEXAI", "true");
    vi.stubEnv("GOOGLE_CLOUD_PROJECT", "of-the-environment");
    await client.generate(HELLO);
    expect(server.requests[0]).toMatchObject({
      method: "POST",
      url: expect.stringMatching(new RegExp(`^/v1\\w*/models/${MODEL}:generateContent$`)),
      headers: { "x-goog-api-key": KEY },
    });
    expect(client.provider).toBe("gcp.gemini");
    await new GoogleGenAIInferenceClient({ model: MODEL, baseURL: server.url }).generate(HELLO);
    expect(server.requests[1]?.headers["x-goog-api-key"]).toBe("of-the-environment");
  });

  it("asks Vertex AI with a project, as whom it is signed in", async () => {
    const server = await serve((_request, response, n) => (n === 0 ? answer(response) : sendAll(response, end([{ text: "Hi" }]))));
    const client = genaiOf(server.url, { project: "planted-project", location: "us-central1" });
    vi.stubEnv("GOOGLE_API_KEY", "of-the-environment");
    expect((await client.generate(HELLO)).text).toBe("Hi");
    expect((await client.stream(HELLO).result).text).toBe("Hi");
    expect(client.provider).toBe("gcp.vertex_ai");
    const path = `/projects/planted-project/locations/us-central1/publishers/google/models/${MODEL}`;
    expect(server.requests.map(({ url }) => url)).toEqual([
      expect.stringContaining(`${path}:generateContent`),
      expect.stringContaining(`${path}:streamGenerateContent?alt=sse`),
    ]);
    expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
  });

  it("says what to do when there is no key, and sends nothing", async () => {
    const server = await serve((_request, response) => answer(response));
    forgetEnvironment();
    const client = new GoogleGenAIInferenceClient({ model: MODEL, baseURL: server.url, retry: PATIENT });
    await expect(client.generate(HELLO)).rejects.toMatchObject({
      code: "unauthorized",
      retryable: false,
      message: expect.stringMatching(/no key was given.*apiKey.*GEMINI_API_KEY/),
    });
    expect(server.requests).toHaveLength(0);
  });

  it("goes by the fetch that it is given", async () => {
    const server = await serve((_request, response) => answer(response));
    const urls: string[] = [];
    const given: typeof fetch = (input, init) => {
      urls.push(String(input));
      return fetch(input, init);
    };
    await genaiOf(server.url, { fetch: given }).generate(HELLO);
    expect(urls).toEqual([`${server.url}${server.requests[0]?.url}`]);
  });

  it("takes an answer as it is: the SDK neither calls tools nor asks for more by itself", async () => {
    const server = await serve((_request, response) => json(response, 200, end([{ text: "Hi" }], "CONTINUATION")));
    expect((await genaiOf(server.url).generate(HELLO)).finishReason).toEqual({ unified: "length", raw: "CONTINUATION" });
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]?.headers).not.toHaveProperty("x-server-timeout");
  });

  it("tells schemas as JSON Schema", async () => {
    const server = await serve((_request, response) => answer(response, '{"n":1}'));
    const output = z.strictObject({ n: z.union([z.number(), z.null()]) });
    const tool = defineTool({ name: "now", description: "The time", input: z.strictObject({}), run: () => 0 });
    expect((await genaiOf(server.url).generate(HELLO, { output, tools: [tool] })).output).toEqual({ n: 1 });
    const { generationConfig, tools } = bodyOf(server);
    expect(generationConfig).toMatchObject({
      responseMimeType: "application/json",
      responseJsonSchema: { properties: { n: { type: ["number", "null"] } }, additionalProperties: false },
    });
    expect(tools).toEqual([
      { functionDeclarations: [{ name: "now", description: "The time", parametersJsonSchema: { ...tool.inputSchema } }] },
    ]);
  });

  it.each<[Json, string]>([
    [{ model: "" }, "model"],
    [{ apikey: "k" }, "apikey"],
    [{ baseURL: "ftp://example.com" }, "http or https"],
    [{ client: { models: {} } }, "models.generateContent"],
    [{ client: { models: { generateContent() {}, generateContentStream() {} } }, apiKey: "k" }, "either client or those"],
    [{ location: "us-central1" }, "project too"],
    [{ apiKey: "k", project: "p" }, "give either"],
    [{ fetch: "fetch" }, "a function"],
  ])("refuses %j", (options, words) => {
    expect(() => new GoogleGenAIInferenceClient({ model: MODEL, ...options } as GoogleGenAIClientOptions)).toThrow(
      expect.objectContaining({ code: "invalid-options", message: expect.stringContaining(words) }),
    );
  });
});

describe("an answer that the service breaks off to be continued", () => {
  it("is one request, whole or streamed, and tells that it was cut: the SDK's own next ones would be counted nowhere", async () => {
    const [candidate] = end([{ text: "Half." }], "CONTINUATION").candidates as Json[];
    const broken = { ...end(), candidates: [{ ...candidate, continuationToken: "dG9rZW4=" }] };
    const server = await serve((_request, response, n) => (n === 0 ? json(response, 200, broken) : sendAll(response, broken)));
    const client = genaiOf(server.url);
    const expected = { text: "Half.", finishReason: { unified: "length", raw: "CONTINUATION" } };
    expect(await client.generate(HELLO)).toMatchObject(expected);
    expect(await client.stream(HELLO).result).toMatchObject(expected);
    expect(server.requests).toHaveLength(2);
  });
});

describe("a ready-made client of Google's Gen AI SDK", () => {
  it("is one by its type, and keeps its key, its headers and its fetch, but neither its retries nor its time limit", async () => {
    const server = await serve((_request, response, n) =>
      n === 0 ? answer(response) : n === 1 ? sendAll(response, end([{ text: "Hi" }])) : refuse(response, 503, "UNAVAILABLE"),
    );
    forgetEnvironment();
    let fetched = 0;
    const own: typeof fetch = (input, init) => {
      fetched += 1;
      return fetch(input, init);
    };
    const retryOptions = { attempts: 5, initialDelay: 0.001 };
    const httpOptions = { baseUrl: server.url, fetch: own, headers: { "x-team": "blue" }, timeout: 60_000, retryOptions };
    const ready: GoogleGenAIClientLike = new GoogleGenAI({ apiKey: KEY, httpOptions });
    const client = new GoogleGenAIInferenceClient({ model: MODEL, client: ready, retry: PATIENT });
    expect((await client.generate(HELLO)).text).toBe("Hi");
    expect((await client.stream(HELLO).result).text).toBe("Hi");
    await expect(client.generate(HELLO)).rejects.toMatchObject({ code: "retries-exceeded", attempts: 3 });
    expect(server.requests).toHaveLength(5);
    expect(fetched).toBe(5);
    expect(server.requests[1]?.headers).toMatchObject({ "x-goog-api-key": KEY, "x-team": "blue" });
    expect(server.requests[1]?.headers).not.toHaveProperty("x-server-timeout");
  });

  it("may be any object that generates content", async () => {
    const asked: { config?: { abortSignal?: AbortSignal } }[] = [];
    const models = {
      async generateContent(request: object) {
        asked.push(request);
        return end([{ text: "Hi" }]);
      },
      async generateContentStream(request: object) {
        asked.push(request);
        return (async function* () {
          yield end([{ text: "Hi" }]);
        })();
      },
    };
    const client = new GoogleGenAIInferenceClient({ model: MODEL, client: { models } });
    expect((await client.generate(HELLO)).text).toBe("Hi");
    expect((await client.stream(HELLO).result).text).toBe("Hi");
    expect(asked.map(({ config }) => config?.abortSignal)).toEqual([expect.any(AbortSignal), expect.any(AbortSignal)]);
  });
});

describe("a fault of the Gen AI SDK", () => {
  it("is known by its fields, whichever copy of the SDK made it", () => {
    const body = { error: { code: 429, status: "RESOURCE_EXHAUSTED", message: "No.", details: [{ retryDelay: "2s" }] } };
    const foreign = Object.assign(new Error(JSON.stringify(body)), { name: "ApiError", status: 429 });
    const fault = { kind: "retryable", status: 429, reason: "RESOURCE_EXHAUSTED", detail: "No.", retryAfterMs: 2000 };
    expect(toFault(foreign)).toEqual(fault);
  });

  it("may be of signing in", () => {
    const gaxios = (status: number): Error => Object.assign(new Error("No."), { name: "GaxiosError", status });
    expect(toFault(gaxios(400))).toMatchObject({ kind: "final", code: "unauthorized", status: 400 });
    expect(toFault(gaxios(503))).toMatchObject({ kind: "retryable", status: 503 });
    const refused = Object.assign(new Error("request failed"), {
      name: "GaxiosError",
      cause: Object.assign(new Error("connect"), { code: "ECONNREFUSED" }),
    });
    expect(toFault(refused)).toMatchObject({ kind: "retryable", code: "network" });
    expect(toFault(new Error("Could not load the default credentials."))).toMatchObject({ kind: "final", code: "unauthorized" });
  });

  it("leaves to the rules of the network what came from there", () => {
    for (const error of [new TypeError("terminated"), new SyntaxError("no JSON"), undefined, "text", null]) {
      expect(toFault(error)).toBeUndefined();
    }
  });
});
