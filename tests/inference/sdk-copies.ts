/** Places where an SDK is missing, or installed a second time, as nested dependencies do to a user. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { AnthropicInferenceClient } from "asimov-agents/anthropic";
import { BedrockInferenceClient } from "asimov-agents/bedrock";
import { GoogleGenAIInferenceClient } from "asimov-agents/genai";
import { OpenAIInferenceClient } from "asimov-agents/openai";
import { VertexInferenceClient } from "asimov-agents/vertex";
import { OAuth2Client } from "google-auth-library";
import { onTestFinished } from "vitest";
import type { InferenceClient } from "#clients/inference-client";
import type { ClientOptions } from "#inference/call/call-settings";
import { type Ended, ROOT, run } from "../support/program.ts";
import { CLIENT_ROWS, type ClientRow, SECRET } from "./client-rows.ts";

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "asimov-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Runs a program beside the sources, where nothing is installed but what comes with them, and XState. */
export function runWithoutSdks(program: string): Promise<Ended> {
  const folder = newFolder();
  for (const name of ["src", "machines", "actors", "package.json"]) symlinkSync(join(ROOT, name), join(folder, name));
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { dependencies: Record<string, string> };
  for (const name of ["xstate", ...Object.keys(dependencies)]) {
    const link = join(folder, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(ROOT, "node_modules", name), link);
  }
  writeFileSync(join(folder, "program.ts"), program);
  return run(process.execPath, [
    "--conditions=asimov-source",
    "--preserve-symlinks",
    "--preserve-symlinks-main",
    join(folder, "program.ts"),
  ]);
}

/** The exports of a copy of a package, whose classes are none of the first one's; what it depends on is shared. */
async function secondCopyOf<Exports>(name: string): Promise<Exports> {
  const folder = newFolder();
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  const modules = join(folder, "inner/node_modules");
  const isCode = (path: string): boolean => !/\.(?:map|d\.[cm]?ts|md)$/.test(path);
  cpSync(join(ROOT, "node_modules", name), join(modules, name), { recursive: true, filter: isCode });
  const entry = join(modules, "entry.mjs");
  writeFileSync(entry, `export * as copy from "${name}";`);
  return ((await import(/* @vite-ignore */ pathToFileURL(entry).href)) as { copy: Exports }).copy;
}

/** A client on a copy of its SDK, with the classes of the copy and of the first one. */
export interface OnCopy {
  row: ClientRow;
  copied(url: string, options: ClientOptions): Promise<{ client: InferenceClient; classes: [copy: unknown, own: unknown] }>;
}

const rowOf = (name: string): ClientRow => CLIENT_ROWS.find((row) => row.name === name) as ClientRow;

const openAI = (name: string, api: "chat" | "responses"): OnCopy => ({
  row: rowOf(name),
  async copied(baseURL, options) {
    const { default: Sdk } = await secondCopyOf<typeof import("openai")>("openai");
    const client = new OpenAIInferenceClient({ model: "m", api, client: new Sdk({ apiKey: SECRET, baseURL }), ...options });
    return { client, classes: [Sdk, (await import("openai")).default] };
  },
});

export const CLIENTS_ON_COPIES: OnCopy[] = [
  {
    row: rowOf("Anthropic"),
    async copied(baseURL, options) {
      const { default: Sdk } = await secondCopyOf<typeof import("@anthropic-ai/sdk")>("@anthropic-ai/sdk");
      const client = new AnthropicInferenceClient({ model: "claude-x", client: new Sdk({ apiKey: SECRET, baseURL }), ...options });
      return { client, classes: [Sdk, (await import("@anthropic-ai/sdk")).default] };
    },
  },
  {
    row: rowOf("Bedrock"),
    async copied(endpoint, options) {
      const name = "@aws-sdk/client-bedrock-runtime";
      const { BedrockRuntimeClient: Sdk } = await secondCopyOf<typeof import("@aws-sdk/client-bedrock-runtime")>(name);
      const credentials = { accessKeyId: "AKIAPLANTED0", secretAccessKey: SECRET };
      const client = new Sdk({ region: "us-east-1", endpoint, credentials, requestHandler: new NodeHttpHandler(), maxAttempts: 1 });
      const own = (await import("@aws-sdk/client-bedrock-runtime")).BedrockRuntimeClient;
      return { client: new BedrockInferenceClient({ model: "m", client, ...options }), classes: [Sdk, own] };
    },
  },
  openAI("OpenAI Responses", "responses"),
  openAI("OpenAI Chat Completions", "chat"),
  {
    row: rowOf("Google GenAI"),
    async copied(baseUrl, options) {
      const { GoogleGenAI: Sdk } = await secondCopyOf<typeof import("@google/genai")>("@google/genai");
      const client = new Sdk({ apiKey: SECRET, httpOptions: { baseUrl } });
      const own = (await import("@google/genai")).GoogleGenAI;
      return { client: new GoogleGenAIInferenceClient({ model: "m", client, ...options }), classes: [Sdk, own] };
    },
  },
  {
    row: rowOf("Vertex"),
    async copied(url, options) {
      const { VertexAI: Sdk } = await secondCopyOf<typeof import("@google-cloud/vertexai")>("@google-cloud/vertexai");
      const authClient = new OAuth2Client();
      authClient.setCredentials({ access_token: SECRET, expiry_date: Date.now() + 3_600_000 });
      const googleAuthOptions = { authClient } as never;
      const client = new Sdk({ project: "p", location: "l", apiEndpoint: new URL(url).host, googleAuthOptions });
      const own = (await import("@google-cloud/vertexai")).VertexAI;
      return { client: new VertexInferenceClient({ model: "m", client, ...options }), classes: [Sdk, own] };
    },
  },
];
