/** What a client of several gives on from the one that answers, and what it tells each, over two providers' SDKs. */
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { FallbackInferenceClient } from "#clients/fallback";
import type { GenerateOptions, Generation } from "#contract/chat/generation";
import { defineTool, providerTool } from "#contract/chat/tool";
import type { CallRecord, ClientOptions } from "#inference/call/call-settings";
import type { ScriptedTurn } from "#testing/script";
import { HastyClock } from "../support/hasty-clock.ts";
import { rowOf, scripted } from "./checklist-calls.ts";
import { ask, isolateClients, once, twice } from "./client-rows.ts";

isolateClients();

const down: ScriptedTurn = { error: { status: 529 }, headers: { "x-served-by": "the first", "x-ratelimit-remaining-requests": "1" } };

async function ofTwo(first: ScriptedTurn[], second: ScriptedTurn[], options: ClientOptions = once) {
  const one = await scripted(rowOf("anthropic"), first, options);
  const two = await scripted(rowOf("openai-responses"), second, options);
  return { one, two, client: new FallbackInferenceClient([one.client, two.client]) };
}

const WAYS: [string, (client: FallbackInferenceClient, options?: GenerateOptions) => Promise<Generation>][] = [
  ["whole", (client, options) => client.generate(ask(), options)],
  ["streamed", (client, options) => client.stream(ask(), options).result],
];

describe.each(WAYS)("a client of several, %s", (_way, asked) => {
  it("gives the headers and the limits of the one that answered", async () => {
    const headers = { "x-served-by": "the second", "x-ratelimit-limit-requests": "100", "x-ratelimit-remaining-requests": "99" };
    const { client } = await ofTwo([down], [{ text: "Hi", headers }]);
    const { headers: told, rateLimits, model } = await asked(client);
    expect(told["x-served-by"]).toBe("the second");
    expect(rateLimits).toEqual({ requests: { limit: 100, remaining: 99 } });
    expect(model).toBe("gpt-5.6");
  });

  it("waits as the first is asked to, then as the second, and each tells its own", async () => {
    const clock = new HastyClock(60_000);
    const records: CallRecord[] = [];
    const options = {
      retry: { maxAttempts: 2 },
      services: { clock, random: () => 0.5 },
      onTrace: (record: CallRecord) => void records.push(record),
    };
    const busy = (seconds: number): ScriptedTurn => ({ error: { status: 429 }, headers: { "retry-after": String(seconds) } });
    const { client } = await ofTwo([busy(7), busy(8)], [busy(3), { text: "Hi" }], options);
    expect((await asked(client)).text).toBe("Hi");
    expect(clock.passed).toEqual([7000, 3000]);
    expect(records.map(({ provider, pauses }) => [provider, pauses])).toEqual([
      ["anthropic", [{ reason: "retry-after", ms: 7000 }]],
      ["openai-compatible", [{ reason: "retry-after", ms: 3000 }]],
    ]);
  });

  it("tells each of strict tools and of its own provider's in its own form, and warns of what the one that answered was not told", async () => {
    const { one, two, client } = await ofTwo([down], [{ text: "Hi" }]);
    const add = defineTool({ name: "add", description: "Adds", input: z.object({ a: z.number() }), strict: true, run: ({ a }) => a });
    const tools = [
      add,
      providerTool("anthropic", { type: "web_search_20250305", name: "web_search" }),
      providerTool("openai", { type: "image_generation" }),
    ];
    const { warnings } = await asked(client, { tools });
    expect(warnings).toEqual([
      expect.stringContaining("did not answer (overloaded)"),
      expect.stringMatching(/gpt-5\.6 does not take the tool "web_search" of anthropic; it was left out/),
    ]);
    expect(one.server.requests[0]?.body.tools).toMatchObject([
      { name: "add", strict: true, input_schema: {} },
      { type: "web_search_20250305" },
    ]);
    expect(two.server.requests[0]?.body.tools).toMatchObject([{ name: "add", strict: true, parameters: {} }, { type: "image_generation" }]);
  });
});

describe("partial output of a client of several", () => {
  const output = z.object({ title: z.string(), tags: z.array(z.string()) });
  const whole = { title: "Rain", tags: ["wet"] };
  const json = JSON.stringify(whole);
  const turn: ScriptedTurn = { text: json, chunks: json.length };

  it.each(["stream", "streamChain"] as const)("is that of the one that answers: %s", async (way) => {
    const { client } = await ofTwo([down], [turn]);
    const stream = way === "stream" ? client.stream(ask(), { output }) : client.streamChain(ask(), [], { output });
    const seen: unknown[] = [];
    for await (const partial of stream.partialOutput) seen.push(partial);
    expect(seen).toContainEqual({ title: "Ra" });
    expect(seen.at(-1)).toEqual(whole);
    expect((await stream.result).output).toEqual(whole);
  });

  it("fails with the first where that breaks off once some of it was shown", async () => {
    const { two, client } = await ofTwo([{ ...turn, error: { status: 529, after: 20 } }], [], twice);
    const seen: unknown[] = [];
    const read = async () => {
      for await (const partial of client.stream(ask(), { output }).partialOutput) seen.push(partial);
    };
    await expect(read()).rejects.toMatchObject({ retryable: true });
    expect(seen).toContainEqual({ title: "Ra" });
    expect(two.server.requests).toEqual([]);
  });
});
