import { describe, expect, it } from "vitest";
import { call, chunk, clientOf, end, HELLO, type Json, resultOf, serveEvents, text, tools } from "./openai-server.ts";

const A = { id: "call_a", name: "add" };
const B = { id: "call_b", name: "sub" };

/** What the calls of a stream add up to. */
const callsOf = async (...events: Json[]) =>
  (await resultOf("chat", ...events, end("tool_calls"))).blocks.filter((block) => block.type === "tool-use");

const BOTH = [
  { id: "call_a", name: "add", input: { a: 1 } },
  { id: "call_b", name: "sub", input: { b: 2 } },
];

describe("the pieces of tool calls", () => {
  it.each<[string, Json[]]>([
    ["one after the other", [tools(call(0, '{"a"', A)), tools(call(0, ":1}")), tools(call(1, '{"b"', B)), tools(call(1, ":2}"))]],
    [
      "with the id on each and no index",
      [
        tools(call(undefined, '{"a"', A)),
        tools(call(undefined, '{"b":', B)),
        tools(call(undefined, ":1}", A)),
        tools(call(undefined, "2}", B)),
      ],
    ],
    ["all whole in one chunk", [tools(call(undefined, '{"a":1}', A), call(undefined, '{"b":2}', B))]],
    ["all whole in one chunk, always with the index 0", [tools(call(0, '{"a":1}', A), call(0, '{"b":2}', B))]],
    ["as objects", [tools(call(0, { a: 1 }, A)), tools(call(1, { b: 2 }, B))]],
    [
      "under an index that grows with each piece",
      [tools(call(0, '{"a"', A)), tools(call(1, ":1}")), tools(call(2, '{"b"', B)), tools(call(3, ":2}"))],
    ],
    [
      "with the second head under the first one's index, and its tail under the next",
      [tools(call(0, '{"a":1}', A)), tools(call(0, "", B)), tools(call(1, '{"b":2}'))],
    ],
    [
      "with the name in pieces",
      [
        tools(call(0, "", { id: "call_a", name: "a" })),
        tools(call(0, "", { name: "dd" })),
        tools(call(0, '{"a":1}')),
        tools(call(1, '{"b":2}', B)),
      ],
    ],
    [
      "with the name as far as it is known, again and again",
      [
        tools(call(0, "", { id: "call_a", name: "a" })),
        tools(call(0, "", { name: "add" })),
        tools(call(0, '{"a":1}')),
        tools(call(1, '{"b":2}', B)),
      ],
    ],
    ["encoded twice", [tools(call(0, JSON.stringify('{"a":1}'), A)), tools(call(1, JSON.stringify('{"b":2}'), B))]],
    [
      "as objects, with the name after them",
      [tools(call(0, { a: 1 }, { id: "call_a" })), tools(call(0, "", { name: "add" })), tools(call(1, { b: 2 }, B))],
    ],
  ])("are put together when they come %s", async (_how, events) => {
    expect(await callsOf(...events)).toEqual(BOTH.map((block) => ({ type: "tool-use", ...block })));
  });

  it("may be the functions of before there were tools", async () => {
    const events = [chunk({ function_call: { name: "add", arguments: '{"a"' } }), chunk({ function_call: { arguments: ":1}" } })];
    expect(await callsOf(...events)).toMatchObject([{ name: "add", input: { a: 1 } }]);
  });

  it("may be one such function, whose name comes in pieces", async () => {
    const pieces = [{ name: "a" }, { name: "dd" }, { name: "", arguments: '{"a"' }, { arguments: ":1}" }];
    expect(await callsOf(...pieces.map((piece) => chunk({ function_call: piece })))).toMatchObject([{ name: "add", input: { a: 1 } }]);
  });

  it("are told of before their input, as soon as that begins or another call does", async () => {
    const events = [tools(call(0, "", A)), tools(call(1, "", B)), tools(call(0, '{"a":1}')), tools(call(1, '{"b":2}')), end("tool_calls")];
    const parts: string[] = [];
    for await (const part of clientOf((await serveEvents(...events)).url, { api: "chat" }).stream(HELLO)) parts.push(part.type);
    expect(parts.slice(0, 4)).toEqual(["tool-input-start", "tool-input-delta", "tool-input-start", "tool-input-delta"]);
  });

  it("get ids of our own where none come, one for each call", async () => {
    const events = [tools(call(0, '{"a":1}', { name: "add" })), tools(call(0, '{"b":', { name: "add" })), tools(call(0, "2}"))];
    const calls = await callsOf(...events);
    expect(calls).toMatchObject([{ input: { a: 1 } }, { input: { b: 2 } }]);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
    for (const { id } of calls) expect(id).toMatch(/^call_\w+$/);
  });

  it("are told apart where two calls have the same id", async () => {
    const calls = await callsOf(tools(call(0, '{"a":1}', A)), tools(call(1, '{"a":2}', A)));
    expect(calls).toMatchObject([{ input: { a: 1 } }, { input: { a: 2 } }]);
    expect(calls[0]?.id).not.toBe(calls[1]?.id);
  });

  it("keep their text where it is no JSON, and say so", async () => {
    const [block] = await callsOf(tools(call(0, '{"a": tw', A)), tools(call(0, "o}")));
    expect(block).toMatchObject({ input: '{"a": two}', inputError: expect.stringContaining("no JSON") });
  });

  it("count as calls also where the server says that it stopped", async () => {
    const { finishReason, blocks } = await resultOf("chat", tools(call(0, "{}", A)), end("stop"));
    expect(finishReason).toEqual({ unified: "tool-calls", raw: "stop" });
    expect(blocks).toHaveLength(1);
  });

  it("are cut off where the answer is", async () => {
    const { finishReason, blocks } = await resultOf("chat", tools(call(0, '{"a": 1', A)), end("length"));
    expect(finishReason).toEqual({ unified: "length", raw: "length" });
    expect(blocks).toMatchObject([{ input: '{"a": 1', inputError: expect.any(String) }]);
  });

  it("fail the call where no name ever comes", async () => {
    await expect(resultOf("chat", tools(call(0, "{}", { id: "call_a" })), end("tool_calls"))).rejects.toMatchObject({ retryable: true });
  });

  it("follow the text and the thoughts before them", async () => {
    const { blocks } = await resultOf("chat", chunk({ reasoning: "Hm." }), text("Let me"), tools(call(0, "{}", A)), end("tool_calls"));
    expect(blocks.map(({ type }) => type)).toEqual(["thinking", "text", "tool-use"]);
  });
});
