/** JSON Schema that zod makes no check of is refused without zod, for the same schemas. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { requireCheckable } from "../../../src/contract/chat/checkable.ts";

const { schema } = fc.letrec<{ schema: unknown; named: unknown }>((tie) => {
  const one = tie("schema");
  const few = fc.array(one, { minLength: 1, maxLength: 2 });
  const named = tie("named");
  const likely = { properties: named, patternProperties: named, propertyNames: one, additionalProperties: one, contains: one };
  const others = {
    items: fc.oneof(one, few),
    prefixItems: few,
    additionalItems: one,
    anyOf: few,
    oneOf: few,
    allOf: few,
    $schema: fc.constantFrom("https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#"),
    $ref: fc.constantFrom("#", "#/", "#/$defs/a", "#$defs/a", "#/definitions/a", "#/$defs/b~0~1c", "#/$defs", "https://example.com/a"),
    $defs: named,
    definitions: named,
    enum: fc.constantFrom([], [1], ["a", "b"], [null, 1]),
    const: fc.constantFrom(null, 1, "a"),
    pattern: fc.constantFrom("^a", "(", ""),
    not: fc.constantFrom({}, { type: "string" }, true, null),
    if: fc.constant({}),
    dependentRequired: fc.constant({}),
    unevaluatedProperties: fc.boolean(),
  };
  const entries = (table: Record<string, fc.Arbitrary<unknown>>) =>
    Object.entries(table).map(([keyword, value]) => fc.tuple(fc.constant(keyword), value));
  const type = fc.constantFrom(
    "object",
    "object",
    "array",
    "array",
    "string",
    "integer",
    "any",
    "",
    7,
    ["string", "object"],
    [["array"], "x"],
  );
  const keywords = fc
    .tuple(fc.option(type), fc.array(fc.oneof(...entries(likely), ...entries(likely), ...entries(others)), { maxLength: 3 }))
    .map(([drawn, list]) => Object.fromEntries(drawn === null ? list : [["type", drawn], ...list]));
  const leaf = fc.constantFrom(true, false, {}, { type: "boolean" }, { type: "null" }, { type: "number" }, null, []);
  return {
    schema: fc.oneof({ maxDepth: 4, depthIdentifier: "schema" }, leaf, { arbitrary: keywords, weight: 4 }),
    named: fc.dictionary(fc.constantFrom("a", "b~/c", "[x]", "(", "__proto__"), one, { maxKeys: 2, depthIdentifier: "schema" }),
  };
});

function isRefused(work: () => unknown): boolean {
  try {
    work();
    return false;
  } catch {
    return true;
  }
}

describe("what is refused of JSON Schema", () => {
  it("is what zod refuses", () => {
    const seen = { refused: 0, taken: 0 };
    fc.assert(
      fc.property(schema, (drawn) => {
        fc.pre(typeof drawn === "object" && drawn !== null);
        const given = JSON.parse(JSON.stringify(drawn)) as Record<string, unknown>;
        const expected = isRefused(() => z.fromJSONSchema(given));
        seen[expected ? "refused" : "taken"]++;
        expect(isRefused(() => requireCheckable(given))).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
    expect(Math.min(seen.refused, seen.taken)).toBeGreaterThan(400);
  });
});
