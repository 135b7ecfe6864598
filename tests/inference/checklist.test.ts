/** What broke other libraries, by its number: each case goes through the provider's own SDK against a local server, or through a chain of a scripted client. */

import { getEventListeners } from "node:events";
import { inspect } from "node:util";
import { SpanStatusCode, trace } from "@opentelemetry/api";
import fc from "fast-check";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { Agent } from "#agent";
import { NonRetryableError } from "#contract/base/errors";
import { Task } from "#contract/base/task";
import { ContextLengthExceededError, FinalInferenceError, InferenceError, RetriesExceededError } from "#contract/chat/errors";
import type { GenerateOptions } from "#contract/chat/generation";
import { type ChatMessage, type ContentBlock, textOf } from "#contract/chat/message";
import { defineTool } from "#contract/chat/tool";
import { defineModule } from "#contract/node/module";
import { Node } from "#contract/node/node";
import type { ScriptedTurn } from "#testing/script";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import { MemoryCheckpoint } from "../chain/memory-checkpoint.ts";
import { exceptionFrame } from "../support/event-stream.ts";
import { json } from "../support/wire-server.ts";
import { recorder } from "../telemetry/recorder.ts";
import * as anthropic from "./anthropic/messages-server.ts";
import {
  blocksOf,
  breakingOff,
  callsIn,
  chatOf,
  firstText,
  played,
  resultOf,
  rowOf,
  saidAfter,
  scripted,
  simulateTime,
  toolOf,
  untilRead,
} from "./checklist-calls.ts";
import {
  ask,
  type ClientRow,
  errorOf,
  isolateClients,
  MARKING_ROWS,
  CLIENT_ROWS as OWN_ROWS,
  once,
  EVERY_ROW as ROWS,
  SECRET,
  twice,
} from "./client-rows.ts";
import { OVERFLOW_SAMPLES } from "./faults/overflow-samples.ts";
import * as gemini from "./gemini/gemini-server.ts";
import * as openai from "./openai/openai-server.ts";
import { begin, byteByByte, bytesOf, type Json, type Play, RAW, refuseAs, servePlays, textStream } from "./raw-streams.ts";
import { marksIn, turnsIn, withoutMarks } from "./read-request.ts";
import { CLIENTS_ON_COPIES, runWithoutSdks } from "./sdk-copies.ts";

isolateClients();

const ANTHROPIC = rowOf("anthropic");
const BEDROCK = rowOf("bedrock");
const CHAT = rowOf("openai-chat");
/** All that read what proves a thought: the package for servers that speak as OpenAI does reads none of it. */
const SIGNING = ROWS.filter(({ name }) => name !== "AI SDK, OpenAI-compatible");
const OPENAI = OWN_ROWS.filter(({ format }) => format.startsWith("openai"));
const GEMINI = ROWS.filter(({ format }) => format === "gemini");
const TEXT_EVENTS = ROWS.filter(({ format }) => format !== "bedrock");

/** As long as simulated time lets it be. */
const SILENCE = { idleTimeoutMs: 60_000 };
const PARTIAL = [{ type: "text", text: "Hel" }];

describe("1 an error in the middle of status 200", () => {
  it.each(ROWS)("1a: as the first event, it is asked again: $name", async (row) => {
    const raw = RAW[row.format];
    const { server, client } = await played(row, twice, [raw.fault], textStream(raw, "Hi"));
    expect((await client.stream(ask()).result).text).toBe("Hi");
    expect(server.requests).toHaveLength(2);
  });

  it.each(ROWS)("1b: after content, it is an error with what had come, and not asked again: $name", async (row) => {
    const { error, parts, requests } = await breakingOff(row, [RAW[row.format].fault]);
    expect(error).toMatchObject({ name: "InferenceError", retryable: true, partial: PARTIAL });
    expect(parts.map(({ type }) => type)).toEqual(["text-start", "text-delta"]);
    expect(requests).toBe(1);
  });
});

describe("2 Gemini's error without framing", () => {
  it.each(GEMINI.flatMap((row) => [0, 2].map((indent) => ({ ...row, indent }))))(
    "2: appended to a stream without `data:`, indented by $indent, it is that error: $name",
    async ({ indent, ...row }) => {
      const { error, requests } = await breakingOff(row, [JSON.stringify(gemini.errorBody(503, "UNAVAILABLE"), undefined, indent)]);
      expect(error).toMatchObject({ code: "overloaded", status: 503, retryable: true, partial: PARTIAL });
      expect(requests).toBe(1);
    },
  );
});

describe("3 a stream that is not whole", () => {
  it.each(ROWS)("3a: without its end mark it is truncated, not short: $name", async (row) => {
    const { error } = await breakingOff(row, []);
    expect(error).toMatchObject({ code: "stream-truncated", retryable: true, partial: PARTIAL });
  });

  it.each(ROWS)("3b: ended within a tool's input it calls nothing: $name", async (row) => {
    const raw = RAW[row.format];
    const { error, parts } = await breakingOff(row, raw.cutCall);
    expect(error).toMatchObject({ code: "stream-truncated", retryable: true, partial: PARTIAL });
    expect(parts.map(({ type }) => type)).not.toContain("tool-call");
  });

  it.each(ROWS)("3c: reset after content it is an error of the network, with what had come: $name", async (row) => {
    const { error, requests } = await breakingOff(row, (response) => void response.destroy());
    expect(error).toMatchObject({ code: "network", retryable: true, partial: PARTIAL });
    expect(requests).toBe(1);
  });

  it.each(ROWS)("3d: reset before content it is asked again: $name", async (row) => {
    const raw = RAW[row.format];
    const reset: Play = (response) => {
      begin(response, raw);
      response.write(bytesOf([raw.fault]).subarray(0, 5), () => response.destroy());
    };
    const { server, client } = await played(
      row,
      { retry: { maxAttempts: 3, initialDelayMs: 0 } },
      (response) => void response.destroy(),
      reset,
      textStream(raw, "Hi"),
    );
    expect((await client.stream(ask()).result).text).toBe("Hi");
    expect(server.requests).toHaveLength(3);
  });

  it.each(OWN_ROWS)("3e: JSON of an error in its place is that error, and asked again: $name", async (row) => {
    const raw = RAW[row.format];
    const { client } = await played(row, twice, (response) => json(response, 200, raw.faultBody), textStream(raw, "Hi"));
    expect((await client.stream(ask()).result).text).toBe("Hi");
    const { client: failing } = await played(row, once, (response) => json(response, 200, raw.faultBody));
    expect(await errorOf(failing.stream(ask()).result)).toMatchObject({
      retryable: true,
      message: expect.stringMatching(/Overloaded|Busy/),
    });
  });

  it.each(ROWS)("3f: without any event it is empty, and asked again: $name", async (row) => {
    const { client } = await played(row, twice, [], textStream(RAW[row.format], "Hi"));
    expect((await client.stream(ask()).result).text).toBe("Hi");
    const { client: failing } = await played(row, once, []);
    expect(await errorOf(failing.stream(ask()).result)).toMatchObject({ code: "empty-response", retryable: true });
  });
});

describe("4 silence", () => {
  // The time that an SDK takes to load is none of the provider's.
  beforeAll(() =>
    Promise.all([
      ...[import("@anthropic-ai/sdk"), import("@aws-sdk/client-bedrock-runtime"), import("openai")],
      ...[import("@google/genai"), import("@google-cloud/vertexai")],
    ]),
  );

  it.each(ROWS)("4a: before the headers it ends the call and frees the socket, whole or streamed: $name", async (row) => {
    const { server, client } = await played(row, once, () => void vi.advanceTimersByTime(60_000));
    simulateTime();
    for (const asked of [client.generate(ask(), SILENCE), client.stream(ask(), SILENCE).result]) {
      expect(await errorOf(asked)).toMatchObject({ code: "stream-idle", retryable: true });
    }
    for (const { closed } of server.requests) await closed;
  });

  it.each(ROWS)("4b: after the headers it does too: $name", async (row) => {
    const { server, client } = await played(row, once, async (response) => {
      begin(response, RAW[row.format]);
      await untilRead();
      vi.advanceTimersByTime(60_000);
    });
    simulateTime();
    expect(await errorOf(firstText(client, SILENCE))).toMatchObject({ code: "stream-idle", retryable: true });
    await server.requests[0]?.closed;
  });

  it.each(ROWS)("4c: after content it ends the call with what had come: $name", async (row) => {
    const raw = RAW[row.format];
    const { server, client } = await played(row, twice, (response) => begin(response, raw, [...raw.open, raw.text("Hel")]));
    simulateTime();
    const { text, result } = client.stream(ask(), SILENCE);
    const reading = errorOf(
      (async () => {
        for await (const _ of text) setImmediate(() => vi.advanceTimersByTime(60_000));
      })(),
    );
    for (const ended of [reading, errorOf(result)]) {
      expect(await ended).toMatchObject({ code: "stream-idle", retryable: true, partial: PARTIAL });
    }
    await server.requests[0]?.closed;
    expect(server.requests).toHaveLength(1);
  });
});

