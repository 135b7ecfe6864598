/** A chain, and a streamed answer, as the AI SDK's own reader takes them. */
import { ChatRole, defineTool, type InferenceError } from "asimov-agents";
import { toUiMessageStream } from "asimov-agents/ai-sdk";
import { ScriptedInferenceClient } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { read } from "./read.ts";

const ASKED = [{ role: ChatRole.USER, content: "What is 1 + 2?" }];
const add = defineTool({
  name: "add",
  description: "Adds",
  input: z.object({ a: z.number(), b: z.number() }),
  run: ({ a, b }, { emit }) => {
    emit({ done: 0.5 });
    return { sum: a + b };
  },
});
const broken = defineTool({
  name: "broken",
  description: "Fails",
  input: z.object({}),
  run: () => {
    throw new Error("It is broken.");
  },
});

describe("a chain as a UI message", () => {
  it("is text, thoughts, calls with inputs and results, steps, and an end with what it cost", async () => {
    const client = new ScriptedInferenceClient([
      { thinking: "Hm, hm.", text: "Let me add.", toolCalls: [{ name: "add", input: { a: 1, b: 2 }, id: "call_a" }] },
      { text: "It is 3.", usage: { inputTokens: 30, outputTokens: 5 } },
    ]);
    const { message, chunks, error } = await read(toUiMessageStream(client.streamChain(ASKED, [add]), { messageId: "m1" }));
    expect(error).toBeUndefined();
    expect(message?.id).toBe("m1");
    expect(message?.parts).toMatchObject([
      { type: "step-start" },
      { type: "reasoning", text: "Hm, hm.", state: "done" },
      { type: "text", text: "Let me add.", state: "done" },
      { type: "tool-add", toolCallId: "call_a", state: "output-available", input: { a: 1, b: 2 }, output: { sum: 3 } },
      { type: "data-tool-progress", data: { toolCallId: "call_a", toolName: "add", event: { done: 0.5 } } },
      { type: "step-start" },
      { type: "text", text: "It is 3.", state: "done" },
    ]);
    expect(message?.metadata).toMatchObject({ stopReason: "finished", warnings: [], usage: { outputTokens: expect.any(Number) } });
    expect(chunks.filter(({ type }) => type === "text-delta").length).toBeGreaterThan(2);
    expect(chunks.filter(({ type }) => type === "tool-input-delta").length).toBeGreaterThan(0);
    expect(chunks.filter(({ type }) => type === "finish-step")).toHaveLength(2);
    expect(chunks.at(-1)).toMatchObject({ type: "finish", finishReason: "stop" });
  });

  const fails = (name: string, options: Parameters<typeof toUiMessageStream>[1] = {}) => {
    const client = new ScriptedInferenceClient([{ toolCalls: [{ name, id: "call_b" }] }, "Never mind."]);
    return read(toUiMessageStream(client.streamChain(ASKED, [broken]), options));
  };

  it("has the failure of a tool in its part without the tool's own words, and goes on", async () => {
    const { message, error, chunks } = await fails("broken");
    expect(error).toBeUndefined();
    expect(message?.parts).toContainEqual(
      expect.objectContaining({ type: "tool-broken", state: "output-error", errorText: "The tool failed." }),
    );
    expect(message?.parts.at(-1)).toMatchObject({ type: "text", text: "Never mind." });
    expect(JSON.stringify(chunks)).not.toContain("It is broken.");
  });

  it("says why a tool was not run", async () => {
    const { message } = await fails("other");
    const errorText = expect.stringMatching(/^There is no tool "other" now/);
    expect(message?.parts).toContainEqual(expect.objectContaining({ type: "tool-other", state: "output-error", errorText }));
  });

  it.each([
    [
      "broken",
      (error: unknown) => `${(error as InferenceError).code}: ${(error as Error).message}`,
      'tool-failed: Tool "broken" failed: It is broken.',
    ],
    ["other", (error: unknown) => (error as InferenceError).code, "tool-not-run"],
    ["broken", () => undefined, "The tool failed."],
    [
      "broken",
      () => {
        throw new Error("no words");
      },
      "The tool failed.",
    ],
  ])("asks for other words of a tool that fails: %s", async (name, onError, errorText) => {
    const { message } = await fails(name, { onError });
    expect(message?.parts).toContainEqual(expect.objectContaining({ type: `tool-${name}`, state: "output-error", errorText }));
  });

  it("ends by an error in our words, by others where somebody asks for them, after what was open has ended", async () => {
    const script = [{ text: "one two", truncated: true as const }];
    const chain = () => new ScriptedInferenceClient(script, { retry: { maxAttempts: 1 } }).streamChain(ASKED, []);
    const { message, error, chunks } = await read(toUiMessageStream(chain()));
    expect(error?.message).toContain("the stream ended before the answer did");
    expect(message?.parts).toMatchObject([{ type: "step-start" }, { type: "text", text: expect.stringContaining("one"), state: "done" }]);
    expect(chunks.at(-1)?.type).toBe("error");
    const other = await read(toUiMessageStream(chain(), { onError: (thrown) => `Sorry: ${(thrown as InferenceError).code}` }));
    expect(other.error?.message).toBe("Sorry: stream-truncated");
  });

  it("does not show the words of an error that is none of ours", async () => {
    const failing = {
      result: Promise.resolve(undefined as never),
      // biome-ignore lint/correctness/useYield: it fails before it has any
      async *[Symbol.asyncIterator]() {
        throw new Error("postgres://user:secret@host");
      },
    };
    const { error } = await read(toUiMessageStream(failing as never));
    expect(error?.message).toBe("The answer failed.");
  });

  it("is told as aborted when it was", async () => {
    const controller = new AbortController();
    const stop = defineTool({ name: "stop", description: "Stops", input: z.object({}), run: () => controller.abort() });
    const client = new ScriptedInferenceClient([{ toolCalls: [{ name: "stop" }] }, "Never said"]);
    const { chunks, error } = await read(toUiMessageStream(client.streamChain(ASKED, [stop], { signal: controller.signal })));
    expect(error).toBeUndefined();
    expect(chunks.at(-1)).toEqual({ type: "abort" });
  });

  it("ends when its page is closed", async () => {
    const client = new ScriptedInferenceClient([{ text: "one two three four five" }, "Never said"]);
    const chain = client.streamChain(ASKED, []);
    const reader = toUiMessageStream(chain).getReader();
    for (let chunk = await reader.read(); chunk.value?.type !== "text-delta"; chunk = await reader.read());
    await reader.cancel();
    await expect(chain.result).rejects.toMatchObject({ name: "AbortError" });
  });

  it("ends, tools and all, when its page is closed while nothing comes", async () => {
    const started = Promise.withResolvers<AbortSignal>();
    const slow = defineTool({
      name: "slow",
      description: "Never ends",
      input: z.object({}),
      run: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          started.resolve(signal);
          signal.addEventListener("abort", () => reject(signal.reason));
        }),
    });
    const chain = new ScriptedInferenceClient([{ toolCalls: [{ name: "slow" }] }, "Never said"]).streamChain(ASKED, [slow]);
    const reader = toUiMessageStream(chain).getReader();
    const reading = (async () => {
      while (!(await reader.read()).done);
    })();
    const signal = await started.promise;
    await reader.cancel();
    await reading;
    expect(signal.aborted).toBe(true);
    await expect(chain.result).rejects.toMatchObject({ name: "AbortError" });
  });

  it("begins when it is read, and not before", async () => {
    const client = new ScriptedInferenceClient(["Hi"]);
    const stream = toUiMessageStream(client.streamChain(ASKED, []));
    await new Promise((resolve) => setImmediate(resolve));
    expect(client.calls).toHaveLength(0);
    await read(stream);
    expect(client.calls).toHaveLength(1);
  });
});

