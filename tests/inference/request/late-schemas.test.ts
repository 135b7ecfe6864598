/** A schema whose JSON Schema is made by a package that is loaded late is there before the model is asked, however it is asked. */
import { ChatRole, defineTool, type StreamPart } from "asimov-agents";
import { ScriptedInferenceClient } from "asimov-agents/testing";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { z as z3 } from "zod3";

const told = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const Where = v.object({ city: v.string() });
const tool = (name: string) => defineTool({ name, description: "Looks", input: Where, run: ({ city }) => `fog in ${city}` });
const ask = () => [{ role: ChatRole.USER, content: "Weather?" }];
const call = { toolCalls: [{ name: "look", input: { city: "Oslo" } }] };
const answer = JSON.stringify({ city: "Oslo" });

const schemasIn = (client: ScriptedInferenceClient): unknown[] =>
  client.calls.map(({ options }) => [options.tools.map(({ inputSchema }) => inputSchema), options.output]);

async function read(parts: AsyncIterable<StreamPart>): Promise<string[]> {
  const types: string[] = [];
  for await (const { type } of parts) types.push(type);
  return types;
}

describe("a schema that is told late", () => {
  it("is told to a model that is asked for one answer", async () => {
    const client = new ScriptedInferenceClient([answer]);
    const { output } = await client.generate(ask(), { tools: [tool("look")], output: Where });
    expect(output).toEqual({ city: "Oslo" });
    expect(schemasIn(client)).toMatchObject([[[told], told]]);
  });

  it("is told to a model whose answer streams, and it is checked", async () => {
    const client = new ScriptedInferenceClient([answer, "no JSON"]);
    const stream = client.stream(ask(), { tools: [tool("look")], output: z3.object({ city: z3.string() }) });
    expect(await read(stream)).toContain("finish");
    expect((await stream.result).output).toEqual({ city: "Oslo" });
    expect(schemasIn(client)).toMatchObject([[[told], told]]);
    await expect(client.stream(ask(), { output: Where }).result).rejects.toMatchObject({ code: "invalid-output" });
  });

  it("is told in a chain, by its tools and by those of its modes", async () => {
    const client = new ScriptedInferenceClient([call, answer]);
    const { text } = await client.toolChain(ask(), [tool("look")], {
      output: Where,
      modeSwap: { initial: "day", modes: { day: { description: "By day", tools: [tool("see")] } } },
    });
    expect(text).toBe(answer);
    expect(schemasIn(client)).toMatchObject([
      [[told, told, {}], told],
      [[told, told, {}], told],
    ]);
  });

  it("is refused before the model is asked, where it cannot be told", async () => {
    const client = new ScriptedInferenceClient([]);
    const output = v.object({ at: v.date() });
    const refused = {
      code: "invalid-schema",
      message: expect.stringContaining("output: this schema cannot be told as JSON Schema (at #/properties/at: "),
    };
    await expect(client.generate(ask(), { output })).rejects.toMatchObject(refused);
    await expect(client.stream(ask(), { output }).result).rejects.toMatchObject(refused);
    await expect(read(client.stream(ask(), { output }))).rejects.toMatchObject(refused);
    const look = defineTool({ name: "look", description: "", input: output, run: () => null });
    await expect(client.toolChain(ask(), [look])).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('Tool "look": input: '),
    });
    expect(client.calls).toEqual([]);
  });

  it("asks no model whose reader has left meanwhile", async () => {
    const client = new ScriptedInferenceClient([]);
    const stream = client.stream(ask(), { output: Where });
    const reader = stream[Symbol.asyncIterator]();
    const next = reader.next();
    await reader.return?.();
    expect(await next).toEqual({ done: true, value: undefined });
    await expect(stream.result).rejects.toMatchObject({ code: "aborted" });
    expect(client.calls).toEqual([]);
  });

  it("of a tool is there for whoever awaits it", async () => {
    const look = tool("look");
    expect(() => look.inputSchema).toThrow('Tool "look": input: its JSON Schema is made by a package that is loaded late. Await `ready()`');
    await look.ready?.();
    expect(look.inputSchema).toMatchObject(told);
  });
});
