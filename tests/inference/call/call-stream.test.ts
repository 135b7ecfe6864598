/** One streamed call has one reader, of its parts, of its text or of its result, and tells all of them the same. */
import { describe, expect, it } from "vitest";
import { InferenceError } from "#contract/chat/errors";
import type { StreamPart } from "#contract/chat/generation";
import type { Script } from "#testing/script";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import { ask, errorOf } from "../client-rows.ts";

const streamOf = (...script: Extract<Script, readonly unknown[]>) => {
  const client = new ScriptedInferenceClient(script, { retry: { maxAttempts: 1 } });
  return { client, stream: client.stream(ask()) };
};
async function all<T>(parts: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const part of parts) list.push(part);
  return list;
}
const WORDS = ["One ", "two ", "three"];

describe("a streamed call", () => {
  it("asks nobody until it is read", async () => {
    const { client, stream } = streamOf("One two three");
    void stream.text;
    await new Promise((resolve) => setImmediate(resolve));
    expect(client.calls).toHaveLength(0);
    expect(await all(stream.text)).toEqual(WORDS);
    expect(client.calls).toHaveLength(1);
  });

  it("gives its text without its thoughts and calls, and then its result", async () => {
    const { stream } = streamOf({ thinking: "Hm.", text: "One two three", toolCalls: [{ name: "look" }] });
    expect(await all(stream.text)).toEqual(WORDS);
    expect(await stream.result).toMatchObject({ text: "One two three", finishReason: { unified: "tool-calls" } });
  });

  it("is an aborted call for who asks for its result after leaving it unread", async () => {
    const { client, stream } = streamOf("One two three");
    await stream[Symbol.asyncIterator]().return?.();
    const error = await errorOf(stream.result);
    expect(error).toBeInstanceOf(InferenceError);
    expect(error).toMatchObject({ name: "AbortError", code: "aborted", provider: client.provider });
    expect(client.calls).toHaveLength(0);
  });

  it("reads itself for its result alone, however often that is asked for", async () => {
    const { client, stream } = streamOf("One two three");
    const [first, second] = await Promise.all([stream.result, stream.result]);
    expect(first).toBe(second);
    expect(await stream.result).toBe(first);
    expect(first.text).toBe("One two three");
    expect(client.calls).toHaveLength(1);
  });

  it("may be asked for its result before it is read", async () => {
    const { client, stream } = streamOf("One two three");
    const { result } = stream;
    const parts = await all(stream);
    const { finishReason, usage } = await result;
    expect(parts.at(-1)).toEqual({ type: "finish", finishReason, usage });
    expect(client.calls).toHaveLength(1);
  });

  it("has one reader: a second one is an error that says so", async () => {
    const { stream } = streamOf("One two three");
    await all(stream);
    for (const again of [() => stream[Symbol.asyncIterator](), () => stream.text[Symbol.asyncIterator]()]) {
      expect(again).toThrow(expect.objectContaining({ code: "stream-consumed" }));
    }
  });

  it("answers calls of next that do not wait for each other in their order, and goes on saying that it is over", async () => {
    const { stream } = streamOf("One two three");
    const parts = stream[Symbol.asyncIterator]();
    const results = await Promise.all(Array.from({ length: 8 }, () => parts.next()));
    const types = results.map(({ done, value }) => (done ? "done" : (value as StreamPart).type));
    expect(types).toEqual(["text-start", "text-delta", "text-delta", "text-delta", "text-end", "finish", "done", "done"]);
    expect(await parts.next()).toEqual({ done: true, value: undefined });
  });

  it.each(["parts", "text"] as const)(
    "whose reader of %s leaves has no result, but an error of an abort, with what had come",
    async (what) => {
      const { stream } = streamOf({ text: "One two three", chunkDelayMs: 600_000 });
      const read: AsyncIterable<unknown> = what === "parts" ? stream : stream.text;
      for await (const part of read) if (part === "One " || (part as StreamPart).type === "text-delta") break;
      const error = await errorOf(stream.result);
      expect(error).toBeInstanceOf(InferenceError);
      expect(error).toMatchObject({ code: "aborted", name: "AbortError", partial: [{ type: "text", text: "One " }] });
    },
  );

  it("that fails tells its reader and its result the same, and nobody else", async () => {
    const { stream } = streamOf({ text: "One two three", error: { status: 500, after: 1 } });
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", onUnhandled);
    const told = await errorOf(all(stream));
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", onUnhandled);
    expect(unhandled).toEqual([]);
    expect(await errorOf(stream.result)).toBe(told);
    expect(told).toBeInstanceOf(InferenceError);
  });
});
