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

  it("leave out what a report says of the library's own errors", () => {
    expect(errorDetailsOf(new NonRetryableError("no", { code: "mine" }))).toEqual({ name: "NonRetryableError", stack: expect.any(String) });
    class Own extends AsimovError {
      readonly more = 1;
    }
    expect(errorDetailsOf(new Own("no", { code: "own" }))).toMatchObject({ name: "Own", properties: { more: 1 } });
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
