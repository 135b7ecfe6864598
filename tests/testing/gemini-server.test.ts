/** The local Gemini server answers Google's own SDKs as the service does, by the paths of the Gemini API and of Vertex. */

import { ApiError, type GenerateContentResponse, GoogleGenAI } from "@google/genai";
import { VertexAI } from "@google-cloud/vertexai";
import { OAuth2Client } from "google-auth-library";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Script } from "#testing/script";
import { type InferenceServer, startInferenceServer } from "#testing/servers/inference-server";
import type { ServedRequest } from "#testing/servers/served-request";

let server: InferenceServer | undefined;

async function serve(script: Script<ServedRequest>): Promise<GoogleGenAI> {
  server = await startInferenceServer("gemini", script);
  return new GoogleGenAI({ apiKey: "planted-key", enterprise: false, httpOptions: { baseUrl: server.url } });
}

afterEach(async () => {
  await server?.close();
});

const ask = { model: "gemini-3.5-pro", contents: "What is 1 + 2?" };
const usage = { inputTokens: 100, outputTokens: 20, cacheReadTokens: 60, reasoningTokens: 5 };
const told = { promptTokenCount: 100, candidatesTokenCount: 15, thoughtsTokenCount: 5, cachedContentTokenCount: 60, totalTokenCount: 120 };
const turn = {
  thinking: "Hm, hm.",
  text: "Let me add.",
  toolCalls: [{ name: "add", input: { a: 1 }, id: "own-id" }, { name: "now" }],
  usage,
};
const thoughtSignature = btoa("scripted signature 1");
const callParts = [
  { functionCall: { id: "own-id", name: "add", args: { a: 1 } }, thoughtSignature },
  { functionCall: { name: "now", args: {} } },
];

async function chunksOf(ai: GoogleGenAI): Promise<GenerateContentResponse[]> {
  const chunks: GenerateContentResponse[] = [];
  for await (const chunk of await ai.models.generateContentStream(ask)) chunks.push(chunk);
  return chunks;
}

async function errorOf(promise: Promise<unknown>): Promise<ApiError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

