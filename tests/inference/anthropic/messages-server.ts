/** An Anthropic API of a test's own on loopback, a client that asks it, and answers as they were seen on the wire. */
import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { type AnthropicClientOptions, AnthropicInferenceClient } from "asimov-agents/anthropic";
import { json, type WireServer } from "../../support/wire-server.ts";
import { forget } from "../provider-fixture.ts";

export { HELLO, PATIENT, partsOf, serve } from "../provider-fixture.ts";

export const MODEL = "claude-sonnet-4-6";
export const KEY = "planted-key-0123456789";

export const forgetEnvironment = (): void => forget(/^ANTHROPIC_/, { ANTHROPIC_CONFIG_DIR: "/nowhere" });

export function clientOf(baseURL: string, options: Partial<AnthropicClientOptions> = {}): AnthropicInferenceClient {
  forgetEnvironment();
  return new AnthropicInferenceClient({ model: MODEL, apiKey: KEY, baseURL, retry: { maxAttempts: 1 }, ...options });
}

export type Json = Record<string, unknown>;

/** Lines of JSON; see the files. */
export function fixture(name: string): Json[] {
  const text = readFileSync(new URL(`../../fixtures/anthropic/${name}.jsonl`, import.meta.url), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Json);
}

/** A whole answer, whose only block is the text. */
export const answerOf = (text: string): Json => ({
  id: "msg_01whole",
  type: "message",
  role: "assistant",
  model: MODEL,
  content: [{ type: "text", text }],
  stop_reason: "end_turn",
  stop_sequence: null,
  usage: { input_tokens: 3, output_tokens: 2, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
});

export const answer = (response: ServerResponse, text = "Hi"): void => json(response, 200, answerOf(text));

export const refuse = (
  response: ServerResponse,
  status: number,
  type: string,
  message = "No.",
  headers: Record<string, string> = {},
): void => json(response, status, { type: "error", error: { type, message } }, { "request-id": "req_01test", ...headers });

export const START: Json = {
  type: "message_start",
  message: {
    id: "msg_01test",
    type: "message",
    role: "assistant",
    model: MODEL,
    content: [],
    usage: { input_tokens: 3, output_tokens: 1 },
  },
};
export const blockStart = (content_block: Json, index = 0): Json => ({ type: "content_block_start", index, content_block });
export const delta = (of: Json, index = 0): Json => ({ type: "content_block_delta", index, delta: of });
export const stop = (index = 0): Json => ({ type: "content_block_stop", index });
export const text = (piece: string, index = 0): Json => delta({ type: "text_delta", text: piece }, index);
export const input = (piece: string, index = 0): Json => delta({ type: "input_json_delta", partial_json: piece }, index);
export const tool = (id: string, name: string, index = 0): Json => blockStart({ type: "tool_use", id, name, input: {} }, index);
export const end = (stopReason = "end_turn"): Json[] => [
  { type: "message_delta", delta: { stop_reason: stopReason, stop_sequence: null }, usage: { output_tokens: 2 } },
  { type: "message_stop" },
];
export const textStream = (...pieces: string[]): Json[] => [
  START,
  blockStart({ type: "text", text: "" }),
  ...pieces.map((piece) => text(piece)),
  stop(),
  ...end(),
];
export const errorEvent = (type: string, message = "No."): Json => ({ type: "error", error: { type, message } });

export const sseText = (events: readonly Json[]): string =>
  events.map((event) => `event: ${event?.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");

/** Starts a stream and sends the events; the answer stays open. */
function send(response: ServerResponse, ...events: Json[]): void {
  if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
  response.write(sseText(events));
}

export function sendAll(response: ServerResponse, ...events: Json[]): void {
  send(response, ...events);
  response.end();
}

/** What a request sent, as the API reads it. */
export interface SentBody {
  model: string;
  max_tokens: number;
  stream?: boolean;
  system?: Json[];
  tools?: Json[];
  messages: { role: string; content: Json[] }[];
  [key: string]: unknown;
}

export const bodyOf = (server: WireServer, n = 0): SentBody => server.requests[n]?.body as SentBody;
