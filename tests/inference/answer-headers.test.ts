/** What comes beside an answer, on every client: its headers and the provider's limits, and nothing that is secret. */
import { describe, expect, it } from "vitest";
import type { Generation } from "#contract/chat/generation";
import { answerHeaders } from "#inference/call/answer-headers";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import { ManualClock } from "../support/manual-clock.ts";
import { json, serveWire } from "../support/wire-server.ts";
import { scripted } from "./checklist-calls.ts";
import { add, ask, CLIENT_ROWS, EVERY_ROW, isolateClients, once, SECRET, twice } from "./client-rows.ts";
import { RAW } from "./raw-streams.ts";

isolateClients();

const told = { "X-Served-By": "planted-host", "x-ratelimit-limit-requests": "100", "x-ratelimit-remaining-requests": "99" };
const nearlySpent = { "retry-after": "0", "x-served-by": "the one that refused", "x-ratelimit-remaining-tokens": "900" };

describe.each(EVERY_ROW)("the headers of an answer: $name", (row) => {
  it("come with it, whole or streamed, in lower case", async () => {
    const turn = { text: "One", headers: told };
    const { client } = await scripted(row, [turn, turn]);
    for (const { headers, rateLimits } of [await client.generate(ask()), await client.stream(ask()).result]) {
      expect(headers).toMatchObject({ "x-served-by": "planted-host", "content-type": expect.any(String) });
      expect(Object.keys(headers).filter((name) => name !== name.toLowerCase())).toEqual([]);
      expect(rateLimits).toEqual({ requests: { limit: 100, remaining: 99 } });
    }
  });

  it("are those of the attempt that answered", async () => {
    const refused = { error: { status: 503 }, headers: nearlySpent };
    const { client } = await scripted(row, [refused, { text: "One", headers: told }, refused, { text: "Two", headers: told }], twice);
    for (const { headers, rateLimits } of [await client.generate(ask()), await client.stream(ask()).result]) {
      expect(headers["x-served-by"]).toBe("planted-host");
      expect(headers).not.toHaveProperty("retry-after");
      expect(rateLimits).not.toHaveProperty("tokens");
    }
  });

  it("tell the provider's limits, with the moment at which each is whole again", async () => {
    const clock = new ManualClock(Date.parse("2040-01-01T00:00:00Z"));
    const at = (seconds: number): string => new Date(clock.now() + seconds * 1000).toISOString();
    const headers = {
      "anthropic-ratelimit-requests-limit": "50",
      "anthropic-ratelimit-requests-remaining": "49",
      "anthropic-ratelimit-requests-reset": at(2),
      "anthropic-ratelimit-input-tokens-limit": "30000",
      "anthropic-ratelimit-input-tokens-remaining": "29000",
      "anthropic-ratelimit-input-tokens-reset": at(3),
      "anthropic-ratelimit-output-tokens-remaining": "7000",
      "x-ratelimit-limit-tokens": "100000",
      "x-ratelimit-remaining-tokens": "90000",
      "x-ratelimit-reset-tokens": "8h0m0.5s",
    };
    const { client } = await scripted(row, [{ text: "One", headers }], { ...once, services: { clock } });
    const expected: Generation["rateLimits"] = {
      requests: { limit: 50, remaining: 49, resetAt: clock.now() + 2000 },
      tokens: { limit: 100_000, remaining: 90_000, resetAt: clock.now() + 28_800_500 },
      inputTokens: { limit: 30_000, remaining: 29_000, resetAt: clock.now() + 3000 },
      outputTokens: { remaining: 7000 },
    };
    expect((await client.generate(ask())).rateLimits).toEqual(expected);
  });
});

/** The key of a package of the AI SDK is its own, and not known here. */
describe.each(CLIENT_ROWS)("the headers of an answer that holds secrets: $name", (row) => {
  it("hold no cookie and no key, not even the request's own by any name", async () => {
    const secret = {
      "set-cookie": ["session=planted-cookie", "other=planted-cookie"],
      "x-session-token": "planted-session",
      "x-echo": `came with ${SECRET}`,
      "x-hint": "Bearer planted-bearer-0123456789",
      "x-ratelimit-remaining-tokens": "5000",
    };
    const server = await serveWire((_, response) => {
      for (const [name, value] of Object.entries(secret)) response.setHeader(name, value);
      json(response, 200, RAW[row.format].strangeWhole);
    });
    const { headers } = await row.make(server.url, { maxTokens: 4096, ...once }).generate(ask());
    await server.close();
    expect(Object.keys(headers).filter((name) => name in secret)).toEqual(["x-ratelimit-remaining-tokens"]);
    expect(JSON.stringify(headers)).not.toMatch(/planted/);
  });
});

describe("the headers of a scripted answer", () => {
  it("are the script's", async () => {
    const client = new ScriptedInferenceClient([{ text: "One", headers: told }, "Two"]);
    expect(await client.generate(ask())).toMatchObject({
      headers: { "x-served-by": "planted-host" },
      rateLimits: { requests: { limit: 100, remaining: 99 } },
    });
    expect(await client.stream(ask()).result).toMatchObject({ headers: {}, rateLimits: {} });
  });

  it("are kept where the answer is parsed", async () => {
    const client = new ScriptedInferenceClient([{ text: '{"a":1}', headers: told }]);
    const output = { type: "object", properties: { a: { type: "number" } } };
    expect(await client.generate(ask(), { output })).toMatchObject({ output: { a: 1 }, headers: { "x-served-by": "planted-host" } });
  });

  it.each([[{ "": "1" }], [{ "with space": "1" }], [{ "x-a": "line\nbreak" }], [{ "x-a": "日本" }]])(
    "are refused where they are none: %j",
    (headers) => {
      expect(() => new ScriptedInferenceClient([{ text: "One", headers: headers as Record<string, string> }])).toThrow(/headers/);
    },
  );

  it("are of no use to a chain, whose steps come from many answers", async () => {
    const call = { toolCalls: [{ name: "add", input: { a: 1, b: 2, note: "" } }], headers: told };
    const client = new ScriptedInferenceClient([call, { text: "3", headers: told }]);
    expect(await client.toolChain(ask(), [add])).not.toHaveProperty("headers");
  });
});

describe("headers that are shown", () => {
  it.each<[name: string, value: string, isShown: boolean]>([
    ["request-id", "req_1", true],
    ["x-ratelimit-limit-tokens", "100", true],
    ["ratelimit-reset", "1", true],
    ["openai-organization", "acme", true],
    ["cookie", "a=b", false],
    ["x-api-key", "abcd", false],
    ["x-amz-security-token", "abcd", false],
    ["authorization", "Basic abcd", false],
    ["x-key-of-yours", "a planted key", false],
    ["x-letter", "contains k", true],
    ["__proto__", "polluted", true],
  ])("%s: %s", (name, value, isShown) => {
    const shown = answerHeaders(new Headers([[name, value]]), ["planted", "k"]);
    expect(Object.entries(shown)).toEqual(isShown ? [[name, value]] : []);
    expect(Object.getPrototypeOf(shown)).toBe(Object.prototype);
  });
});
