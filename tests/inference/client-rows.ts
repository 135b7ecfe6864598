/** The clients of six SDKs and those of two packages of the AI SDK, each with the settings that a test against a local server needs, and nothing of the machine's own. */
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { OAuth2Client } from "google-auth-library";
import { afterEach, beforeEach, expect, vi } from "vitest";
import { z } from "zod";
import { AiSdkInferenceClient } from "#clients/ai-sdk";
import { AnthropicInferenceClient } from "#clients/anthropic";
import { BedrockInferenceClient } from "#clients/bedrock";
import { GoogleGenAIInferenceClient } from "#clients/genai";
import type { InferenceClient } from "#clients/inference-client";
import { OpenAIInferenceClient } from "#clients/openai";
import { VertexInferenceClient } from "#clients/vertex";
import type { InferenceError } from "#contract/chat/errors";
import type { ChatMessage } from "#contract/chat/message";
import { defineTool } from "#contract/chat/tool";
import type { ClientOptions } from "#inference/call/call-settings";
import type { Capabilities } from "#inference/request/capabilities";
import type { InferenceServerFormat } from "#testing/servers/inference-server";

export const SECRET = "planted-secret-0123456789";

export interface ClientRow {
  name: string;
  format: InferenceServerFormat;
  make(url: string, options: ClientOptions & { model?: string }): InferenceClient;
  /** Whether thoughts come with what proves them, to be sent back. */
  signs: boolean;
  /** Whether the provider tells how many tokens were thoughts. */
  tellsReasoning: boolean;
  /** Whether it tells how many tokens were written to its cache. */
  tellsCacheWrites: boolean;
  /** Whether it sends a tool's input piece by piece, as text. */
  streamsToolInput: boolean;
  /** Whether it ends texts and calls at the end of the answer alone. */
  endsLate?: true;
  /** How thinking may be asked for, where that is not as the table has it. */
  thinking?: Capabilities["thinking"];
}

/** Those that read what is on the wire themselves, or by an SDK that they watch. */
export const CLIENT_ROWS: ClientRow[] = [
  {
    name: "Anthropic",
    format: "anthropic",
    make: (baseURL, options) => new AnthropicInferenceClient({ model: "claude-sonnet-4-6", apiKey: SECRET, baseURL, ...options }),
    signs: true,
    tellsReasoning: true,
    tellsCacheWrites: true,
    streamsToolInput: true,
  },
  {
    name: "Bedrock",
    format: "bedrock",
    make: (endpoint, options) =>
      new BedrockInferenceClient({
        model: "global.anthropic.claude-sonnet-4-6",
        region: "us-east-1",
        endpoint,
        credentials: { accessKeyId: "AKIAPLANTED0", secretAccessKey: SECRET },
        ...options,
      }),
    signs: true,
    tellsReasoning: false,
    tellsCacheWrites: true,
    streamsToolInput: true,
  },
  {
    name: "OpenAI Responses",
    format: "openai-responses",
    make: (baseURL, options) => new OpenAIInferenceClient({ model: "gpt-5.6", api: "responses", apiKey: SECRET, baseURL, ...options }),
    signs: true,
    tellsReasoning: true,
    tellsCacheWrites: true,
    streamsToolInput: true,
  },
  {
    name: "OpenAI Chat Completions",
    format: "openai-chat",
    make: (baseURL, options) => new OpenAIInferenceClient({ model: "local-model", api: "chat", apiKey: SECRET, baseURL, ...options }),
    signs: false,
    tellsReasoning: true,
    tellsCacheWrites: true,
    streamsToolInput: true,
  },
  {
    name: "Google GenAI",
    format: "gemini",
    make: (baseURL, options) => new GoogleGenAIInferenceClient({ model: "gemini-3-pro-preview", apiKey: SECRET, baseURL, ...options }),
    signs: true,
    tellsReasoning: true,
    tellsCacheWrites: false,
    streamsToolInput: false,
  },
  {
    name: "Vertex",
    format: "gemini",
    make: (url, options) => {
      const authClient = new OAuth2Client();
      authClient.setCredentials({ access_token: SECRET, expiry_date: Date.now() + 3_600_000 });
      return new VertexInferenceClient({
        model: "gemini-2.5-pro",
        project: "planted-project",
        location: "us-central1",
        apiEndpoint: new URL(url).host,
        googleAuthOptions: { authClient },
        ...options,
      });
    },
    signs: true,
    tellsReasoning: true,
    tellsCacheWrites: false,
    streamsToolInput: false,
  },
];

