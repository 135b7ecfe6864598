/** Blocks of a provider's own that the same model of the same provider cannot be given back: left out with a warning, or refused where that is asked for. */
import { describe, expect, it } from "vitest";
import type { InferenceClient } from "#clients/inference-client";
import type { ClientOptions } from "#inference/call/call-settings";
import { json, type WireServer } from "../support/wire-server.ts";
import * as anthropic from "./anthropic/messages-server.ts";
import * as bedrock from "./bedrock/converse-server.ts";
import { isolateClients } from "./client-rows.ts";
import * as gemini from "./gemini/gemini-server.ts";
import * as openai from "./openai/openai-server.ts";
import { HELLO, serve } from "./provider-fixture.ts";

isolateClients();

const CALL = { toolCall: { id: "1", toolType: "GOOGLE_SEARCH", args: {} } };

interface Row {
  name: string;
  answer: unknown;
  clientOf(url: string, options?: ClientOptions): InferenceClient;
  /** What has no place in its requests. */
  value: unknown;
  /** What has one. */
  own?: { value: unknown; sent: object };
}

const ROWS: Row[] = [
  {
    name: "Anthropic",
    answer: anthropic.answerOf("Hi"),
    clientOf: anthropic.clientOf,
    value: { "ai-sdk": { type: "tool-call" } },
    own: { value: { type: "server_tool_use", id: "1" }, sent: { type: "server_tool_use", id: "1" } },
  },
  {
    name: "Bedrock",
    answer: bedrock.answerOf("Hi"),
    clientOf: bedrock.clientOf,
    value: { start: {}, deltas: [] },
    own: { value: { toolUse: { toolUseId: "1", name: "a", input: {} } }, sent: { toolUseId: "1", name: "a", input: {} } },
  },
  {
    name: "OpenAI Responses",
    answer: openai.hiAnswer("responses"),
    clientOf: (url, options) => openai.clientOf(url, { api: "responses", ...options }),
    value: "a text",
    own: { value: { type: "web_search_call", id: "1" }, sent: { type: "web_search_call", id: "1" } },
  },
  {
    name: "OpenAI Chat Completions",
    answer: openai.hiAnswer("chat"),
    clientOf: (url, options) => openai.clientOf(url, { api: "chat", ...options }),
    value: { type: "web_search_call", id: "1" },
  },
  {
    name: "Gemini API",
    answer: gemini.end([{ text: "Hi" }]),
    clientOf: gemini.genaiOf,
    value: { tomorrow: true },
    own: { value: { ...CALL, thoughtSignature: "c2ln" }, sent: { ...CALL, thoughtSignature: "c2ln" } },
  },
  { name: "Vertex AI", answer: gemini.end([{ text: "Hi" }]), clientOf: gemini.vertexOf, value: CALL },
];

const objectsIn = (value: unknown): object[] =>
  typeof value !== "object" || value === null ? [] : [value, ...Object.values(value).flatMap(objectsIn)];

const asked = (client: InferenceClient, of: unknown) =>
  client.generate([
    ...HELLO,
    {
      role: "ASSISTANT",
      content: [
        { type: "text", text: "So." },
        { type: "provider", provider: client.provider, model: client.model, value: of },
      ],
    },
    ...HELLO,
  ]);
const serving = ({ answer }: Row): Promise<WireServer> => serve((_request, response) => json(response, 200, answer));

describe.each(ROWS)("a block of $name's own", (row) => {
  const { clientOf, value } = row;

  it("that has no place in a request is left out, and said to be", async () => {
    const server = await serving(row);
    const { warnings } = await asked(clientOf(server.url), value);
    expect(warnings).toEqual([expect.stringContaining("blocks of other providers, models and APIs; they were left out")]);
    const sent = JSON.stringify(server.requests[0]?.body);
    for (const word of ["tool-call", "web_search_call", "tomorrow", "toolCall", "deltas", "a text"]) expect(sent).not.toContain(word);
  });

  it("that has none is an error where that is asked for, and nothing is sent", async () => {
    const server = await serving(row);
    await expect(asked(clientOf(server.url, { unsupported: "error" }), value)).rejects.toMatchObject({ code: "unsupported" });
    expect(server.requests).toEqual([]);
  });
});

describe.each(ROWS.filter(({ own }) => own !== undefined))("a block of $name's own", (row) => {
  it("that has a place goes back as it came", async () => {
    const server = await serving(row);
    const { warnings } = await asked(row.clientOf(server.url), row.own?.value);
    expect(objectsIn(server.requests[0]?.body)).toContainEqual(row.own?.sent);
    expect(warnings).toEqual([]);
  });
});
