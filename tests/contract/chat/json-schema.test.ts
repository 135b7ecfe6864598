/** What is wrong with a value is told by JSON Schema in words that somebody can act on, each with its place. */
import { describe, expect, it } from "vitest";
import { compileSchema, type JsonSchema } from "#contract/chat/schema";

const check = (schema: object, value: unknown) => compileSchema(schema as JsonSchema, "test").check(value);
const faults = async (schema: object, value: unknown): Promise<string> => {
  const verdict = await check(schema, value);
  return "faults" in verdict ? verdict.faults : "none";
};

describe("a value by JSON Schema", () => {
  it("comes out as a copy, without the defaults that the schema tells", async () => {
    const value = { list: [{}] };
    const verdict = await check({ properties: { list: { items: { default: 1 } }, b: { default: 2 } } }, value);
    expect(verdict).toEqual({ value });
    expect((verdict as { value: unknown }).value).not.toBe(value);
  });

  it.each<[object, unknown, string]>([
    [
      { type: "object", properties: { a: { type: "integer", minimum: 1 } } },
      { a: 0.5 },
      "a: expected integer, got number; a: 0.5 is less than 1",
    ],
    [{ type: ["string", "null"] }, 1, "expected string or null, got number"],
    [{ required: ["a"] }, {}, 'it does not have required property "a"'],
    [{ properties: { a: true }, additionalProperties: false }, { a: 1, "b/c~ é": 2 }, "b/c~ é: it is not allowed"],
    [{ prefixItems: [true], items: false }, [1, 2], "1: it is not allowed"],
    [
      { items: { $ref: "#/$defs/code" }, $defs: { code: { pattern: "^[A-Z]+$" } } },
      ["A", "b"],
      '1: expected a text that matches "^[A-Z]+$"',
    ],
    [{ enum: ["a", 1] }, 2, 'it does not match any of ["a",1]'],
    [{ maxProperties: 0 }, { a: 1 }, "it has more than 0 properties"],
    [{ not: {} }, 1, 'it matched "not" schema'],
    [{ if: true, then: { required: ["b"] } }, {}, 'it does not have required property "b"'],
    [
      { properties: { to: { anyOf: [{ type: "string" }, { required: ["name"] }] } } },
      { to: {} },
      'to: it does not match any subschemas; to: expected string, got object (alternative 1); to: it does not have required property "name" (alternative 2)',
    ],
  ])("is told what is wrong: %j of %j", async (schema, value, expected) => {
    expect(await faults(schema, value)).toBe(expected);
  });

  it("is told of no more faults than help", async () => {
    const told = await faults(
      { items: { type: "string" } },
      Array.from({ length: 50 }, (_, index) => index),
    );
    expect(told.split("; ")).toHaveLength(21);
    expect(told).toMatch(/; and 30 more$/);
  });

  it("that has more faults than can be held is told of the first", async () => {
    const list = Array.from({ length: 300_000 }, () => 1);
    expect(await faults({ properties: { a: { properties: { list: { items: { type: "string" } } } } } }, { a: { list } })).toBe(
      "a.list.0: expected string, got number",
    );
  });

  it("that is deeper than can be checked is a fault, and not an error", async () => {
    const nest = (depth: number): unknown => (depth === 0 ? "x" : [nest(depth - 1)]);
    const within = (count: number): object => (count === 0 ? { items: { $ref: "#" } } : { allOf: [within(count - 1)] });
    const schema = within(20);
    expect(await check(schema, nest(10))).toEqual({ value: nest(10) });
    expect(await faults(schema, nest(500))).toBe("it is nested too deeply to be checked");
    expect(await faults(schema, nest(600))).toMatch(/nested deeper than 512 levels/);
  });

  it.each([undefined, 1n, () => 1, { a: new Date() }, Number.NaN, { "\ud800": 1 }])("that is no JSON is a fault: %s", async (value) => {
    expect(await faults({ additionalProperties: { type: "string" } }, value)).toMatch(/must be JSON|no well-formed text/);
  });

  it("is checked by what stands in it, whatever its keys are called", async () => {
    const value = JSON.parse('{"__proto__":1,"constructor":2,"toString":3}') as object;
    expect(await check({ additionalProperties: { type: "number" } }, value)).toEqual({ value });
    const schema = JSON.parse('{"properties":{"__proto__":{"type":"string"}},"required":["hasOwnProperty"]}') as object;
    expect(await faults(schema, value)).toBe('it does not have required property "hasOwnProperty"; __proto__: expected string, got number');
  });
});
