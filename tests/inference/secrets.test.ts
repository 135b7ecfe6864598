/** Keys, headers and prompts are in no message, log, span, record or snapshot, wherever a client has its key from, and whatever a server repeats. */
import { inspect } from "node:util";
import Anthropic from "@anthropic-ai/sdk";
import { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime";
import { GoogleGenAI } from "@google/genai";
import { VertexAI, type VertexInit } from "@google-cloud/vertexai";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { OAuth2Client } from "google-auth-library";
import OpenAI, { AzureOpenAI } from "openai";
import { describe, expect, it, vi } from "vitest";
import { Agent } from "../../src/agent.ts";
import { MemoryCache } from "../../src/cache/memory.ts";
import { defineModule } from "../../src/contract/module.ts";
import { Node } from "../../src/contract/node.ts";
import { Task } from "../../src/contract/task.ts";
import { AnthropicInferenceClient } from "../../src/inference/anthropic/client.ts";
import { BedrockInferenceClient } from "../../src/inference/bedrock/client.ts";
import type { CallRecord, ClientOptions } from "../../src/inference/call-settings.ts";
import type { InferenceClient } from "../../src/inference/client.ts";
import { GoogleGenAIInferenceClient } from "../../src/inference/genai/client.ts";
import { OpenAIInferenceClient } from "../../src/inference/openai/client.ts";
import { VertexInferenceClient } from "../../src/inference/vertex/client.ts";
import { MemorySnapshotStore } from "../../src/snapshot/memory.ts";
import type { InferenceServerFormat } from "../../src/testing/servers/inference-server.ts";
import { recorder } from "../telemetry/recorder.ts";
import { ask, CLIENT_ROWS, errorOf, isolateClients, once } from "./client-rows.ts";
import { RAW, refuseAs, servePlays, textStream } from "./raw-streams.ts";

isolateClients();
const { ended } = recorder();

/** Of no form that a secret is known by. */
const KEY = "Zq7planted-key-0123456789";
const PROMPT = "the planted prompt, unmistakable among prompts";

interface Holder {
  name: string;
  format: InferenceServerFormat;
  make(url: string, options: ClientOptions): InferenceClient;
}

const holder = (name: string, format: InferenceServerFormat, make: Holder["make"]): Holder => ({ name, format, make });
const env = (name: string, value: string): void => void vi.stubEnv(name, value);

function signedIn(): { authClient: OAuth2Client } {
  const authClient = new OAuth2Client();
  authClient.setCredentials({ access_token: KEY, expiry_date: Date.now() + 3_600_000 });
  return { authClient };
}

const claude = "claude-sonnet-4-6";
const onBedrock = `global.anthropic.${claude}`;
const gemini = "gemini-2.5-pro";
const place = { project: "planted-project", location: "us-central1" };
const temporary = { accessKeyId: "AKIDPLANTED", secretAccessKey: "Zq7secret-9876543210", sessionToken: KEY };

const HOLDERS: Holder[] = [
  holder("Anthropic, by option", "anthropic", (baseURL, options) => {
    return new AnthropicInferenceClient({ model: claude, apiKey: KEY, baseURL, ...options });
  }),
  holder("Anthropic, by environment", "anthropic", (baseURL, options) => {
    env("ANTHROPIC_API_KEY", KEY);
    return new AnthropicInferenceClient({ model: claude, baseURL, ...options });
  }),
  holder("Anthropic, by a token of the environment", "anthropic", (baseURL, options) => {
    env("ANTHROPIC_AUTH_TOKEN", KEY);
    return new AnthropicInferenceClient({ model: claude, baseURL, ...options });
  }),
  holder("Anthropic, ready-made", "anthropic", (baseURL, options) => {
    return new AnthropicInferenceClient({ model: claude, client: new Anthropic({ apiKey: KEY, baseURL }), ...options });
  }),
  holder("OpenAI Responses, by option", "openai-responses", (baseURL, options) => {
    return new OpenAIInferenceClient({ model: "gpt-5.6", api: "responses", apiKey: KEY, baseURL, ...options });
  }),
  holder("OpenAI Chat Completions, by environment", "openai-chat", (baseURL, options) => {
    env("OPENAI_API_KEY", KEY);
    env("OPENAI_BASE_URL", baseURL);
    return new OpenAIInferenceClient({ model: "gpt-5.6", api: "chat", ...options });
  }),
  holder("OpenAI Responses, ready-made", "openai-responses", (baseURL, options) => {
    return new OpenAIInferenceClient({ model: "gpt-5.6", api: "responses", client: new OpenAI({ apiKey: KEY, baseURL }), ...options });
  }),
  holder("OpenAI on Azure, ready-made", "openai-chat", (endpoint, options) => {
    const client = new AzureOpenAI({ apiKey: KEY, endpoint, apiVersion: "2025-04-01-preview", deployment: "mine" });
    return new OpenAIInferenceClient({ model: "gpt-5.6", api: "chat", client, ...options });
  }),
  holder("Bedrock, by option", "bedrock", (endpoint, options) => {
    return new BedrockInferenceClient({ model: onBedrock, region: "us-east-1", endpoint, credentials: temporary, ...options });
  }),
  holder("Bedrock, by a function", "bedrock", (endpoint, options) => {
    const credentials = async () => temporary;
    return new BedrockInferenceClient({ model: onBedrock, region: "us-east-1", endpoint, credentials, ...options });
  }),
  holder("Bedrock, by environment", "bedrock", (endpoint, options) => {
    env("AWS_ACCESS_KEY_ID", temporary.accessKeyId);
    env("AWS_SECRET_ACCESS_KEY", temporary.secretAccessKey);
    env("AWS_SESSION_TOKEN", KEY);
    return new BedrockInferenceClient({ model: onBedrock, region: "us-east-1", endpoint, ...options });
  }),
  holder("Bedrock, by a token of the environment", "bedrock", (endpoint, options) => {
    env("AWS_BEARER_TOKEN_BEDROCK", KEY);
    return new BedrockInferenceClient({ model: onBedrock, region: "us-east-1", endpoint, ...options });
  }),
  holder("Bedrock, ready-made", "bedrock", (endpoint, options) => {
    const requestHandler = new NodeHttpHandler();
    const client = new BedrockRuntimeClient({ region: "us-east-1", endpoint, credentials: { ...temporary }, requestHandler });
    return new BedrockInferenceClient({ model: onBedrock, client, ...options });
  }),
  holder("Google GenAI, by option", "gemini", (baseURL, options) => {
    return new GoogleGenAIInferenceClient({ model: gemini, apiKey: KEY, baseURL, ...options });
  }),
  holder("Google GenAI, by environment", "gemini", (baseURL, options) => {
    env("GEMINI_API_KEY", KEY);
    return new GoogleGenAIInferenceClient({ model: gemini, baseURL, ...options });
  }),
  holder("Google GenAI, ready-made", "gemini", (baseUrl, options) => {
    const client = new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl } });
    return new GoogleGenAIInferenceClient({ model: gemini, client, ...options });
  }),
  holder("Google GenAI on Vertex AI, signed in", "gemini", (baseURL, options) => {
    return new GoogleGenAIInferenceClient({ model: gemini, ...place, baseURL, googleAuthOptions: signedIn(), ...options });
  }),
  holder("Vertex, signed in", "gemini", (url, options) => {
    return new VertexInferenceClient({
      model: gemini,
      ...place,
      apiEndpoint: new URL(url).host,
      googleAuthOptions: signedIn(),
      ...options,
    });
  }),
  holder("Vertex, ready-made", "gemini", (url, options) => {
    const init = { ...place, apiEndpoint: new URL(url).host, googleAuthOptions: signedIn() };
    const client = new VertexAI(init as unknown as VertexInit);
    return new VertexInferenceClient({ model: gemini, client, ...options });
  }),
];

