/** An OpenAI API of a test's own on loopback, a client that asks it, and answers as they are seen on the wire. */
import type { ServerResponse } from "node:http";
import { type OpenAIClientOptions, OpenAIInferenceClient } from "asimov-agents/openai";
import { json, sse, type WireServer } from "../../support/wire-server.ts";
import { forget, HELLO, serve } from "../provider-fixture.ts";

export { HELLO, PATIENT, serve } from "../provider-fixture.ts";

export const MODEL = "gpt-5.6";
export const KEY = "planted-key-0123456789";

export type Json = Record<string, unknown>;
export type Api = "chat" | "responses";
export const APIS: Api[] = ["chat", "responses"];

export const forgetEnvironment = (): void => forget(/^OPENAI_/);

export function clientOf(baseURL: string, options: Partial<OpenAIClientOptions> = {}): OpenAIInferenceClient {
  forgetEnvironment();
  return new OpenAIInferenceClient({ model: MODEL, apiKey: KEY, baseURL, retry: { maxAttempts: 1 }, ...options });
}

export const bodyOf = (server: WireServer, n = 0): Json => server.requests[n]?.body as Json;

/** A chunk of Chat Completions. */
export const chunk = (delta: Json, finish: string | null = null): Json => ({
  id: "chatcmpl-test",
  object: "chat.completion.chunk",
  model: MODEL,
  choices: [{ index: 0, delta, finish_reason: finish }],
});
export const text = (content: string): Json => chunk({ content });
export const tools = (...calls: Json[]): Json => chunk({ tool_calls: calls });
/** A piece of a call, as OpenAI sends it. */
export const call = (index: number | undefined, input: unknown, about: { id?: string; name?: string } = {}): Json => ({
  ...(index === undefined ? {} : { index }),
  ...(about.id === undefined ? {} : { id: about.id, type: "function" }),
  function: { ...(about.name === undefined ? {} : { name: about.name }), ...(input === undefined ? {} : { arguments: input }) },
});
export const end = (reason = "stop"): Json => chunk({}, reason);

/** The events of a whole stream of either API that says "Hi". */
export const hiStream = (api: Api): Json[] =>
  api === "chat"
    ? [text("Hi"), end()]
    : [{ type: "response.output_text.delta", item_id: "msg_1", output_index: 0, delta: "Hi" }, completed()];
export const completed = (rest: Json = {}, status = "completed"): Json => ({
  type: `response.${status}`,
  response: { id: "resp_test", object: "response", model: MODEL, status, output: [], ...rest },
});
export const hiAnswer = (api: Api): Json =>
  api === "chat"
    ? { id: "chatcmpl-test", model: MODEL, choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }] }
    : {
        id: "resp_test",
        model: MODEL,
        status: "completed",
        output: [{ id: "msg_1", type: "message", role: "assistant", content: [{ type: "output_text", text: "Hi" }] }],
      };

/** Sends the events; those of the Responses API by their names. */
export function sendAll(response: ServerResponse, ...events: Json[]): void {
  const stream = sse(response);
  for (const event of events) stream.send(event, typeof event.type === "string" ? event.type : undefined);
  stream.end();
}

export const serveEvents = (...events: Json[]): Promise<WireServer> => serve((_request, response) => sendAll(response, ...events));

/** What a stream of either API adds up to. */
export const resultOf = async (api: Api, ...events: Json[]) => clientOf((await serveEvents(...events)).url, { api }).stream(HELLO).result;

/** Answers as is asked, whole or streamed, with "Hi". */
export function answer(request: { url: string; body: unknown }, response: ServerResponse): void {
  const api: Api = request.url.endsWith("/responses") ? "responses" : "chat";
  if ((request.body as { stream?: boolean }).stream === true) sendAll(response, ...hiStream(api));
  else json(response, 200, hiAnswer(api));
}

export const refuse = (response: ServerResponse, status: number, error: Json, headers: Record<string, string> = {}): void =>
  json(response, status, { error: { message: "No.", ...error } }, { "x-request-id": "req_test", ...headers });
