/** What every client gives, by real packages of the AI SDK: the provider's own words and tools, secrets, and what is left out. */
import { APICallError } from "@ai-sdk/provider";
import { MockLanguageModelV3, MockLanguageModelV4 } from "ai/test";
import { defineTool, providerTool } from "asimov-agents";
import { describe, expect, it } from "vitest";
import type { GenerateOptions } from "#contract/chat/generation";
import type { ContentBlock } from "#contract/chat/message";
import { scripted } from "../checklist-calls.ts";
import { add, ask, EVERY_ROW, errorOf, isolateClients, once } from "../client-rows.ts";
import { answering, clientOf, inVersion, STOP, streaming, streamOf, textOf, USAGE } from "./mock.ts";

isolateClients();

const ROWS = EVERY_ROW.filter(({ name }) => name.startsWith("AI SDK"));
/** By format, under what name a package takes options, what they are in its words, and what it makes of them. */
const OWN: Readonly<Record<string, { key: string; given: Record<string, unknown>; sent: object }>> = {
  anthropic: { key: "anthropic", given: { speed: "fast" }, sent: { speed: "fast" } },
  "openai-chat": { key: "local", given: { user: "customer-7" }, sent: { user: "customer-7" } },
};

describe.each(ROWS)("the contract through $name", (row) => {
  const { key, given, sent } = OWN[row.format] as (typeof OWN)[string];

  it.each(["whole", "streamed"])("has providerOptions in the request, and headers of its provider alone (%s)", async (how) => {
    const { server, client } = await scripted(row, ["Hi"]);
    const options: GenerateOptions = {
      providerOptions: { [key]: { ...given, headers: { "x-own": "yes" } }, another: { nothing: 1, headers: { "x-other": "no" } } },
    };
    await (how === "whole" ? client.generate(ask(), options) : client.stream(ask(), options).result);
    const [request] = server.requests;
    expect(request?.body).toMatchObject(sent);
    expect(JSON.stringify(request?.body)).not.toContain("nothing");
    expect(request?.headers).toMatchObject({ "x-own": "yes" });
    expect(request?.headers).not.toHaveProperty("x-other");
  });

  it("leaves out tools of other providers with a warning, or refuses them where nothing may be left out", async () => {
    const foreign = providerTool("elsewhere", { id: "elsewhere.crystal_ball", name: "crystal_ball" });
    const { server, client } = await scripted(row, ["Hi"]);
    const { warnings } = await client.generate(ask(), { tools: [add, foreign] });
    expect(warnings).toEqual([expect.stringContaining('"crystal_ball" of elsewhere; it was left out')]);
    expect(JSON.stringify(server.requests[0]?.body)).not.toContain("crystal_ball");
    const strict = await scripted(row, ["Hi"], { ...once, unsupported: "error" });
    expect(await errorOf(strict.client.generate(ask(), { tools: [add, foreign] }))).toMatchObject({ code: "unsupported" });
    expect(strict.server.requests).toHaveLength(0);
  });

  it("shows no key that its caller gives as a header, whoever repeats it", async () => {
    const headers = { "x-team-key": "planted-0815-key" };
    const options: GenerateOptions = { providerOptions: { [key]: { headers } } };
    const turn = { text: "Hi", headers: { "x-echo": "came with planted-0815-key", "x-served-by": "host" } };
    const refusal = { error: { status: 400, message: "no such team: planted-0815-key" } };
    const { client } = await scripted(row, [turn, refusal]);
    const answer = await client.generate(ask(), options);
    expect(answer.headers).toMatchObject({ "x-served-by": "host" });
    expect(JSON.stringify(answer.headers)).not.toContain("planted");
    const error = await errorOf(client.generate(ask(), options));
    expect(error.message).toContain("no such team");
    expect(error.message).not.toContain("planted");
  });
});

describe("what a package of the AI SDK calls its provider", () => {
  it.each(["xai.responses", "mistral.chat", "azure.responses", "google.generative-ai", "amazon-bedrock", "groq.chat"])(
    "is the provider of its own tools: %s",
    async (provider) => {
      const whole = {
        content: [{ type: "text" as const, text: "Hi" }],
        finishReason: { unified: "stop", raw: "end" } as const,
        usage: USAGE,
        warnings: [],
      };
      const model = new MockLanguageModelV4({ provider, modelId: "some-model", doGenerate: whole });
      const word = provider === "amazon-bedrock" ? "bedrock" : (provider.split(".")[0] as string);
      const search = providerTool(word, { id: `${word}.web_search`, name: "web_search" });
      const { warnings } = await clientOf(model).generate(ask(), { tools: [search] });
      expect(warnings).toEqual([]);
      expect(model.doGenerateCalls[0]?.tools).toMatchObject([{ id: `${word}.web_search` }]);
    },
  );
});

