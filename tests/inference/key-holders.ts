/** Clients by where they have their keys from: an option, the environment, a sign-in, or a ready-made client of the SDK. */
import Anthropic from "@anthropic-ai/sdk";
import { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime";
import { GoogleGenAI } from "@google/genai";
import { VertexAI, type VertexInit } from "@google-cloud/vertexai";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { OAuth2Client } from "google-auth-library";
import OpenAI, { AzureOpenAI } from "openai";
import { vi } from "vitest";
import { AnthropicInferenceClient } from "#clients/anthropic";
import { BedrockInferenceClient } from "#clients/bedrock";
import { GoogleGenAIInferenceClient } from "#clients/genai";
import type { InferenceClient } from "#clients/inference-client";
import { OpenAIInferenceClient } from "#clients/openai";
import { VertexInferenceClient } from "#clients/vertex";
import type { ClientOptions } from "#inference/call/call-settings";
import type { InferenceServerFormat } from "#testing/servers/inference-server";

/** Of no form that a secret is known by. */
export const KEY = "Zq7planted-key-0123456789";

export interface Holder {
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
/** Of AWS: the secret is never sent, the token is. */
export const temporary = { accessKeyId: "AKIDPLANTED", secretAccessKey: "Zq7secret-9876543210", sessionToken: KEY };

export const HOLDERS: Holder[] = [
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
  holder("OpenAI Chat Completions, by option", "openai-chat", (baseURL, options) => {
    return new OpenAIInferenceClient({ model: "local-model", api: "chat", apiKey: KEY, baseURL, ...options });
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
