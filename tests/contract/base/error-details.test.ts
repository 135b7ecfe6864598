import { AsimovError, NonRetryableError } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { errorDetailsOf, shownMessageOf } from "#contract/base/error-details";

describe("details of an error", () => {
  it("are its name, stack, causes and own properties", () => {
    const error = Object.assign(new TypeError("no", { cause: "why" }), { code: "E1", retryable: true });
    expect(errorDetailsOf(error)).toEqual({
      name: "TypeError",
      stack: expect.stringContaining("error-details.test.ts"),
      cause: { message: "why" },
      properties: { code: "E1", retryable: true },
    });
  });

  it("leave out the code of the library's own errors at the top alone, where the report says it", () => {
    const own = (): AsimovError => new NonRetryableError("no", { code: "mine" });
    const whole = { name: "NonRetryableError", stack: expect.any(String), properties: { code: "mine", retryable: false } };
    expect(errorDetailsOf(own())).toEqual({ ...whole, properties: { retryable: false } });
    expect(errorDetailsOf(new Error("outer", { cause: own() })).cause).toEqual({ message: "no", ...whole });
    expect(errorDetailsOf(new AsimovError("a", { code: "a", cause: new Error("b", { cause: own() }) })).cause?.cause).toEqual({
      message: "no",
      ...whole,
    });
    expect(errorDetailsOf(new AggregateError([own()])).properties?.errors).toEqual([{ message: "no", ...whole }]);
    class Own extends AsimovError {
      readonly more = 1;
    }
    expect(errorDetailsOf(new Own("no", { code: "own" }))).toMatchObject({ name: "Own", properties: { more: 1, retryable: false } });
  });

  it("name the class where an error has no name of its own", () => {
    class Boom extends Error {}
    class Deeper extends Boom {}
    class OutOfRange extends RangeError {}
    class Named extends Error {
      override readonly name = "ByItself";
    }
    class ByClass extends Error {
      static {
        Object.defineProperty(ByClass.prototype, "name", { value: "its class's choice" });
      }
    }
    const renamed = Object.assign(new Boom("no"), { name: "AbortError" });
    const anonymous = new (class extends TypeError {})("no");
    const rows: [Error, string][] = [
      [new Boom("no"), "Boom"],
      [new Deeper("no"), "Deeper"],
      [new OutOfRange("no"), "OutOfRange"],
      [new Named("no"), "ByItself"],
      [new ByClass("no"), "its class's choice"],
      [renamed, "AbortError"],
      [anonymous, "TypeError"],
      [new DOMException("no", "DataCloneError"), "DataCloneError"],
      [new TypeError("no"), "TypeError"],
    ];
    for (const [error, name] of rows) {
      expect(errorDetailsOf(error).name).toBe(name);
      expect(errorDetailsOf({ held: error }).properties?.held).toMatchObject({ name });
    }
  });

  it("tell errors that an error holds as they tell causes", () => {
    const inner = (): Error => Object.assign(new TypeError("inner", { cause: "why" }), { code: "E1" });
    const told = errorDetailsOf(new Error("outer", { cause: inner() })).cause;
    expect(told).toMatchObject({ message: "inner", name: "TypeError", cause: { message: "why" }, properties: { code: "E1" } });
    const held = Object.assign(new AggregateError([inner(), "text"], "all"), { last: inner() });
    const nested = new AggregateError([new Error("middle", { cause: inner() })]);
    const alike = { ...told, stack: expect.stringContaining("error-details.test.ts") };
    expect(errorDetailsOf(held).properties).toEqual({ errors: [alike, "text"], last: alike });
    expect(errorDetailsOf(nested).properties?.errors).toMatchObject([{ message: "middle", cause: alike }]);
  });

  it("hold no more of them than of other values, and no circle", () => {
    const error = new AggregateError(
      Array.from({ length: 200 }, (_, index) => new Error(`number ${index}`)),
      "many",
    );
    Object.assign(error.errors[0], { back: error.errors[0], stack: `at ${"y".repeat(100_000)}` });
    const { properties } = errorDetailsOf(error);
    expect(properties?.errors).toHaveLength(50);
    expect(JSON.stringify(properties)).toContain("[circular]");
    expect(JSON.stringify(properties).length).toBeLessThan(120_000);
  });

  it("are those of a thrown object, and none of a primitive", () => {
    expect(errorDetailsOf({ detail: "no seat", password: "hunter22" })).toEqual({
      properties: { detail: "no seat", password: "[redacted]" },
    });
    for (const thrown of ["text", 5, null, undefined, Symbol("s"), 1n, true]) expect(errorDetailsOf(thrown)).toEqual({});
  });

  it("end after five causes, also in a circle", () => {
    const error = new Error("again");
    error.cause = error;
    let depth = 0;
    let details: { cause?: object } | undefined = errorDetailsOf(error);
    while (details?.cause !== undefined) {
      depth++;
      details = details.cause;
    }
    expect(depth).toBe(5);
  });

  it("are cut in size and masked", () => {
    const error = Object.assign(new Error("no"), { body: "x".repeat(100_000), stack: `at sk-abcdefghijklmnop ${"y".repeat(100_000)}` });
    const details = errorDetailsOf(error);
    expect(details.stack).toHaveLength(8_000);
    expect(JSON.stringify(details)).not.toContain("sk-abcdef");
    expect(JSON.stringify(details).length).toBeLessThan(12_000);
  });
});

describe("the message of what was thrown", () => {
  it.each<[unknown, string]>([
    [new Error("text"), "text"],
    [new TypeError(""), "TypeError"],
    [new (class Boom extends Error {})(), "Boom"],
    [{ held: new TypeError("no") }, '{"held":{"name":"TypeError","message":"no"}}'],
    [{ message: "an object's" }, "an object's"],
    [{ message: "", n: 1 }, '{"message":"","n":1}'],
    [{ code: 7 }, '{"code":7}'],
    [[1, 2], "[1,2]"],
    ["text", "text"],
    [undefined, "undefined"],
    [null, "null"],
    [Symbol("s"), "Symbol(s)"],
    [new Error("with Bearer abcdefghijkl"), "with Bearer [redacted]"],
  ])("of %o is %s", (thrown, text) => {
    expect(shownMessageOf(thrown)).toBe(text);
  });

  it("is at most 10,000 characters, and a string whatever was thrown", () => {
    expect(shownMessageOf(new Error("z".repeat(50_000)))).toHaveLength(10_000);
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error("no");
        },
      },
    );
    expect(shownMessageOf(hostile)).toBe("a value that cannot be shown was thrown");
  });
});
