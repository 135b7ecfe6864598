/** A tool chain asks, runs what the model calls, and asks again; whatever a tool does, the model can read it. */
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { ChatRole } from "#contract/base/vocabulary";
import { defineTool } from "#contract/chat/tool";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";

const ask = [{ role: ChatRole.USER, content: "What is 2 + 3?" }];
const add = defineTool({
  name: "add",
  description: "Adds",
  input: z.object({ a: z.number(), b: z.number() }),
  run: ({ a, b }) => a + b,
});

describe("tool chain", () => {
  it("runs the tool that the model calls, and ends with its answer", async () => {
    const client = new ScriptedInferenceClient([{ toolCalls: [{ name: "add", input: { a: 2, b: 3 } }] }, "It is 5."]);
    const result = await client.toolChain(ask, [add]);
    expect(result).toMatchObject({ text: "It is 5.", iterations: 2, stopReason: "finished" });
    expect(result.messages.map(({ role }) => role)).toEqual(["USER", "ASSISTANT", "TOOL_RESULT", "ASSISTANT"]);
    expect(result.messages[2]?.content).toMatchObject([{ type: "tool-result", content: "5" }]);
    client.assertDone();
  });
});
