/** JSON Schema that cannot be judged rightly is refused where it is written, by its place; what stands in it is found by every name it has. */
import { describe, expect, it } from "vitest";
import { AsimovError } from "#contract/base/errors";
import { compileSchema, type JsonSchema } from "#contract/chat/schema";

const DRAFT_7 = "http://json-schema.org/draft-07/schema#";

function refusal(schema: object): string {
  try {
    compileSchema(schema as JsonSchema, "test");
    return "taken";
  } catch (error) {
    expect(error).toBeInstanceOf(AsimovError);
    expect(error).toMatchObject({ code: "invalid-schema" });
    return (error as Error).message;
  }
}

async function takes(schema: object, value: unknown): Promise<boolean> {
  return "value" in (await compileSchema(schema as JsonSchema, "test").check(value));
}

describe("a keyword of JSON Schema", () => {
  it.each<[object, string]>([
    [{ type: "date" }, 'at #/type: expected one of object, array, string, number, integer, boolean, null, or a list of them, got "date"'],
    [{ type: [] }, "at #/type: expected one of"],
    [{ type: ["string", "string"] }, "at #/type: expected one of"],
    [{ properties: { "a/b": { minimum: "1" } } }, 'at #/properties/a~1b/minimum: expected a number, got "1"'],
    [{ properties: [] }, "at #/properties: expected an object of schemas, got []"],
    [{ properties: { a: null } }, "at #/properties/a: expected a schema (an object, true or false), got null"],
    [{ required: "a" }, 'at #/required: expected a list of texts, each once, got "a"'],
    [{ required: ["a", "a"] }, "at #/required: expected a list of texts, each once"],
    [{ items: { multipleOf: 0 } }, "at #/items/multipleOf: expected a number above 0, got 0"],
    [{ maxLength: -1 }, "at #/maxLength: expected a whole number of at least 0, got -1"],
    [{ minItems: 1.5 }, "at #/minItems: expected a whole number"],
    [{ uniqueItems: "yes" }, "at #/uniqueItems: expected true or false"],
    [{ enum: "a" }, "at #/enum: expected a list"],
    [{ anyOf: [] }, "at #/anyOf: expected a list of schemas, got []"],
    [{ allOf: [true, 1] }, "at #/allOf/1: expected a schema"],
    [{ oneOf: {} }, "at #/oneOf: expected a list of schemas"],
    [{ items: [{}] }, "at #/items: expected a schema (an object, true or false), got [{}]"],
    [{ dependentRequired: { a: "b" } }, "at #/dependentRequired: expected an object of lists of texts"],
    [{ $schema: DRAFT_7, dependencies: { a: [1] } }, "at #/dependencies/a: expected a list of texts"],
    [{ description: 7 }, "at #/description: expected a text"],
    [{ $defs: { unused: { type: "any" } } }, "at #/$defs/unused/type: expected one of"],
  ])("has the form that it must have: %j", (schema, fault) => {
    expect(refusal(schema)).toContain(`test: this JSON Schema cannot be checked (${fault}`);
  });

  it("is told as far as a message holds it", () => {
    expect(refusal({ required: Array.from({ length: 200 }, () => "a") })).toMatch(/got \[("a",){24}"a"…\)\.$/);
  });

  it.each<[object, string]>([
    [{ pattern: "(" }, "at #/pattern: Invalid regular expression: /(/u: Unterminated group"],
    [{ pattern: "\\-" }, "(a pattern is JavaScript's, with the flag u)"],
    [{ patternProperties: { "[": true } }, "at #/patternProperties/[: Invalid regular expression"],
  ])("has a regular expression that is one: %j", (schema, fault) => {
    expect(refusal(schema)).toContain(fault);
  });

  it.each<[object, string]>([
    [{ $schema: "http://json-schema.org/draft-04/schema#" }, "at #/$schema: $schema"],
    [{ $schema: 7 }, "at #/$schema: $schema 7 is not supported, only draft 2020-12 and draft 7 are"],
    [{ $defs: { a: { $id: "a", $schema: DRAFT_7 } } }, "at #/$defs/a/$schema: it is of another dialect"],
    [{ items: { $dynamicRef: "#a" } }, "at #/items/$dynamicRef: it is not supported; refer by $ref"],
  ])("is of a dialect that is known: %j", (schema, fault) => {
    expect(refusal(schema)).toContain(fault);
  });

  it("that its dialect does not know says nothing, and `format` is for people", async () => {
    expect(await takes({ kind: "x", additionalItems: false, type: "array" }, [1])).toBe(true);
    expect(await takes({ $schema: DRAFT_7, prefixItems: [false], unevaluatedItems: false, $dynamicRef: "#a" }, [1])).toBe(true);
    expect(await takes({ format: "email" }, "no address")).toBe(true);
    expect(await takes({ $recursiveRef: "#/nowhere", constructor: { type: "number" }, toString: 1 }, "a")).toBe(true);
  });

  it("may be written by its dialect's address in any form", async () => {
    const lists = { items: [{ type: "string" }], additionalItems: false };
    for (const $schema of [DRAFT_7, "http://json-schema.org/draft-07/schema", "https://json-schema.org/draft-07/schema#"]) {
      expect(await takes({ $schema, ...lists }, ["a"])).toBe(true);
      expect(await takes({ $schema, ...lists }, ["a", 1])).toBe(false);
    }
  });

  it("is taken as JSON alone", () => {
    expect(refusal({ properties: { a: { default: 1n } } })).toContain("it.properties.a.default must be JSON");
    expect(refusal({ const: new Date() })).toContain("it.const must be JSON");
    const circle: { items?: object } = {};
    circle.items = circle;
    expect(refusal(circle)).toContain("it.items must be JSON");
  });
});

