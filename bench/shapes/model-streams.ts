/** Streams of models beside the raw SDKs on one local server, which writes as fast as it is read; and memory while 100 MB stream. */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import Anthropic from "@anthropic-ai/sdk";
import { BedrockRuntimeClient, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime";
import { GoogleGenAI } from "@google/genai";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import OpenAI from "openai";
import { AnthropicInferenceClient } from "../../src/anthropic.ts";
import { BedrockInferenceClient } from "../../src/bedrock.ts";
import { GoogleGenAIInferenceClient } from "../../src/genai.ts";
import { ChatRole, type InferenceClient } from "../../src/index.ts";
import { OpenAIInferenceClient } from "../../src/openai.ts";
import { eventOf } from "../../src/testing/servers/event-stream.ts";
import { OURS } from "../contenders/ours.ts";
import { type Benchmark, race } from "../figure.ts";
import { collectGarbage, spreadOf, type Trial } from "../measure.ts";

const DELTAS = 10_000;
const BURST = 50;
export const RAW = "raw SDK";
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
function firstTrial(contender: string, stream: () => AsyncIterable<unknown>): Trial {
  let deltas: AsyncIterator<unknown>;
  return {
    contender,
    async run() {
      deltas = stream()[Symbol.asyncIterator]();
      if ((await deltas.next()).done === true) throw new Error("no delta");
    },
    async settle() {
      while ((await deltas.next()).done !== true);
    },
  };
}

export const streamBenchmark: Benchmark = {
  name: "stream",
  title: "A stream of 10,000 deltas from a local server, through the providers' SDKs",
  async run({ sampling }) {
    const figures = [];
    for (const format of [anthropic, openai, genai, bedrock]) {
      const [long, short] = await Promise.all([serve(format, DELTAS, "word "), serve(format, BURST, "word ")]);
      const ours = (url: string) => {
        const client = format.client(url);
        return () => client.stream(ask).text;
      };
      const whole = [
        [OURS, ours(long.url)],
        [RAW, format.raw(long.url)],
      ] as const;
      const first = [firstTrial(OURS, ours(short.url)), firstTrial(RAW, format.raw(short.url))];
      const trials = whole.map(([contender, stream]): Trial => ({ contender, run: () => readAll(stream()) }));
      const about = { group: "stream", shape: `${format.name}, 10,000 deltas`, per: "delta", count: DELTAS };
      figures.push(...(await race(about, trials, sampling)));
      figures.push(...(await race({ ...about, shape: `${format.name}, first delta`, per: "stream", count: 1 }, first, sampling)));
      long.close();
      short.close();
    }
    return figures;
  },
};

const MEGABYTES = 100;

export const streamMemoryBenchmark: Benchmark = {
  name: "streammemory",
  title: "Growth of memory while 100 MB stream, the text of the answer kept",
  async run({ quick }) {
    const server = await serve(anthropic, (MEGABYTES * 1_000_000) / 10_000, "x".repeat(10_000));
    const client = anthropic.client(server.url, { maxResponseBytes: Number.POSITIVE_INFINITY });
    const peaks: number[] = [];
    for (let round = 0; round < (quick ? 1 : 3); round++) {
      collectGarbage();
      const before = process.memoryUsage().rss;
      let peak = before;
      for await (const part of client.stream(ask)) if (part.type === "text-delta") peak = Math.max(peak, process.memoryUsage().rss);
      peaks.push((peak - before) / 1_000_000);
    }
    server.close();
    return [{ group: "streammemory", shape: "100 MB", contender: OURS, unit: "MB", spread: spreadOf(peaks) }];
  },
};
