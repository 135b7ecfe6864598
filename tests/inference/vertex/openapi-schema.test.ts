import { describe, expect, it } from "vitest";
import { z } from "zod";
import { compileSchema, type JsonSchema } from "#contract/chat/schema";
import { openApiParameters, openApiSchema } from "#inference/vertex/openapi-schema";

const told = (schema: z.ZodType): unknown => openApiSchema(compileSchema(schema, "test").json);

describe("a schema for Vertex", () => {
  it.each<[string, JsonSchema, object]>([
    [
      "tells in words what OpenAPI has no word for",
      {
        $schema: "x",
        type: "object",
        properties: { a: { type: "string", format: "email", contentEncoding: "x" } },
        additionalProperties: false,
      },
      { type: "OBJECT", properties: { a: { type: "STRING", description: '(format: "email", contentEncoding: "x")' } } },
    ],
    ["tells null as nullable", { type: ["string", "null"] }, { type: "STRING", nullable: true }],
    [
      "tells several types as options",
      { type: ["string", "integer", "null"] },
      { anyOf: [{ type: "STRING" }, { type: "INTEGER" }], nullable: true },
    ],
    [
      "tells one option with null as that one",
      { description: "d", anyOf: [{ type: "number" }, { type: "null" }] },
      { description: "d", type: "NUMBER", nullable: true },
    ],
    ["tells oneOf as anyOf", { oneOf: [{ type: "number" }, { type: "string" }] }, { anyOf: [{ type: "NUMBER" }, { type: "STRING" }] }],
    ["tells a const as a choice", { const: "a" }, { type: "STRING", enum: ["a"] }],
    [
      "tells choices among numbers in words",
      { enum: [1, 2, null], description: "N." },
      { type: "NUMBER", nullable: true, description: "N. One of 1, 2." },
    ],
    [
      "takes properties of that name for properties",
      { properties: { format: { type: "string" } } },
      { type: "OBJECT", properties: { format: { type: "STRING" } } },
    ],
    [
      "makes one of all",
      {
        allOf: [
          { type: "object", properties: { a: { type: "string" } }, required: ["a"] },
          { properties: { b: { type: "string" } }, required: ["b"] },
        ],
      },
      { type: "OBJECT", properties: { a: { type: "STRING" }, b: { type: "STRING" } }, required: ["a", "b"] },
    ],
    [
      "tells a tuple by its items",
      { type: "array", prefixItems: [{ type: "string" }] },
      { type: "ARRAY", items: { anyOf: [{ type: "STRING" }] } },
    ],
  ])("%s", (_law, schema, expected) => {
    expect(openApiSchema(schema)).toEqual(expected);
  });

  it("puts definitions in place of their names, as deep as sense goes", () => {
    const schema: JsonSchema = {
      $defs: { "a/b": { type: "object", properties: { next: { $ref: "#/$defs/a~1b" }, n: { type: "integer" } } } },
      type: "object",
      properties: { list: { $ref: "#/$defs/a~1b", description: "The first." } },
    };
    const list = { type: "OBJECT", description: "The first.", properties: { n: { type: "INTEGER" }, next: { type: "OBJECT" } } };
    expect(openApiSchema(schema)).toMatchObject({ type: "OBJECT", properties: { list } });
    expect(JSON.stringify(openApiSchema(schema))).not.toContain("$");
  });

  it("ends, also where schemas name themselves more than once", { timeout: 5000 }, () => {
    const twice: JsonSchema = { type: "object", properties: { left: { $ref: "#" }, right: { $ref: "#" } } };
    expect(openApiSchema(twice)).toEqual({ type: "OBJECT", properties: { left: { type: "OBJECT" }, right: { type: "OBJECT" } } });
    const all: JsonSchema = { type: "object", allOf: [{ $ref: "#" }, { $ref: "#" }], properties: { a: { type: "string" } } };
    expect(openApiSchema(all)).toEqual({ type: "OBJECT", properties: { a: { type: "STRING" } } });
    const names = Array.from({ length: 30 }, (_, i) => [
      `d${i}`,
      { type: "object", properties: { a: { $ref: `#/$defs/d${i + 1}` }, b: { $ref: `#/$defs/d${i + 1}` } } },
    ]);
    const doubling: JsonSchema = {
      $defs: { ...Object.fromEntries(names), d30: { type: "string" } },
      type: "object",
      properties: { x: { $ref: "#/$defs/d0" } },
    };
    expect(JSON.stringify(openApiSchema(doubling)).length).toBeLessThan(1_000_000);
  });

  it("tells what zod says", () => {
    const schema = z.object({
      name: z.string().min(1).describe("Who"),
      kind: z.enum(["a", "b"]).optional(),
      tags: z.array(z.string()).max(3),
      by: z.record(z.string(), z.number()),
    });
    expect(told(schema)).toEqual({
      type: "OBJECT",
      properties: {
        name: { type: "STRING", minLength: 1, description: "Who" },
        kind: { type: "STRING", enum: ["a", "b"] },
        tags: { type: "ARRAY", items: { type: "STRING" }, maxItems: 3 },
        by: { type: "OBJECT", description: '(propertyNames: {"type":"string"}, additionalProperties: {"type":"number"})' },
      },
      required: ["name", "tags", "by"],
    });
  });

  it("is none for a tool without arguments", () => {
    expect(openApiParameters({ type: "object", properties: {} })).toBeUndefined();
    expect(openApiParameters({ type: "object" })).toBeUndefined();
  });
});
