/** Schemas of the libraries, told as JSON Schema by what they come with or by a package of theirs that is loaded late. */
import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import * as mini from "zod/mini";
import { z as z3 } from "zod3";
import { AsimovError } from "#contract/base/errors";
import { type CompiledSchema, compileSchema, type JsonSchema, type Schema } from "#contract/chat/schema";

async function ready(schema: unknown): Promise<CompiledSchema> {
  const compiled = compileSchema(schema as Schema, "test");
  await compiled.ready?.();
  return compiled;
}

const accepts = async (json: JsonSchema, value: unknown): Promise<boolean> => "value" in (await compileSchema(json, "test").check(value));

/** What it is told as, or why it is refused, whether that comes late or not. */
async function told(schema: unknown): Promise<unknown> {
  try {
    return (await ready(schema)).json;
  } catch (error) {
    expect(error).toBeInstanceOf(AsimovError);
    expect(error).toMatchObject({ code: "invalid-schema" });
    return (error as Error).message;
  }
}

const isLate = (schema: unknown): boolean => compileSchema(schema as Schema, "test").ready !== undefined;

const email = { type: "string", format: "email" };
const expected = {
  type: "object",
  properties: {
    to: expect.objectContaining(email),
    count: { type: "number" },
    kind: expect.objectContaining({ enum: ["a", "b"] }),
    list: { type: "array", items: { type: "object", properties: { text: { type: "string" } }, required: ["text"] } },
  },
  required: expect.arrayContaining(["to", "kind", "list"]),
};

/** The same schema by each library; what is refined or transformed is told as it goes in. */
const SAME: readonly (readonly [library: string, isLate: boolean, schema: unknown])[] = [
  [
    "zod 4",
    false,
    z.object({
      to: z.email(),
      count: z.number().default(2),
      kind: z.enum(["a", "b"]),
      list: z.array(z.object({ text: z.string().transform(Number).refine(Boolean) })),
    }),
  ],
  [
    "zod/mini",
    false,
    mini.object({
      to: mini.email(),
      count: mini._default(mini.number(), 2),
      kind: mini.enum(["a", "b"]),
      list: mini.array(mini.object({ text: mini.pipe(mini.string().check(mini.refine(Boolean)), mini.transform(Number)) })),
    }),
  ],
  [
    "zod 3",
    true,
    z3.object({
      to: z3.string().email(),
      count: z3.number().default(2),
      kind: z3.enum(["a", "b"]),
      list: z3.array(z3.object({ text: z3.string().refine(Boolean).transform(Number) }).passthrough()),
    }),
  ],
  [
    "Valibot",
    true,
    v.object({
      to: v.pipe(v.string(), v.email()),
      count: v.optional(v.number(), 2),
      kind: v.picklist(["a", "b"]),
      list: v.array(
        v.object({
          text: v.pipe(
            v.string(),
            v.check((text) => text !== ""),
            v.transform(Number),
          ),
        }),
      ),
    }),
  ],
  [
    "Valibot's own JSON Schema",
    false,
    toStandardJsonSchema(
      v.object({
        to: v.pipe(v.string(), v.email()),
        count: v.optional(v.number(), 2),
        kind: v.picklist(["a", "b"]),
        list: v.array(
          v.object({
            text: v.pipe(
              v.string(),
              v.check((text) => text !== ""),
            ),
          }),
        ),
      }),
    ),
  ],
  [
    "ArkType",
    false,
    type({
      to: "string.email",
      count: type("number").default(2),
      kind: "'a' | 'b'",
      list: type({ text: type("string").narrow(Boolean).pipe(Number) }).array(),
    }),
  ],
];

