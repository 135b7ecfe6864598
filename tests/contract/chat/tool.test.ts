/** A tool is checked when it is defined: its name and schema suit every provider, and its input is what its schema says. */
import * as v from "valibot";
import { afterEach, describe, expect, it } from "vitest";
import * as z from "zod";
import * as mini from "zod/mini";
import { AsimovError } from "#contract/base/errors";
import type { Schema, StandardSchema } from "#contract/chat/schema";
import { defineTool, providerTool, type ToolContext } from "#contract/chat/tool";

const context: ToolContext = {
  signal: new AbortController().signal,
  toolUseId: "1",
  idempotencyKey: "k/1",
  emit: () => {},
  stop: () => {},
};
const toolOf = (input: Schema, run: (input: never) => unknown = () => null) =>
  defineTool({ name: "add", description: "Adds", input, run: run as (input: unknown) => unknown });

function refusal(define: () => unknown): string {
  try {
    define();
  } catch (error) {
    expect(error).toBeInstanceOf(AsimovError);
    return `${(error as AsimovError).code}: ${(error as Error).message}`;
  }
  return "taken";
}

/** A library of schemas of its own, which tells JSON Schema where `json` is given. */
function own(validate: StandardSchema["~standard"]["validate"], json?: object): StandardSchema {
  const told = json === undefined ? {} : { jsonSchema: { input: () => json } };
  return { "~standard": { version: 1, vendor: "own", validate, ...told } } as StandardSchema;
}

