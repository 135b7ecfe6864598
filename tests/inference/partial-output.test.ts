/** What has come of structured output while it streams: partial objects, in streams and chains, at a cost that grows with the text alone. */
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { outputPreviews } from "#contract/chat/output-previews";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import { scripted } from "./checklist-calls.ts";
import { add, ask, isolateClients, once, CLIENT_ROWS as ROWS } from "./client-rows.ts";

isolateClients();

const Answer = z.object({ title: z.string(), tags: z.array(z.string()) });
const WHOLE = { title: "Rain", tags: ["wet", "cold"] };
const JSON_TEXT = JSON.stringify(WHOLE);

async function all<T>(given: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of given) found.push(each);
  return found;
}

describe.each(ROWS)("partial output of $name", (row) => {
  it("comes while it streams, each with what the one before had, and the result is checked", async () => {
    const { client } = await scripted(row, [{ text: JSON_TEXT, chunks: JSON_TEXT.length }], once);
    const stream = client.stream(ask(), { output: Answer });
    const partial = await all(stream.partialOutput);
    expect(partial.at(-1)).toEqual(WHOLE);
    expect(partial).toContainEqual({ title: "Ra" });
    expect(partial).toContainEqual({ title: "Rain", tags: ["wet"] });
    const { output } = await stream.result;
    expect(output).toEqual(WHOLE);
  });
});

describe("partial output", () => {
  it("of a chain is that of the step that runs, also in a fence", async () => {
    const fenced = `\`\`\`json\n${JSON_TEXT}\n\`\`\``;
    const client = new ScriptedInferenceClient([
      { text: "Let me add.", toolCalls: [{ name: "add", input: { a: 1, b: 2, note: "" } }] },
      { text: fenced, chunks: 20 },
    ]);
    const chain = client.streamChain(ask(), [add], { output: Answer });
    expect((await all(chain.partialOutput)).at(-1)).toEqual(WHOLE);
    expect((await chain.result).output).toEqual(WHOLE);
  });

  it("is read once, as all of a stream is", async () => {
    const stream = new ScriptedInferenceClient([JSON_TEXT]).stream(ask(), { output: Answer });
    await all(stream.partialOutput);
    expect(() => stream.partialOutput[Symbol.asyncIterator]()).toThrow(expect.objectContaining({ code: "stream-consumed" }));
  });

  it("fails with what the answer fails with", async () => {
    const stream = new ScriptedInferenceClient(['{"title":1}']).stream(ask(), { output: Answer });
    await expect(all(stream.partialOutput)).rejects.toMatchObject({ code: "invalid-output" });
  });

  it("is looked at less often as it grows: all looks together read a fixed multiple of it", () => {
    const pick = outputPreviews();
    let looks = 0;
    for (let n = 0; n < 50_000; n++) if (pick({ type: "text-delta", text: n === 0 ? '["' : "ab" }) !== undefined) looks++;
    expect(looks).toBeGreaterThan(100);
    expect(looks).toBeLessThan(1_000);
  });
});

describe("a chain whose last answer was cut off before its output was whole", () => {
  it.each([
    ["length", "length"],
    ["content-filter", "content-filter"],
  ] as const)("ends by %s, with what came and no output", async (finishReason, stopReason) => {
    for (const isShown of [false, true]) {
      const client = new ScriptedInferenceClient([{ text: '{"title":"Ra', finishReason }]);
      const chain = client.streamChain(ask(), [], { output: Answer });
      const end = await (isShown ? chain.result : client.toolChain(ask(), [], { output: Answer }));
      expect(end).toMatchObject({ stopReason, text: '{"title":"Ra' });
      expect(end.output).toBeUndefined();
    }
  });
});