describe("a schema of a library", () => {
  it.each(SAME)("is told as JSON Schema of what goes in: %s", async (_, late, schema) => {
    expect(isLate(schema)).toBe(late);
    const json = (await told(schema)) as Record<string, unknown>;
    expect(json).toMatchObject(expected);
    expect(json).not.toHaveProperty("$schema");
  });

  it.each(SAME)("is judged alike by its library and by its JSON Schema: %s", async (_, __, schema) => {
    const own = await ready(schema);
    const byJson = compileSchema(own.json, "test");
    const right = { to: "a@example.com", kind: "a", list: [{ text: "1" }] };
    expect(await own.check(right)).toMatchObject({ value: { count: 2 } });
    expect(await byJson.check(right)).toEqual({ value: right });
    for (const wrong of [{ ...right, kind: "c" }, { ...right, list: [{ text: 1 }] }, { ...right, count: "2" }, { to: right.to }, null]) {
      expect(await own.check(wrong)).toHaveProperty("faults");
      expect(await byJson.check(wrong)).toHaveProperty("faults");
    }
  });

  const nested = (at: unknown, object: (entries: object) => unknown, array: (item: unknown) => unknown) =>
    object({ list: array(object({ at })) });
  const of4 = (at: unknown) => nested(at, z.object as never, z.array as never);
  const of3 = (at: unknown) => nested(at, z3.object as never, z3.array as never);
  const ofValibot = (at: unknown) => nested(at, v.object as never, v.array as never);
  const ofArk = (at: unknown) => type({ list: type({ at } as never).array() } as never);
  it.each<[string, unknown]>([
    ["zod 4: a date", of4(z.date())],
    ["zod 4: a bigint", of4(z.bigint())],
    ["zod 4: a map", of4(z.map(z.string(), z.string()))],
    ["zod 4: a bigint of one value", of4(z.literal(1n))],
    ["zod 4: a file", of4(z.file())],
    ["zod 4: an instance", of4(z.instanceof(URL))],
    ["zod 4: what is made before it is checked", of4(z.transform(Number))],
    ["zod/mini: a date", nested(mini.date(), mini.object as never, mini.array as never)],
    ["zod 3: a date", of3(z3.date())],
    ["zod 3: a bigint", of3(z3.bigint().optional())],
    ["zod 3: a set", of3(z3.set(z3.string()))],
    ["zod 3: what is made a date", of3(z3.coerce.date())],
    ["Valibot: a date", ofValibot(v.date())],
    ["Valibot: a bigint", ofValibot(v.optional(v.bigint()))],
    ["Valibot: an instance", ofValibot(v.instance(URL))],
    ["ArkType: a date", ofArk("Date")],
    ["ArkType: a bigint", ofArk("bigint")],
    ["ArkType: an instance", ofArk(type.instanceOf(URL))],
  ])("is refused by the place of what JSON cannot hold: %s", async (_, schema) => {
    expect(await told(schema)).toMatch(
      /^test: this schema cannot be told as JSON Schema \(at #\/properties\/list\/items\/properties\/at: /,
    );
  });

  it("names every such place", async () => {
    expect(await told(z.object({ "a/b": z.date(), b: z.object({ c: z.array(z.date()) }) }))).toContain(
      "(at #/properties/a~1b and #/properties/b/properties/c/items: Date cannot be represented in JSON Schema)",
    );
  });

  it("is told with patterns alone that mean the same without their flags", async () => {
    expect(await told(z.string().regex(/^a/i).min(2))).toEqual({ type: "string", minLength: 2 });
    expect(await told(z.string().regex(/^a/u))).toEqual({ type: "string", pattern: "^a" });
    expect(await told(v.pipe(v.string(), v.regex(/^a/i)))).toEqual({ type: "string" });
    const { json } = await ready(z3.string().regex(/^a/i));
    expect([await accepts(json, "A"), await accepts(json, "b")]).toEqual([true, false]);
  });

  it("of draft 7 says so, where it means something else in 2020-12", async () => {
    expect(await told(z3.object({ at: z3.tuple([z3.string()]).rest(z3.number()) }))).toMatchObject({
      $schema: "http://json-schema.org/draft-07/schema#",
      properties: { at: { items: [{ type: "string" }], additionalItems: { type: "number" } } },
    });
  });

  it("that zod has told already is told and checked by zod", async () => {
    const json = z.toJSONSchema(z.object({ a: z.string() }));
    expect(isLate(json)).toBe(false);
    expect(await told(json)).toMatchObject({ properties: { a: { type: "string" } } });
    expect(await (await ready(json)).check({ a: 1 })).toEqual({ faults: "a: Invalid input: expected string, received number" });
  });

  it("from before there were Standard Schemas is no JSON Schema", async () => {
    class ZodObject {
      _def = {};
    }
    expect(await told(new ZodObject())).toContain(
      "it must be JSON (string, finite number, boolean, null, array or plain object); it is an instance of ZodObject",
    );
  });
});

describe("JSON Schema that comes late", () => {
  it("is not there before it is awaited, and loaded again where that failed", async () => {
    const compiled = compileSchema(v.object({ a: v.string() }) as Schema, "test");
    expect(() => compiled.json).toThrow(
      expect.objectContaining({ code: "schema-not-loaded", message: expect.stringContaining("ready()") }),
    );
    expect(await compiled.check({ a: "a" })).toEqual({ value: { a: "a" } });
    await compiled.ready?.();
    const { json } = compiled;
    await compiled.ready?.();
    expect(compiled.json).toBe(json);
  });
});
