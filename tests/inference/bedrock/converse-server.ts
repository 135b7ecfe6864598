/** A Bedrock of a test's own on loopback, in HTTP/1.1 or HTTP/2, and a client that asks it. */
import type { ServerResponse } from "node:http";
import { createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { type BedrockClientOptions, BedrockInferenceClient } from "asimov-agents/bedrock";
import { onTestFinished } from "vitest";
import { EVENT_STREAM, eventFrame } from "../../support/event-stream.ts";
import { json, type WireServer } from "../../support/wire-server.ts";
import { forget } from "../provider-fixture.ts";

export { HELLO, serve } from "../provider-fixture.ts";

export const MODEL = "global.anthropic.claude-sonnet-4-6";
export const CREDENTIALS = Object.freeze({ accessKeyId: "AKIATESTTESTTESTTEST", secretAccessKey: "planted-secret-access-key" });

export const forgetEnvironment = (): void =>
  forget(/^AWS_/, {
    AWS_CONFIG_FILE: "/nowhere/config",
    AWS_SHARED_CREDENTIALS_FILE: "/nowhere/credentials",
    AWS_EC2_METADATA_DISABLED: "true",
  });

export function clientOf(endpoint: string, options: Partial<BedrockClientOptions> = {}): BedrockInferenceClient {
  forgetEnvironment();
  return new BedrockInferenceClient({
    model: MODEL,
    region: "us-east-1",
    credentials: CREDENTIALS,
    endpoint,
    retry: { maxAttempts: 1, initialDelayMs: 0 },
    ...options,
  });
}

export const USAGE = { inputTokens: 3, outputTokens: 2, totalTokens: 5 };

/** A whole answer, whose only block is the text. */
export const answerOf = (text: string): unknown => ({
  output: { message: { role: "assistant", content: [{ text }] } },
  stopReason: "end_turn",
  usage: USAGE,
  metrics: { latencyMs: 1 },
});

export const answer = (response: ServerResponse, body: unknown = answerOf("Hi")): void => json(response, 200, body);

/** As AWS tells an error before a stream has started. */
export const refuse = (
  response: ServerResponse,
  status: number,
  type: string,
  message: string,
  headers: Record<string, string> = {},
): void => json(response, status, { message }, { "x-amzn-errortype": type, ...headers });

export const START = eventFrame("messageStart", { role: "assistant" });
export const textFrame = (text: string, contentBlockIndex = 0): Buffer =>
  eventFrame("contentBlockDelta", { contentBlockIndex, delta: { text } });
export const stopFrame = (contentBlockIndex = 0): Buffer => eventFrame("contentBlockStop", { contentBlockIndex });
export const endFrames = (stopReason = "end_turn", usage: unknown = USAGE): Buffer[] => [
  eventFrame("messageStop", { stopReason }),
  eventFrame("metadata", { usage, metrics: { latencyMs: 1 } }),
];

/** Starts an event stream and sends the frames; the answer stays open. */
export function send(response: ServerResponse, ...frames: Buffer[]): void {
  if (!response.headersSent) response.writeHead(200, { "content-type": EVENT_STREAM });
  response.write(Buffer.concat(frames));
}

export function sendAll(response: ServerResponse, ...frames: Buffer[]): void {
  send(response, ...frames);
  response.end();
}

export interface Http2Server {
  url: string;
  /** One for each stream, settled when that is closed. */
  closed: Promise<void>[];
  /** Connections that spoke no HTTP/2. */
  unreadable: number;
}

/** HTTP/2 without TLS, which speaks nothing else. */
export async function serveHttp2(respond: (stream: ServerHttp2Stream, n: number) => void): Promise<Http2Server> {
  const served: Http2Server = { url: "", closed: [], unreadable: 0 };
  const { closed } = served;
  const sessions = new Set<{ destroy(): void }>();
  const server = createServer();
  server.on("session", (session) => sessions.add(session));
  server.on("sessionError", ({ code }: Error & { code?: string }) => {
    if (code === "ERR_HTTP2_ERROR") served.unreadable += 1;
  });
  server.on("stream", (stream) => {
    stream.on("error", () => {});
    closed.push(new Promise((resolve) => stream.on("close", resolve)));
    stream.resume();
    stream.on("end", () => respond(stream, closed.length - 1));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        for (const session of sessions) session.destroy();
        server.close(() => resolve());
      }),
  );
  served.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return served;
}

export function sendHttp2(stream: ServerHttp2Stream, ...frames: Buffer[]): void {
  if (!stream.headersSent) stream.respond({ ":status": 200, "content-type": EVENT_STREAM });
  stream.write(Buffer.concat(frames));
}

/** The body of a request that a server got. */
export const bodyOf = <T>(server: WireServer, n = 0): T => server.requests[n]?.body as T;
