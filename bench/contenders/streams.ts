/** Streams of models beside the raw SDKs on one local server, which writes as fast as it is read; and memory while 100 MB stream. */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import Anthropic from "@anthropic-ai/sdk";
import { BedrockRuntimeClient, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime";
import { GoogleGenAI } from "@google/genai";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { streamText } from "ai";
import OpenAI from "openai";
import { AiSdkInferenceClient } from "../../src/ai-sdk.ts";
import { AnthropicInferenceClient } from "../../src/anthropic.ts";
import { BedrockInferenceClient } from "../../src/bedrock.ts";
import { GoogleGenAIInferenceClient } from "../../src/genai.ts";
import { ChatRole, type InferenceClient } from "../../src/index.ts";
import { OpenAIInferenceClient } from "../../src/openai.ts";
import { eventOf } from "../../src/testing/servers/event-stream.ts";
import { collectGarbage, type Trial } from "../trial.ts";

const DELTAS = 10_000;
const BURST = 50;
const ask = [{ role: ChatRole.USER, content: "Go" }];

/** What a provider's server writes, and how its SDK alone is asked for it. */
interface Format {
  name: string;
  type: string;
  head: Uint8Array;
  delta(text: string): Uint8Array;
  tail: Uint8Array;
  client(url: string, options?: { maxResponseBytes: number }): InferenceClient;
  /** Yields each delta's text. */
  raw(url: string): () => AsyncIterable<string | undefined>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const named = (event: { type: string; [key: string]: unknown }): string => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
const plain = (data: object): Uint8Array => bytes(`data: ${JSON.stringify(data)}\n\n`);
const joined = (...parts: Uint8Array[]): Uint8Array => Buffer.concat(parts);

const CLAUDE = "claude-sonnet-5-5";
const anthropic: Format = {
  name: "Anthropic",
  type: "text/event-stream",
  head: bytes(
    named({
      type: "message_start",
      message: { id: "m", type: "message", role: "assistant", model: CLAUDE, content: [], usage: { input_tokens: 10, output_tokens: 1 } },
    }) + named({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }),
  ),
  delta: (text) => bytes(named({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } })),
  tail: bytes(
    named({ type: "content_block_stop", index: 0 }) +
      named({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: DELTAS } }) +
      named({ type: "message_stop" }),
  ),
  client: (baseURL, options) => new AnthropicInferenceClient({ model: CLAUDE, apiKey: "k", baseURL, ...options }),
  raw(baseURL) {
    const sdk = new Anthropic({ apiKey: "k", baseURL, maxRetries: 0, openTelemetry: false });
    return async function* () {
      const body = { model: CLAUDE, max_tokens: 100, messages: [{ role: "user" as const, content: "Go" }], stream: true as const };
      for await (const event of await sdk.messages.create(body)) {
        if (event.type === "content_block_delta" && event.delta.type === "text_delta") yield event.delta.text;
      }
    };
  },
};

const chunk = (delta: object, finish_reason: string | null = null): object => ({
  id: "c",
  object: "chat.completion.chunk",
  created: 0,
  model: "gpt-5.6",
  choices: [{ index: 0, delta, finish_reason }],
});
const openai: Format = {
  name: "OpenAI",
  type: "text/event-stream",
  head: plain(chunk({ role: "assistant", content: "" })),
  delta: (content) => plain(chunk({ content })),
  tail: joined(plain(chunk({}, "stop")), bytes("data: [DONE]\n\n")),
  client: (baseURL, options) => new OpenAIInferenceClient({ model: "gpt-5.6", api: "chat", apiKey: "k", baseURL, ...options }),
  raw(baseURL) {
    const sdk = new OpenAI({ apiKey: "k", baseURL, maxRetries: 0 });
    return async function* () {
      const body = { model: "gpt-5.6", messages: [{ role: "user" as const, content: "Go" }], stream: true as const };
      for await (const { choices } of await sdk.chat.completions.create(body))
        if (choices[0]?.delta.content) yield choices[0].delta.content;
    };
  },
};

const aiSdkModel = (baseURL: string) => createOpenAICompatible({ name: "local", baseURL, apiKey: "k" })("gpt-5.6");
/** The same bytes by a package of the AI SDK; what stands beside it is `streamText` on that. */
const aiSdk: Format = {
  ...openai,
  name: "AI SDK",
  client: (url, options) => new AiSdkInferenceClient({ model: aiSdkModel(url), ...options }),
  raw(url) {
    const model = aiSdkModel(url);
    return () => streamText({ model, prompt: "Go", maxRetries: 0 }).textStream;
  },
};

