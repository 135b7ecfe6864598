/** What a provider has and the library does not name goes into its request last, on every client; other providers' names are left out. */
import { afterEach, describe, expect, it } from "vitest";
import { merged } from "#inference/request/provider-options";
import { type InferenceServer, startInferenceServer } from "#testing/servers/inference-server";
import { ask, CLIENT_ROWS, isolateClients, once } from "./client-rows.ts";

const open: InferenceServer[] = [];

isolateClients();

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

/** By format: the provider's name, members that the library writes itself beside one that it does not know, and what the request holds of them then. */
const EXTRA: Record<string, { name: string; body: Record<string, unknown>; sent: Record<string, unknown> }> = {
  anthropic: {
    name: "anthropic",
    body: { service_tier: "standard_only", output_config: { effort: "low" }, max_tokens: 77 },
    sent: { service_tier: "standard_only", output_config: { effort: "low" }, max_tokens: 77 },
  },
  "openai-responses": {
    name: "openai",
    body: { prompt_cache_key: "k", reasoning: { effort: "none" }, include: ["x"] },
    sent: { prompt_cache_key: "k", reasoning: { effort: "none" }, include: ["x"] },
  },
  "openai-chat": {
    name: "openai-compatible",
    body: { chat_template_kwargs: { enable_thinking: false } },
    sent: { chat_template_kwargs: { enable_thinking: false } },
  },
  bedrock: {
    name: "bedrock",
    body: { additionalModelRequestFields: { top_k: 5 }, inferenceConfig: { temperature: 0.1 } },
    sent: { additionalModelRequestFields: { top_k: 5 }, inferenceConfig: { maxTokens: 50, temperature: 0.1 } },
  },
  gemini: {
    name: "google",
    body: { safetySettings: [{ category: "c", threshold: "OFF" }], generationConfig: { seed: 7 } },
    sent: { safetySettings: [{ category: "c", threshold: "OFF" }], generationConfig: { maxOutputTokens: 50, seed: 7 } },
  },
};

describe.each(CLIENT_ROWS)("providerOptions of $name", ({ format, make }) => {
  const { name, body, sent } = EXTRA[format] as (typeof EXTRA)[string];
  const options = { maxTokens: 50, providerOptions: { [name]: { ...body, headers: { "x-own": "yes" } }, another: { nothing: 1 } } };

  it.each(["whole", "streamed"])("go into the body, and its headers, last (%s)", async (how) => {
    const server = await startInferenceServer(format, ["Hi"]);
    open.push(server);
    const client = make(server.url, once);
    const { text, warnings } = how === "whole" ? await client.generate(ask(), options) : await client.stream(ask(), options).result;
    expect([text, warnings]).toEqual(["Hi", []]);
    const [request] = server.requests;
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

it("objects go into each other, and anything else takes the place of what was there", () => {
  const known = { a: { b: 1, c: [1, 2] }, d: 1 };
  expect(merged(known, { a: { c: [3], e: null }, d: { f: 1 } })).toEqual({ a: { b: 1, c: [3], e: null }, d: { f: 1 } });
  expect(known).toEqual({ a: { b: 1, c: [1, 2] }, d: 1 });
});