describe("4 what is no silence", () => {
  it.each(ROWS)("4d: pieces that come in time, however long they take in all: $name", async (row) => {
    const raw = RAW[row.format];
    const gates = [1, 2, 3, 4, 5].map(() => Promise.withResolvers<void>());
    const { client } = await played(row, once, async (response) => {
      begin(response, raw, [...raw.open, raw.text("0")]);
      for (const [n, { promise }] of gates.entries()) {
        await promise;
        response.write(bytesOf([raw.text(String(n + 1))]));
      }
      response.end(bytesOf(raw.end()));
    });
    const pieces = client.stream(ask(), SILENCE).text[Symbol.asyncIterator]();
    simulateTime();
    const said = [(await pieces.next()).value];
    for (const { resolve } of gates) {
      const waiting = pieces.next();
      await new Promise((asked) => setImmediate(asked));
      vi.advanceTimersByTime(40_000);
      resolve();
      said.push((await waiting).value);
    }
    expect(said).toEqual(["0", "1", "2", "3", "4", "5"]);
    expect(await pieces.next()).toMatchObject({ done: true });
  });

  it.each(OWN_ROWS)("4e: nor a whole answer whose bytes come in time: $name", async (row) => {
    const text = JSON.stringify(RAW[row.format].strangeWhole);
    const quarter = Math.ceil(text.length / 4);
    const { client } = await played(row, once, async (response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
      for (let at = 0; at < text.length; at += quarter) {
        if (at > 0) vi.advanceTimersByTime(40_000);
        await new Promise((written) => response.write(text.slice(at, at + quarter), written));
        await untilRead();
      }
      response.end();
    });
    simulateTime();
    expect((await client.generate(ask(), SILENCE)).text).toBe("Hi");
  });
});

describe("5 an abort", () => {
  const ABORTED = { name: "AbortError", code: "aborted" };
  const late = { text: "late", delayMs: 600_000 };

  it.each(ROWS)("5a: before the start ends every kind of call at once, and nothing is asked: $name", async (row) => {
    const { server, client } = await scripted(row, ["never"]);
    const signal = AbortSignal.abort();
    expect(await errorOf(client.generate(ask(), { signal }))).toMatchObject(ABORTED);
    expect(await errorOf(client.stream(ask(), { signal }).result)).toMatchObject(ABORTED);
    expect(await errorOf(firstText(client, { signal }))).toMatchObject(ABORTED);
    expect(await errorOf(client.toolChain(ask(), [], { signal }))).toMatchObject(ABORTED);
    expect(server.requests).toHaveLength(0);
  });

  it.each(ROWS)("5b: before the answer and in its middle is no silent success, and frees socket and signal: $name", async (row) => {
    let controller = new AbortController();
    const abort = (): ScriptedTurn => {
      controller.abort();
      return late;
    };
    const { server, client } = await scripted(row, [abort, abort, { text: "one two", chunkDelayMs: 600_000 }], twice);
    const asked = [
      ({ signal }: AbortController) => client.generate(ask(), { signal }),
      ({ signal }: AbortController) => client.stream(ask(), { signal }).result,
      async ({ signal }: AbortController) => {
        for await (const _ of client.stream(ask(), { signal }).text) controller.abort();
      },
    ];
    for (const start of asked) {
      controller = new AbortController();
      expect(await errorOf(start(controller))).toMatchObject(ABORTED);
      expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
      expect(await server.requests.at(-1)?.ended).toBe("cut");
    }
    expect(server.requests).toHaveLength(3);
  });

  it.each(ROWS)("5b: in the middle of a whole answer is one too, and frees the socket: $name", async (row) => {
    const controller = new AbortController();
    const { server, client } = await played(row, twice, (response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.write(JSON.stringify(RAW[row.format].strangeWhole).slice(0, 20), () => controller.abort());
    });
    expect(await errorOf(client.generate(ask(), { signal: controller.signal }))).toMatchObject(ABORTED);
    await server.requests[0]?.closed;
    expect(server.requests).toHaveLength(1);
  });

  it.each(ROWS)("5c: between two attempts ends the wait, and nothing is asked again: $name", async (row) => {
    const raw = RAW[row.format];
    const controller = new AbortController();
    const { server, client } = await played(row, { retry: { initialDelayMs: 600_000, maxDelayMs: 600_000 } }, async (response, n) => {
      const answered = server.requests[n]?.closed;
      await refuse(response, n);
      await answered;
      await untilRead();
      controller.abort();
    });
    const refuse = refuseAs(raw, 503, { "retry-after": "60" }) as Extract<Play, (...given: never[]) => unknown>;
    expect(await errorOf(client.generate(ask(), { signal: controller.signal }))).toMatchObject(ABORTED);
    expect(server.requests).toHaveLength(1);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });

  it.each(ROWS)("5d: while a tool runs reaches the tool, and ends the chain as an AbortError: $name", async (row) => {
    const controller = new AbortController();
    let told: AbortSignal | undefined;
    const wait = toolOf("wait", (_input, { signal }) => {
      told = signal;
      controller.abort();
      return signal.aborted ? "late" : new Promise((resolve) => signal.addEventListener("abort", () => resolve("late")));
    });
    const { server, client } = await scripted(row, [{ toolCalls: [{ name: "wait", id: "call_1" }] }, "never"]);
    expect(await errorOf(client.toolChain(ask(), [wait], { signal: controller.signal }))).toMatchObject(ABORTED);
    expect(told?.reason).toMatchObject({ name: "AbortError" });
    expect(server.requests).toHaveLength(1);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });
});

