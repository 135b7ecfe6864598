/** What holds for every client alike, each on its provider's own SDK against a local server of its wire format. */
import { afterEach, describe, expect, it } from "vitest";
import type { InferenceClient } from "#clients/inference-client";
import { ContextLengthExceededError } from "#contract/chat/errors";
import type { GenerateOptions, Generation, StreamPart } from "#contract/chat/generation";
import type { ChatMessage } from "#contract/chat/message";
import type { ClientOptions } from "#inference/call/call-settings";
import type { Script, ScriptedTurn } from "#testing/script";
import { type InferenceServer, startInferenceServer } from "#testing/servers/inference-server";
import type { ServedRequest } from "#testing/servers/served-request";
import { ManualClock } from "../support/manual-clock.ts";
import { json, serveWire } from "../support/wire-server.ts";
import { add, ask, EVERY_ROW, errorOf, isolateClients, once, twice } from "./client-rows.ts";
import { partsOf } from "./provider-fixture.ts";

const open: InferenceServer[] = [];

isolateClients();

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

const input = { a: 1, b: 2, note: "three words and a 🎉" };
const call = { name: "add", input, id: "toolu_01_planted" };
/** The kinds of parts in their order, deltas of one block as one. */
const kindsOf = (parts: readonly StreamPart[]): string[] =>
  parts.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1]);

/** What two answers to the same question have in common: all but the provider's raw one, its headers, and the ids that we make up. */
function comparable({ raw: _raw, headers: _headers, ...generation }: Generation): unknown {
  return JSON.parse(JSON.stringify(generation).replaceAll(/scripted[-_]\d+/g, "scripted"));
}