describe("headers that a package tells", () => {
  const odd = { "x-good": "1", "not a name": "2", "x-odd": "日本" };

  it("may be none: the others come with the answer", async () => {
    const model = answering({ content: [{ type: "text", text: "Hi" }], response: { headers: odd } });
    expect((await clientOf(model).generate(ask())).headers).toEqual({ "x-good": "1" });
  });

  it("may be none in a refusal, which is told as it is", async () => {
    const error = new APICallError({
      ...{ message: "Slow down", url: "u", requestBodyValues: {}, statusCode: 429 },
      responseHeaders: { ...odd, "retry-after": "7" },
    });
    const model = new MockLanguageModelV4({ doGenerate: async () => Promise.reject(error) });
    expect(await errorOf(clientOf(model).generate(ask()))).toMatchObject({ code: "rate-limited", retryAfter: 7_000 });
  });
});

describe("what has no place in an answer, or in a request", () => {
  const text = { type: "text", text: "Hi" } as const;

  it("is a part of a kind that nobody knows: it is warned of", async () => {
    const model = answering({ content: [text, { type: "hologram" } as never] });
    expect((await clientOf(model).generate(ask())).warnings).toEqual([expect.stringContaining('the kind "hologram"')]);
    const streamed = streaming([...textOf("Hi"), { type: "hologram" } as never, STOP]);
    expect((await clientOf(streamed).stream(ask()).result).warnings).toEqual([expect.stringContaining('the kind "hologram"')]);
  });

  it("is a block that the provider's own client has kept, which is left out with a warning; its own goes back", async () => {
    const call = { type: "tool-call", toolCallId: "1", toolName: "web_search", input: "{}", providerExecuted: true } as const;
    const model = answering({ content: [call, text] }, { content: [text] }, { content: [text] });
    const client = clientOf(model);
    const { blocks } = await client.generate(ask());
    expect((await client.generate([...ask(), { role: "ASSISTANT", content: blocks }, ...ask()])).warnings).toEqual([]);
    expect(JSON.stringify(model.doGenerateCalls[1]?.prompt)).toContain("web_search");
    const foreign: ContentBlock = { type: "provider", provider: client.provider, model: client.model, value: { type: "server_tool_use" } };
    const { warnings } = await client.generate([...ask(), { role: "ASSISTANT", content: [text, foreign] }, ...ask()]);
    expect(warnings).toEqual([expect.stringContaining("other providers, models and APIs")]);
    expect(JSON.stringify(model.doGenerateCalls[2]?.prompt)).not.toContain("server_tool_use");
  });

  it("is what a provider's subset of JSON Schema cannot say: a strict tool is none then, and an output is asked for loosely", async () => {
    const input = { type: "object", properties: { a: { type: "string" } } };
    const loose = defineTool({ name: "loose", description: "Loose", input, strict: true, run: () => 1 });
    const whole = {
      content: [{ type: "text" as const, text: '{"a":"1"}' }],
      finishReason: { unified: "stop", raw: "end" } as const,
      usage: USAGE,
      warnings: [],
    };
    const model = new MockLanguageModelV4({ provider: "openai.responses", modelId: "gpt-5.6", doGenerate: whole });
    const { warnings } = await clientOf(model).generate(ask(), { tools: [loose], output: input });
    expect(warnings).toEqual([
      expect.stringContaining("of the output to the letter"),
      expect.stringContaining('of the tool "loose" to the letter'),
    ]);
    const [asked] = model.doGenerateCalls;
    expect(asked?.tools?.[0]).not.toHaveProperty("strict");
    expect(asked?.providerOptions).toEqual({ openai: { strictJsonSchema: false } });
  });

  it("is an end that a filter made, without a word of its own: it is no refusal of the model's", async () => {
    const parts = [...textOf("Hi"), { type: "finish", usage: USAGE, finishReason: "content-filter" } as never];
    const model = inVersion("v2", new MockLanguageModelV3({ doStream: streamOf(parts) as never }));
    const { stopReason } = await clientOf(model).toolChain(ask(), []);
    expect(stopReason).toBe("content-filter");
  });
});
