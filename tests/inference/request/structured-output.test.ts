/** Answers by a schema, on every client: parsed and checked, put right once where they do not fit, and an error where that does not help. */

import type { StandardSchema } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { JsonSchema } from "#contract/chat/schema";
import { scripted } from "../checklist-calls.ts";
import { add, ask, errorOf, isolateClients, EVERY_ROW as ROWS } from "../client-rows.ts";

isolateClients();

const Answer = z.object({ sum: z.number(), words: z.array(z.string()).default([]) });
const fitting = JSON.stringify({ sum: 3 });
const usage = { inputTokens: 20, outputTokens: 10 };

/** As libraries beside zod make them. */
const standard: StandardSchema & { "~standard": { jsonSchema: object } } = {
  "~standard": {
    version: 1,
    vendor: "own",
    validate: (value) => ({ value: { ...(value as object), checked: true } }),
    jsonSchema: { input: (): JsonSchema => ({ type: "object", properties: { sum: { type: "number" } }, additionalProperties: false }) },
  },
};

describe.each(ROWS)("structured output: $name", (row) => {
  it.each([
    ["zod", Answer, { sum: 3, words: [] }],
    ["a Standard Schema", standard, { sum: 3, checked: true }],
    ["JSON Schema", { type: "object", properties: { sum: { type: "number" } }, required: ["sum"] }, { sum: 3 }],
  ])("is parsed and checked by %s, whole, streamed and at the end of a chain", async (_what, output, expected) => {
    const call = { toolCalls: [{ name: "add", input: { a: 1, b: 2, note: "" }, id: "call_1" }] };
    const { server, client } = await scripted(row, [fitting, fitting, call, fitting]);
    expect((await client.generate(ask(), { output })).output).toEqual(expected);
    expect((await client.stream(ask(), { output }).result).output).toEqual(expected);
    expect((await client.toolChain(ask(), [add], { output })).output).toEqual(expected);
    for (const { body } of server.requests) expect(JSON.stringify(body)).toContain("sum");
    server.assertDone();
  });

  it("that does not fit is sent back once, with what is wrong, and both calls are paid for", async () => {
    const { server, client } = await scripted(row, [
      { text: '{"sum":"three"}', usage },
      { text: `\`\`\`json\n${fitting}\n\`\`\``, usage },
    ]);
    const { output, text, usage: spent } = await client.generate(ask(), { output: Answer });
    expect({ output, text: text.includes(fitting) }).toEqual({ output: { sum: 3, words: [] }, text: true });
    expect(spent).toMatchObject({ inputTokens: 40, outputTokens: 20 });
    const repair = JSON.stringify(server.requests[1]?.body);
    expect(repair).toContain("three");
    expect(repair).toMatch(/does not fit the schema: sum: .*expected number/);
    server.assertDone();
  });

  it.each(['{"sum":"planted"}', "planted as it is"])("that still does not fit is an error without a piece of it: %s", async (text) => {
    const { server, client } = await scripted(row, [
      { text: "I would rather not.", usage },
      { text, usage },
    ]);
    const error = await errorOf(client.generate(ask("the planted prompt"), { output: Answer }));
    expect(error).toMatchObject({ code: "invalid-output", retryable: true, provider: client.provider, usage: { inputTokens: 40 } });
    expect(`${error.stack} ${JSON.stringify(error)} ${error.cause}`).not.toMatch(/planted|rather/);
    server.assertDone();
  });

  it.each([
    ["", "there is no text in it"],
    ["planted as it is", "16 characters of plain text"],
    ['{"sum": 1, "planted', "19 characters that begin as JSON does, and are not whole"],
  ])("that is no JSON says what came in its place: %j", async (text, what) => {
    const { client } = await scripted(row, [{ text: text === "" ? " " : text, finishReason: "length" }]);
    const error = await errorOf(client.generate(ask(), { output: Answer }));
    expect(error).toMatchObject({ code: "invalid-output", message: expect.stringContaining(`it is no JSON: ${what}`) });
  });

  it("that was cut off, or is streamed, is not asked for again", async () => {
    const { server, client } = await scripted(row, [{ text: '{"sum":', finishReason: "length" }, "no JSON"]);
    expect(await errorOf(client.generate(ask(), { output: Answer }))).toMatchObject({ code: "invalid-output" });
    expect(await errorOf(client.stream(ask(), { output: Answer }).result)).toMatchObject({ code: "invalid-output" });
    server.assertDone();
  });

  it("is not asked of a turn that calls tools", async () => {
    const { server, client } = await scripted(row, [{ toolCalls: [{ name: "add", input: { a: 1, b: 2, note: "" } }] }]);
    const { output, finishReason } = await client.generate(ask(), { output: Answer, tools: [add] });
    expect({ output, reason: finishReason.unified }).toEqual({ output: undefined, reason: "tool-calls" });
    server.assertDone();
  });
});