describe("a tool of zod", () => {
  const input = z.object({ a: z.number(), times: z.number().default(2), by: z.object({ unit: z.string() }).optional() });

  it("is told as the JSON Schema of what a model writes, where what has a default may be left out", () => {
    expect(toolOf(input).inputSchema).toEqual({
      type: "object",
      properties: {
        a: { type: "number" },
        times: { default: 2, type: "number" },
        by: { type: "object", properties: { unit: { type: "string" } }, required: ["unit"] },
      },
      required: ["a"],
    });
  });

  it("runs with its input as the schema makes it, and with its context", async () => {
    const tool = defineTool({ name: "add", description: "Adds", input, run: ({ a, times }, own) => [a * times, own] });
    const checked = await tool.check({ a: 3 });
    expect(checked).toEqual({ value: { a: 3, times: 2 } });
    expect(tool.run((checked as { value: unknown }).value, context)).toEqual([6, context]);
  });

  it("tells every fault with its place", async () => {
    expect(await toolOf(input).check({ a: "three", by: { unit: 1 } })).toEqual({
      faults: expect.stringMatching(/^a: .*number.*; by\.unit: .*string/),
    });
    expect(await toolOf(input).check("three")).toEqual({ faults: expect.not.stringMatching(/^:/) });
  });

  it("is refused where no JSON Schema says what it says", () => {
    expect(refusal(() => toolOf(z.object({ at: z.date() })))).toMatch(
      /^invalid-schema: Tool "add": input: this schema cannot be told as JSON Schema \(at #\/properties\/at: Date/,
    );
  });
});

describe("a tool of zod/mini", () => {
  const { localeError } = z.config();
  afterEach(() => {
    z.config({ localeError });
  });
  const a = mini.string().check(mini.minLength(2), mini.describe("Who"));
  const input = mini.object({ a, times: mini._default(mini.int(), 2) });
  const told = {
    type: "object",
    properties: {
      a: { type: "string", minLength: 2, description: "Who" },
      times: { type: "integer", minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER, default: 2 },
    },
    required: ["a"],
  };

  it("is told as one of zod is, by itself and within one", () => {
    expect(toolOf(input).inputSchema).toEqual(told);
    const mixed = z.object({ inner: input as unknown as z.ZodType });
    expect(toolOf(mixed).inputSchema).toEqual({ type: "object", properties: { inner: told }, required: ["inner"] });
  });

  it("is checked, with its faults in words, those of the language that was set", async () => {
    z.config({ localeError: undefined });
    expect(await toolOf(input).check({ a: "Ann" })).toEqual({ value: { a: "Ann", times: 2 } });
    expect(await toolOf(input).check({ a: "A", times: "x" })).toEqual({
      faults: "a: Too small: expected string to have >=2 characters; times: Invalid input: expected number, received string",
    });
    z.config(z.locales.de());
    expect(await toolOf(input).check({ a: 1 })).toEqual({ faults: expect.stringMatching(/^a: Ungültige Eingabe/) });
  });
});

describe("a tool of JSON Schema", () => {
  const input = { type: "object", properties: { a: { type: "integer", minimum: 1 } }, required: ["a"], additionalProperties: false };

  it("is told as it is, and checked", async () => {
    const tool = toolOf(input);
    expect(tool.inputSchema).toBe(input);
    expect(await tool.check({ a: 1 })).toEqual({ value: { a: 1 } });
    for (const wrong of [{}, { a: 0 }, { a: 1.5 }, { a: 1, b: 2 }, null]) expect(await tool.check(wrong)).toHaveProperty("faults");
  });

  it("is checked as it was when the tool was defined", async () => {
    const changing = structuredClone(input);
    const tool = toolOf(changing);
    changing.properties.a.type = "string";
    expect(await tool.check({ a: 1 })).toEqual({ value: { a: 1 } });
  });

  it("is refused where it cannot be checked", () => {
    const refused = /^invalid-schema: Tool "add": input: this JSON Schema cannot be checked \(at #\//;
    for (const wrong of [{ $ref: "https://example.com/schema" }, { type: "date" }, { type: "object", required: 1 }]) {
      expect(refusal(() => toolOf(wrong))).toMatch(refused);
    }
  });
});

describe("a tool of any other Standard Schema", () => {
  it("is told and checked by its library, which may take its time, and may be a function", async () => {
    const json = { $schema: "https://json-schema.org/draft/2020-12/schema", type: "object", properties: {} };
    const validate = async (value: unknown) =>
      value === 1 ? { value: "one" } : { issues: [{ message: "not one", path: ["a", { key: 0 }] }, { message: "at all" }] };
    const tool = toolOf(Object.assign(() => {}, own(validate, json)) as unknown as Schema);
    expect(tool.inputSchema).toEqual({ type: "object", properties: {} });
    expect(await tool.check(1)).toEqual({ value: "one" });
    expect(await tool.check(2)).toEqual({ faults: "a.0: not one; at all" });
  });

  it("is refused where its library tells no JSON Schema", () => {
    expect(refusal(() => toolOf(own(() => ({ value: 1 }))))).toContain(
      "its library, own, tells no JSON Schema of it; give JSON Schema instead",
    );
  });
});

describe("defineTool", () => {
  it.each(["", "1st", "-x", "a b", "ä", "x".repeat(65), 7, undefined])("refuses the name %j", (name) => {
    const define = () => defineTool({ name: name as string, description: "", input: {}, run: () => null });
    expect(refusal(define)).toMatch(/^invalid-name: .*letters, digits/);
  });

  it.each(["a", "_x", "read-file_2", "x".repeat(64)])("takes the name %j", (name) => {
    expect(defineTool({ name, description: "", input: {}, run: () => null })).toMatchObject({ name, description: "" });
  });

  it.each<[string, object]>([
    ["no description", { description: undefined }],
    ["no function", { run: undefined }],
  ])("refuses %s", (_, wrong) => {
    const init = { name: "add", description: "Adds", input: {}, run: () => null, ...wrong };
    expect(refusal(() => defineTool(init as never))).toMatch(/^invalid-options: Tool "add": expected a description/);
  });

  it.each([undefined, null, 7, "object"])("refuses the schema %j", (input) => {
    expect(refusal(() => toolOf(input as never))).toMatch(
      /^invalid-schema: Tool "add": input: expected zod, a Standard Schema or JSON Schema, got/,
    );
  });

  it("refuses a key that it does not know", () => {
    const init = { name: "add", description: "Adds", input: {}, run: () => null, needsAproval: true };
    expect(refusal(() => defineTool(init))).toBe(
      'invalid-options: Tool "add": unrecognized key: "needsAproval"; expected name, description, input, needsApproval, strict and run.',
    );
  });

  it.each<[string, Schema]>([
    ["an array of zod", z.array(z.string())],
    ["a text", { type: "string" }],
    ["one of two that are none", z.union([z.string(), z.number()])],
  ])("refuses a schema that is not of an object: %s", (_, input) => {
    expect(refusal(() => toolOf(input))).toMatch(
      /^invalid-schema: Tool "add": input: expected a schema of an object, got .* Put it into an object/,
    );
  });

  it.each<[string, Schema]>([
    ["any value", z.any()],
    ["one of two objects", z.union([z.object({ a: z.string() }), z.object({ b: z.string() })])],
    ["an object or none", { type: ["object", "null"] }],
    ["one that is told elsewhere", { $ref: "#/$defs/a", $defs: { a: { type: "object" } } }],
  ])("takes a schema that may be of an object: %s", (_, input) => {
    expect(toolOf(input).name).toBe("add");
  });

  it("refuses a schema that comes late when it has come", async () => {
    const tool = toolOf(v.array(v.string()));
    await expect(tool.ready?.()).rejects.toMatchObject({
      code: "invalid-schema",
      message: expect.stringContaining('got one of type "array"'),
    });
    const object = toolOf(v.object({ a: v.string() }));
    await object.ready?.();
    expect(object.inputSchema).toMatchObject({ type: "object" });
  });
});

describe("providerTool", () => {
  it("refuses at once what no request can hold, by its place", () => {
    const definition = { type: "x", filters: [{ most: 1n }] };
    expect(refusal(() => providerTool("openai", definition))).toBe(
      'invalid-options: Tool "x": definition.filters.0.most: expected what the body of a request can hold; it is a bigint.',
    );
  });
});
