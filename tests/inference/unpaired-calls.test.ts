/** A history that no provider would take, on every client: mended with a warning where that is harmless, else refused before anything is sent. */
import { describe, expect, it } from "vitest";
import { FallbackInferenceClient } from "#clients/fallback";
import type { InferenceClient } from "#clients/inference-client";
import type { ChatMessage, ContentBlock } from "#contract/chat/message";
import { rowOf, saidAfter, scripted } from "./checklist-calls.ts";
import { add, ask, EVERY_ROW, errorOf, isolateClients, once } from "./client-rows.ts";

isolateClients();

const call = (id: string): ContentBlock => ({ type: "tool-use", id, name: "add", input: { a: 1 } });
const gave = (toolUseId: string): ContentBlock => ({ type: "tool-result", toolUseId, content: "2" });
const answered = (...content: ContentBlock[]): ChatMessage => ({ role: "ASSISTANT", content });
const given = (...content: ContentBlock[]): ChatMessage => ({ role: "TOOL_RESULT", content });

/** Nobody gave a result for the second call. */
const OPEN = [...ask(), answered(call("call_1"), call("call_2")), given(gave("call_1")), ...ask("And now?")];
const MENDED = [expect.stringContaining('The tool call "call_2" had no result, and was given one that says so.')];

const BROKEN: [string, string, ChatMessage[]][] = [
  ["without its call", "call_9", [...ask(), given(gave("call_9"))]],
  [
    "not right after its call",
    "call_1",
    [...ask(), answered(call("call_1")), answered({ type: "text", text: "So." }), given(gave("call_1"))],
  ],
  ["that is the second of its call", "call_1", [...ask(), answered(call("call_1")), given(gave("call_1"), gave("call_1"))]],
];

const WAYS: [string, (client: InferenceClient, messages: ChatMessage[]) => Promise<{ warnings: string[] }>][] = [
  ["generate", (client, messages) => client.generate(messages, { tools: [add] })],
  ["stream", async (client, messages) => client.stream(messages, { tools: [add] }).result],
  ["toolChain", (client, messages) => client.toolChain(messages, [add])],
  ["streamChain", async (client, messages) => client.streamChain(messages, [add]).result],
];

describe.each(WAYS)("a history that no provider would take, given to %s", (_way, asked) => {
  it.each(EVERY_ROW)("has a result for the call that had none, and a warning: $name", async (row) => {
    const { server, client } = await scripted(row, ["Hi"]);
    expect((await asked(client, OPEN)).warnings).toEqual(MENDED);
    const results = saidAfter(row, server, 0).flatMap(({ said }) => said.filter((text) => text.startsWith("result:")));
    // Gemini is told no ids but its own: there results are known by their order.
    const told = row.format === "gemini" ? results : results.toSorted();
    const [one, two] = row.format === "gemini" ? ["add", "add"] : ["call_1", "call_2"];
    expect(told).toEqual([`result:${one} 2`, `result:${two} (no result: this call was not run)`]);
  });

  it.each(EVERY_ROW)("is refused for a result without its call, by its id, before anything is sent: $name", async (row) => {
    const { server, client } = await scripted(row, []);
    for (const [, id, messages] of BROKEN) {
      const error = await errorOf(asked(client, messages));
      expect(error).toMatchObject({ code: "invalid-options", message: expect.stringContaining(`the tool call "${id}"`) });
    }
    expect(server.requests).toEqual([]);
  });

  it("has one warning of a client of several, whose second is asked in its place, and never after a refusal", async () => {
    const down = { error: { status: 529 } };
    const [first, second] = [await scripted(rowOf("anthropic"), [down], once), await scripted(rowOf("openai-chat"), ["Hi"])];
    const client = new FallbackInferenceClient([first.client, second.client]);
    for (const [, id, messages] of BROKEN) {
      expect(await errorOf(asked(client, messages))).toMatchObject({ code: "invalid-options", message: expect.stringContaining(id) });
    }
    expect([first.server.requests, second.server.requests]).toEqual([[], []]);
    const { warnings } = await asked(client, OPEN);
    expect(warnings.filter((text) => text.includes("had no result"))).toEqual(MENDED);
    expect(warnings).toHaveLength(2);
  });
});
