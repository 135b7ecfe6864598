/** What a model may write that no reader's stack holds, counts that are none, and checks of schemas that throw or never end. */
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import { json } from "../support/wire-server.ts";
import { add, ask, errorOf, isolateClients } from "./client-rows.ts";
import * as gemini from "./gemini/gemini-server.ts";
import * as openai from "./openai/openai-server.ts";
import { HELLO, serve } from "./provider-fixture.ts";

isolateClients();

const DEPTH = 5_000;
const nested = `${"[".repeat(DEPTH)}${"]".repeat(DEPTH)}`;

describe("JSON that is nested too deeply", () => {
  it("in a call is told to the model, which goes on (as text)", async () => {
    const server = await serve((_request, response, n) =>
      n === 0
        ? openai.sendAll(response, openai.tools(openai.call(0, `{"a":${nested}}`, { id: "c", name: "add" })), openai.end("tool_calls"))
        : openai.sendAll(response, openai.text("Done"), openai.end()),
    );
    const { text, messages } = await openai.clientOf(server.url, { api: "chat" }).toolChain(ask(), [add]);
    expect(text).toBe("Done");
    expect(JSON.stringify(messages)).toContain("nested deeper than 512 levels");
  });

  it("in a call is told to the model, which goes on (as a value)", async () => {
    const call = { functionCall: { name: "add", args: { a: JSON.parse("[".repeat(900) + "]".repeat(900)) } } };
    const server = await serve((_request, response, n) => gemini.sendAll(response, gemini.end(n === 0 ? [call] : [{ text: "Done" }])));
    const { text, messages } = await gemini.genaiOf(server.url).toolChain(ask(), [add]);
    expect(text).toBe("Done");
    expect(JSON.stringify(messages)).toContain("nested deeper than 512 levels");
  });

  it("is no output", async () => {
    const client = new ScriptedInferenceClient([nested, nested]);
    const error = await errorOf(client.generate(ask(), { output: z.array(z.unknown()) }));
    expect(error).toMatchObject({ code: "invalid-output", message: expect.stringContaining("nested deeper than 512 levels") });
  });
});

it("counts below nothing are none", async () => {
  const usage = { prompt_tokens: 7, completion_tokens: -1_000, total_tokens: -993 };
  const server = await serve((_request, response) => json(response, 200, { ...openai.hiAnswer("chat"), usage }));
  const { usage: told } = await openai.clientOf(server.url, { api: "chat" }).generate(HELLO);
  expect(told).toMatchObject({ inputTokens: 7, outputTokens: 0 });
});

describe("a schema's own check", () => {
  const hanging = z.object({ a: z.string().refine(() => new Promise<boolean>(() => {})) });

  it("that never ends is ended by the caller's signal", async () => {
    const controller = new AbortController();
    const client = new ScriptedInferenceClient(['{"a":"b"}']);
    const asked = client.generate(ask(), { output: hanging, signal: controller.signal });
    await expect.poll(() => client.remaining).toBe(0);
    controller.abort();
    expect(await errorOf(asked)).toMatchObject({ code: "aborted", name: "AbortError" });
  });

  it("that never ends is ended by timeoutMs", async () => {
    const client = new ScriptedInferenceClient(['{"a":"b"}'], { timeoutMs: 50 });
    expect(await errorOf(client.stream(ask(), { output: hanging }).result)).toMatchObject({ code: "timeout" });
  });

  it("that throws is told as such, with what it threw", async () => {
    const client = new ScriptedInferenceClient(['{"a":"b"}']);
    const thrown = new Error("no database");
    const output = z.object({ a: z.string() }).transform(() => {
      throw thrown;
    });
    const error = await errorOf(client.generate(ask(), { output }));
    expect(error).toMatchObject({
      code: "invalid-output",
      retryable: false,
      cause: thrown,
      message: expect.stringContaining("no database"),
    });
    expect(client.calls).toHaveLength(1);
  });

  it("says in the error what does not fit", async () => {
    const client = new ScriptedInferenceClient(['{"a":5}', '{"a":5}']);
    const error = await errorOf(client.generate(ask(), { output: z.object({ a: z.string() }) }));
    expect(error.message).toContain("a: ");
    expect(error.message).toContain("expected string, received number");
  });
});

describe("an answer of the Responses API that tells its text late", () => {
  const response = {
    id: "r",
    model: "gpt-5.6",
    status: "completed",
    output: [{ type: "message", content: [{ type: "output_text", text: "Hi" }] }],
  };

  it.each([
    ["at the end of all", [{ type: "response.completed", response }]],
    [
      "at the end of the text",
      [
        { type: "response.output_text.done", output_index: 0, text: "Hi" },
        { type: "response.completed", response },
      ],
    ],
  ])("has it: %s", async (_when, events) => {
    const { text } = await openai.resultOf("responses", ...events);
    expect(text).toBe("Hi");
  });
});

it("a chain is warned of an answer that ends for tools and calls none", async () => {
  const server = await serve((_request, response) => openai.sendAll(response, openai.text("Let me see."), openai.end("tool_calls")));
  const { stopReason, warnings } = await openai.clientOf(server.url, { api: "chat" }).toolChain(HELLO, [add]);
  expect([stopReason, warnings]).toEqual(["finished", [expect.stringContaining("called none")]]);
});
