import { describe, expect, it } from "vitest";
import { ChatRole } from "#contract/base/vocabulary";
import { ContextLengthExceededError } from "#contract/chat/errors";
import type { StreamPart } from "#contract/chat/generation";
import { eventFrame, exceptionFrame } from "../../support/event-stream.ts";
import { json, type WireServer } from "../../support/wire-server.ts";
import { answer, bodyOf, clientOf, endFrames, HELLO, MODEL, START, send, sendAll, serve, stopFrame, textFrame } from "./converse-server.ts";

const reasoning = (delta: unknown, contentBlockIndex = 0): Buffer =>
  eventFrame("contentBlockDelta", { contentBlockIndex, delta: { reasoningContent: delta } });
const toolStart = (contentBlockIndex: number, toolUse: unknown): Buffer =>
  eventFrame("contentBlockStart", { contentBlockIndex, start: { toolUse } });
const toolInput = (contentBlockIndex: number, input: string): Buffer =>
  eventFrame("contentBlockDelta", { contentBlockIndex, delta: { toolUse: { input } } });

const serveFrames = (...frames: Buffer[]): Promise<WireServer> => serve((_request, response) => sendAll(response, ...frames));

async function read(url: string): Promise<{ parts: StreamPart[]; error?: unknown }> {
  const parts: StreamPart[] = [];
  try {
    for await (const part of clientOf(url).stream(HELLO)) parts.push(part);
    return { parts };
  } catch (error) {
    return { parts, error };
  }
}

