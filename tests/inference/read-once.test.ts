/** What reads a stream and what reads a chain is one thing: how it is asked ahead, left, and told to throw is the same for both. */
import { describe, expect, it } from "vitest";
import { InferenceClient } from "#clients/inference-client";
import { defineTool } from "#contract/chat/tool";
import type { Wire } from "#contract/chat/wire";
import type { ScriptEntry } from "#testing/script";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import type { ScriptedCall } from "#testing/scripted-wire";
import { ask, once } from "./client-rows.ts";

interface Readable extends AsyncIterable<{ type: string }> {
  readonly text: AsyncIterable<string>;
  readonly result: Promise<{ text: string }>;
}

const clientOf = (...script: ScriptEntry<ScriptedCall>[]) => new ScriptedInferenceClient(script, once);
const never = () => new Promise<never>(() => {});
const ROWS: [string, (client: ScriptedInferenceClient) => Readable][] = [
  ["stream", (client) => client.stream(ask())],
  ["chain", (client) => client.streamChain(ask(), [])],
];

describe.each(ROWS)("the reader of a %s", (what, readableOf) => {
  it("answers calls that do not wait for each other in their order, and those after the end with the end", async () => {
    const words = ["One ", "two ", "three"];
    const pieces = readableOf(clientOf({ chunks: words })).text[Symbol.asyncIterator]();
    const told = await Promise.all([...words, "", ""].map(() => pieces.next()));
    expect(told.map(({ value }) => value)).toEqual([...words, undefined, undefined]);
    expect(told.map(({ done }) => done === true)).toEqual([false, false, false, true, true]);
  });

  it("fails the first call of those that wait, and ends the others", async () => {
    const pieces = readableOf(clientOf({ error: { status: 400 } })).text[Symbol.asyncIterator]();
    const told = await Promise.allSettled([pieces.next(), pieces.next(), pieces.next()]);
    expect(told.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
    expect(told[0]).toMatchObject({ reason: { code: "invalid-request" } });
    expect(told.slice(1)).toMatchObject([{ value: { done: true } }, { value: { done: true } }]);
  });

  it("ends calls that wait when it is left, and gives what it is left with", async () => {
    const readable = readableOf(clientOf(never));
    const pieces = readable.text[Symbol.asyncIterator]();
    const waiting = [pieces.next(), pieces.next()];
    expect(await pieces.return?.(7)).toEqual({ done: true, value: 7 });
    expect(await Promise.all(waiting)).toMatchObject([{ done: true }, { done: true }]);
    expect(await pieces.next()).toEqual({ done: true, value: undefined });
    await expect(readable.result).rejects.toMatchObject({
      code: "aborted",
      name: "AbortError",
      cause: { message: `The ${what}'s reader left before its end.` },
    });
  });

  it("throws what it is told to throw, which is then why the work was ended", async () => {
    const client = clientOf({ text: "One two", chunks: 2 });
    const readable = readableOf(client);
    const pieces = readable.text[Symbol.asyncIterator]();
    await pieces.next();
    const own = new Error("enough");
    await expect(pieces.throw?.(own)).rejects.toBe(own);
    expect(await pieces.next()).toEqual({ done: true, value: undefined });
    await expect(readable.result).rejects.toMatchObject({ code: "aborted", cause: own });
    expect(client.calls).toHaveLength(1);
  });

  it("that is left before it began asks nothing, by whatever way", async () => {
    for (const leave of ["return", "throw"] as const) {
      const client = clientOf("Never.");
      const readable = readableOf(client);
      await readable[Symbol.asyncIterator]()
        [leave]?.(new Error("not mine"))
        .catch(() => {});
      await expect(readable.result).rejects.toMatchObject({ code: "aborted" });
      expect(client.calls).toHaveLength(0);
    }
  });

  it("that is over may be left, and then changes nothing", async () => {
    const readable = readableOf(clientOf("Done."));
    const parts = readable[Symbol.asyncIterator]();
    while ((await parts.next()).done !== true);
    expect(await parts.return?.()).toEqual({ done: true, value: undefined });
    const late = new Error("late");
    await expect(parts.throw?.(late)).rejects.toBe(late);
    expect(await readable.result).toMatchObject({ text: "Done." });
  });
});

describe("a stream", () => {
  it("has a whole result where it was left at its end mark", async () => {
    const stream = clientOf("Done.").stream(ask());
    for await (const { type } of stream) if (type === "finish") break;
    expect(await stream.result).toMatchObject({ text: "Done." });
  });
});

/** Whose deltas come all at once. */
class AtOnceClient extends InferenceClient {
  constructor(words: readonly string[]) {
    let turn = 0;
    const wire: Wire = {
      provider: "at once",
      send: async () => undefined,
      open: async () =>
        (async function* () {
          turn += 1;
          yield words;
          yield null;
        })(),
      readResponse: () => {},
      readEvents: (into) => (event) => {
        if (typeof event === "string") return into.text(0, event);
        into.end(0);
        if (turn === 1) into.toolStart(1, { id: "a", name: "work" });
        into.finish({ unified: "stop", raw: "stop" });
      },
      toFault: () => undefined,
    };
    super({ model: "at once", wire, options: {} });
  }
}

describe("a chain whose reader is slow", () => {
  it("shows parts that came together one by one, in their order, whoever else tells in between", async () => {
    const work = defineTool({
      name: "work",
      description: "Works",
      input: { type: "object" },
      run: (_input, { emit }) => {
        for (let at = 0; at < 100; at++) emit(at);
        return "did";
      },
    });
    const words = Array.from({ length: 100 }, (_, at) => `${at} `);
    const seen: unknown[] = [];
    for await (const part of new AtOnceClient(words).streamChain(ask(), [work])) {
      if (seen.length % 7 === 0) await new Promise(setImmediate);
      seen.push(part.type === "text-delta" ? part.text : part.type === "tool-progress" ? part.event : part.type);
    }
    const told = seen.filter((one) => typeof one === "number" || (one as string).endsWith(" "));
    expect(told).toEqual([...words, ...Array.from({ length: 100 }, (_, at) => at), ...words]);
    expect(seen.filter((one) => one === "step-end")).toHaveLength(2);
  });
});
