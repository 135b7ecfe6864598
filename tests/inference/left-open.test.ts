/** An answer that came to its provider's end mark is one, though its connection stays open or breaks; it is asked and paid for once. */
import type { ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import type { InferenceClient } from "#clients/inference-client";
import type { ClientOptions } from "#inference/call/call-settings";
import { sse } from "../support/wire-server.ts";
import * as anthropic from "./anthropic/messages-server.ts";
import * as bedrock from "./bedrock/converse-server.ts";
import { isolateClients } from "./client-rows.ts";
import * as gemini from "./gemini/gemini-server.ts";
import * as openai from "./openai/openai-server.ts";
import { HELLO, serve } from "./provider-fixture.ts";

isolateClients();

type Json = Record<string, unknown>;

interface Row {
  name: string;
  /** Its end mark is the last thing that it sends. */
  isLast: boolean;
  begin(response: ServerResponse): void;
  clientOf(url: string, options?: ClientOptions): InferenceClient;
}

const events = (response: ServerResponse, ...all: Json[]): void => {
  const stream = sse(response);
  for (const event of all) stream.send(event, typeof event.type === "string" ? event.type : undefined);
};

const ROWS: Row[] = [
  { name: "Anthropic", isLast: true, begin: (response) => events(response, ...anthropic.textStream("Hi")), clientOf: anthropic.clientOf },
  {
    name: "OpenAI Responses",
    isLast: true,
    begin: (response) => events(response, ...openai.hiStream("responses")),
    clientOf: (url, options) => openai.clientOf(url, { api: "responses", ...options }),
  },
  {
    name: "OpenAI Chat Completions",
    isLast: false,
    begin: (response) => events(response, openai.text("Hi"), openai.end()),
    clientOf: (url, options) => openai.clientOf(url, { api: "chat", ...options }),
  },
  {
    name: "Bedrock",
    isLast: false,
    begin: (response) => bedrock.send(response, bedrock.START, bedrock.textFrame("Hi"), bedrock.stopFrame(), ...bedrock.endFrames()),
    clientOf: bedrock.clientOf,
  },
  ...gemini.CLIENTS.map(
    ({ name, clientOf }): Row => ({
      name,
      isLast: false,
      begin: (response) => gemini.send(response, gemini.end([{ text: "Hi" }])),
      clientOf,
    }),
  ),
];
const retry = { maxAttempts: 3, initialDelayMs: 0 };

/** @returns what came, and how often it was asked for */
async function askedOf({ begin, clientOf }: Row, idleTimeoutMs?: number): Promise<unknown[]> {
  const server = await serve((_request, response) => begin(response));
  const client = clientOf(server.url, { retry });
  const { text, stopReason } = await client.toolChain(HELLO, [], idleTimeoutMs === undefined ? {} : { idleTimeoutMs });
  return [text, stopReason, server.requests.length];
}

describe("an answer whose connection stays open", () => {
  const all = (isLast: boolean, idleTimeoutMs?: number) => {
    const rows = ROWS.filter((row) => row.isLast === isLast);
    return Promise.all(rows.map(async (row) => [row.name, ...(await askedOf(row, idleTimeoutMs))]));
  };
  const whole = (isLast: boolean) => ROWS.filter((row) => row.isLast === isLast).map(({ name }) => [name, "Hi", "finished", 1]);

  it("is one at once where nothing comes after the end mark", async () => {
    expect(await all(true)).toEqual(whole(true));
  });

  it("is one after a moment where something may", async () => {
    expect(await all(false, 2_000)).toEqual(whole(false));
  });
});

describe.each(ROWS)("an answer of $name that has ended", ({ begin, clientOf }) => {
  it("is one, though its connection breaks", async () => {
    const server = await serve((_request, response) => {
      begin(response);
      response.write("", () => response.destroy());
    });
    const { text } = await clientOf(server.url, { retry }).stream(HELLO).result;
    expect([text, server.requests.length]).toEqual(["Hi", 1]);
  });
});