describe("gemini server", () => {
  it("answers whole: the signature sits on the first call, and thoughts are counted apart", async () => {
    const response = await (await serve([turn])).models.generateContent(ask);
    expect(response.candidates?.[0]).toMatchObject({
      finishReason: "STOP",
      content: { parts: [{ text: "Hm, hm.", thought: true }, { text: "Let me add." }, ...callParts] },
    });
    expect(response.usageMetadata).toMatchObject(told);
    expect(response.modelVersion).toBe("gemini-3.5-pro");
  });

  it("streams calls whole, and ends with the reason and the usage", async () => {
    const chunks = await chunksOf(await serve([turn]));
    const parts = chunks.flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? []);
    const texts = (thought: boolean): string =>
      parts.map((part) => ((part.thought ?? false) === thought ? (part.text ?? "") : "")).join("");
    expect([texts(true), texts(false)]).toEqual(["Hm, hm.", "Let me add."]);
    expect(parts.filter(({ functionCall }) => functionCall !== undefined)).toEqual(callParts);
    expect(chunks.map(({ candidates }) => candidates?.[0]?.finishReason)).toEqual([...chunks.slice(1).map(() => undefined), "STOP"]);
    expect(chunks.at(-1)?.usageMetadata).toMatchObject(told);
  });

  it("signs an answer without calls, too", async () => {
    const ai = await serve([
      { thinking: "Hm.", text: "3" },
      { thinking: "Hm.", text: "3" },
    ]);
    const whole = await ai.models.generateContent(ask);
    expect(whole.candidates?.[0]?.content?.parts?.at(-1)).toEqual({ text: "3", thoughtSignature });
    const chunks = await chunksOf(ai);
    expect(chunks.at(-1)?.candidates?.[0]?.content?.parts).toEqual([{ text: "", thoughtSignature: btoa("scripted signature 2") }]);
  });

  it("answers by the paths of Vertex", async () => {
    server = await startInferenceServer("gemini", ["Hello", "Hello again"]);
    const authClient = new OAuth2Client();
    authClient.setCredentials({ access_token: "planted-token", expiry_date: Date.now() + 3_600_000 });
    const ai = new GoogleGenAI({
      enterprise: true,
      project: "p",
      location: "global",
      googleAuthOptions: { authClient },
      httpOptions: { baseUrl: server.url },
    });
    expect((await ai.models.generateContent(ask)).text).toBe("Hello");
    const chunks = await chunksOf(ai);
    expect(chunks.map(({ text }) => text ?? "").join("")).toBe("Hello again");
    expect(server.requests[1]).toMatchObject({ model: "gemini-3.5-pro", stream: true, lastMessage: { text: "What is 1 + 2?" } });
  });

  it("answers the SDK of Vertex, which speaks https alone: a user's test sends what it fetches of this host by http", async () => {
    server = await startInferenceServer("gemini", [turn, turn, { error: { status: 429 } }]);
    const { host } = new URL(server.url);
    const direct = globalThis.fetch;
    vi.stubGlobal("fetch", (input: string, init?: RequestInit) => direct(input.replace(`https://${host}`, `http://${host}`), init));
    vi.spyOn(console, "warn").mockImplementation(() => {});
    try {
      const authClient = new OAuth2Client();
      authClient.setCredentials({ access_token: "planted-token", expiry_date: Date.now() + 3_600_000 });
      const googleAuthOptions = { authClient } as never;
      const vertex = new VertexAI({ project: "p", location: "us-central1", apiEndpoint: host, googleAuthOptions });
      const model = vertex.getGenerativeModel({ model: "gemini-2.5-pro" });
      const { response } = await model.generateContent("What is 1 + 2?");
      expect(response.candidates?.[0]).toMatchObject({ finishReason: "STOP", content: { parts: expect.arrayContaining(callParts) } });
      const streamed = await model.generateContentStream("What is 1 + 2?");
      const texts: string[] = [];
      for await (const { candidates } of streamed.stream) {
        for (const part of candidates?.[0]?.content.parts ?? []) texts.push(part.text ?? "");
      }
      expect(texts.join("")).toBe("Hm, hm.Let me add.");
      expect((await streamed.response).usageMetadata).toMatchObject({ totalTokenCount: 120 });
      await expect(model.generateContent("Again?")).rejects.toThrow("429");
      expect(server.requests[0]).toMatchObject({ model: "gemini-2.5-pro", lastMessage: { role: "user", text: "What is 1 + 2?" } });
      server.assertDone();
    } finally {
      vi.unstubAllGlobals();
      vi.restoreAllMocks();
    }
  });

  it("tells errors with status, and the wait among their details", async () => {
    const ai = await serve([
      { error: { status: 429, retryAfterMs: 1500 } },
      { error: { reason: "context-length-exceeded" } },
      { error: { status: 503 } },
    ]);
    const limited = await errorOf(ai.models.generateContent(ask));
    expect(limited.status).toBe(429);
    expect(JSON.parse(limited.message)).toMatchObject({
      error: {
        code: 429,
        status: "RESOURCE_EXHAUSTED",
        details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "1.5s" }],
      },
    });
    const overflow = await errorOf(ai.models.generateContent(ask));
    expect([overflow.status, overflow.message]).toEqual([400, expect.stringContaining("exceeds the maximum number of tokens allowed")]);
    expect(await errorOf(ai.models.generateContentStream(ask))).toMatchObject({ status: 503 });
  });

  it("fails in the middle of a stream, and truncates one without an error", async () => {
    const ai = await serve([
      { text: "one two", error: { status: 503, after: 1 } },
      { text: "one two", truncated: true },
    ]);
    const read = async (): Promise<unknown[]> => (await chunksOf(ai)).map(({ text }) => text);
    expect(await errorOf(read())).toMatchObject({ status: 503 });
    expect(await read()).toEqual(["one ", "two"]);
  });

  it("streams by server-sent events alone, and says so", async () => {
    await serve(["Hello"]);
    const response = await fetch(`${server?.url}/v1/models/gemini:streamGenerateContent`, { method: "POST", body: "{}" });
    expect([response.status, await response.text()]).toEqual([404, expect.stringContaining("alt=sse")]);
    expect(server?.remaining).toBe(1);
  });
});
