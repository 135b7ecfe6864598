/** The public JSON Schema Test Suite: what is not refused is judged as it says, and refused is what the docs list. */
import { readdirSync, readFileSync } from "node:fs";
import { validate } from "@cfworker/json-schema";
import { describe, expect, it } from "vitest";
import { AsimovError } from "#contract/base/errors";
import { compileSchema } from "#contract/chat/schema";

interface Group {
  description: string;
  schema: object | boolean;
  tests: { description: string; data: unknown; valid: boolean }[];
}

const SUITE = new URL("../../fixtures/json-schema-test-suite/", import.meta.url);

function* groupsOf(draft: string): Generator<[file: string, group: Group]> {
  for (const file of readdirSync(new URL(draft, SUITE))) {
    const groups = JSON.parse(readFileSync(new URL(`${draft}/${file}`, SUITE), "utf8")) as Group[];
    for (const group of groups) yield [file.replace(".json", ""), group];
  }
}

/** What is refused, and of how many schemas of which file. */
const REASONS: readonly (readonly [string, RegExp])[] = [
  ["a reference to elsewhere", /at #\S*\/\$ref: ".*" is elsewhere; put what it means under \$defs/],
  ["$dynamicRef", /at #\S*\/\$dynamicRef: it is not supported/],
  ["another dialect", /at #\/\$schema: \$schema ".*" is not supported/],
];
const reasonOf = (error: unknown): string | undefined =>
  error instanceof AsimovError && error.code === "invalid-schema" ? REASONS.find(([, words]) => words.test(error.message))?.[0] : undefined;

describe.each([
  [
    "draft7",
    "http://json-schema.org/draft-07/schema#",
    861,
    { "definitions: a reference to elsewhere": 1, "ref: a reference to elsewhere": 1, "refRemote: a reference to elsewhere": 10 },
  ],
  [
    "draft2020-12",
    "https://json-schema.org/draft/2020-12/schema",
    1176,
    {
      "anchor: a reference to elsewhere": 1,
      "defs: a reference to elsewhere": 1,
      "dynamicRef: $dynamicRef": 12,
      "dynamicRef: a reference to elsewhere": 4,
      "id: a reference to elsewhere": 3,
      "ref: a reference to elsewhere": 2,
      "refRemote: a reference to elsewhere": 14,
      "vocabulary: another dialect": 2,
    },
  ],
])("the test suite of %s", (draft, $schema, count, refusedThere) => {
  it("is judged as it says, but for what is refused when it is defined", async () => {
    const misjudged: string[] = [];
    const refused: Record<string, number> = {};
    let tried = 0;
    for (const [file, { description, schema, tests }] of groupsOf(draft)) {
      tried += tests.length;
      const given = typeof schema === "boolean" ? { $schema, allOf: [schema] } : { $schema, ...schema };
      try {
        const compiled = compileSchema(given, "test");
        for (const { description: about, data, valid } of tests) {
          const verdict = await compiled.check(data);
          // A value comes out as it went in, and a fault has words.
          const isRight =
            "value" in verdict ? valid && JSON.stringify(verdict.value) === JSON.stringify(data) : !valid && verdict.faults !== "";
          if (!isRight) misjudged.push(`${file}: ${description}: ${about}`);
        }
      } catch (error) {
        const reason = `${file}: ${reasonOf(error) ?? error}`;
        refused[reason] = (refused[reason] ?? 0) + 1;
      }
    }
    expect({ misjudged, refused, tried }).toEqual({ misjudged: [], refused: refusedThere, tried: count });
  });
});

describe("what is refused although it stands in the schema itself", () => {
  /** As the validator judges it without our reading it. */
  const judged = (schema: object, value: unknown): boolean => validate(value, schema, "2020-12").valid;

  it("is what the validator misjudges: $dynamicRef", () => {
    const schema = { items: { $dynamicRef: "#item" }, $defs: { item: { $dynamicAnchor: "item", type: "string" } } };
    expect(judged(schema, [1])).toBe(true);
    expect(() => compileSchema(schema, "test")).toThrow("at #/items/$dynamicRef: it is not supported");
  });

  it.each([
    ["beside $ref", { $ref: "#/$defs/a", allOf: [{ unevaluatedProperties: false }], $defs: { a: { properties: { a: true } } } }],
    ["after if", { if: { properties: { a: true } }, then: { unevaluatedProperties: false } }],
    [
      "for a property",
      {
        anyOf: [{ properties: { a: true } }],
        dependentSchemas: { a: { $ref: "#/$defs/a" } },
        $defs: { a: { unevaluatedProperties: false } },
      },
    ],
  ])("is what the validator misjudges: unevaluatedProperties in a branch %s", (_, schema) => {
    expect(judged(schema, { a: 1 })).toBe(true);
    expect(() => compileSchema(schema, "test")).toThrow(/at #\/\S+\/unevaluatedProperties: it is not supported here/);
  });
});
