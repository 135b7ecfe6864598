/** What a provider has and the library does not name goes into its request last, on every client; other providers' names are left out. */
import { afterEach, describe, expect, it } from "vitest";
import { FallbackInferenceClient } from "#clients/fallback";
import type { GenerateOptions } from "#contract/chat/generation";
import { merged } from "#inference/request/provider-options";
import { type InferenceServer, startInferenceServer } from "#testing/servers/inference-server";
import { rowOf, scripted } from "./checklist-calls.ts";
import { ask, CLIENT_ROWS, isolateClients, once } from "./client-rows.ts";
import type { Json } from "./raw-streams.ts";

const open: InferenceServer[] = [];

isolateClients();

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

interface Extra {
  name: string;
  /** What the library writes by itself. */
  own: Json;
  body: Json;
  /** What the request holds of both then. */
  sent: Json;
}
/** By format: members that the library writes itself beside some that it does not know. */
const EXTRA: Record<string, Extra> = {
  anthropic: {
    name: "anthropic",
    own: { max_tokens: 50, output_config: { effort: "high" } },
    body: { service_tier: "standard_only", output_config: { effort: "low" }, max_tokens: 77 },
    sent: { service_tier: "standard_only", output_config: { effort: "low" }, max_tokens: 77 },
  },
  "openai-responses": {
    name: "openai",
    own: { max_output_tokens: 50, store: false, include: ["reasoning.encrypted_content"], reasoning: { effort: "high", summary: "auto" } },
    body: { prompt_cache_key: "k", max_output_tokens: 77, store: true, include: ["x"], reasoning: { effort: "none" } },
    sent: { prompt_cache_key: "k", max_output_tokens: 77, store: true, include: ["x"], reasoning: { effort: "none", summary: "auto" } },
  },
  "openai-chat": {
    name: "openai-compatible",
    own: { max_tokens: 50, reasoning_effort: "high" },
    body: { chat_template_kwargs: { enable_thinking: false }, max_tokens: 77, reasoning_effort: "none" },
    sent: { chat_template_kwargs: { enable_thinking: false }, max_tokens: 77, reasoning_effort: "none" },
  },
  bedrock: {
    name: "bedrock",
    own: { inferenceConfig: { maxTokens: 50 }, additionalModelRequestFields: { thinking: { type: "adaptive" } } },
    body: {
      additionalModelRequestFields: { top_k: 5, thinking: { type: "disabled" } },
      inferenceConfig: { maxTokens: 77, stopSequences: ["x"] },
    },
    sent: {
      additionalModelRequestFields: { top_k: 5, thinking: { type: "disabled" } },
      inferenceConfig: { maxTokens: 77, stopSequences: ["x"] },
    },
  },
  gemini: {
    name: "google",
    own: { generationConfig: { maxOutputTokens: 50, thinkingConfig: { includeThoughts: true } } },
    body: {
      safetySettings: [{ category: "c", threshold: "OFF" }],
      generationConfig: { seed: 7, maxOutputTokens: 77, thinkingConfig: { includeThoughts: false } },
    },
    sent: {
      safetySettings: [{ category: "c", threshold: "OFF" }],
      generationConfig: { seed: 7, maxOutputTokens: 77, thinkingConfig: { includeThoughts: false } },
    },
  },
};

describe.each(CLIENT_ROWS)("providerOptions of $name", ({ format, make }) => {
  const { name, own, body, sent } = EXTRA[format] as Extra;
  const known: GenerateOptions = { maxTokens: 50, thinking: { effort: "high" } };
  const options = { ...known, providerOptions: { [name]: { ...body, headers: { "x-own": "yes" } }, another: { nothing: 1 } } };

  it.each(["whole", "streamed"])("go into the body, and its headers, last (%s)", async (how) => {
    const server = await startInferenceServer(format, ["So", "Hi"]);
    open.push(server);
    const client = make(server.url, once);
    const asked = (given: GenerateOptions) => (how === "whole" ? client.generate(ask(), given) : client.stream(ask(), given).result);
    await asked(known);
    expect(server.requests[0]?.body).toMatchObject(own);
    const { text, warnings } = await asked(options);
    expect([text, warnings]).toEqual(["Hi", []]);
    const [, request] = server.requests;
    expect(request?.body).toMatchObject(sent);
    expect(JSON.stringify(request?.body)).not.toContain("nothing");
    expect(request?.headers["x-own"]).toBe("yes");
  });

  it("of another form are refused before anything is sent, by their place", async () => {
    const client = make("http://127.0.0.1:9", once);
    const looped: Record<string, unknown> = {};
    looped.self = looped;
    for (const [providerOptions, place] of [
      [{ [name]: 1 }, `providerOptions.${name}`],
      [{ [name]: { headers: { "x-own": 1 } } }, `providerOptions.${name}.headers.x-own`],
      [{ [name]: { headers: { "x own": "yes" } } }, `providerOptions.${name}.headers: expected names of headers`],
      [{ [name]: { headers: { "x-own": "a\r\nx-more: b" } } }, `providerOptions.${name}.headers.x-own: expected what a header can hold`],
      [
        { [name]: { a: [{ onDone: () => {} }] } },
        `providerOptions.${name}.a.0.onDone: expected what the body of a request can hold; it is a function`,
      ],
      [{ [name]: { seed: 1n } }, `providerOptions.${name}.seed`],
      [{ [name]: looped }, `providerOptions.${name}.self`],
      ["all", "providerOptions"],
    ] as const) {
      await expect(client.generate(ask(), { providerOptions: providerOptions as never })).rejects.toMatchObject({
        code: "invalid-options",
        message: expect.stringContaining(place),
      });
    }
  });
});

it("of two providers go to each its own, of a client of several", async () => {
  const [first, second] = [await scripted(rowOf("anthropic"), [{ error: { status: 529 } }]), await scripted(rowOf("openai-chat"), ["Hi"])];
  const providerOptions = {
    anthropic: { service_tier: "auto", headers: { "x-own": "a" } },
    "openai-compatible": { seed: 7, headers: { "x-own": "b" } },
  };
  await new FallbackInferenceClient([first.client, second.client]).generate(ask(), { providerOptions } as GenerateOptions);
  const [one, two] = [first.server.requests[0], second.server.requests[0]];
  expect([one?.body.service_tier, one?.headers["x-own"], two?.body.seed, two?.headers["x-own"]]).toEqual(["auto", "a", 7, "b"]);
  expect(one?.body).not.toHaveProperty("seed");
  expect(two?.body).not.toHaveProperty("service_tier");
});

it("objects go into each other, and anything else takes the place of what was there", () => {
  const known = { a: { b: 1, c: [1, 2] }, d: 1 };
  expect(merged(known, { a: { c: [3], e: null }, d: { f: 1 } })).toEqual({ a: { b: 1, c: [3], e: null }, d: { f: 1 } });
  expect(known).toEqual({ a: { b: 1, c: [1, 2] }, d: 1 });
});
