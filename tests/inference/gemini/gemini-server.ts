/** A Gemini API of a test's own on loopback, both clients that ask it, and answers as they were seen on the wire. */
import type { ServerResponse } from "node:http";
import { type GoogleGenAIClientOptions, GoogleGenAIInferenceClient } from "asimov-agents/genai";
import { type VertexClientOptions, VertexInferenceClient } from "asimov-agents/vertex";
import { OAuth2Client } from "google-auth-library";
import { onTestFinished, vi } from "vitest";
import type { InferenceClient } from "#clients/inference-client";
import type { ClientOptions } from "#inference/call/call-settings";
import { json, type WireServer } from "../../support/wire-server.ts";
import { forget } from "../provider-fixture.ts";

export { HELLO, PATIENT, partsOf, serve } from "../provider-fixture.ts";

export const MODEL = "gemini-3-pro-preview";
export const KEY = "planted-key-0123456789";

export const forgetEnvironment = (): void => forget(/^(?:GOOGLE|GEMINI|CLOUD_ML|GCLOUD)/i);

export function signedIn(): { authClient: OAuth2Client } {
  const authClient = new OAuth2Client();
  authClient.setCredentials({ access_token: KEY, expiry_date: Date.now() + 3_600_000 });
  return { authClient };
}

export function genaiOf(baseURL: string, options: Partial<GoogleGenAIClientOptions> = {}): GoogleGenAIInferenceClient {
  forgetEnvironment();
  const key = options.project === undefined ? { apiKey: KEY } : { googleAuthOptions: signedIn() };
  return new GoogleGenAIInferenceClient({ model: MODEL, baseURL, retry: { maxAttempts: 1 }, ...key, ...options });
}

/** The Vertex SDK speaks https alone, by the platform's fetch: a test's own global fetch leads it to the server. */
function leadToHttp(): void {
  const direct = globalThis.fetch;
  const led: typeof fetch = (input, init) =>
    direct(typeof input === "string" ? input.replace("https://127.0.0.1:", "http://127.0.0.1:") : input, init);
  vi.stubGlobal("fetch", led);
  onTestFinished(() => {
    vi.unstubAllGlobals();
  });
}

export function vertexOf(url: string, options: Partial<VertexClientOptions> = {}): VertexInferenceClient {
  forgetEnvironment();
  leadToHttp();
  vi.spyOn(console, "warn").mockImplementation(() => {});
  onTestFinished(() => {
    vi.restoreAllMocks();
  });
  return new VertexInferenceClient({
    model: MODEL,
    project: "planted-project",
    location: "us-central1",
    apiEndpoint: new URL(url).host,
    googleAuthOptions: signedIn(),
    retry: { maxAttempts: 1 },
    ...options,
  });
}

/** Both SDKs speak the same words. */
export const CLIENTS: {
  name: string;
  provider: string;
  clientOf(url: string, options?: ClientOptions & { model?: string }): InferenceClient;
}[] = [
  { name: "Gemini by @google/genai", provider: "gcp.gemini", clientOf: genaiOf },
  { name: "Gemini by @google-cloud/vertexai", provider: "gcp.vertex_ai", clientOf: vertexOf },
];

export type Json = Record<string, unknown>;

export const chunk = (parts: readonly Json[], rest: Json = {}): Json => ({
  candidates: [{ content: { role: "model", parts }, index: 0, ...rest }],
  modelVersion: MODEL,
  responseId: "resp-01test",
});
export const end = (parts: readonly Json[] = [], finishReason = "STOP"): Json => ({
  ...chunk(parts, { finishReason }),
  usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 2, totalTokenCount: 5 },
});

export const answer = (response: ServerResponse, text = "Hi"): void => json(response, 200, end([{ text }]));

export const errorBody = (code: number, status: string, message = "No.", details: readonly Json[] = []): Json => ({
  error: { code, message, status, ...(details.length === 0 ? {} : { details }) },
});
export const refuse = (response: ServerResponse, code: number, status: string, message?: string, details?: readonly Json[]): void =>
  json(response, code, errorBody(code, status, message, details));

export const sseText = (events: readonly Json[]): string => events.map((event) => `data: ${JSON.stringify(event)}\r\n\r\n`).join("");

/** Starts a stream and sends the events; the answer stays open. */
export function send(response: ServerResponse, ...events: Json[]): void {
  if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(sseText(events));
}

export function sendAll(response: ServerResponse, ...events: Json[]): void {
  send(response, ...events);
  response.end();
}

/** What a request sent, as the API reads it. */
export interface SentBody {
  contents: { role: string; parts: Json[] }[];
  systemInstruction?: Json;
  tools?: Json[];
  toolConfig?: Json;
  generationConfig?: Json;
}

export const bodyOf = (server: WireServer, n = 0): SentBody => server.requests[n]?.body as SentBody;
