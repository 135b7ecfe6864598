import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Affixes, keyOf, mailboxKey, mailboxOf, prefixWithin, readName, valueKey } from "#cache/keys";

/** Small alphabets collide often; that is the point. */
const hostile = fc.stringMatching(/^[ab:%@*?[\]\\^253A-]{0,6}$/);
const name = fc.oneof(
  hostile.filter((text) => text !== ""),
  fc.constantFrom("__proto__", "mailbox", "@", ":", "%3A", "%40a"),
);
const affixes = fc.record({ prefix: hostile, suffix: hostile });
const stored = fc.record({ view: affixes, name, kind: fc.constantFrom("value" as const, "mailbox" as const) });
const build = (item: { view: Affixes; name: string; kind: "value" | "mailbox" }): string =>
  item.kind === "value" ? valueKey(item.view, item.name) : mailboxKey(item.view, item.name);

describe("cache keys", () => {
  it("are the prefix, the key and the suffix, with colons between", () => {
    expect(valueKey({ prefix: "p", suffix: "s" }, "key")).toBe("p:key:s");
    expect(valueKey({ prefix: "p", suffix: "" }, "key")).toBe("p:key");
    expect(valueKey({ prefix: "", suffix: "" }, "key")).toBe("key");
    expect(mailboxKey({ prefix: "p", suffix: "s" }, "box")).toBe("p:@box:s");
  });

  it("read back as the view and the name they were built of", () => {
    fc.assert(
      fc.property(stored, (item) => {
        expect(readName(build(item))).toEqual({ ...item.view, kind: item.kind, name: item.name });
      }),
      { numRuns: 5_000 },
    );
  });

  it("of a key space within another differ from those of any other space", () => {
    const space = fc.record({ prefix: hostile, name });
    fc.assert(
      fc.property(space, space, name, (a, b, key) => {
        const isSame = a.prefix === b.prefix && a.name === b.name;
        // A space within none is what a prefix alone makes.
        fc.pre(a.prefix !== "" && b.prefix !== "");
        const [left = "", right = ""] = [a, b].map((one) => valueKey({ prefix: prefixWithin(one.prefix, one.name), suffix: "" }, key));
        expect(left === right).toBe(isSame);
        expect(readName(left)?.name).toBe(key);
      }),
      { numRuns: 20_000 },
    );
  });

  it("differ whenever the view, the name or the kind differs", () => {
    fc.assert(
      fc.property(stored, stored, (a, b) => {
        expect(build(a) === build(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
      { numRuns: 20_000 },
    );
  });

  it("are seen by their own view alone, as their own kind alone", () => {
    fc.assert(
      fc.property(stored, affixes, (item, view) => {
        const own = view.prefix === item.view.prefix && view.suffix === item.view.suffix;
        expect(keyOf(view, build(item))).toBe(own && item.kind === "value" ? item.name : undefined);
        expect(mailboxOf(view, build(item))).toBe(own && item.kind === "mailbox" ? item.name : undefined);
      }),
      { numRuns: 5_000 },
    );
  });

  it("of strangers read as nothing, or as the one name that is stored there", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const found = readName(text);
        if (found !== undefined) expect(build({ view: found, ...found })).toBe(text);
      }),
      { numRuns: 5_000 },
    );
    for (const text of ["", ":", ":a", "a::b", "p:100%", "p:%zz"]) expect(readName(text)).toBeUndefined();
  });
});