describe("a streamed answer as a UI message", () => {
  it("is one step", async () => {
    const { message, chunks } = await read(toUiMessageStream(new ScriptedInferenceClient(["Hello to you"]).stream(ASKED)));
    expect(message?.parts).toMatchObject([{ type: "step-start" }, { type: "text", text: "Hello to you", state: "done" }]);
    expect(message?.metadata).toMatchObject({ usage: { inputTokens: expect.any(Number) } });
    expect(chunks.map(({ type }) => type).slice(-2)).toEqual(["finish-step", "finish"]);
  });

  it("has each source once, by address or by title, and files that the model made", async () => {
    const sources = [
      { type: "source", source: { url: "https://example.com/", title: "Example", quote: "a" } },
      { type: "source", id: "0", source: { url: "https://example.com/", title: "Example", quote: "b" } },
      { type: "source", source: { title: "Notes" } },
      { type: "file", mediaType: "image/png", data: "aGk=" },
      { type: "provider", provider: "mock", value: { search: 1 } },
    ];
    const stream = {
      result: Promise.resolve({}),
      [Symbol.asyncIterator]: async function* () {
        yield* sources;
      },
    };
    const { message } = await read(toUiMessageStream(stream as never));
    expect(message?.parts).toMatchObject([
      { type: "step-start" },
      { type: "source-url", url: "https://example.com/", title: "Example" },
      { type: "source-document", title: "Notes", mediaType: "text/plain" },
      { type: "file", mediaType: "image/png", url: "data:image/png;base64,aGk=" },
    ]);
  });
});

describe("a stream whose words for a failure fail themselves", () => {
  it("ends by an error all the same, which tells nothing more", async () => {
    const client = new ScriptedInferenceClient([{ error: { status: 400, message: "refused" } }]);
    const onError = (): string => {
      throw new Error("no words");
    };
    const chunks: unknown[] = [];
    for await (const chunk of toUiMessageStream(client.streamChain(ASKED, []), { onError })) chunks.push(chunk);
    expect(chunks.at(-1)).toEqual({ type: "error", errorText: "The answer failed." });
  });
});

describe("what is none of these", () => {
  it.each([[undefined], [null], ["text"], [{}]])("is refused: %j", (source) => {
    expect(() => toUiMessageStream(source as never)).toThrowError(expect.objectContaining({ code: "invalid-options" }));
  });

  it("nor are options that nobody knows", () => {
    const chain = new ScriptedInferenceClient(["Hi"]).streamChain(ASKED, []);
    expect(() => toUiMessageStream(chain, { onFinish: () => {} } as never)).toThrowError(/onFinish/);
  });
});
