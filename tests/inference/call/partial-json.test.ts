/** A preview of JSON is what was surely said so far: never a guess, never a crash, and the whole value at the end. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { previewJson } from "#contract/chat/partial-json";

describe("preview of JSON", () => {
  it.each<[string, unknown]>([
    ["", undefined],
    ["  ", undefined],
    ["{", {}],
    ["[", []],
    ['{"a"', {}],
    ['{"a":', {}],
    ['{"a":1', { a: 1 }],
    ['{"a":"hel', { a: "hel" }],
    ['{"a":"', { a: "" }],
    ['{"a":{"b":[1,{"c":"d', { a: { b: [1, { c: "d" }] } }],
    ['{"a":1,', { a: 1 }],
    ['{"a":1,"b', { a: 1 }],
    [' { "a" : [ 1 , 2 ] , "b" : null } ', { a: [1, 2], b: null }],
    ["[1,2", [1, 2]],
    ['"text', "text"],
    ["12", 12],
    ["true", true],
    ['{"a":""}', { a: "" }],
    ["[[],[{}]]", [[], [{}]]],
  ])("closes what is open: %s", (text, value) => {
    expect(previewJson(text)).toEqual(value);
  });

  it.each<[string, unknown]>([
    ["[1,tr", [1]],
    ["[1,nul", [1]],
    ["[1,-", [1]],
    ["[1,1.", [1]],
    ["[1,1e", [1]],
    ["[1,1e+", [1]],
    ["tr", undefined],
    ["-", undefined],
    ['["ab\\', ["ab"]],
    ['["ab\\u00', ["ab"]],
    ['["ab\\u00e9', ["abé"]],
    ['["ab\\ud83c', ["ab"]],
    ['["ab\\ud83c\\udf', ["ab"]],
    ['["ab\\ud83c\\udf89', ["ab🎉"]],
    ['["ab\ud83c', ["ab"]],
  ])("leaves out a scalar or an escape that is not whole: %s", (text, value) => {
    expect(previewJson(text)).toEqual(value);
  });

  it.each<[string, unknown]>([
    ['{"a":1} and more', { a: 1 }],
    ['{"a":1,}', { a: 1 }],
    ['{"a":1,,"b":2}', { a: 1 }],
    ["{a:1}", {}],
    ['{"a":@', {}],
    ['{"a" "b"}', {}],
    ["[,1]", []],
    ["[1 2]", [1]],
    ["[1}", [1]],
    ["[01]", []],
    ["[1x]", []],
    ["[1,]", [1]],
    ["[1,NaN]", [1]],
    ['["a\\x"]', ["a"]],
    ['["a\nb"]', ["a"]],
    ["I call the tool now", undefined],
    ["]", undefined],
  ])("ends where the text is no JSON: %s", (text, value) => {
    expect(previewJson(text)).toEqual(value);
  });

  it("takes a key for a key, whatever it is called", () => {
    const value = previewJson('{"__proto__":{"admin":true},"constructor":1') as Record<string, unknown>;
    expect(Object.keys(value)).toEqual(["__proto__", "constructor"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect((value as { admin?: boolean }).admin).toBeUndefined();
  });

  it("is the value itself for whole JSON", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        expect(previewJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it("never throws and never takes back a key, wherever the text is cut", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: "binary" }), fc.oneof(fc.boolean(), fc.string({ unit: "binary" }), fc.array(fc.jsonValue()))),
        (record) => {
          const text = JSON.stringify(record);
          let known: string[] = [];
          for (let end = 0; end <= text.length; end++) {
            const keys = Object.keys((previewJson(text.slice(0, end)) as object | undefined) ?? {});
            expect(keys).toEqual(expect.arrayContaining(known));
            known = keys;
          }
          expect(previewJson(text)).toEqual(JSON.parse(text));
        },
      ),
      { numRuns: 50 },
    );
  });

  it("survives any text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void previewJson(text)));
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...'{}[]",:\\u0d8e1.-tn ') }), (text) => void previewJson(text)));
  });

  it("survives a depth of 100,000 and shows the outer levels", () => {
    for (const open of ["[", '{"a":']) {
      const value = previewJson(open.repeat(100_000));
      let depth = 0;
      for (let inner: unknown = value; typeof inner === "object" && inner !== null; inner = Object.values(inner)[0]) depth++;
      expect(depth).toBe(1000);
      expect(() => JSON.stringify(value)).not.toThrow();
    }
  });

  it("reads a text of ten million characters once, not once for each entry", () => {
    const list = previewJson(`[${'"a\\n",'.repeat(1_500_000)}`) as unknown[];
    expect(list).toHaveLength(1_500_000);
  });
});