describe.each(EVERY_ROW)("every client: $name", ({ format, make, signs, tellsReasoning, tellsCacheWrites, streamsToolInput, endsLate }) => {
  async function serve(
    script: Script<ServedRequest>,
    options: ClientOptions = once,
  ): Promise<{ server: InferenceServer; client: InferenceClient }> {
    const server = await startInferenceServer(format, script);
    open.push(server);
    return { server, client: make(server.url, { maxTokens: 4096, ...options }) };
  }

  /** The same turn, asked for whole and as a stream. */
  async function both(
    turn: ScriptedTurn,
    options: GenerateOptions = {},
  ): Promise<{ whole: Generation; streamed: Generation; parts: StreamPart[] }> {
    const { server, client } = await serve([turn, turn]);
    const whole = await client.generate(ask(), options);
    const stream = client.stream(ask(), options);
    const parts = await partsOf(stream);
    const streamed = await stream.result;
    server.assertDone();
    expect(server.requests.map((request) => request.stream)).toEqual([false, true]);
    return { whole, streamed, parts };
  }

  it("waits until the moment that it is asked to wait for, by its own clock", async () => {
    const clock = new ManualClock(Date.parse("2040-01-01T00:00:00Z"));
    const headers = { "retry-after": new Date(clock.now() + 90_000).toUTCString() };
    const server = await serveWire((_, response) => json(response, 429, { error: { code: 429, message: "Slow down." } }, headers));
    const error = await errorOf(make(server.url, { ...once, services: { clock } }).generate(ask()));
    await server.close();
    expect(error).toMatchObject({ status: 429, retryable: true, retryAfter: 90_000 });
  });

  it("answers in text", async () => {
    const { whole, parts } = await both({ text: "Zwölf 🎉, and 日本." });
    expect(whole).toMatchObject({
      text: "Zwölf 🎉, and 日本.",
      blocks: [{ type: "text", text: "Zwölf 🎉, and 日本." }],
      finishReason: { unified: "stop" },
      warnings: [],
    });
    expect(kindsOf(parts)).toEqual(["text-start", "text-delta", "text-end", "finish"]);
    expect(parts.flatMap((part) => (part.type === "text-delta" ? [part.text] : []))).toEqual(["Zwölf ", "🎉, ", "and ", "日本."]);
  });

  it("gives the same answer whole and streamed", async () => {
    const signature = btoa("a signature of its own");
    const { whole, streamed } = await both(
      { thinking: { text: "Hm, hm.", signature }, text: "Let me add.", toolCalls: [call], usage: { inputTokens: 20, outputTokens: 10 } },
      { tools: [add] },
    );
    expect(comparable(streamed)).toEqual(comparable(whole));
    expect(whole.blocks.map(({ type }) => type)).toEqual(["thinking", "text", "tool-use"]);
    expect(whole.text).toBe("Let me add.");
  });

  it("streams thoughts, text and tool calls as parts in their order", async () => {
    const { parts } = await both(
      { thinking: "Hm, hm.", text: "Let me add.", toolCalls: [call, { ...call, id: "toolu_02" }] },
      { tools: [add] },
    );
    const toolKinds = ["tool-input-start", "tool-input-delta", "tool-call"];
    const told = [
      ...["thinking-start", "thinking-delta", "thinking-end", "text-start", "text-delta", "text-end"],
      ...[...toolKinds, ...toolKinds, "finish"],
    ];
    const isBegun = (kind: string): boolean => !/^(?:text-end|tool-call)$/.test(kind);
    if (endsLate === true) expect(kindsOf(parts).filter(isBegun)).toEqual(told.filter(isBegun));
    else expect(kindsOf(parts)).toEqual(told);
    const calls = parts.filter((part) => part.type === "tool-call");
    expect(calls).toMatchObject([
      { name: "add", input, id: call.id },
      { name: "add", input, id: "toolu_02" },
    ]);
    const deltas = parts.flatMap((part) => (part.type === "tool-input-delta" && part.id === call.id ? [part] : []));
    expect(JSON.parse(deltas.map(({ delta }) => delta).join(""))).toEqual(input);
    expect(deltas.length > 1).toBe(streamsToolInput);
    expect(deltas.at(-1)?.preview).toEqual(input);
  });

  it("ends with the reason for which the model ended", async () => {
    const reasons = ["stop", "length", "content-filter"] as const;
    for (const finishReason of reasons) {
      const { whole, streamed } = await both({ text: "Too lo", finishReason });
      expect([whole.finishReason.unified, streamed.finishReason.unified]).toEqual([finishReason, finishReason]);
    }
    const { whole, streamed } = await both({ text: "Let me add.", toolCalls: [call] }, { tools: [add] });
    expect([whole.finishReason.unified, streamed.finishReason.unified]).toEqual(["tool-calls", "tool-calls"]);
  });

  it.each(["constructor", "toString", "__proto__"])(
    "takes no reason of the provider's for a member of every object: %s",
    async (finishReason) => {
      const { whole, streamed } = await both({ text: "Too lo", finishReason });
      for (const answer of [whole, streamed]) expect(answer.finishReason).toEqual({ unified: "other", raw: finishReason });
    },
  );

  it("counts tokens alike: all that went in, all that came out", async () => {
    const cacheWriteTokens = tellsCacheWrites ? 30 : 0;
    const usage = { inputTokens: 100, outputTokens: 20, cacheReadTokens: 60, cacheWriteTokens, reasoningTokens: 5 };
    const { whole, streamed, parts } = await both({ thinking: "Hm.", text: "One", usage });
    const { reasoningTokens, ...told } = usage;
    const expected = { ...told, ...(tellsReasoning ? { reasoningTokens } : {}) };
    for (const counted of [whole.usage, streamed.usage]) expect(counted).toMatchObject(expected);
    expect(parts.at(-1)).toMatchObject({ type: "finish", usage: expected });
  });

  it("hands back what the model thought and called, with its proof, and the results", async () => {
    const signature = btoa("a signature of its own");
    const { server, client } = await serve([
      { thinking: { text: "Hm, hm.", signature }, toolCalls: [call] },
      { text: "It is 3.", expect: "three indeed" },
    ]);
    const { blocks } = await client.stream(ask(), { tools: [add], thinking: true }).result;
    const conversation: ChatMessage[] = [
      ...ask(),
      // As it comes out of a snapshot.
      { role: "ASSISTANT", content: JSON.parse(JSON.stringify(blocks)) },
      { role: "TOOL_RESULT", content: [{ type: "tool-result", toolUseId: call.id, content: "three indeed" }] },
    ];
    expect((await client.generate(conversation, { tools: [add], thinking: true })).text).toBe("It is 3.");
    const sent = JSON.stringify(server.requests[1]?.body);
    expect(sent.includes(signature)).toBe(signs);
    expect(sent).toContain("three words and a");
    server.assertDone();
  });

  it.each([500, 503])("retries status %i, streamed or not", async (status) => {
    const error = { error: { status } };
    const { server, client } = await serve([error, "One", error, "Two"], twice);
    expect((await client.generate(ask())).text).toBe("One");
    expect((await client.stream(ask()).result).text).toBe("Two");
    server.assertDone();
  });

  it("knows a conversation that is too long", async () => {
    const error = { reason: "context-length-exceeded" };
    const { server, client } = await serve([{ error }, { error }], twice);
    for (const asked of [() => client.generate(ask()), () => client.stream(ask()).result]) {
      const thrown = await errorOf(asked());
      expect(thrown).toBeInstanceOf(ContextLengthExceededError);
      expect(thrown).toMatchObject({ code: "context-length-exceeded", retryable: false });
    }
    server.assertDone();
  });

  it("takes a whole answer that breaks off for a failure that a retry may mend", async () => {
    const { server, client } = await serve([{ text: "one two", truncated: true }, "Two"], twice);
    expect((await client.generate(ask())).text).toBe("Two");
    server.assertDone();
  });
});