/** All ways in which a value is looked at. */
const shown = (value: unknown): string =>
  [String(value), value instanceof Error ? value.stack : "", JSON.stringify(value), inspect(value, { depth: 20, showHidden: true })].join(
    "\n",
  );

/** Everything that is written to the console while the work goes on. */
async function logOf(work: () => Promise<unknown>): Promise<string> {
  const lines: unknown[] = [];
  const keep = (...words: unknown[]): boolean => lines.push(...words) > 0;
  for (const method of ["log", "info", "warn", "error", "debug", "trace"] as const) vi.spyOn(console, method).mockImplementation(keep);
  const streams = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, "write").mockImplementation(keep));
  try {
    await work();
  } finally {
    for (const stream of streams) stream.mockRestore();
  }
  return lines.map((line) => inspect(line, { depth: 20 })).join("\n");
}

describe.each(HOLDERS)("a key: $name", ({ format, make }) => {
  const raw = RAW[format];

  async function calls(...plays: Parameters<typeof servePlays>[1][]) {
    const records: CallRecord[] = [];
    const server = await servePlays(raw, ...plays);
    const client = make(server.url, { ...once, onTrace: (record) => void records.push(record) });
    return { server, client, records };
  }

  it("is sent, and not shown in an error, a record, a span or a log, though the server repeats it", async () => {
    const { server, client, records } = await calls(refuseAs(raw, 400, {}, `Not with ${KEY}; ${KEY.toUpperCase()}. ${PROMPT}`));
    const errors: Error[] = [];
    const log = await logOf(async () => {
      errors.push(await errorOf(client.generate(ask(PROMPT))), await errorOf(client.stream(ask(PROMPT)).result));
    });
    expect(server.requests).toHaveLength(2);
    for (const { headers } of server.requests) expect(JSON.stringify(headers)).toContain(KEY);
    expect(errors.map(({ message }) => message)).toEqual([0, 1].map(() => expect.stringContaining("status 400")));
    const seen = [...errors.map(shown), inspect(ended(), { depth: 12 }), log].join("\n");
    for (const word of [KEY, temporary.secretAccessKey, PROMPT, "unmistakable"])
      expect(seen.toLowerCase()).not.toContain(word.toLowerCase());
    // The record is of what was asked; keys are no part of that.
    expect(records).toHaveLength(2);
    expect(shown(records).toLowerCase()).not.toContain(KEY.toLowerCase());
  });

  it("is not in the client, whoever looks at it, nor in an answer and its record", async () => {
    const { client, records } = await calls(
      (response) => {
        response.writeHead(200, { "content-type": "application/json" });
        response.end(JSON.stringify(raw.strangeWhole));
      },
      textStream(raw, "Hi"),
    );
    const whole = await client.generate(ask());
    const streamed = await client.stream(ask()).result;
    const seen = [client, whole, streamed, records].map(shown).join("\n");
    for (const word of [KEY, temporary.secretAccessKey]) expect(seen).not.toContain(word);
  });
});

