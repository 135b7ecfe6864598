/** Whatever a tool does and whatever a model writes, each call has one result that the model can read, in call order. */
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { ChatRole } from "#contract/base/vocabulary";
import { defineTool } from "#contract/chat/tool";
import type { ScriptedToolCall } from "#testing/script";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";

const ask = [{ role: ChatRole.USER, content: "Go." }];

async function resultsOf(toolCalls: ScriptedToolCall[], run: (input: { n: number }) => unknown, options = {}) {
  const client = new ScriptedInferenceClient([{ toolCalls }, "Done."]);
  const tool = defineTool({ name: "t", description: "Does", input: z.object({ n: z.number() }), run });
  const { messages } = await client.toolChain(ask, [tool], options);
  client.assertDone();
  expect(messages.map(({ role }) => role)).toEqual(["USER", "ASSISTANT", "TOOL_RESULT", "ASSISTANT"]);
  return messages[2]?.content as { toolUseId: string; content: string; isError?: boolean }[];
}
const call = (n: unknown, id?: string): ScriptedToolCall => ({ name: "t", input: { n }, ...(id === undefined ? {} : { id }) });

describe("results of tools", () => {
  it("stand in one message in call order, though the tools end out of order, and no more run than may", async () => {
    let running = 0;
    let most = 0;
    const run = async ({ n }: { n: number }): Promise<number> => {
      most = Math.max(most, ++running);
      for (let turn = 0; turn < 110 - 10 * n; turn++) await undefined;
      running--;
      return n;
    };
    const numbers = Array.from({ length: 10 }, (_, index) => index + 1);
    for (const maxParallelTools of [2, undefined]) {
      most = 0;
      const options = maxParallelTools === undefined ? {} : { maxParallelTools };
      const results = await resultsOf(
        numbers.map((n) => call(n)),
        run,
        options,
      );
      expect(results.map(({ content }) => content)).toEqual(numbers.map(String));
      expect(most).toBe(maxParallelTools ?? 8);
    }
  });

  it("come for each of two calls with the same id", async () => {
    const results = await resultsOf([call(1, "x"), call(2, "x")], ({ n }) => n);
    expect(results.map(({ content }) => content)).toEqual(["1", "2"]);
  });

  it("tell of a schema fault, an unknown tool, broken JSON and a tool that throws", async () => {
    const run = (): never => {
      throw new Error("no disk");
    };
    const results = await resultsOf([call("one"), { name: "u" }, { name: "t", inputText: '{"n": 1' }, call(1)], run);
    expect(results.every(({ isError }) => isError === true)).toBe(true);
    expect(results.map(({ content }) => content)).toEqual([
      expect.stringContaining("does not fit the schema: n: "),
      expect.stringContaining('no tool "u" now. The tools are: t.'),
      expect.stringContaining("was not run"),
      'Tool "t" failed: no disk',
    ]);
  });

  it("can be read when a tool returns nothing, too much, bytes or a circle", async () => {
    const circle: { self?: unknown } = {};
    circle.self = circle;
    const returned = [undefined, "x".repeat(300), new Uint8Array(3), circle];
    const results = await resultsOf(
      [0, 1, 2, 3].map((n) => call(n)),
      ({ n }) => returned[n],
      { maxToolResultChars: 200 },
    );
    expect(results[0]?.content).toBe("(no output)");
    expect(results[1]?.content).toBe(`${"x".repeat(200)}\n(cut: the result has 300 characters, of which 200 are shown)`);
    expect(results[2]).toMatchObject({ isError: true, content: expect.stringContaining("binary") });
    expect(results[3]?.isError).toBe(true);
  });

  it("that are cut are warned of, to whoever called", async () => {
    const long = defineTool({ name: "long", description: "Long", input: { type: "object" }, run: () => "x".repeat(300) });
    const client = new ScriptedInferenceClient([{ toolCalls: [{ name: "long", input: {} }] }, "Done"]);
    const { warnings } = await client.toolChain([{ role: "USER", content: "Go" }], [long], { maxToolResultChars: 200 });
    expect(warnings).toEqual([expect.stringMatching(/"long" was cut to 200 characters: raise maxToolResultChars/)]);
  });

  it("are cut after 100,000 characters where nobody says how many, and within none", async () => {
    const [long] = await resultsOf([call(1)], () => "x".repeat(100_001));
    expect(long?.content).toBe(`${"x".repeat(100_000)}\n(cut: the result has 100001 characters, of which 100000 are shown)`);
    const [cut] = await resultsOf([call(1)], () => "🎉🎉", { maxToolResultChars: 3 });
    expect(cut?.content).toMatch(/^🎉\ufffd\n/u);
  });

  it("are cut too where they tell why a tool was not run", async () => {
    const numbers = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`unknown_${index}`, index]));
    const tool = defineTool({ name: "t", description: "Does", input: z.strictObject({}), run: () => null });
    const client = new ScriptedInferenceClient([{ toolCalls: [{ name: "t", input: numbers }] }, "Done."]);
    const { messages } = await client.toolChain(ask, [tool], { maxToolResultChars: 200 });
    expect(messages[2]?.content).toMatchObject([{ isError: true, content: expect.stringMatching(/^.{200}\n\(cut: /) }]);
  });

  it("tell a reducer which of them are errors", async () => {
    const told: boolean[] = [];
    const toolResultReducer = ({ isError, content }: { isError: boolean; content: string }): string => {
      told.push(isError);
      return content;
    };
    const run = ({ n }: { n: number }): number => {
      if (n === 2) throw new Error("no disk");
      return n;
    };
    await resultsOf([call(1), call(2)], run, { toolResultReducer });
    expect(told).toEqual([false, true]);
  });
});