describe("a stream of Bedrock", () => {
  it("starts text and thoughts with their first delta, and counts the usage that comes after the end mark", async () => {
    const server = await serveFrames(
      START,
      reasoning({ text: "H" }),
      reasoning({ text: "m" }),
      reasoning({ signature: "S" }),
      stopFrame(0),
      textFrame("Hel", 1),
      textFrame("", 1),
      textFrame("lo", 1),
      stopFrame(1),
      ...endFrames(),
    );
    const stream = clientOf(server.url).stream(HELLO);
    const types: string[] = [];
    for await (const { type } of stream) types.push(type);
    expect(types).toEqual([
      "thinking-start",
      "thinking-delta",
      "thinking-delta",
      "thinking-end",
      "text-start",
      "text-delta",
      "text-delta",
      "text-end",
      "finish",
    ]);
    expect(await stream.result).toMatchObject({
      text: "Hello",
      blocks: [
        { type: "thinking", text: "Hm", signature: "S" },
        { type: "text", text: "Hello" },
      ],
      usage: { inputTokens: 3, outputTokens: 2 },
      finishReason: { unified: "stop", raw: "end_turn" },
    });
  });

  it("may announce text by nothing, and never goes on with another answer", async () => {
    const announced = eventFrame("contentBlockStart", { contentBlockIndex: 0, start: {} });
    const { text, blocks } = await clientOf(
      (await serveFrames(START, announced, textFrame("Hello"), stopFrame(), ...endFrames())).url,
    ).stream(HELLO).result;
    expect([text, blocks]).toEqual(["Hello", [{ type: "text", text: "Hello" }]]);
    const spliced = await serveFrames(START, textFrame("The answer"), START, textFrame("It is"), stopFrame(), ...endFrames());
    expect((await read(spliced.url)).error).toMatchObject({ code: "stream-truncated", retryable: true });
  });

  it("ignores events that it does not know", async () => {
    const server = await serveFrames(
      START,
      eventFrame("somethingNew", { a: 1 }),
      eventFrame("contentBlockDelta", { contentBlockIndex: 0, delta: { hologram: "x" } }),
      textFrame("Hi"),
      ...endFrames("something_new"),
    );
    expect(await clientOf(server.url).stream(HELLO).result).toMatchObject({
      text: "Hi",
      finishReason: { unified: "other", raw: "something_new" },
    });
  });

  it("never hands on tools that the provider runs itself", async () => {
    const server = await serveFrames(
      START,
      toolStart(0, { toolUseId: "s1", name: "search", type: "server_tool_use" }),
      toolInput(0, '{"q":"x"}'),
      stopFrame(0),
      textFrame("Hi", 1),
      ...endFrames(),
    );
    const { text, blocks, finishReason } = await clientOf(server.url).stream(HELLO).result;
    expect(text).toBe("Hi");
    expect(blocks.map(({ type }) => type)).toEqual(["provider", "text"]);
    expect(finishReason.unified).toBe("stop");
  });

  it("gives hidden thoughts back byte for byte, in however many pieces they came", async () => {
    const piece = (bytes: number[]): Buffer => reasoning({ redactedContent: Buffer.from(bytes).toString("base64") });
    const server = await serve((_request, response, n) => {
      if (n === 0) sendAll(response, START, piece([0, 255]), piece([128]), stopFrame(0), textFrame("Hi", 1), ...endFrames());
      else answer(response);
    });
    const client = clientOf(server.url);
    const { blocks } = await client.stream(HELLO).result;
    expect(blocks[0]).toMatchObject({ type: "thinking", text: "", native: { model: MODEL } });
    await client.generate([
      ...HELLO,
      { role: ChatRole.ASSISTANT, content: JSON.parse(JSON.stringify(blocks)) as typeof blocks },
      { role: ChatRole.USER, content: "Go on" },
    ]);
    const { messages } = bodyOf<{ messages: { content: unknown[] }[] }>(server, 1);
    expect(messages[1]?.content[0]).toEqual({ reasoningContent: { redactedContent: Buffer.from([0, 255, 128]).toString("base64") } });
  });

  it("that ends within a frame, or is reset, is an error that may pass", async () => {
    const cut = await serveFrames(START, textFrame("Hel"), textFrame("lo").subarray(0, 40));
    expect((await read(cut.url)).error).toMatchObject({ code: "stream-truncated", retryable: true });
    const reset = await serve((_request, response) => {
      send(response, START, textFrame("Hel"));
      response.write(textFrame("lo").subarray(0, 40), () => response.destroy());
    });
    expect((await read(reset.url)).error).toMatchObject({ code: "network", retryable: true });
  });

  it("with an exception before any content is asked for again", async () => {
    const server = await serve((_request, response, n) => {
      if (n === 0) sendAll(response, START, exceptionFrame("throttlingException", { message: "Too many tokens, please wait" }));
      else sendAll(response, START, textFrame("Hi"), ...endFrames());
    });
    const client = clientOf(server.url, { retry: { maxAttempts: 2, initialDelayMs: 0 } });
    expect((await client.stream(HELLO).result).text).toBe("Hi");
    expect(server.requests).toHaveLength(2);
  });

  it("with an exception after content fails with what came, and is not asked for again", async () => {
    const server = await serve((_request, response) =>
      sendAll(
        response,
        START,
        textFrame("Hel"),
        exceptionFrame("modelStreamErrorException", { message: "Broken", originalStatusCode: 500, originalMessage: "Oops" }),
      ),
    );
    const client = clientOf(server.url, { retry: { maxAttempts: 3, initialDelayMs: 0 } });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const text of client.stream(HELLO).text) seen.push(text);
    })();
    await expect(reading).rejects.toMatchObject({
      retryable: true,
      message: expect.stringContaining("ModelStreamErrorException"),
      partial: [{ type: "text", text: "Hel" }],
    });
    expect(seen).toEqual(["Hel"]);
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    ["modelStreamErrorException", { message: "Broken", originalStatusCode: 400, originalMessage: "Bad" }, { retryable: false }],
    ["validationException", { message: "Malformed" }, { code: "invalid-request", retryable: false }],
    ["throttlingException", { message: "Too many tokens, please wait" }, { code: "rate-limited", retryable: true }],
    ["serviceUnavailableException", { message: "Busy" }, { code: "overloaded", retryable: true }],
    ["somethingNewException", { message: "New" }, { retryable: true, message: expect.stringContaining("New") }],
  ])("tells the exception %s apart", async (type, payload, expected) => {
    const server = await serveFrames(START, textFrame("Hel"), exceptionFrame(type, payload));
    expect((await read(server.url)).error).toMatchObject(expected);
  });

  it("knows a conversation that is too long, also in the middle", async () => {
    const server = await serveFrames(START, exceptionFrame("validationException", { message: "Input is too long for requested model." }));
    expect((await read(server.url)).error).toBeInstanceOf(ContextLengthExceededError);
  });

  it("with a wrong checksum is an error that may pass", async () => {
    const damaged = textFrame("Hello");
    damaged[damaged.length - 6] = (damaged[damaged.length - 6] as number) ^ 1;
    const server = await serveFrames(START, damaged, ...endFrames());
    expect((await read(server.url)).error).toMatchObject({ code: "network", retryable: true });
  });

  it("that is malformed fails when its usage is known", async () => {
    const server = await serveFrames(START, textFrame("Hel"), ...endFrames("malformed_tool_use"));
    expect((await read(server.url)).error).toMatchObject({
      retryable: true,
      message: expect.stringContaining("malformed_tool_use"),
      usage: { inputTokens: 3, outputTokens: 2 },
    });
  });

  it("that is an error in JSON with a status of success is that error", async () => {
    const typed = await serve((_request, response) =>
      json(response, 200, { __type: "com.amazonaws.bedrock#ThrottlingException", message: "Slow down" }),
    );
    expect((await read(typed.url)).error).toMatchObject({ code: "rate-limited", retryable: true });
    const untyped = await serve((_request, response) => json(response, 200, { message: "Oh no" }));
    expect((await read(untyped.url)).error).toMatchObject({ code: "empty-response", retryable: true });
  });
});