const GEMINI = "gemini-3-pro-preview";
const candidate = (text: string, rest: object = {}): object => ({
  candidates: [{ content: { role: "model", parts: [{ text }] }, ...rest }],
});
const genai: Format = {
  name: "Google GenAI",
  type: "text/event-stream",
  head: new Uint8Array(),
  delta: (text) => plain(candidate(text)),
  tail: plain(candidate("", { finishReason: "STOP" })),
  client: (baseURL, options) => new GoogleGenAIInferenceClient({ model: GEMINI, apiKey: "k", baseURL, ...options }),
  raw(baseUrl) {
    const sdk = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl } });
    return async function* () {
      for await (const { candidates } of await sdk.models.generateContentStream({ model: GEMINI, contents: "Go" })) {
        const text = candidates?.[0]?.content?.parts?.[0]?.text;
        if (text) yield text;
      }
    };
  },
};

const NOVA = "amazon.nova-pro-v1:0";
const credentials = { accessKeyId: "a", secretAccessKey: "s" };
const bedrock: Format = {
  name: "Bedrock",
  type: "application/vnd.amazon.eventstream",
  head: eventOf("messageStart", { role: "assistant" }),
  delta: (text) => eventOf("contentBlockDelta", { contentBlockIndex: 0, delta: { text } }),
  tail: joined(
    eventOf("contentBlockStop", { contentBlockIndex: 0 }),
    eventOf("messageStop", { stopReason: "end_turn" }),
    eventOf("metadata", { usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 }, metrics: { latencyMs: 1 } }),
  ),
  client: (endpoint, options) => new BedrockInferenceClient({ model: NOVA, region: "us-east-1", endpoint, credentials, ...options }),
  raw(endpoint) {
    const sdk = new BedrockRuntimeClient({ region: "us-east-1", endpoint, credentials, requestHandler: new NodeHttpHandler() });
    return async function* () {
      const { stream } = await sdk.send(
        new ConverseStreamCommand({ modelId: NOVA, messages: [{ role: "user", content: [{ text: "Go" }] }] }),
      );
      for await (const { contentBlockDelta } of stream ?? []) if (contentBlockDelta?.delta?.text) yield contentBlockDelta.delta.text;
    };
  },
};

async function write(response: ServerResponse, part: Uint8Array): Promise<void> {
  if (!response.write(part)) await new Promise((resolve) => response.once("drain", resolve));
}

async function serve({ head, delta, tail, type }: Format, deltas: number, text: string): Promise<{ url: string; close(): void }> {
  const burst = joined(...new Array<Uint8Array>(BURST).fill(delta(text)));
  const server = createServer(async (request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": type });
    await write(response, head);
    for (let sent = 0; sent < deltas; sent += BURST) await write(response, burst);
    response.end(tail);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

/** @throws Error when there are fewer */
async function readAll(deltas: AsyncIterable<unknown>): Promise<void> {
  let count = 0;
  for await (const _delta of deltas) count++;
  if (count !== DELTAS) throw new Error(`${count} deltas`);
}

/** The time until the first delta; the rest is read after that, so that the connection may be used again. */
function firstTrial(stream: () => AsyncIterable<unknown>): Trial {
  let deltas: AsyncIterator<unknown>;
  return {
    async run() {
      deltas = stream()[Symbol.asyncIterator]();
      if ((await deltas.next()).done === true) throw new Error("no delta");
    },
    async settle() {
      while ((await deltas.next()).done !== true);
    },
  };
}

const FORMATS = [anthropic, openai, genai, bedrock, aiSdk];

function formatOf(provider: string): Format {
  const format = FORMATS.find(({ name }) => name === provider);
  if (format === undefined) throw new Error(`There is no provider ${provider}.`);
  return format;
}

/** A client of a server in this process that answers everything with 10,000 deltas. */
export async function servedClient(provider: string): Promise<InferenceClient> {
  const format = formatOf(provider);
  return format.client((await serve(format, DELTAS, "word ")).url);
}

/** A provider's stream, through our client or its SDK alone: the whole of it, or a short one's first delta. The server is in this process. */
export async function streamTrial(provider: string, reader: "ours" | "raw", part: "whole" | "first"): Promise<Trial> {
  const format = formatOf(provider);
  const { url } = await serve(format, part === "whole" ? DELTAS : BURST, "word ");
  const client = format.client(url);
  const stream = reader === "raw" ? format.raw(url) : () => client.stream(ask).text;
  return part === "first" ? firstTrial(stream) : { run: () => readAll(stream()) };
}

/** Megabytes by which the process grows while so many stream: the text of the answer, and what else is held or not yet collected. */
export async function streamGrowth(megabytes: number): Promise<number> {
  const piece = 10_000;
  const read = async (size: number, look: () => void): Promise<void> => {
    const { url, close } = await serve(anthropic, (size * 1_000_000) / piece, "x".repeat(piece));
    const client = anthropic.client(url, { maxResponseBytes: Number.POSITIVE_INFINITY });
    for await (const part of client.stream(ask)) if (part.type === "text-delta") look();
    close();
  };
  await read(megabytes / 10, () => {});
  collectGarbage();
  const before = process.memoryUsage().rss;
  let peak = before;
  await read(megabytes, () => {
    peak = Math.max(peak, process.memoryUsage().rss);
  });
  return (peak - before) / 1_000_000;
}