describe("6 a reader that leaves", () => {
  it.each(ROWS)("6a: by `break` closes the server's socket: $name", async (row) => {
    const raw = RAW[row.format];
    const { server, client } = await played(row, once, (response) => begin(response, raw, [...raw.open, raw.text("Hi")]));
    expect(await firstText(client)).toBe("Hi");
    await server.requests[0]?.closed;
  });

  it.each(ROWS)("6b: fifty calls on one signal, however they end, leave no listener: $name", async (row) => {
    const raw = RAW[row.format];
    const half = [...raw.open, raw.text("Hi")];
    const refuse = refuseAs(raw, 400) as Extract<Play, (...given: never[]) => unknown>;
    const { server, client } = await played(row, once, (response, n) => {
      if (n % 5 === 0) return begin(response, raw, half);
      if (n % 5 === 3) return refuse(response, n);
      if (n % 5 === 4) return json(response, 200, raw.whole);
      begin(response, raw, n % 5 === 1 ? textStream(raw, "Hi") : half);
      response.end();
    });
    const { signal } = new AbortController();
    for (let round = 0; round < 10; round++) {
      expect(await firstText(client, { signal })).toBe("Hi");
      await client.stream(ask(), { signal }).result;
      expect(await errorOf(client.stream(ask(), { signal }).result)).toMatchObject({ code: "stream-truncated" });
      expect(await errorOf(client.stream(ask(), { signal }).result)).toMatchObject({ code: "invalid-request" });
      await client.generate(ask(), { signal });
    }
    expect(server.requests).toHaveLength(50);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});

describe("7 bytes, cut anywhere", () => {
  const words = "é 🎉 日本";

  it.each(ROWS)("7a: one by one they are the same characters: $name", async (row) => {
    const raw = RAW[row.format];
    const { client } = await played(row, once, (response) => byteByByte(response, raw, textStream(raw, words)));
    expect((await client.stream(ask()).result).text).toBe(words);
  });

  it.each(ROWS)("7b: half a character's escape in one delta, and half in the next, are one character: $name", async (row) => {
    const frames = textStream(RAW[row.format], "\ud83c", "\udf89");
    expect(bytesOf(frames).toString()).toMatch(/\\ud83c[\s\S]*\\udf89/);
    expect((await resultOf(row, ...frames)).text).toBe("🎉");
  });

  it.each(TEXT_EVENTS)("7c: lines may end as Windows does, and as others do: $name", async (row) => {
    const text = bytesOf(textStream(RAW[row.format], words)).toString().replaceAll("\r\n", "\n");
    expect((await resultOf(row, text)).text).toBe(words);
    expect((await resultOf(row, text.replaceAll("\n", "\r\n"))).text).toBe(words);
  });

  it.each(TEXT_EVENTS)("7d: comments, ids and waits are no events: $name", async (row) => {
    const { open, text, end } = RAW[row.format];
    const comment = ": PROCESSING\n\nid: 7\nretry: 3000\n\nretry: soon\n";
    expect((await resultOf(row, comment, ...open, comment, text("one"), comment, text(" two"), comment, ...end(), comment)).text).toBe(
      "one two",
    );
  });

  it.each(TEXT_EVENTS)("7e: data of several lines is one event: $name", async (row) => {
    const { open, text, end } = RAW[row.format];
    const split = String(text("two lines")).replace(/,"/, ',\ndata: "');
    expect(split.match(/^data:/gm)).toHaveLength(2);
    expect((await resultOf(row, ...open, split, ...end())).text).toBe("two lines");
  });

  it.each(ROWS)("7f: two million of them may be one event: $name", async (row) => {
    const huge = "0123456789abcdef".repeat(131_072);
    expect((await resultOf(row, ...textStream(RAW[row.format], huge))).text).toBe(huge);
  });
});

describe("8 what nobody knows yet", () => {
  it.each(OWN_ROWS.flatMap((row) => (["event", "block", "delta"] as const).map((kind) => ({ ...row, kind }))))(
    "8a: an unknown $kind is passed over: $name",
    async ({ kind, ...row }) => {
      const { open, text, end, strange } = RAW[row.format];
      const unknown = [strange[kind]].flat();
      const { blocks, finishReason } = await resultOf(row, ...open, text("one"), ...unknown, text(" two"), ...end());
      expect(textOf(blocks)).toBe("one two");
      expect(blocks.filter(({ type }) => type !== "text" && type !== "provider")).toEqual([]);
      expect(finishReason.unified).toBe("stop");
    },
  );

  it.each(ROWS)("8b: an unknown reason for the end is kept in the provider's word: $name", async (row) => {
    const { open, text, end } = RAW[row.format];
    const { finishReason } = await resultOf(row, ...open, text("Hi"), ...end("bored"));
    expect(finishReason).toEqual({ unified: "other", raw: "bored" });
  });

  // The chunks of Chat Completions hold no blocks.
  it.each(OWN_ROWS.filter(({ format }) => format !== "openai-chat"))(
    "8c: an unknown block is kept where it stands, whole or streamed: $name",
    async (row) => {
      const { open, text, end, strange, strangeWhole } = RAW[row.format];
      const { client } = await played(row, once, [...open, ...strange.block, text("Hi"), ...end()], (response) =>
        json(response, 200, strangeWhole),
      );
      const streamed = await client.stream(ask()).result;
      for (const { blocks } of [streamed, await client.generate(ask())]) {
        const kept = blocks.filter((block) => JSON.stringify(block).includes("hologram"));
        expect(kept).toMatchObject([{ type: "provider", provider: client.provider, model: client.model }]);
        expect(blocks).toContainEqual({ type: "text", text: "Hi" });
      }
    },
  );

  it.each(OWN_ROWS)("8c: of a whole answer all is kept in `raw`: $name", async (row) => {
    const { strangeWhole } = RAW[row.format];
    const { client } = await played(row, once, (response) => json(response, 200, strangeWhole));
    const { text, raw } = await client.generate(ask());
    expect(text).toBe("Hi");
    expect(JSON.stringify(raw)).toContain(row.format === "openai-chat" ? "sunny" : "hologram");
  });
});

describe("9 what says nothing", () => {
  it.each(SIGNING)("9a: pings, empty deltas, empty and null choices change nothing: $name", async (row) => {
    const { open, text, end, quiet } = RAW[row.format];
    const { client } = await played(row, once, [...open, ...quiet, text("one"), ...quiet, text(" two"), ...quiet, ...end()]);
    const stream = client.stream(ask());
    const kinds: string[] = [];
    for await (const { type } of stream) kinds.push(type);
    expect(kinds).toEqual(["text-start", "text-delta", "text-delta", "text-end", "finish"]);
    expect((await stream.result).text).toBe("one two");
  });

  it.each(OPENAI)("9b: chunks after the end change neither the reason nor what was said: $name", async (row) => {
    const { open, text, end, quiet } = RAW[row.format];
    const { text: said, finishReason } = await resultOf(row, ...open, text("Hi"), ...end(), ...quiet);
    expect({ said, unified: finishReason.unified }).toEqual({ said: "Hi", unified: "stop" });
  });

  it.each([
    ["choices: []", { ...openai.chunk({}), choices: [] }],
    ["choices: null", { choices: null }],
    ["no choices", { id: "x" }],
    ["an empty choice", { choices: [{}] }],
    ["a null delta", { choices: [{ index: 0, delta: null }] }],
  ])("9c: a chunk with %s, before and after the end, is nothing", async (_what, odd) => {
    const { text, finishReason } = await chatOf(odd, openai.text("Hi"), odd, openai.end(), odd);
    expect({ text, unified: finishReason.unified }).toEqual({ text: "Hi", unified: "stop" });
  });
});

describe("10 the pieces of tool calls", () => {
  const A = { id: "call_a", name: "a" };
  const B = { id: "call_b", name: "b" };
  const BOTH = [
    { id: "call_a", name: "a", input: { a: 1 } },
    { id: "call_b", name: "b", input: { b: 2 } },
  ];
  const { call, tools } = openai;

  it.each(ROWS)("10a: of parallel calls, in turns, are told apart: $name", async (row) => {
    const { open, twoCalls } = RAW[row.format];
    const { blocks, finishReason } = await resultOf(row, ...open, ...twoCalls);
    expect(callsIn(blocks)).toMatchObject(BOTH);
    expect(finishReason.unified).toBe("tool-calls");
  });

  it.each<[string, Json[]]>([
    ["10b: without an index", [tools(call(undefined, '{"a"', A)), tools(call(undefined, ":1}")), tools(call(undefined, '{"b":2}', B))]],
    ["10c: always with the index 0", [tools(call(0, '{"a":1}', A)), tools(call(0, '{"b":', B)), tools(call(0, "2}"))]],
    [
      "10d: with no id on the first",
      [tools(call(0, '{"a"', { name: "a" })), tools(call(0, ":1}", { id: "call_a" })), tools(call(1, '{"b":2}', B))],
    ],
    [
      "10e: with the id on each",
      [tools(call(0, '{"a"', A)), tools(call(0, ":1}", A)), tools(call(0, "", A)), tools(call(1, '{"b":2}', B))],
    ],
    [
      "10f: with the name late",
      [tools(call(0, '{"a":', { id: "call_a" })), tools(call(0, "1}", { name: "a" })), tools(call(1, '{"b":2}', B))],
    ],
    ["10g: each whole in a chunk", [tools(call(0, '{"a":1}', A)), tools(call(1, '{"b":2}', B))]],
  ])("%s, they are put together", async (how, chunks) => {
    const { blocks } = await chatOf(...chunks, openai.end("tool_calls"));
    // An id that comes after the call has begun is told to nobody any more.
    const expected = how.startsWith("10d") ? BOTH.map(({ name, input }) => ({ name, input })) : BOTH;
    expect(callsIn(blocks)).toMatchObject(expected);
    expect(new Set(callsIn(blocks).map(({ id }) => id)).size).toBe(2);
  });

  it("10c: always with the index 0, are two calls by their ids alone, of one name and without input", async () => {
    const again = { id: "call_b", name: "a" };
    const { blocks } = await chatOf(tools(call(0, "", A)), tools(call(0, "", again)), openai.end("tool_calls"));
    expect(callsIn(blocks)).toEqual([A, again].map((about) => ({ type: "tool-use", ...about, input: {} })));
  });
});

describe("11 the input of a call", () => {
  it.each(ROWS)("11a: that is empty, or that never comes, is an empty object: $name", async (row) => {
    const { open, emptyCalls } = RAW[row.format];
    const { blocks } = await resultOf(row, ...open, ...emptyCalls);
    expect(callsIn(blocks).map(({ input }) => input)).toEqual([{}, {}]);
    expect(callsIn(blocks).every(({ inputError }) => inputError === undefined)).toBe(true);
  });

  it.each(ROWS)("11b: that is no JSON is not run nor replaced: the model is told its text, and goes on: $name", async (row) => {
    const inputText = '{"n": 1, "m": tw';
    const ran: unknown[] = [];
    const { server, client } = await scripted(row, [{ toolCalls: [{ name: "note", inputText, id: "call_1" }] }, "Sorry."]);
    const note = defineTool({
      name: "note",
      description: "Notes",
      input: { type: "object", required: ["n"] },
      run: (input) => ran.push(input),
    });
    const { text, messages } = await client.toolChain(ask(), [note]);
    expect({ text, ran }).toEqual({ text: "Sorry.", ran: [] });
    expect(callsIn(blocksOf(messages[1] as ChatMessage))).toMatchObject([{ input: inputText }]);
    expect(messages[2]?.content).toMatchObject([{ type: "tool-result", isError: true, content: expect.stringContaining("not run") }]);
    const [answer, results] = saidAfter(row, server, 1);
    expect(JSON.stringify(answer)).toContain("tw");
    expect(JSON.stringify(answer)).not.toMatch(/note \{\}/);
    expect(results?.said).toEqual([expect.stringContaining("not run")]);
  });
});

describe("12 an answer that was cut off", () => {
  async function chainOf(row: ClientRow, turn: ScriptedTurn) {
    let runs = 0;
    const { server, client } = await scripted(row, [turn, "Again, then."]);
    const note = defineTool({ name: "note", description: "Notes", input: { type: "object", required: ["n"] }, run: () => ++runs });
    const { text, messages } = await client.toolChain(ask(), [note]);
    server.assertDone();
    return { text, runs, results: blocksOf(messages[2] as ChatMessage) };
  }

  it.each(ROWS)("12a: by its length has none of its calls run, and each has a result that says so: $name", async (row) => {
    const toolCalls = [1, 2].map((n) => ({ name: "note", input: { n }, id: `call_${n}` }));
    const { results, ...rest } = await chainOf(row, { toolCalls, finishReason: "length" });
    expect(rest).toEqual({ text: "Again, then.", runs: 0 });
    expect(results).toMatchObject(toolCalls.map(() => ({ isError: true, content: expect.stringContaining("cut off") })));
  });

  it.each(ROWS)("12b: in the middle of a call, though the reason says that it calls tools, has it not run: $name", async (row) => {
    const { results, ...rest } = await chainOf(row, {
      toolCalls: [{ name: "note", inputText: '{"n": 1', id: "call_1" }],
      finishReason: "tool-calls",
    });
    expect(rest).toEqual({ text: "Again, then.", runs: 0 });
    expect(results).toMatchObject([{ isError: true }]);
  });
});

describe("13 an answer that says stop", () => {
  it.each(ROWS)("13: and calls a tool, has it run: $name", async (row) => {
    const { client } = await scripted(row, [{ toolCalls: [{ name: "note", id: "call_1" }], finishReason: "stop" }, "Noted."]);
    const { text, messages } = await client.toolChain(ask(), [toolOf("note", () => "a note")]);
    expect(text).toBe("Noted.");
    expect(messages[2]?.content).toMatchObject([{ content: "a note" }]);
  });
});

describe("14 results of parallel calls", () => {
  it.each(ROWS)("14a: are one turn in the order of the calls, though they end out of order: $name", async (row) => {
    const toolCalls = [1, 2, 3].map((n) => ({ name: "step", input: { n }, id: `call_${n}` }));
    const { server, client } = await scripted(row, [{ toolCalls }, "Done."]);
    const ends = [0, 1, 2, 3, 4].map(() => Promise.withResolvers<void>());
    const ended: number[] = [];
    ends[4]?.resolve();
    const step = toolOf("step", async (input) => {
      const { n } = input as { n: number };
      await ends[n + 1]?.promise;
      ended.push(n);
      ends[n]?.resolve();
      return `result ${n}`;
    });
    await client.toolChain(ask(), [step]);
    expect(ended).toEqual([3, 2, 1]);
    expect(saidAfter(row, server, 1)).toEqual([
      { role: "assistant", said: toolCalls.map(({ id, input }) => `call:${id} step ${JSON.stringify(input)}`) },
      { role: "user", said: toolCalls.map(({ id }, index) => `result:${id} result ${index + 1}`) },
    ]);
  });

  it.each(ROWS)("14b: come before what the user says: $name", async (row) => {
    const { server, client } = await scripted(row, ["Well."]);
    const use = (id: string): ContentBlock => ({ type: "tool-use", id, name: id, input: {} });
    const result = (toolUseId: string): ContentBlock => ({ type: "tool-result", toolUseId, content: "x" });
    await client.generate([
      ...ask(),
      { role: "ASSISTANT", content: [use("a"), use("b")] },
      { role: "TOOL_RESULT", content: [result("a")] },
      { role: "USER", content: "Well?" },
      { role: "TOOL_RESULT", content: [result("b")] },
    ]);
    expect(saidAfter(row, server, 0)[1]).toEqual({ role: "user", said: ["result:a x", "result:b x", "text:Well?"] });
  });
});

describe("15 calls and tools that are odd", () => {
  it.each(ROWS)("15a: one id in two turns is two calls, each with its own result: $name", async (row) => {
    const same = { toolCalls: [{ name: "count", id: "same" }] };
    let count = 0;
    const { server, client } = await scripted(row, [same, same, "Two."]);
    await client.toolChain(ask(), [toolOf("count", () => `count ${++count}`)]);
    const said = saidAfter(row, server, 2).map((turn) => turn.said.join());
    const ids = said.map((text) => /^(?:call|result):(\S+)/.exec(text)?.[1]);
    expect(said.map((text) => text.split(" ").slice(1).join(" "))).toEqual(["count {}", "count 1", "count {}", "count 2"]);
    expect([ids[0], ids[2]]).toEqual([ids[1], ids[3]]);
    // Gemini is given back the ids that it gave.
    expect(new Set(ids).size).toBe(row.format === "gemini" ? 1 : 2);
  });

  it.each(ROWS)(
    "15b: unknown names, throws, and results that are empty, huge, undefined or binary, are told in words: $name",
    async (row) => {
      const tools = [
        toolOf("throws", () => {
          throw new Error("no disk");
        }),
        toolOf("empty", () => ""),
        toolOf("huge", () => "x".repeat(300)),
        toolOf("nothing", () => undefined),
        toolOf("binary", () => new Uint8Array(3)),
      ];
      const toolCalls = ["unknown", ...tools.map(({ name }) => name)].map((name) => ({ name, id: name }));
      const { server, client } = await scripted(row, [{ toolCalls }, "Well."]);
      const { text, messages } = await client.toolChain(ask(), tools, { maxToolResultChars: 200 });
      expect(text).toBe("Well.");
      expect(saidAfter(row, server, 1)[1]?.said).toEqual([
        expect.stringMatching(/^result:unknown There is no tool "unknown" now\. The tools are: throws/),
        'result:throws Tool "throws" failed: no disk',
        "result:empty (no output)",
        `result:huge ${"x".repeat(200)}\n(cut: the result has 300 characters, of which 200 are shown)`,
        "result:nothing (no output)",
        expect.stringMatching(/^result:binary .*binary data/),
      ]);
      const errors = blocksOf(messages[2] as ChatMessage).map((block) => block.type === "tool-result" && block.isError === true);
      expect(errors).toEqual([true, true, false, false, false, true]);
    },
  );
});

describe("16 a batch of tools that is aborted", () => {
  it.each(ROWS)("16: leaves a conversation with a result for every call, whoever goes on with it: $name", async (row) => {
    const controller = new AbortController();
    const checkpoint = new MemoryCheckpoint();
    const ran: string[] = [];
    const tools = ["a", "b", "c"].map((name) =>
      toolOf(name, () => {
        ran.push(name);
        if (name === "b") controller.abort();
        return `result ${name}`;
      }),
    );
    const { server, client } = await scripted(row, [{ toolCalls: tools.map(({ name }) => ({ name, id: name })) }, "Done."]);
    const options = { checkpoint, maxParallelTools: 1 };
    const aborted = client.toolChain(ask(), tools, { ...options, signal: controller.signal });
    expect(await errorOf(aborted)).toMatchObject({ name: "AbortError", code: "aborted" });
    expect(ran).toEqual(["a", "b"]);
    expect((await client.toolChain(ask(), tools, options)).text).toBe("Done.");
    expect(ran.filter((name) => name === "a")).toHaveLength(1);
    expect(saidAfter(row, server, 1)).toEqual([
      { role: "assistant", said: ["call:a a {}", "call:b b {}", "call:c c {}"] },
      { role: "user", said: ["result:a result a", "result:b result b", "result:c result c"] },
    ]);
  });

  it("16b: has an error as the result of what had not ended, and of what had not begun", async () => {
    const seen: ContentBlock[] = [];
    const controller = new AbortController();
    const hang = toolOf("hang", (_input, { signal }) => {
      controller.abort();
      return new Promise((_resolve, reject) => {
        if (signal.aborted) reject(signal.reason);
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    });
    const client = new ScriptedInferenceClient([{ toolCalls: [{ name: "hang" }] }]);
    const chain = client.toolChain(ask(), [hang], { signal: controller.signal, middlewares: [(block) => void seen.push(block)] });
    expect(await errorOf(chain)).toMatchObject({ name: "AbortError" });
    expect(seen).toMatchObject([{ type: "tool-use" }, { type: "tool-result", isError: true }]);
  });
});

describe("17 Bedrock's toolConfig", () => {
  const called: ChatMessage[] = [
    ...ask(),
    { role: "ASSISTANT", content: ["add", "sub", "add"].map((name, n) => ({ type: "tool-use", id: `t${n}`, name, input: {} })) },
    { role: "TOOL_RESULT", content: [0, 1, 2].map((n) => ({ type: "tool-result", toolUseId: `t${n}`, content: "1" })) },
  ];
  const configOf = async (messages: ChatMessage[], options: GenerateOptions = {}): Promise<unknown> => {
    const { server, client } = await scripted(BEDROCK, ["Hi"]);
    await client.generate(messages, options);
    return (server.requests[0]?.body as Json | undefined)?.toolConfig;
  };

  it("17a: stays when tools were called and none are given any more", async () => {
    expect(await configOf(called)).toEqual({
      tools: ["add", "sub"].map((name) => ({ toolSpec: { name, inputSchema: { json: { type: "object" } } } })),
    });
  });

  it("17b: is never sent empty", async () => {
    expect(await configOf(ask(), { tools: [] })).toBeUndefined();
    expect(await configOf(ask())).toBeUndefined();
  });
});

describe("18 trimming", () => {
  /** Whether each call has its result in the next message, and each result its call before, after a user's message. */
  function expectWhole(messages: readonly ChatMessage[]): void {
    const said = messages.filter(({ role }) => role !== "SYSTEM");
    expect(said[0]?.role).toBe("USER");
    for (const [index, message] of said.entries()) {
      const blocks = typeof message.content === "string" ? [] : message.content;
      const next = said[index + 1]?.content;
      const results = Array.isArray(next) ? next.flatMap((block) => (block.type === "tool-result" ? [block.toolUseId] : [])) : [];
      if (message.role === "ASSISTANT") expect(results).toEqual(callsIn(blocks).map(({ id }) => id));
      if (message.role === "TOOL_RESULT") expect(said[index - 1]?.role).toBe("ASSISTANT");
    }
  }

  it("18: parts no call from its result, and starts with the user, whatever the conversation and the ratio", async () => {
    let trimmed = 0;
    const turn = fc.record({ calls: fc.nat(3), size: fc.integer({ min: 1, max: 400 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 19 }), async (turns, twentieths) => {
        const history = turns.flatMap(({ calls, size }, at): ChatMessage[] => {
          const ids = Array.from({ length: calls }, (_, n) => `t${at}.${n}`);
          const results = ids.map((toolUseId): ContentBlock => ({ type: "tool-result", toolUseId, content: "x".repeat(size) }));
          return [
            {
              role: "ASSISTANT",
              content: [
                { type: "text", text: "Hm." },
                ...ids.map((id): ContentBlock => ({ type: "tool-use", id, name: "look", input: {} })),
              ],
            },
            calls === 0 ? { role: "USER", content: "x".repeat(size) } : { role: "TOOL_RESULT", content: results },
          ];
        });
        const given: ChatMessage[] = [{ role: "SYSTEM", content: "Be brief." }, ...ask("The task."), ...history];
        const client = new ScriptedInferenceClient([{ error: { reason: "context-length-exceeded" } }, "fits"]);
        const { stopReason, messages } = await client.toolChain(given, [], { fifoRatio: twentieths / 20 });
        const asked = client.calls.at(-1)?.messages ?? [];
        expect(asked.slice(0, 2)).toEqual(given.slice(0, 2));
        expectWhole(asked);
        expectWhole(messages);
        if (stopReason === "context-length") return;
        expect(asked.length).toBeLessThan(given.length);
        trimmed += 1;
      }),
    );
    expect(trimmed).toBeGreaterThan(0);
  });
});

describe("19 thoughts that are bound to what stands before them", () => {
  const BOUND = [
    { ...ANTHROPIC, model: "claude-opus-5-5" },
    { ...BEDROCK, model: "global.anthropic.claude-opus-5-5-v1:0" },
  ];
  const FREE = [
    { ...ANTHROPIC, model: "claude-sonnet-4-6" },
    { ...BEDROCK, model: "global.anthropic.claude-sonnet-4-5-20250929-v1:0" },
  ];
  const look = toolOf("look", () => "found something");
  const thinking = (n: number): ScriptedTurn => ({
    thinking: { text: `Thought ${n}.`, signature: btoa(`signature ${n}`) },
    toolCalls: [{ name: "look", id: `call_${n}` }],
  });
  const full: ScriptedTurn = { error: { reason: "context-length-exceeded" } };

  /** What was asked before and after trimming. */
  async function trimmed({ model, ...row }: ClientRow & { model: string }): Promise<unknown[][]> {
    const { server, client } = await scripted(row, [thinking(1), thinking(2), thinking(3), full, "fits"], { ...once, model });
    expect((await client.toolChain(ask(), [look], { fifoRatio: 0.7, thinking: true })).text).toBe("fits");
    const asked = server.requests.slice(3).map(({ body }) => withoutMarks(body.messages) as unknown[]);
    const [before = [], after = []] = asked;
    expect(after.length).toBeLessThan(before.length);
    return asked;
  }

  it.each(BOUND)("19a: are all left out after trimming: $name $model", async (row) => {
    const [before, after] = await trimmed(row);
    expect(JSON.stringify(before)).toContain(btoa("signature 3"));
    expect(JSON.stringify(after)).not.toMatch(/thinking|reasoning|signature/i);
  });

  it.each(FREE)("19b: stay in what is left where they are bound to nothing, the latest answer byte for byte: $name $model", async (row) => {
    const [before, after] = await trimmed(row);
    expect(JSON.stringify(after?.slice(-2))).toBe(JSON.stringify(before?.slice(-2)));
    expect(JSON.stringify(after)).toContain(btoa("signature 3"));
    expect(JSON.stringify(after)).not.toContain(btoa("signature 1"));
  });

  it.each(BOUND)("19c: outlive a change of the mode, which only adds to the end: $name $model", async ({ model, ...row }) => {
    const swap: ScriptedTurn = { ...thinking(2), toolCalls: [{ name: "switch_mode", input: { mode: "build" }, id: "call_2" }] };
    const { server, client } = await scripted(row, [thinking(1), swap, thinking(3), "built"], { ...once, model });
    const modes = {
      plan: { description: "Plans", system: "You plan.", tools: [] },
      build: { description: "Builds", system: "You build.", tools: [toolOf("saw", () => "sawn")] },
    };
    await client.toolChain(ask(), [look], { modeSwap: { modes, initial: "plan" } });
    const bodies = server.requests.map(({ body }) => withoutMarks(body) as Json & { messages: unknown[] });
    for (const [n, { messages, ...rest }] of bodies.entries()) {
      const { messages: before = [], ...restBefore } = bodies[n - 1] ?? { ...rest, messages: [] };
      expect(JSON.stringify(rest)).toBe(JSON.stringify(restBefore));
      expect(JSON.stringify(messages.slice(0, before.length))).toBe(JSON.stringify(before));
    }
    expect(JSON.stringify(bodies[3]?.messages)).toContain("You build.");
    for (const n of [1, 2, 3]) expect(JSON.stringify(bodies[3])).toContain(btoa(`signature ${n}`));
  });
});

describe("20 what is empty", () => {
  it.each(ROWS)("20: text is dropped, an answer of calls alone is one, and a result without text has a placeholder: $name", async (row) => {
    const { server, client } = await scripted(row, ["Hi"]);
    const use = (name: string): ContentBlock => ({ type: "tool-use", id: name, name, input: {} });
    const result = (toolUseId: string): ContentBlock => ({ type: "tool-result", toolUseId, content: "" });
    const empty: ContentBlock = { type: "text", text: "" };
    await client.generate([
      { role: "USER", content: [empty, { type: "text", text: "Hello" }, empty] },
      { role: "ASSISTANT", content: [empty, use("a")] },
      { role: "TOOL_RESULT", content: [result("a")] },
      { role: "ASSISTANT", content: [use("b")] },
      { role: "TOOL_RESULT", content: [result("b")] },
      { role: "USER", content: "" },
    ]);
    expect(turnsIn(row.format, server.requests[0]?.body)).toEqual([
      { role: "user", said: ["text:Hello"] },
      { role: "assistant", said: ["call:a a {}"] },
      { role: "user", said: ["result:a (no output)"] },
      { role: "assistant", said: ["call:b b {}"] },
      { role: "user", said: ["result:b (no output)"] },
    ]);
  });
});

describe("21 what proves a thought", () => {
  const conversation = (blocks: ContentBlock[]): ChatMessage[] => [
    ...ask(),
    { role: "ASSISTANT", content: JSON.parse(JSON.stringify(blocks)) },
    { role: "TOOL_RESULT", content: callsIn(blocks).map(({ id }) => ({ type: "tool-result", toolUseId: id, content: "x" })) },
  ];

  it.each(SIGNING)("21a: goes back byte for byte and in its place, after a journey through JSON: $name", async (row) => {
    const raw = RAW[row.format];
    const { server, client } = await played(row, once, raw.thoughts, (response) => json(response, 200, raw.whole));
    const { blocks } = await client.stream(ask()).result;
    await client.generate(conversation(blocks));
    const sent = JSON.stringify(server.requests[1]?.body);
    const places = raw.proofs.map((proof) => sent.indexOf(JSON.stringify(proof)));
    expect(places.every((place) => place > 0)).toBe(true);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    const answer = saidAfter(row, server, 1)[0];
    expect(answer?.said.filter((text) => text !== "thought")).toEqual([
      "text:Let me.",
      expect.stringMatching(/^call:call_\w+ add \{"a":1\}$/),
    ]);
    if (row.format !== "openai-chat") expect(answer?.said[0]).toBe("thought");
  });

  it.each(ROWS)("21b: stays out for every other provider, and for another model of the same, and the rest goes: $name", async (row) => {
    const raw = RAW[row.format];
    const { blocks } = await resultOf(row, ...raw.thoughts);
    const others = [
      // The same model by a package of the AI SDK is the same model.
      ...ROWS.filter((other) => other !== row && !(other.format === row.format && row.format === "anthropic")).map((other) => ({
        other,
        model: {},
      })),
      { other: row, model: { model: "another-model-1" } },
    ];
    for (const { other, model } of others) {
      const { server, client } = await scripted(other, ["Hi"], { ...once, ...model });
      await client.generate(conversation(blocks));
      const sent = JSON.stringify(server.requests[0]?.body);
      for (const proof of raw.proofs) expect(sent).not.toContain(proof);
      expect(saidAfter(other, server, 0)[0]?.said).toEqual(["text:Let me.", expect.stringMatching(/ add \{"a":1\}$/)]);
    }
  });
});

describe("22 cache markers", () => {
  const use = (id: string): ContentBlock => ({ type: "tool-use", id, name: id, input: {} });
  const result = (toolUseId: string): ContentBlock => ({ type: "tool-result", toolUseId, content: "found" });
  const marksOf = async (row: ClientRow, messages: ChatMessage[], options: GenerateOptions) => {
    const { server, client } = await scripted(row, ["Hi"]);
    const { warnings } = await client.generate(messages, options);
    return { marks: marksIn(server.requests[0]?.body), warnings };
  };

  it.each(MARKING_ROWS)("22a: are never more than four, with the caller's own, those of tools and of the system: $name", async (row) => {
    const say = (role: ChatMessage["role"], content: string): ChatMessage => ({ role, content, cacheMarker: true });
    const messages = [
      ...[say("SYSTEM", "Be brief."), say("SYSTEM", "Be exact."), say("USER", "One."), say("USER", "Two."), say("ASSISTANT", "Three.")],
      ...[say("USER", "Four."), say("USER", "Five.")],
    ];
    for (const caching of ["auto", "manual"] as const) {
      const { marks, warnings } = await marksOf(row, messages, { caching, tools: [toolOf("look", () => "x")] });
      expect(marks.length).toBeGreaterThan(1);
      expect(marks.length).toBeLessThanOrEqual(4);
      expect(warnings.join()).toContain("cache markers at most");
    }
  });

  it.each(MARKING_ROWS)("22b: of a message that the provider has as several is one: $name", async (row) => {
    const messages: ChatMessage[] = [
      ...ask(),
      { role: "ASSISTANT", content: [use("a"), use("b"), use("c"), use("d"), use("e")] },
      { role: "TOOL_RESULT", content: ["a", "b", "c", "d", "e"].map(result), cacheMarker: true },
    ];
    expect((await marksOf(row, messages, { caching: "manual" })).marks).toHaveLength(1);
    const { marks, warnings } = await marksOf(row, messages, { caching: "auto" });
    expect(marks).toHaveLength(2);
    expect(warnings).toEqual([]);
  });
});

describe("23 the place where a request's cache ended", () => {
  it.each(MARKING_ROWS)("23: is marked for one more turn, while the markers move on: $name", async (row) => {
    const turn = (n: number): ScriptedTurn => ({ toolCalls: [1, 2].map((part) => ({ name: "look", id: `call_${n}_${part}` })) });
    const { server, client } = await scripted(row, [turn(1), turn(2), turn(3), turn(4), "Done."]);
    await client.toolChain([{ role: "SYSTEM", content: "Look." }, ...ask()], [toolOf("look", () => "found")]);
    const inTurns = server.requests.map(({ body }) =>
      marksIn(body).filter((place) => /^\/(?:messages|input)\/[1-9]/.test(place) || /^\/messages\/0/.test(place)),
    );
    expect(inTurns).toHaveLength(5);
    for (const [n, marks] of inTurns.entries()) {
      const before = inTurns[n - 1]?.at(-1);
      if (before === undefined) continue;
      expect(marks).toContain(before);
      expect(marks.at(-1)).not.toBe(before);
      expect(marks).not.toContain(inTurns[n - 2]?.at(-1) ?? "nowhere");
    }
  });
});

describe("24 usage", () => {
  it("24a: that is told at the start and again at the end is the last one, not the sum", async () => {
    const usage = (input_tokens: number, output_tokens: number) => ({ input_tokens, output_tokens, cache_read_input_tokens: 5 });
    const told = (output: number): Json => ({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage: usage(10, output) });
    const events = [
      { type: "message_start", message: { usage: usage(10, 1) } },
      ...[anthropic.blockStart({ type: "text", text: "Hi" }), anthropic.stop(), told(7), told(20), { type: "message_stop" }],
    ];
    expect((await resultOf(ANTHROPIC, anthropic.sseText(events))).usage).toMatchObject({
      inputTokens: 15,
      outputTokens: 20,
      cacheReadTokens: 5,
    });
  });

  it.each(ROWS)("24b: counts what was cached as input, whatever the provider does: $name", async (row) => {
    const { usage } = await resultOf(row, ...RAW[row.format].counted);
    expect(usage).toMatchObject({
      inputTokens: 100,
      outputTokens: 20,
      cacheReadTokens: 60,
      cacheWriteTokens: row.tellsCacheWrites ? 30 : 0,
    });
  });
});

describe("25 usage on a stream of Chat Completions", () => {
  it("25a: is asked for, and comes after the end", async () => {
    const { server, client } = await played(CHAT, once, RAW["openai-chat"].counted);
    const { usage } = await client.stream(ask()).result;
    expect(usage).toMatchObject({ inputTokens: 100, outputTokens: 20 });
    expect(server.requests[0]?.body).toMatchObject({ stream_options: { include_usage: true } });
  });

  it("25b: is not asked for any more where the server refuses that, and is then unknown, not free", async () => {
    const refuse = refuseAs(RAW["openai-chat"], 400, {}, "Unrecognized request argument supplied: stream_options");
    const hi = textStream(RAW["openai-chat"], "Hi");
    const { server, client } = await played(CHAT, once, refuse, hi, hi);
    for (let call = 0; call < 2; call++) {
      const { text, usage } = await client.stream(ask()).result;
      expect(text).toBe("Hi");
      expect(usage).not.toHaveProperty("cost");
    }
    expect(server.requests.map(({ body }) => (body as Json).stream_options)).toEqual([{ include_usage: true }, undefined, undefined]);
  });
});

describe("26 the cost of a call", () => {
  const price = { input: 2, output: 10, cacheRead: 0.2, cacheWrite: 2.5, cacheWriteLong: 4 };
  const cost = expect.closeTo((1 * 2 + 2 * 0.2 + 1 * 2.5 + 2 * 4 + 0.5 * 10) / 1000, 10);

  const PRICED = OWN_ROWS.filter(({ format }) => RAW[format].priced !== undefined);
  it.each(PRICED)("26a: has reads, and writes for minutes and for hours, at their own prices: $name", async (row) => {
    const { strangeWhole, priced } = RAW[row.format];
    const answer: Play = (response) => json(response, 200, { ...strangeWhole, usage: priced });
    const { client } = await played(row, { ...once, prices: () => price }, answer);
    const { usage } = await client.generate(ask());
    expect(usage).toMatchObject({ inputTokens: 6000, outputTokens: 500, cacheReadTokens: 2000, cacheWriteTokens: 3000, cost });
    expect(usage.cacheWriteLongTokens).toBe(2000);
    expect(client.usage.cost).toEqual(cost);
  });

  it.each(ROWS)("26b: of a model that nobody knows is unknown, not 0, and so is the client's: $name", async (row) => {
    const { client } = await scripted(row, ["Hi"], { ...once, model: "unheard-of-1" });
    const { usage } = await client.generate(ask());
    expect(usage.inputTokens).toBeGreaterThan(0);
    for (const told of [usage, client.usage]) expect(told).not.toHaveProperty("cost");
  });

  const COUNTING = ROWS.filter(({ format }) => RAW[format].failedCounted !== undefined);
  it.each(COUNTING)("26c: has that of attempts that failed, whether or not one succeeds: $name", async (row) => {
    const { failedCounted = [], counted } = RAW[row.format];
    const { server, client } = await played(row, twice, failedCounted, counted, failedCounted);
    const { usage } = await client.stream(ask()).result;
    expect(usage.inputTokens).toBe(103);
    expect(usage.outputTokens).toBeGreaterThan(20);
    const error = await errorOf(client.stream(ask()).result);
    expect(error).toMatchObject({ code: "retries-exceeded", usage: { inputTokens: 6 } });
    expect(client.usage).toMatchObject({ inputTokens: 109 });
    expect(server.requests).toHaveLength(4);
  });
});

describe("27 attempts", () => {
  it.each(ROWS)("27: are as many requests as are configured: the SDK makes none of its own: $name", async (row) => {
    const { server, client } = await played(row, { retry: { maxAttempts: 3, initialDelayMs: 0 } }, refuseAs(RAW[row.format], 503));
    const exceeded = { code: "retries-exceeded", attempts: 3, cause: { status: 503, retryable: true } };
    const error = await errorOf(client.generate(ask()));
    expect(error).toBeInstanceOf(RetriesExceededError);
    expect(error).toMatchObject(exceeded);
    expect(server.requests).toHaveLength(3);
    expect(await errorOf(client.stream(ask()).result)).toMatchObject(exceeded);
    expect(server.requests).toHaveLength(6);
  });
});

describe("28 what is asked again, and when", () => {
  const throttled = { "x-amzn-errortype": "ThrottlingException" };
  const asking = ROWS.flatMap((row) =>
    [
      { headers: { "retry-after": "7" }, retryAfter: 7000 },
      { headers: { "retry-after-ms": "70" }, retryAfter: 70 },
      { headers: { "retry-after-ms": "70", "retry-after": "7" }, retryAfter: 70 },
      { headers: { "retry-after": "Sun, 06 Nov 1994 08:49:37 GMT" }, retryAfter: 0 },
      { headers: { "retry-after": "-7" }, retryAfter: undefined },
      { headers: { "retry-after": "soon" }, retryAfter: undefined },
    ].map((asked) => ({ ...row, ...asked })),
  );

  it.each(asking)("28a: by $headers the provider asks to wait $retryAfter ms: $name", async ({ headers, retryAfter, ...row }) => {
    const told = { ...throttled, ...headers } as Record<string, string>;
    const { client } = await played(row, once, refuseAs(RAW[row.format], 429, told));
    for (const asked of [client.generate(ask()), client.stream(ask()).result]) {
      const error = await errorOf(asked);
      expect(error).toMatchObject({ code: "rate-limited", retryable: true });
      expect(error.retryAfter).toBe(retryAfter);
    }
  });

  const HUGE = ROWS.flatMap((row) => ["86400", "Tue, 01 Dec 2099 00:00:00 GMT"].map((asked) => ({ ...row, asked })));
  it.each(HUGE)("28b: a wait that is huge ($asked) ends the call at once: $name", async ({ asked, ...row }) => {
    const { server, client } = await played(row, twice, refuseAs(RAW[row.format], 429, { ...throttled, "retry-after": asked }));
    const error = await errorOf(client.generate(ask()));
    expect(error).toMatchObject({ code: "retries-exceeded", attempts: 1 });
    expect(error.retryAfter).toBeGreaterThanOrEqual(86_400_000);
    expect(server.requests).toHaveLength(1);
  });

  it.each(ROWS)("28c: a wait that is short, past or negative is followed by the next attempt: $name", async (row) => {
    const raw = RAW[row.format];
    const headers = [{ "retry-after-ms": "5" }, { "retry-after": "-7" }, { "retry-after": "Sun, 06 Nov 1994 08:49:37 GMT" }];
    const plays = headers.map((told) => refuseAs(raw, 429, { ...throttled, ...told }));
    const { client } = await played(row, { retry: { maxAttempts: 4, initialDelayMs: 0 } }, ...plays, textStream(raw, "Hi"));
    expect((await client.stream(ask()).result).text).toBe("Hi");
  });

  it.each([ANTHROPIC, ...OPENAI])("28d: x-should-retry is obeyed, whatever the status: $name", async (row) => {
    const raw = RAW[row.format];
    const may = await played(row, twice, refuseAs(raw, 400, { "x-should-retry": "true" }), textStream(raw, "Hi"));
    expect((await may.client.stream(ask()).result).text).toBe("Hi");
    const mayNot = await played(row, twice, refuseAs(raw, 500, { "x-should-retry": "false" }));
    expect(await errorOf(mayNot.client.stream(ask()).result)).toMatchObject({ status: 500, retryable: false });
    expect(mayNot.server.requests).toHaveLength(1);
  });

  const QUOTA = OPENAI.flatMap((row) => ["code", "type"].map((field) => ({ ...row, field })));
  it.each(QUOTA)("28e: insufficient_quota, by its $field, is final although its status is 429: $name", async ({ field, ...row }) => {
    const body = { error: { message: "No.", [field]: "insufficient_quota" } };
    const { server, client } = await played(row, twice, (response) => json(response, 429, body));
    for (const asked of [() => client.generate(ask()), () => client.stream(ask()).result]) {
      expect(await errorOf(asked())).toMatchObject({ code: "quota-exceeded", status: 429, retryable: false });
    }
    expect(server.requests).toHaveLength(2);
  });

  const FINAL = [
    { status: 400, code: "invalid-request" },
    { status: 401, code: "unauthorized" },
    { status: 403, code: "unauthorized" },
    { status: 404, code: "model-not-found" },
  ];
  const REFUSED = ROWS.flatMap((row) => FINAL.map((final) => ({ ...row, ...final })));
  it.each(REFUSED)("28f: status $status is final: $name", async ({ status, code, ...row }) => {
    const error = { status, message: "No." };
    const { server, client } = await scripted(row, [{ error }, { error }], twice);
    for (const asked of [() => client.generate(ask()), () => client.stream(ask()).result]) {
      const thrown = await errorOf(asked());
      expect(thrown).toBeInstanceOf(FinalInferenceError);
      expect(thrown).toBeInstanceOf(NonRetryableError);
      expect(thrown).toBeInstanceOf(InferenceError);
      expect(thrown).toMatchObject({ status, code, retryable: false, provider: client.provider, model: client.model });
    }
    expect(server.requests).toHaveLength(2);
  });

  it("28g: Bedrock's AccessDenied is final, also by its name alone, and its ModelTimeout is asked again, which its SDK would not do", async () => {
    const raw = RAW.bedrock;
    for (const status of [400, 403]) {
      const denied = await played(BEDROCK, twice, refuseAs(raw, status, { "x-amzn-errortype": "AccessDeniedException" }));
      expect(await errorOf(denied.client.stream(ask()).result)).toMatchObject({ code: "unauthorized", retryable: false });
      expect(denied.server.requests).toHaveLength(1);
    }
    const late = await played(BEDROCK, twice, refuseAs(raw, 408, { "x-amzn-errortype": "ModelTimeoutException" }), textStream(raw, "Hi"));
    expect((await late.client.stream(ask()).result).text).toBe("Hi");
  });
});

describe("29 a conversation that is too long", () => {
  const WAIT = "Too many tokens, please wait before trying again.";

  it.each(ROWS)("29a: is not what a limit of tokens a minute tells: $name", async (row) => {
    const raw = RAW[row.format];
    const { server, client } = await played(
      row,
      twice,
      refuseAs(raw, 429, { "x-amzn-errortype": "ThrottlingException" }, WAIT),
      textStream(raw, "Hi"),
    );
    expect((await client.stream(ask()).result).text).toBe("Hi");
    expect(server.requests).toHaveLength(2);
  });

  it("29b: is not what Bedrock's throttling tells, by another status and within a stream", async () => {
    const raw = RAW.bedrock;
    const throttling = exceptionFrame("throttlingException", { message: WAIT });
    for (const play of [refuseAs(raw, 400, { "x-amzn-errortype": "ThrottlingException" }, WAIT), [...raw.open, throttling]]) {
      const { client } = await played(BEDROCK, once, play);
      expect(await errorOf(client.stream(ask()).result)).toMatchObject({ code: "rate-limited", retryable: true });
    }
  });

  const SAMPLES = OVERFLOW_SAMPLES.flatMap(({ format, ...rest }) =>
    ROWS.flatMap((row) => (row.format === format ? [{ ...row, ...rest }] : [])),
  );
  it.each(SAMPLES)("29c: is known by: $sample: $name", async ({ play, ...row }) => {
    const { server, client } = await played(row, twice, play);
    const error = await errorOf(client.stream(ask()).result);
    expect(error).toBeInstanceOf(ContextLengthExceededError);
    expect(error).toMatchObject({ code: "context-length-exceeded", retryable: false });
    expect(server.requests).toHaveLength(1);
  });
});

describe("30 what a model cannot do", () => {
  const look = toolOf("look", () => "x");
  const STRICT = [
    { ...ANTHROPIC, model: "claude-opus-5-5" },
    { ...ANTHROPIC, model: "claude-sonnet-5-5" },
    { ...BEDROCK, model: "global.anthropic.claude-opus-5-5-v1:0" },
  ];
  const asked = async ({ model, ...row }: ClientRow & { model: string }, options: GenerateOptions) => {
    const { server, client } = await scripted(row, ["Hi"], { ...once, model });
    const { warnings } = await client.generate(ask(), options);
    return { body: JSON.stringify(server.requests[0]?.body), warnings };
  };

  it.each(STRICT.flatMap((row) => (["any", { name: "look" }] as const).map((toolChoice) => ({ ...row, toolChoice }))))(
    "30a: a tool by force ($toolChoice) becomes an instruction with a warning, or an error: $model",
    async ({ toolChoice, ...row }) => {
      const { body, warnings } = await asked(row, { tools: [look], toolChoice });
      expect(body).not.toMatch(/tool_?choice/i);
      expect(body).toMatch(/You must call/);
      expect(warnings).toEqual([expect.stringContaining("toolChoice")]);
      const { server, client } = await scripted(row, ["never"], { ...once, model: row.model, unsupported: "error" });
      const error = await errorOf(Promise.resolve().then(() => client.generate(ask(), { tools: [look], toolChoice })));
      expect(error).toBeInstanceOf(FinalInferenceError);
      expect(error).toMatchObject({ code: "unsupported", retryable: false });
      expect(server.requests).toHaveLength(0);
    },
  );

  it.each([
    ...STRICT,
    { ...ANTHROPIC, model: "claude-sonnet-5" },
    { ...BEDROCK, model: "global.anthropic.claude-sonnet-5-v1:0" },
    ...MARKING_ROWS.slice(2, 4).flatMap((row) => ["gpt-5.6", "o3"].map((model) => ({ ...row, model }))),
  ])("30b: temperature is left out for $model, with a warning: $name", async (row) => {
    const { body, warnings } = await asked(row, { temperature: 0, topP: 1 });
    expect(body).not.toMatch(/temperature|top_?p/i);
    expect(warnings).toEqual([expect.stringContaining("temperature and topP")]);
  });

  it.each([
    { ...BEDROCK, model: "global.anthropic.claude-sonnet-4-5-20250929-v1:0" },
    { ...CHAT, model: "local-model" },
    ...GEMINI.map((row) => ({ ...row, model: "gemini-2.5-flash" })),
  ])("30c: temperature goes out where it is taken: $name $model", async (row) => {
    const { body, warnings } = await asked(row, { temperature: 0 });
    expect(body).toContain('"temperature":0');
    expect(warnings).toEqual([]);
  });

  it.each([
    { ...ANTHROPIC, model: "claude-haiku-4-5" },
    { ...BEDROCK, model: "global.anthropic.claude-sonnet-4-5-20250929-v1:0" },
  ])("30d: an older model is forced to a tool, but not while it thinks: $model", async (row) => {
    const forced = await asked(row, { tools: [look], toolChoice: "any", thinking: false });
    expect(forced.body).toMatch(/"tool_?choice":\{("type":)?"any"/i);
    expect(forced.warnings).toEqual([]);
    const thinking = await asked(row, { tools: [look], toolChoice: "any", thinking: true });
    expect(thinking.body).toMatch(/"thinking":\{"type":"enabled"/);
    expect(thinking.body).not.toMatch(/tool_?choice/i);
    expect(thinking.warnings).toEqual([expect.stringContaining("while it thinks")]);
  });
});

describe("31 the SDK of a provider", () => {
  it("31a: that is missing is named, with what to install", async () => {
    const program = `
      import { AnthropicInferenceClient } from "./src/anthropic.ts";
      import { BedrockInferenceClient } from "./src/bedrock.ts";
      import { GoogleGenAIInferenceClient } from "./src/genai.ts";
      import { OpenAIInferenceClient } from "./src/openai.ts";
      import { VertexInferenceClient } from "./src/vertex.ts";
      const options = { model: "m", apiKey: "${SECRET}" };
      const clients = [
        new AnthropicInferenceClient(options), new BedrockInferenceClient({ ...options, region: "us-east-1" }),
        new OpenAIInferenceClient(options), new VertexInferenceClient({ model: "m", project: "p", location: "l" }), new GoogleGenAIInferenceClient(options),
      ];
      const errors = [];
      for (const client of clients) errors.push(await client.generate([{ role: "USER", content: "Hello" }]).catch((thrown) => thrown));
      console.log(JSON.stringify(errors.map(({ code, retryable, message }) => ({ code, retryable, message }))));`;
    const ended = await runWithoutSdks(program);
    expect(ended).toMatchObject({ stderr: "", code: 0 });
    const packages = ["@anthropic-ai/sdk", "@aws-sdk/client-bedrock-runtime", "openai", "@google-cloud/vertexai", "@google/genai"];
    expect(JSON.parse(ended.stdout)).toEqual(
      packages.map((name) => ({ code: "missing-package", retryable: false, message: expect.stringContaining(`npm install ${name}`) })),
    );
  });

  const COPIES = CLIENTS_ON_COPIES.map((entry) => ({ ...entry, name: entry.row.name }));
  it.each(COPIES)("31b: that is there twice tells the same errors: $name", async ({ row, copied }) => {
    const raw = RAW[row.format];
    const overflow = "prompt is too long: input token count exceeds the maximum";
    const server = await servePlays(
      raw,
      ...[refuseAs(raw, 503), textStream(raw, "Hi"), refuseAs(raw, 401)],
      ...[refuseAs(raw, 400, { "x-amzn-errortype": "ValidationException" }, overflow), [raw.fault], textStream(raw, "Hi")],
    );
    const { client, classes } = await copied(server.url, twice);
    expect(classes[0]).not.toBe(classes[1]);
    expect((await client.stream(ask()).result).text).toBe("Hi");
    expect(await errorOf(client.stream(ask()).result)).toMatchObject({ code: "unauthorized", status: 401, retryable: false });
    expect(await errorOf(client.stream(ask()).result)).toBeInstanceOf(ContextLengthExceededError);
    expect((await client.stream(ask()).result).text).toBe("Hi");
    expect(server.requests).toHaveLength(6);
  });
});

describe("32 spans", () => {
  const { ended, started } = recorder();
  const named = (name: string) => ended().filter((span) => span.name === name);
  const idOf = (span: ReturnType<typeof ended>[number] | undefined) => span?.spanContext().spanId;
  const PROMPT = "zq-prompt-7781-zebra";

  it.each(ROWS)("32a: of a call are one, and none of the SDK's: $name", async (row) => {
    const { client } = await scripted(row, ["One", "Two"]);
    await client.generate(ask());
    await client.stream(ask()).result;
    expect(ended().map(({ name }) => name)).toEqual([`chat ${client.model}`, `chat ${client.model}`]);
    expect(started()).toBe(2);
  });

  it.each(ROWS)("32b: end when a reader leaves, by an abort and by an error, and say so: $name", async (row) => {
    const controller = new AbortController();
    const abort = (): ScriptedTurn => {
      controller.abort();
      return { text: "late", delayMs: 600_000 };
    };
    const { client } = await scripted(row, [{ text: "one two", chunkDelayMs: 600_000 }, abort, { error: { status: 400 } }]);
    await firstText(client);
    await errorOf(client.generate(ask(), { signal: controller.signal }));
    await errorOf(client.stream(ask()).result);
    expect(ended().map(({ attributes }) => attributes["error.type"])).toEqual(["aborted", "aborted", expect.any(String)]);
    expect(ended().every(({ status }) => status.code === SpanStatusCode.ERROR)).toBe(true);
    expect(started()).toBe(3);
  });

  it("32c: have their parents inside async generators too", async () => {
    const client = new ScriptedInferenceClient(["One", "two three", { toolCalls: [{ name: "look" }] }, "Four"]);
    const steps = defineModule({
      name: "steps",
      trace: true,
      async *process({ signal }) {
        yield { status: "success" as const, result: (await client.generate(ask())).text };
        for await (const _part of client.stream(ask())) trace.getTracer("user").startSpan("own").end();
        yield { status: "success" as const };
        yield { status: "success" as const, result: (await client.toolChain(ask(), [toolOf("look", () => "x")], { signal })).text };
      },
    });
    const again = defineModule({
      name: "again",
      process: ({ node }) => ({ status: "success", decision: node.visit < 3 ? "steps" : null }),
    });
    const nodes = [new Node({ name: "steps", modules: [steps] }), new Node({ name: "again", dependencies: ["steps"], modules: [again] })];
    expect((await new Agent({ nodes }).runTask(new Task({ type: "t", objective: "o" }))).status).toBe("COMPLETE");
    const modules = named("module steps").map(idOf);
    const chats = named("chat scripted").map(({ parentSpanContext }) => parentSpanContext?.spanId);
    const chain = named("invoke_agent steps")[0];
    expect(modules).toHaveLength(3);
    expect(chats).toEqual([modules[0], modules[1], idOf(chain), idOf(chain)]);
    expect(chain?.parentSpanContext?.spanId).toBe(modules[2]);
    expect(named("execute_tool look")[0]?.parentSpanContext?.spanId).toBe(idOf(chain));
    const own = named("own").map(({ parentSpanContext }) => parentSpanContext?.spanId);
    expect(own.length).toBeGreaterThan(3);
    expect(new Set(own)).toEqual(new Set([modules[1]]));
    expect(started()).toBe(ended().length);
  });

  it.each(ROWS)("32d: hold nothing of what was said, unless that is asked for: $name", async (row) => {
    const turns = [
      { thinking: `${PROMPT} thought`, toolCalls: [{ name: "look", input: { about: PROMPT }, id: "call_1" }] },
      `Of ${PROMPT}.`,
    ];
    const { client } = await scripted(row, turns);
    const look = toolOf("look", () => `${PROMPT} found`);
    await client.toolChain([{ role: "SYSTEM", content: PROMPT }, ...ask(PROMPT)], [look]);
    expect(ended().length).toBeGreaterThan(3);
    expect(inspect(ended(), { depth: 8 })).not.toContain(PROMPT);
    const { client: open } = await scripted(row, turns, { ...once, captureContent: true });
    await open.toolChain(ask(PROMPT), [look]);
    expect(inspect(ended(), { depth: 8 })).toContain(PROMPT);
  });
});