describe("a reference", () => {
  it.each<[object, string]>([
    [{ $ref: "https://example.com/a" }, 'at #/$ref: "https://example.com/a" is elsewhere; put what it means under $defs'],
    [{ items: { $ref: "other.json#/a" } }, 'at #/items/$ref: "other.json#/a" is elsewhere'],
    [{ $ref: "#/$defs/a" }, 'at #/$ref: "#/$defs/a" leads to no schema'],
    [{ $ref: "#/$defs", $defs: { a: true } }, 'at #/$ref: "#/$defs" leads to no schema'],
    [{ $ref: "#/const", const: {} }, "leads to no schema"],
    [{ $ref: "#name" }, 'at #/$ref: "#name" leads to no schema'],
    [{ $ref: "#/%" }, "at #/$ref: URI malformed"],
    [{ $ref: { type: "string" } }, "at #/$ref: expected a text"],
    [{ $defs: { a: { $id: "x" }, b: { $id: "x" } } }, "at #/$defs/b: it has the same name as #/$defs/a"],
    [{ $defs: { a: { $anchor: "x" }, b: { $anchor: "x" } } }, "at #/$defs/b: it has the same name as #/$defs/a"],
  ])("that leads nowhere is refused: %j", (schema, fault) => {
    expect(refusal(schema)).toContain(fault);
  });

  it.each<[string, object]>([
    ["a pointer", { $ref: "#/$defs/a~1b%20~0", $defs: { "a/b ~": { type: "string" } } }],
    ["an anchor", { $ref: "#name", $defs: { a: { $anchor: "name", type: "string" } } }],
    ["a dynamic anchor", { $ref: "#name", $defs: { a: { $dynamicAnchor: "name", type: "string" } } }],
    ["an $id", { $id: "https://example.com/all", $ref: "text", $defs: { a: { $id: "text", type: "string" } } }],
    ["a pointer within an $id", { $ref: "text#/$defs/b", $defs: { a: { $id: "text", $defs: { b: { type: "string" } } } } }],
    ["a URN", { $ref: "urn:example:text", $defs: { a: { $id: "urn:example:text", type: "string" } } }],
    ["a place that is no definition", { anyOf: [{ type: "string" }, false], allOf: [{ $ref: "#/anyOf/0" }] }],
    ["an $id of draft 7", { $schema: DRAFT_7, $ref: "#text", definitions: { a: { $id: "#text", type: "string" } } }],
  ])("finds what it means by %s", async (_, schema) => {
    expect([await takes(schema, "a"), await takes(schema, 1)]).toEqual([true, false]);
  });

  it("of draft 7 stands alone: what is beside it says nothing", async () => {
    const schema = {
      $schema: DRAFT_7,
      properties: { a: { $ref: "#/definitions/a", minLength: 9 } },
      definitions: { a: { type: "string" } },
    };
    expect(await takes(schema, { a: "a" })).toBe(true);
    expect(await takes({ ...schema, $schema: "https://json-schema.org/draft/2020-12/schema" }, { a: "a" })).toBe(false);
  });

  it("to itself is followed through the value, and refused where it has no end", async () => {
    const tree = { properties: { next: { $ref: "#" }, name: { type: "string" } } };
    expect([await takes(tree, { next: { next: { name: "a" } } }), await takes(tree, { next: { next: { name: 1 } } })]).toEqual([
      true,
      false,
    ]);
    const endless = "it refers to itself before it looks at a part of the value";
    expect(refusal({ $ref: "#" })).toContain(`at #: ${endless}`);
    expect(
      refusal({ $ref: "#/$defs/a", $defs: { a: { anyOf: [true, { $ref: "#/$defs/b" }] }, b: { not: { $ref: "#/$defs/a" } } } }),
    ).toContain(endless);
    expect(refusal({ items: { if: { dependentSchemas: { a: { $ref: "#/items" } } } } })).toContain(`at #/items: ${endless}`);
  });

  it("is refused where its branches written out are more than anybody could check", () => {
    const doubled = (count: number) =>
      Object.fromEntries(
        Array.from({ length: count }, (_, index) => [
          `d${index}`,
          { anyOf: [{ $ref: `#/$defs/d${index + 1}` }, { $ref: `#/$defs/d${index + 1}` }] },
        ]),
      );
    const schema = (count: number) => ({ $ref: "#/$defs/d0", $defs: { ...doubled(count), [`d${count}`]: { type: "string" } } });
    expect(refusal(schema(40))).toMatch(/at #\/\$defs\/d\d+: its branches are \d+ when they are written out, of at most 10000/);
    expect(refusal(schema(8))).toBe("taken");
  });
});

describe("unevaluated properties and items", () => {
  it.each<[string, object, unknown, unknown]>([
    ["beside allOf", { allOf: [{ properties: { a: true } }], unevaluatedProperties: false }, { a: 1 }, { b: 1 }],
    ["in a branch of its own", { anyOf: [{ properties: { a: true }, unevaluatedProperties: false }] }, { a: 1 }, { b: 1 }],
    ["behind a reference", { $ref: "#/$defs/a", $defs: { a: { prefixItems: [true], unevaluatedItems: false } } }, [1], [1, 2]],
    ["in a property", { then: {}, if: {}, properties: { p: { unevaluatedProperties: false } } }, { p: {} }, { p: { a: 1 } }],
    ["where they are all allowed", { if: { required: ["a"] }, then: { unevaluatedProperties: true, minProperties: 1 } }, {}, 1],
  ])("are judged %s", async (_, schema, right, wrong) => {
    expect(await takes(schema, right)).toBe(true);
    if (wrong !== 1) expect(await takes(schema, wrong)).toBe(false);
  });
});
