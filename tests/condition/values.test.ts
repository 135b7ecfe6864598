import { describe, expect, it } from "vitest";
import { body, evaluate, failure } from "./harness.ts";

describe("values in a condition", () => {
  it.each([
    ["null is nil", "v == nil", null],
    ["undefined is nil", "v == nil", undefined],
    ["null in an object is nil", "v.a == nil and v.b == 1", { a: null, b: 1 }],
    ["null in an array is a hole", "v[1] == 1 and v[2] == nil and v[3] == 3", [1, null, 3]],
    ["arrays start at 1", "v[0] == nil and v[1] == 'a' and v[2] == 'b' and #v == 2", ["a", "b"]],
    ["an empty array is an empty table", "#v == 0 and next(v) == nil", []],
    ["an object is a table", "v.x.y[1].z == 'deep'", { x: { y: [{ z: "deep" }] } }],
    ["a key of digits stays a string", "v['1'] == 'one' and v[1] == nil", { 1: "one" }],
    ["true is true", "v == true", true],
    ["false is false", "v == false", false],
    ["an integer is an integer", "math.type(v) == 'integer' and v == 42 and tostring(v) == '42'", 42],
    ["2^53 is exact", "math.type(v) == 'integer' and v == 1 << 53", 2 ** 53],
    ["-2^53 is exact", "v == -(1 << 53)", -(2 ** 53)],
    ["1e20 does not wrap", "math.type(v) == 'float' and v == 1e20 and v > 0", 1e20],
    ["the largest number is finite", "v > 1.7e308 and v < math.huge", Number.MAX_VALUE],
    ["the smallest number is not 0", "v > 0 and v < 1e-300", Number.MIN_VALUE],
    ["a fraction is a float", "v == 0.1 and math.type(v) == 'float'", 0.1],
    ["-0 is 0", "v == 0", -0],
    ["a string keeps its NUL", "#v == 3 and v:byte(2) == 0 and v == 'a\\0b'", "a\0b"],
    ["a string is UTF-8", "#v == 7 and utf8.len(v) == 3 and v == 'é€é'", "é€é"],
    ["an emoji is one character", "utf8.len(v) == 1 and #v == 4", "🙂"],
    ["a lone surrogate is the replacement character", "v == 'a\\u{FFFD}b'", "a\ud800b"],
    ["a key may hold anything", "v['\\0'] == 1 and v[''] == 2 and v['é'] == 3 and v['end'] == 4", { "\0": 1, "": 2, é: 3, end: 4 }],
    ["a long string arrives whole", "#v == 300000 and v:sub(-1) == 'z'", `${"x".repeat(299_999)}z`],
    ["a long string beyond ASCII arrives whole", "#v == 300001 and v:sub(-1) == 'z'", `${"é".repeat(150_000)}z`],
    ["a string that looks like a number is a string", "v ~= 10 and type(v) == 'string' and v + 1 == 11", "10"],
  ])("%s", async (_, source, v) => {
    expect(await evaluate(source, { v })).toBe(true);
  });

  it("holds an own __proto__ key as a key", async () => {
    const v = JSON.parse('{"__proto__": {"isAdmin": true}, "constructor": 1}') as unknown;
    expect(await evaluate("v.__proto__.isAdmin == true and v.constructor == 1 and v.isAdmin == nil", { v })).toBe(true);
    const scope = JSON.parse('{"__proto__": {"inherited": 1}}') as Record<string, unknown>;
    expect(await evaluate("__proto__.inherited == 1 and inherited == nil", scope)).toBe(true);
  });

  it("reads a name that only a prototype has as nil", async () => {
    expect(await evaluate("n == nil", Object.create({ n: 1 }) as Record<string, unknown>)).toBe(true);
  });

  it("walks arrays and objects with pairs and ipairs", async () => {
    const scope = { items: [1, 2, 3], counts: { a: 1, b: 2 } };
    expect(await evaluate(body("local s = 0 for _, v in ipairs(items) do s = s + v end return s == 6"), scope)).toBe(true);
    expect(await evaluate(body("local s = 0 for k, v in pairs(counts) do s = s + v end return s == 3"), scope)).toBe(true);
  });

  it("takes arrays of a thousand objects", async () => {
    const items = Array.from({ length: 1000 }, (_, id) => ({ id, name: `item ${id}` }));
    expect(await evaluate("#items == 1000 and items[1000].name == 'item 999' and items[1].id == 0", { items })).toBe(true);
  });

  it.each([() => 1, Symbol("x"), 10n])("refuses %s, which is not JSON, by the name of its variable", async (value) => {
    const error = await failure("config", { config: { list: [value] } });
    expect(error.code).toBe("condition-runtime");
    expect(error.message).toContain('"config"');
  });

  it("gives only the names that the condition holds", async () => {
    const scope = {
      n: 1,
      get other(): never {
        throw new Error("read");
      },
    };
    expect(await evaluate("n == 1", scope)).toBe(true);
  });
});

describe("truth in a condition", () => {
  it.each(["0", "''", "{}", "-1", "0.0", "function() end", "n", "not false", "1 == 1.0", "'1' ~= 1"])("%s is true", async (source) => {
    expect(await evaluate(source, { n: 0 })).toBe(true);
  });

  it.each(["nil", "false", "missing", "n and nil", "not 0", "{} == {}", "n.field", "'1' == 1"])("%s is false", async (source) => {
    expect(await evaluate(source, { n: {} })).toBe(false);
  });
});