/** Models of two packages of the AI SDK, which send and read by themselves. */
const AI_SDK_ROWS: ClientRow[] = [
  {
    name: "AI SDK, Anthropic",
    format: "anthropic",
    make: (baseURL, { model = "claude-sonnet-4-6", ...options }) =>
      new AiSdkInferenceClient({ model: createAnthropic({ baseURL: `${baseURL}/v1`, apiKey: SECRET })(model), ...options }),
    signs: true,
    tellsReasoning: true,
    tellsCacheWrites: true,
    streamsToolInput: true,
  },
  {
    name: "AI SDK, OpenAI-compatible",
    format: "openai-chat",
    make: (baseURL, { model = "local-model", ...options }) => {
      const provider = createOpenAICompatible({
        name: "local",
        baseURL,
        apiKey: SECRET,
        includeUsage: true,
        supportsStructuredOutputs: true,
      });
      return new AiSdkInferenceClient({ model: provider(model), ...options });
    },
    signs: false,
    tellsReasoning: true,
    tellsCacheWrites: false,
    streamsToolInput: true,
    endsLate: true,
    thinking: ["effort", "off"],
  },
];

/** For what holds whoever reads the bytes. */
export const EVERY_ROW: ClientRow[] = [...CLIENT_ROWS, ...AI_SDK_ROWS];

const openAI = (name: string, model: string, provider: string, format: ClientRow["format"]): ClientRow => ({
  ...(CLIENT_ROWS.find((row) => row.format === format) as ClientRow),
  name,
  make: (baseURL, options) =>
    new OpenAIInferenceClient({
      model,
      provider,
      api: format === "openai-chat" ? "chat" : "responses",
      apiKey: SECRET,
      baseURL,
      ...options,
    }),
});

/** The clients whose provider takes cache markers; by its name, a server on loopback counts as OpenAI's own or as OpenRouter's. */
export const MARKING_ROWS: ClientRow[] = [
  ...CLIENT_ROWS.slice(0, 2),
  ...AI_SDK_ROWS.slice(0, 1),
  openAI("OpenAI by Responses", "gpt-5.6-sol", "openai", "openai-responses"),
  openAI("OpenAI by Chat Completions", "gpt-5.6-sol", "openai", "openai-chat"),
  openAI("OpenRouter", "anthropic/claude-opus-5", "openrouter", "openai-chat"),
];

/** Around each test of a file: the SDKs read the environment where options are absent, and one of them takes no http. */
export function isolateClients(): void {
  beforeEach(() => {
    for (const name of Object.keys(process.env)) {
      if (/^(?:ANTHROPIC|OPENAI|AWS|GOOGLE|GEMINI|CLOUD_ML|GCLOUD)_/.test(name)) vi.stubEnv(name, undefined);
    }
    for (const name of ["ANTHROPIC_CONFIG_DIR", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"]) vi.stubEnv(name, "/nowhere");
    vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
    // The Vertex SDK announces its end, and speaks https alone, by the platform's fetch.
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const direct = globalThis.fetch;
    vi.stubGlobal("fetch", (input: string | URL | Request, init?: RequestInit) => {
      const isLocal = typeof input === "string" && input.startsWith("https://127.0.0.1:");
      return direct(isLocal ? input.replace("https:", "http:") : input, init);
    });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });
}

export const ask = (content = "What is 1 + 2?"): ChatMessage[] => [{ role: "USER", content }];

export const add = defineTool({
  name: "add",
  description: "Adds two numbers",
  input: z.object({ a: z.number(), b: z.number(), note: z.string() }),
  run: ({ a, b }) => a + b,
});

export const once: ClientOptions = { retry: { maxAttempts: 1 } };
/** Two attempts, with no wait of our own between them. */
export const twice: ClientOptions = { retry: { maxAttempts: 2, initialDelayMs: 0 } };

export async function errorOf(promise: Promise<unknown>): Promise<InferenceError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Error);
  return error as InferenceError;
}
