/** The scripted client answers as its script says through the same machinery as every other client, and says where the two part. */
import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { NonRetryableError } from "#contract/base/errors";
import { ContextLengthExceededError, FinalInferenceError, InferenceError, RetriesExceededError } from "#contract/chat/errors";
import type { StreamPart } from "#contract/chat/generation";
import type { ChatMessage } from "#contract/chat/message";
import { defineTool } from "#contract/chat/tool";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";

const ask = (content = "What is 1 + 2?"): ChatMessage[] => [{ role: "USER", content }];
const atOnce = { retry: { initialDelayMs: 0 } };
const once = { retry: { maxAttempts: 1 } };

async function partsOf(stream: AsyncIterable<StreamPart>): Promise<StreamPart[]> {
  const parts: StreamPart[] = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

const textsOf = (parts: readonly StreamPart[]): string[] => parts.flatMap((part) => (part.type === "text-delta" ? [part.text] : []));

async function errorOf(promise: Promise<unknown>): Promise<InferenceError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Error);
  return error as InferenceError;
}

const full = {
  thinking: "Hm, hm.",
  text: "Let me add.",
  toolCalls: [{ name: "add", input: { a: 1, b: [2, "three words here"] } }, { name: "now" }],
};

describe("scripted client", () => {
  it("answers turn by turn, under the name of scripted", async () => {
    const client = new ScriptedInferenceClient(["One", { text: "Two" }, ({ number }) => `Three, as call ${number}`]);
    const answers = [await client.generate(ask()), await client.generate(ask()), await client.generate(ask())];
    expect(answers.map(({ text }) => text)).toEqual(["One", "Two", "Three, as call 3"]);
    expect(answers[0]).toMatchObject({ model: "scripted", finishReason: { unified: "stop", raw: "stop" } });
    expect(client.provider).toBe("scripted");
    client.assertDone();
  });

  it("gives thinking, text and tool calls in this order, streamed as whole", async () => {
    const client = new ScriptedInferenceClient([full, full]);
    const whole = await client.generate(ask());
    expect(whole.blocks).toMatchObject([
      { type: "thinking", text: "Hm, hm.", signature: btoa("scripted signature 1") },
      { type: "text", text: "Let me add." },
      { type: "tool-use", id: "call_1_1", name: "add", input: full.toolCalls[0]?.input },
      { type: "tool-use", id: "call_1_2", name: "now", input: {} },
    ]);
    expect(whole.finishReason.unified).toBe("tool-calls");
    const stream = client.stream(ask());
    const parts = await partsOf(stream);
    const kinds = parts.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1]);
    expect(kinds).toEqual([
      ...["thinking-start", "thinking-delta", "thinking-end", "text-start", "text-delta", "text-end"],
      ...["tool-input-start", "tool-input-delta", "tool-call", "tool-input-start", "tool-input-delta", "tool-call", "finish"],
    ]);
    const result = await stream.result;
    expect(result.text).toBe(whole.text);
    expect(result.usage).toEqual(whole.usage);
  });

  it("cuts the text of a stream after each word, into so many pieces, or as it is told", async () => {
    const text = "one two 🎉 three";
    const client = new ScriptedInferenceClient([
      text,
      { text, chunks: 4 },
      { text, chunks: 99 },
      { chunks: ["o", "ne ", "\ud83c", "\udf89"] },
    ]);
    const cuts: string[][] = [];
    for (let index = 0; index < 4; index++) cuts.push(textsOf(await partsOf(client.stream(ask()))));
    expect(cuts[0]).toEqual(["one ", "two ", "🎉 ", "three"]);
    expect(cuts[1]).toHaveLength(4);
    expect(cuts[2]).toEqual(Array.from(text));
    expect(cuts[3]).toEqual(["o", "ne ", "\ud83c", "\udf89"]);
    expect([cuts[1]?.join(""), cuts[2]?.join("")]).toEqual([text, text]);
  });

  it("records what it was asked, as it was then", async () => {
    const client = new ScriptedInferenceClient(["One"]);
    const add = defineTool({ name: "add", description: "Adds", input: z.object({ a: z.number() }), run: ({ a }) => a });
    const messages: ChatMessage[] = [{ role: "SYSTEM", content: "Be brief." }, ...ask()];
    await client.generate(messages, { tools: [add], maxTokens: 9, toolChoice: "any" });
    messages.length = 0;
    expect(client.calls).toHaveLength(1);
    expect(client.calls[0]).toMatchObject({
      number: 1,
      stream: false,
      lastMessage: { role: "USER", text: "What is 1 + 2?" },
      messages: [
        { role: "SYSTEM", content: "Be brief." },
        { role: "USER", content: "What is 1 + 2?" },
      ],
      options: { maxTokens: 9, toolChoice: "any", tools: [{ name: "add", description: "Adds", inputSchema: { type: "object" } }] },
    });
  });

  it("records what lies deep in a message as it was then", async () => {
    const client = new ScriptedInferenceClient(["One"]);
    const input = { list: ["before"] };
    const messages: ChatMessage[] = [
      ...ask(),
      { role: "ASSISTANT", content: [{ type: "tool-use", id: "a", name: "add", input }] },
      { role: "TOOL_RESULT", content: [{ type: "tool-result", toolUseId: "a", content: "3" }] },
    ];
    await client.generate(messages);
    input.list.push("after");
    expect(client.calls[0]?.messages[1]?.content).toMatchObject([{ type: "tool-use", input: { list: ["before"] } }]);
  });

  it("estimates usage from the texts, the same at every run, under what the script says", async () => {
    const client = new ScriptedInferenceClient([
      "One",
      "One",
      { text: "One", usage: { inputTokens: 100, cacheReadTokens: 60, cost: 0.5 } },
    ]);
    const [first, second, third] = [await client.generate(ask()), await client.generate(ask()), await client.generate(ask())];
    expect(first.usage).toMatchObject({ inputTokens: 4, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0 });
    expect(second.usage).toEqual(first.usage);
    expect(third.usage).toMatchObject({ inputTokens: 100, outputTokens: 1, cacheReadTokens: 60, cost: 0.5 });
    expect(client.usage).toMatchObject({ inputTokens: 108, outputTokens: 3 });
  });

  it("counts a price that it is given", async () => {
    const client = new ScriptedInferenceClient([{ text: "One", usage: { inputTokens: 1_000_000, outputTokens: 1_000_000 } }], {
      prices: { scripted: { input: 2, output: 10 } },
    });
    expect((await client.generate(ask())).usage.cost).toBe(12);
  });

  it("says the finish reason of the script, and hands on a word of its own", async () => {
    const client = new ScriptedInferenceClient([
      { text: "Too lo", finishReason: "length" },
      { text: "One", finishReason: "pause_turn" },
    ]);
    expect((await client.generate(ask())).finishReason).toEqual({ unified: "length", raw: "length" });
    expect((await client.generate(ask())).finishReason).toEqual({ unified: "other", raw: "pause_turn" });
  });

  it("gives broken tool input as broken, streamed or not", async () => {
    const turn = { toolCalls: [{ name: "add", inputText: '{"a": 1,' }] };
    const client = new ScriptedInferenceClient([turn, turn]);
    for (const { blocks } of [await client.generate(ask()), await client.stream(ask()).result]) {
      expect(blocks).toMatchObject([{ type: "tool-use", input: '{"a": 1,', inputError: expect.any(String) }]);
    }
  });

  it("runs a tool chain from turn to turn", async () => {
    const add = defineTool({
      name: "add",
      description: "Adds",
      input: z.object({ a: z.number(), b: z.number() }),
      run: ({ a, b }) => a + b,
    });
    const client = new ScriptedInferenceClient([
      { toolCalls: [{ name: "add", input: { a: 1, b: 2 } }] },
      { text: "It is 3.", expect: /^3$/ },
    ]);
    const { text, iterations } = await client.toolChain(ask(), [add]);
    expect([text, iterations]).toEqual(["It is 3.", 2]);
    expect(client.calls[1]?.lastMessage).toEqual({ role: "TOOL_RESULT", text: "3" });
    client.assertDone();
  });

  it("gives calls that are made at once their turns in the order in which they were made", async () => {
    const client = new ScriptedInferenceClient([{ text: "first", delayMs: 5 }, "second", { text: "third", delayMs: 2 }]);
    const answers = await Promise.all(["a", "b", "c"].map((content) => client.generate(ask(content))));
    expect(answers.map(({ text }) => text)).toEqual(["first", "second", "third"]);
    expect(client.calls.map(({ lastMessage }) => lastMessage.text)).toEqual(["a", "b", "c"]);
  });
});

