import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AsimovError, asimovErrorOf, messageOf } from "#contract/base/errors";
import { copyJson, toJsonText } from "#contract/base/json";
import { MAX_NAME_LENGTH, nameFault, requireName } from "#contract/base/names";

describe("JSON boundary", () => {
  it("copies any JSON value as it is", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false } as never), (value) => {
        expect(copyJson(value, "value")).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("refuses or copies anything, and changes no prototype", () => {
    const before = Object.getOwnPropertyNames(Object.prototype);
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withTypedArray: true }),
        (value) => {
          try {
            const text = toJsonText(value, "value");
            expect(JSON.stringify(JSON.parse(text))).toBe(text);
          } catch (error) {
            expect(error).toMatchObject({ code: "not-json", message: expect.stringMatching(/^value/) });
          }
        },
      ),
    );
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
  });

  it.each([
    [{ a: [{ b: 1n }] }, "value.a[0].b"],
    [{ "odd key": () => {} }, 'value["odd key"]'],
    [[Number.NaN], "value[0]"],
    [{ a: { b: new Date(0) } }, "value.a.b"],
    [Symbol("s"), "value must"],
  ])("names the path of what JSON cannot hold: %#", (value, path) => {
    expect(() => toJsonText(value, "value")).toThrow(expect.objectContaining({ message: expect.stringContaining(path) }));
  });

  it("names both ends of a path that is long", () => {
    let deep: unknown = 1n;
    for (let level = 0; level < 400; level++) deep = [deep];
    const [error] = [deep, { ["k".repeat(5_000)]: 1n }].map((value) => {
      try {
        return toJsonText(value, 'result of module "plan"');
      } catch (thrown) {
        expect(messageOf(thrown).length).toBeLessThan(400);
        return messageOf(thrown);
      }
    });
    expect(error).toMatch(/^result of module "plan"(\[0\])+\[?0?…0?\]?(\[0\])+ must be JSON/);
  });

  it("leaves out undefined properties, and refuses undefined itself", () => {
    expect(toJsonText({ a: undefined, b: 1 }, "value")).toBe('{"b":1}');
    expect(() => toJsonText(undefined, "value")).toThrow(
      expect.objectContaining({ code: "not-json", message: expect.stringMatching(/^value must be JSON .*; it is undefined\.$/) }),
    );
  });

  it("takes one object in two places, and refuses one within itself", () => {
    const shared = { n: 1 };
    expect(copyJson({ a: shared, b: shared }, "value")).toEqual({ a: { n: 1 }, b: { n: 1 } });
    const circle: { self?: unknown } = {};
    circle.self = circle;
    expect(() => toJsonText(circle, "value")).toThrow(/value\.self.*parents/);
  });
});

describe("name", () => {
  it("may be any text of a line: never empty, never reserved, never too long", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20, unit: "binary" }), (name) => {
        const fault = nameFault(name);
        const isReserved = ["__proto__", "prototype", "constructor"].includes(name);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
        const isOdd = isReserved || name.trim() === "" || /[\u0000-\u001f\u007f]/.test(name) || !name.isWellFormed();
        expect(fault === undefined).toBe(!isOdd);
      }),
    );
    expect(nameFault("x".repeat(MAX_NAME_LENGTH))).toBeUndefined();
    expect(nameFault("x".repeat(MAX_NAME_LENGTH + 1))).toMatch(/512/);
  });

  it.each([undefined, null, 1, {}, "__proto__", "prototype", "constructor"])("is refused, and said what it is: %s", (name) => {
    expect(() => requireName(name, "node")).toThrow(
      expect.objectContaining({ code: "invalid-name", message: expect.stringContaining("node") }),
    );
  });
});

describe("message of what was thrown", () => {
  it("is a text for anything, and reading it never throws", () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), (thrown) => {
        expect(typeof messageOf(thrown)).toBe("string");
      }),
    );
    const trap = () => {
      throw new Error("trapped");
    };
    const hostile = new Proxy({}, { get: trap, getPrototypeOf: trap, has: trap });
    expect(messageOf(hostile)).toMatch(/cannot be shown/);
    expect(asimovErrorOf(hostile)).toBeUndefined();
  });

  it("is the error's own, or its name when it has none", () => {
    expect(messageOf(new Error("why"))).toBe("why");
    expect(messageOf(new TypeError(""))).toBe("TypeError");
    expect(messageOf("plain")).toBe("plain");
    expect(asimovErrorOf(new AsimovError("why", { code: "some-code" }))?.code).toBe("some-code");
  });
});
