/** Several clients as one: the next is asked where one cannot answer, and never after something of an answer was shown. */
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { AnthropicInferenceClient } from "#clients/anthropic";
import { FallbackInferenceClient } from "#clients/fallback";
import { OpenAIInferenceClient } from "#clients/openai";
import { ContextLengthExceededError, InferenceError } from "#contract/chat/errors";
import type { GenerateOptions, StreamPart } from "#contract/chat/generation";
import type { ChatMessage } from "#contract/chat/message";
import { defineTool } from "#contract/chat/tool";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import { json } from "../support/wire-server.ts";
import { serve as serveMessages } from "./anthropic/messages-server.ts";
import { ask, isolateClients, once } from "./client-rows.ts";
import { hiAnswer, serve as serveChat } from "./openai/openai-server.ts";

isolateClients();

const down = { error: { status: 529 } } as const;
const scripted = (name: string, script: ConstructorParameters<typeof ScriptedInferenceClient>[0]) =>
  new ScriptedInferenceClient(script, { model: name, ...once });
const errorOf = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable("it resolved"),
    (error: unknown) => error as InferenceError,
  );
const usageOf = (outputTokens: number) => ({ inputTokens: 10, outputTokens });

describe("a client of several", () => {
  it("asks the second where the first cannot answer: real clients, over their own SDKs", async () => {
    const broken = await serveMessages((_request, response) =>
      json(response, 529, { type: "error", error: { type: "overloaded_error", message: "Overloaded" } }),
    );
    const whole = await serveChat((_request, response) => json(response, 200, hiAnswer("chat")));
    const client = new FallbackInferenceClient([
      new AnthropicInferenceClient({ model: "claude-sonnet-4-6", apiKey: "k".repeat(20), baseURL: broken.url, ...once }),
      new OpenAIInferenceClient({ model: "local", apiKey: "k".repeat(20), baseURL: whole.url, ...once }),
    ]);
    const { text, warnings } = await client.generate(ask());
    expect(text).toBe("Hi");
    expect(warnings).toEqual(["anthropic claude-sonnet-4-6 did not answer (overloaded); openai-compatible local was asked in its place."]);
    expect([broken.requests.length, whole.requests.length]).toEqual([1, 1]);
  });

  it("answers as the model that answered, and counts what that cost; its own usage is the sum of all", async () => {
    const [first, second] = [scripted("one", [down]), scripted("two", [{ text: "Hi", usage: usageOf(7) }])];
    const client = new FallbackInferenceClient([first, second]);
    const { model, usage } = await client.generate(ask());
    expect({ model, output: usage.outputTokens }).toEqual({ model: "two", output: 7 });
    expect(client.usage).toEqual(second.usage);
    expect([client.model, client.provider]).toEqual(["one", "scripted"]);
  });

  it("streams the next one's answer where nothing of the first was shown", async () => {
    const client = new FallbackInferenceClient([scripted("one", [down]), scripted("two", [down]), scripted("three", ["It is here."])]);
    const stream = client.stream(ask());
    let text = "";
    for await (const piece of stream.text) text += piece;
    expect(text).toBe("It is here.");
    const { warnings } = await stream.result;
    expect(warnings.map((warning) => warning.slice(0, warning.indexOf(";")))).toEqual([
      "scripted one did not answer (overloaded)",
      "scripted two did not answer (overloaded)",
    ]);
  });

  it("fails where the first breaks off after its first part: nothing is said twice", async () => {
    const second = scripted("two", ["never"]);
    const client = new FallbackInferenceClient([scripted("one", [{ text: "one two three", error: { status: 529, after: 1 } }]), second]);
    const parts: StreamPart[] = [];
    const reading = (async () => {
      for await (const part of client.stream(ask())) parts.push(part);
    })();
    expect(await errorOf(reading)).toMatchObject({ code: "overloaded" });
    expect(parts.map(({ type }) => type)).toContain("text-delta");
    expect(second.calls).toEqual([]);
  });

  it("goes on with a chain, whose next call begins with the first client again", async () => {
    const add = defineTool({ name: "add", description: "Adds", input: z.object({ a: z.number() }), run: ({ a }) => a + 1 });
    const call = { toolCalls: [{ name: "add", input: { a: 1 } }] };
    for (const isShown of [false, true]) {
      const [first, second] = [scripted("one", [call, down, "4"]), scripted("two", [call])];
      // One of several may be one of several itself.
      const client = new FallbackInferenceClient([new FallbackInferenceClient([first]), second]);
      const { text, messages, warnings } = await (isShown ? client.streamChain(ask(), [add]).result : client.toolChain(ask(), [add]));
      expect(text).toBe("4");
      expect(messages.map(({ role }) => role)).toEqual(["USER", "ASSISTANT", "TOOL_RESULT", "ASSISTANT", "TOOL_RESULT", "ASSISTANT"]);
      expect(warnings).toEqual([expect.stringContaining("scripted one did not answer (overloaded); scripted two was asked")]);
      expect(first.calls[2]?.messages).toHaveLength(5);
    }
  });

  it("says each message to whom it is meant for", async () => {
    const [first, second] = [scripted("claude-x", [down]), scripted("gpt-x", ["Hi"])];
    const messages: ChatMessage[] = [...ask(), { role: "USER", content: "To Claude", modelFamilies: ["claude"] }];
    await new FallbackInferenceClient([first, second]).generate(messages);
    expect([first.calls[0]?.messages.length, second.calls[0]?.messages.length]).toEqual([2, 1]);
  });

  it("fails with what each failed with, where all have", async () => {
    const client = new FallbackInferenceClient([
      scripted("one", [down, down]),
      scripted("two", [{ error: { status: 401 } }, { error: { status: 401 } }]),
    ]);
    for (const work of [client.generate(ask()), client.stream(ask()).result]) {
      const error = await errorOf(work);
      expect(error).toBeInstanceOf(InferenceError);
      expect(error).toMatchObject({
        code: "all-failed",
        retryable: true,
        message: expect.stringContaining("scripted one (overloaded), scripted two (unauthorized)"),
      });
      expect((error.cause as AggregateError).errors).toMatchObject([{ code: "overloaded" }, { code: "unauthorized" }]);
    }
  });

  it("fails as the last one did where the conversation is too long for all, so that a chain may shorten it", async () => {
    const long = { error: { status: 400, reason: "context-length-exceeded" } } as const;
    const client = new FallbackInferenceClient([scripted("one", [long]), scripted("two", [long])]);
    expect(await errorOf(client.generate(ask()))).toBeInstanceOf(ContextLengthExceededError);
  });

  it("is not asked again where the caller left, or an answer came that does not fit", async () => {
    const second = scripted("two", ["never"]);
    const client = new FallbackInferenceClient([scripted("one", ["no JSON", "none either"]), second]);
    expect(await errorOf(client.generate(ask(), { output: z.object({ a: z.number() }) }))).toMatchObject({ code: "invalid-output" });
    const signal = AbortSignal.abort();
    expect(await errorOf(client.generate(ask(), { signal }))).toMatchObject({ code: "aborted" });
    expect(second.calls).toEqual([]);
  });

  it("asks on where the caller says so, and only there", async () => {
    const seen: string[] = [];
    const on = (error: unknown): boolean => {
      seen.push((error as InferenceError).code);
      return (error as InferenceError).code === "invalid-output";
    };
    const output = z.object({ a: z.number() });
    const client = new FallbackInferenceClient([scripted("one", ["no JSON", "none either", down]), scripted("two", ['{"a":1}'])], { on });
    expect((await client.generate(ask(), { output })).output).toEqual({ a: 1 });
    expect(await errorOf(client.generate(ask()))).toMatchObject({ code: "overloaded" });
    expect(seen).toEqual(["invalid-output", "overloaded"]);
  });

  it("leaves out for each what that one cannot do, and passes over one that refuses it", async () => {
    const strict = new ScriptedInferenceClient([], { model: "one", capabilities: { sampling: false }, unsupported: "error" });
    const loose = new ScriptedInferenceClient(["Hi"], { model: "two", capabilities: { sampling: false } });
    const options: GenerateOptions = { temperature: 0.5 };
    const { warnings } = await new FallbackInferenceClient([strict, loose]).generate(ask(), options);
    expect(warnings).toEqual([
      expect.stringContaining("one did not answer (unsupported)"),
      expect.stringContaining("two does not take temperature"),
    ]);
  });

  it("ends the call that runs when its reader leaves", async () => {
    const second = scripted("two", [{ text: "a b c d", chunkDelayMs: 5 }]);
    const stream = new FallbackInferenceClient([scripted("one", [down]), second]).stream(ask());
    for await (const _part of stream) break;
    expect(await errorOf(stream.result)).toMatchObject({ code: "aborted" });
  });

  it.each([
    ["no clients", [], {}],
    ["what is no client", [{}], {}],
    ["an option that there is not", [scripted("one", [])], { when: () => true }],
    ["no function", [scripted("one", [])], { on: true }],
  ])("is refused: %s", (_what, clients, options) => {
    expect(() => new FallbackInferenceClient(clients as never, options as never)).toThrow(
      expect.objectContaining({ code: "invalid-options" }),
    );
  });
});