describe("scripted client that fails as it is told", () => {
  it("retries what may succeed later, each attempt by a turn of its own", async () => {
    const client = new ScriptedInferenceClient([{ error: { status: 429 } }, { error: { status: 503 } }, "One"], atOnce);
    expect((await client.generate(ask())).text).toBe("One");
    expect(client.calls.map(({ number }) => number)).toEqual([1, 2, 3]);
    client.assertDone();
  });

  it("gives up when the attempts do, with the last error as the cause", async () => {
    const client = new ScriptedInferenceClient([{ error: { status: 429, retryAfterMs: 1 } }, { error: {} }], {
      retry: { maxAttempts: 2, initialDelayMs: 0 },
    });
    const error = await errorOf(client.generate(ask()));
    expect(error).toBeInstanceOf(RetriesExceededError);
    expect(error.cause).toMatchObject({ status: 500, retryable: true });
    client.assertDone();
  });

  it.each([
    [{ status: 429, retryAfterMs: 7 }, InferenceError, { retryable: true, status: 429, retryAfter: 7, code: "rate-limited" }],
    [{ status: 529 }, InferenceError, { retryable: true, status: 529 }],
    [{ status: 401 }, FinalInferenceError, { retryable: false, code: "unauthorized" }],
    [{ status: 400, message: "No such field." }, NonRetryableError, { retryable: false, code: "invalid-request" }],
    [{ reason: "context-length-exceeded" }, ContextLengthExceededError, { code: "context-length-exceeded" }],
  ])("makes the same of %j as of a provider's", async (error, kind, facts) => {
    const client = new ScriptedInferenceClient([{ error }, { error: { ...error, after: 0 } }], once);
    for (const call of [client.generate(ask()), client.stream(ask()).result]) {
      const thrown = await errorOf(call);
      expect(thrown).toBeInstanceOf(kind);
      expect(thrown).toMatchObject({ ...facts, provider: "scripted", model: "scripted" });
    }
  });

  it("fails in the middle of a stream after so many chunks, with what had come by then", async () => {
    const client = new ScriptedInferenceClient([{ text: "one two three", error: { status: 529, after: 2 } }]);
    const texts: string[] = [];
    const error = await errorOf(
      (async () => {
        for await (const text of client.stream(ask()).text) texts.push(text);
      })(),
    );
    expect(texts).toEqual(["one ", "two "]);
    expect(error).toMatchObject({ retryable: true, partial: [{ type: "text", text: "one two " }] });
    expect(error.usage?.inputTokens).toBe(4);
  });

  it("ends before its end mark when it is truncated, streamed or not", async () => {
    const turn = { text: "one two", truncated: true } as const;
    const client = new ScriptedInferenceClient([turn, turn], once);
    for (const call of [client.generate(ask()), client.stream(ask()).result]) {
      expect(await errorOf(call)).toMatchObject({ code: "stream-truncated", partial: [{ type: "text", text: "one two" }] });
    }
  });

  it("stops waiting when it is aborted, and listens no longer", async () => {
    let arrive = (): void => {};
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const late = (): { text: string; delayMs: number } => {
      arrive();
      return { text: "late", delayMs: 600_000 };
    };
    const client = new ScriptedInferenceClient([late, { text: "one two", chunkDelayMs: 600_000 }]);
    const first = new AbortController();
    const aborting = errorOf(client.generate(ask(), { signal: first.signal }));
    await arrived;
    first.abort();
    expect(await aborting).toMatchObject({ name: "AbortError", code: "aborted" });
    const second = new AbortController();
    const texts: string[] = [];
    const reading = (async () => {
      for await (const text of client.stream(ask(), { signal: second.signal }).text) {
        texts.push(text);
        second.abort();
      }
    })();
    expect(await errorOf(reading)).toMatchObject({ name: "AbortError" });
    expect(texts).toEqual(["one "]);
    expect([first, second].map(({ signal }) => getEventListeners(signal, "abort").length)).toEqual([0, 0]);
  });

  it("is silent for as long as the script says", async () => {
    const client = new ScriptedInferenceClient([{ text: "one two", chunkDelayMs: 600_000 }], once);
    const error = await errorOf(client.stream(ask(), { idleTimeoutMs: 20 }).result);
    expect(error).toMatchObject({ code: "stream-idle", partial: [{ type: "text", text: "one " }] });
  });
});

