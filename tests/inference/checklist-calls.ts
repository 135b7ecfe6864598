/** Calls as the checklist makes them: a row's client on plays or on a script, and the little that is asked of both. */
import { onTestFinished, vi } from "vitest";
import type { InferenceClient } from "#clients/inference-client";
import type { GenerateOptions, StreamPart } from "#contract/chat/generation";
import type { ChatMessage, ContentBlock } from "#contract/chat/message";
import { defineTool, type Tool } from "#contract/chat/tool";
import type { ClientOptions } from "#inference/call/call-settings";
import type { Script } from "#testing/script";
import { type InferenceServer, startInferenceServer } from "#testing/servers/inference-server";
import type { ServedRequest } from "#testing/servers/served-request";
import type { WireServer } from "../support/wire-server.ts";
import { ask, CLIENT_ROWS, type ClientRow, errorOf, once, twice } from "./client-rows.ts";
import { begin, bytesOf, type Frame, type Json, type Play, RAW, servePlays } from "./raw-streams.ts";
import { turnsIn } from "./read-request.ts";

export const rowOf = (format: ClientRow["format"]): ClientRow => CLIENT_ROWS.find((row) => row.format === format) as ClientRow;

/** The plays as an answer of the row's provider, and the row's client of them. */
export async function played({ format, make }: ClientRow, options: ClientOptions & { model?: string }, ...plays: Play[]) {
  const server = await servePlays(RAW[format], ...plays);
  return { server, client: make(server.url, { maxTokens: 4096, ...options }) };
}

export async function scripted(
  { format, make }: ClientRow,
  script: Script<ServedRequest>,
  options: ClientOptions & { model?: string } = once,
) {
  const server = await startInferenceServer(format, script);
  onTestFinished(() => server.close());
  return { server, client: make(server.url, { maxTokens: 4096, ...options }) };
}

/** What a stream of these frames adds up to. */
export const resultOf = async (row: ClientRow, ...frames: Frame[]) => (await played(row, once, frames)).client.stream(ask()).result;
/** Of Chat Completions. */
export const chatOf = (...chunks: Json[]) => resultOf(rowOf("openai-chat"), ...chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`));

/** To the end of the test, timers and the clock of silence move only when the test says so. */
export function simulateTime(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  onTestFinished(() => void vi.useRealTimers());
}

/** Client and server share one loop: what was written has been read by then. */
export async function untilRead(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

export async function firstText(client: InferenceClient, options: GenerateOptions = {}): Promise<string | undefined> {
  for await (const text of client.stream(ask(), options).text) return text;
  return undefined;
}

/** A stream that says "Hel" and, once that was read, what `then` does. */
export async function breakingOff(row: ClientRow, then: Play) {
  const read = Promise.withResolvers<void>();
  const raw = RAW[row.format];
  const { server, client } = await played(row, twice, async (response, n) => {
    begin(response, raw, [...raw.open, raw.text("Hel")]);
    await read.promise;
    if (typeof then === "function") return then(response, n);
    response.end(bytesOf(then));
  });
  const parts: StreamPart[] = [];
  const error = await errorOf(
    (async () => {
      for await (const part of client.stream(ask())) {
        parts.push(part);
        if (part.type === "text-delta") read.resolve();
      }
    })(),
  );
  return { error, parts, requests: server.requests.length };
}

export const toolOf = (name: string, run: Tool["run"]): Tool =>
  defineTool({ name, description: `Does ${name}`, input: { type: "object" }, run });
export const blocksOf = ({ content }: ChatMessage): ContentBlock[] => content as ContentBlock[];
export const callsIn = (blocks: readonly ContentBlock[]) => blocks.filter((block) => block.type === "tool-use");
/** What the request said after the question, turn by turn. */
export const saidAfter = ({ format }: ClientRow, server: InferenceServer | WireServer, n: number) =>
  turnsIn(format, server.requests[n]?.body).slice(1);