describe.each(CLIENT_ROWS)("a run that fails by its model: $name", ({ format }) => {
  it("shows neither key nor prompt in its outcome, its mailboxes and its snapshots", async () => {
    const { make } = HOLDERS.find((entry) => entry.format === format) as Holder;
    const raw = RAW[format];
    const server = await servePlays(raw, refuseAs(raw, 400, {}, `Not with ${KEY}: ${PROMPT}`));
    const client = make(server.url, once);
    const cache = new MemoryCache();
    const snapshotStore = new MemorySnapshotStore();
    const think = defineModule({
      name: "think",
      process: async () => ({ status: "success", result: (await client.generate(ask(PROMPT))).text }),
    });
    const rest = defineModule({ name: "rest", process: async () => ({ status: "success" }) });
    const nodes = [
      new Node({ name: "think", modules: [think], nodeConfig: { maxRetries: 1 } }),
      new Node({ name: "rest", modules: [rest] }),
      // What is stored before it holds how the first step ended.
      new Node({ name: "after", modules: [rest], dependencies: ["rest"], snapshot: "ALWAYS" }),
    ];
    const save = vi.spyOn(snapshotStore, "save");
    const outcome = await new Agent({ nodes, cache, snapshotStore }).runTask(new Task({ type: "t", objective: "o" }));
    expect(outcome.status).toBe("PARTIAL");
    const mailboxes = [await cache.peekMailbox("agent_error"), await cache.peekMailbox("agent_output"), await cache.getAll()];
    for (const place of [outcome, mailboxes, save.mock.calls]) {
      expect(shown(place)).toContain("status 400");
      for (const word of [KEY, PROMPT, "unmistakable"]) expect(shown(place)).not.toContain(word);
    }
  });
});