describe("scripted client and its calls, where they part", () => {
  it("rejects a call beyond the script, with its number, the script's length and the last message", async () => {
    const client = new ScriptedInferenceClient(["One"]);
    await client.generate(ask());
    const long = "x".repeat(200);
    const error = await errorOf(client.generate(ask(long)));
    expect(error).toBeInstanceOf(NonRetryableError);
    expect(error.code).toBe("script-exhausted");
    expect(error.message).toBe(`The script has 1 turn, and this is call 2; its last message is USER "${"x".repeat(80)}…".`);
    expect(client.calls).toHaveLength(2);
    expect(client.remaining).toBe(0);
  });

  it.each<[string, string | RegExp | (() => boolean | string), string]>([
    ["a text", "2 + 2", 'a last message with "2 + 2"'],
    ["a pattern", /^2/g, "a last message like /^2/g"],
    ["a function", () => false, "another request"],
    ["a function that says why", () => "a tool named add", "a tool named add"],
  ])("rejects a call that is not what %s expects", async (_, expectation, expected) => {
    const client = new ScriptedInferenceClient(["One", { text: "Two", expect: expectation }]);
    await client.generate(ask());
    const error = await errorOf(client.stream(ask()).result);
    expect(error).toBeInstanceOf(NonRetryableError);
    expect(error.code).toBe("script-mismatch");
    expect(error.message).toContain("turn 2 of 2");
    expect(error.message).toContain(expected);
    expect(error.message).toContain('got USER "What is 1 + 2?"');
  });

  it("accepts a call that is what its turn expects", async () => {
    const pattern = /1 \+ 2/g;
    const client = new ScriptedInferenceClient([
      { text: "a", expect: "1 + 2" },
      { text: "b", expect: pattern },
      { text: "c", expect: pattern },
      { text: "d", expect: ({ messages }) => messages.length === 1 },
    ]);
    for (const text of ["a", "b", "c", "d"]) expect((await client.generate(ask())).text).toBe(text);
    client.assertDone();
  });

  it("says what a function of the script threw", async () => {
    const fails = (): never => {
      throw new Error("no such question");
    };
    const client = new ScriptedInferenceClient([fails, { expect: fails }, () => JSON.parse('{ "txet": "typo" }')]);
    for (const why of ["no such question", "no such question", "txet"]) {
      const error = await errorOf(client.generate(ask()));
      expect([error.code, error.message]).toEqual(["script-failed", expect.stringContaining(why)]);
    }
    expect(() => client.assertDone()).toThrow(/^Turn 1 of the script failed/);
  });

  it("says at the end which turn was not asked for", async () => {
    const client = new ScriptedInferenceClient(["One", "Two", "Three"]);
    await client.generate(ask());
    expect(client.remaining).toBe(2);
    expect(() => client.assertDone()).toThrow("The script has 3 turns, and 1 call came: turn 2 was not asked for.");
  });

  it("says at the end what a caller swallowed", async () => {
    const client = new ScriptedInferenceClient([]);
    await client.generate(ask()).catch(() => {});
    expect(() => client.assertDone()).toThrowError(expect.objectContaining({ code: "script-exhausted" }));
  });

  it.each<[string, unknown, string]>([
    ["an unknown key", [{ txet: "typo" }], "txet"],
    ["pieces of another text", [{ text: "one", chunks: ["two"] }], "chunks"],
    ["pieces of no text", [{ chunks: 3 }], "chunks"],
    ["a status that is no error", [{ error: { status: 200 } }], "error.status"],
    ["no array", "One", "script"],
    ["no turn", ["One", 5], "turn 2"],
  ])("refuses a script with %s", (_, script, named) => {
    const make = (): unknown => new ScriptedInferenceClient(script as never);
    expect(make).toThrowError(expect.objectContaining({ code: "invalid-options", message: expect.stringContaining(named) }));
  });

  it("refuses an option that it does not know", () => {
    expect(() => new ScriptedInferenceClient([], { modle: "a" } as never)).toThrow(/modle/);
  });
});
