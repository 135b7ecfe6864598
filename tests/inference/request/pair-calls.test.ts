/** A history that no provider would take: mended where that is harmless, with a warning, else refused by the call's id before anything is sent. */
import { describe, expect, it } from "vitest";
import type { ChatMessage, ContentBlock } from "#contract/chat/message";
import { defineTool } from "#contract/chat/tool";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import { ask } from "../client-rows.ts";

const call = (id: string): ContentBlock => ({ type: "tool-use", id, name: "add", input: {} });
const result = (toolUseId: string): ContentBlock => ({ type: "tool-result", toolUseId, content: "3" });
const said = (role: ChatMessage["role"], ...content: ContentBlock[]): ChatMessage => ({ role, content });

async function sent(messages: ChatMessage[]) {
  const client = new ScriptedInferenceClient(["Hi"], { capabilities: { cacheMarkers: 4 } });
  const { warnings } = await client.generate(messages);
  return { warnings, messages: client.calls[0]?.messages ?? [] };
}

describe("a conversation with a call that has no result", () => {
  it.each([
    ["in its middle", [...ask(), said("ASSISTANT", call("c1")), ...ask("And?")], 2],
    ["at its end", [...ask(), said("ASSISTANT", call("c1"))], 2],
    [
      "before another answer",
      [...ask(), said("ASSISTANT", call("c1")), said("ASSISTANT", { type: "text", text: "Well" }), ...ask("And?")],
      2,
    ],
  ])("is given one that says so, %s", async (_where, messages, at) => {
    const given = await sent(messages);
    expect(given.messages[at]).toEqual({
      role: "TOOL_RESULT",
      content: [{ type: "tool-result", toolUseId: "c1", content: expect.stringContaining("not run"), isError: true }],
    });
    expect(given.warnings).toEqual([expect.stringContaining('The tool call "c1" had no result')]);
  });

  it("is given those that lack alone, and keeps its cache markers where they stood", async () => {
    const marked: ChatMessage = { role: "USER", content: "And?", cacheMarker: true };
    const given = await sent([...ask(), said("ASSISTANT", call("c1"), call("c2")), said("TOOL_RESULT", result("c2")), marked]);
    expect(given.messages.map(({ role }) => role)).toEqual(["USER", "ASSISTANT", "TOOL_RESULT", "TOOL_RESULT", "USER"]);
    expect(given.messages[2]?.content).toMatchObject([{ toolUseId: "c1", isError: true }]);
    expect(given.messages.map(({ cacheMarker }) => cacheMarker ?? false)).toEqual([false, false, false, false, true]);
  });

  it("is gone on with by a chain", async () => {
    const add = defineTool({ name: "add", description: "Adds", input: { type: "object" }, run: () => 3 });
    const client = new ScriptedInferenceClient([{ toolCalls: [{ name: "add", input: {} }] }, "3"]);
    const { warnings } = await client.toolChain([...ask(), said("ASSISTANT", call("c1")), ...ask("And?")], [add]);
    expect(warnings).toEqual([expect.stringContaining('"c1"')]);
  });
});

describe("a conversation whose calls and results are no pairs", () => {
  it.each([
    ["a result without its call", [...ask(), said("TOOL_RESULT", result("c9"))], "has a result, and stands in no answer right before it"],
    [
      "two results of one call",
      [...ask(), said("ASSISTANT", call("c9")), said("TOOL_RESULT", result("c9"), result("c9"))],
      "has two results",
    ],
    ["two calls of one id", [...ask(), said("ASSISTANT", call("c9"), call("c9")), said("TOOL_RESULT", result("c9"))], "two calls"],
  ])("is refused before it is sent: %s", async (_what, messages, fault) => {
    const client = new ScriptedInferenceClient(["never"]);
    const message = expect.stringMatching(new RegExp(`"c9".*${fault}`));
    await expect(client.generate(messages)).rejects.toMatchObject({ code: "invalid-options", message });
    expect(client.calls).toEqual([]);
  });

  it("is fine where there is nothing amiss", async () => {
    const talk = [...ask(), said("ASSISTANT", call("c1")), said("USER", { type: "text", text: "Wait" }), said("TOOL_RESULT", result("c1"))];
    expect((await sent(talk)).warnings).toEqual([]);
  });
});
