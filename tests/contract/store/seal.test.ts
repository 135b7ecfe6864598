import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf } from "#contract/store/digest";
import type { Codec } from "#contract/store/run-options";
import type { Sealed } from "#contract/store/run-record";
import {
  decoded,
  encoded,
  openEvent,
  openGeneration,
  openInfo,
  openMessage,
  PartsSum,
  requireUnbroken,
  sealEvent,
  sealGeneration,
  sealInfo,
  sealMessage,
  sealUnnumberedEvent,
} from "#contract/store/seal";
import { sha256 } from "#contract/store/sha256";

const damaged = expect.objectContaining({ code: "snapshot-damaged" });

function generationOf(taskId: string, generation: number, parts: ReadonlyMap<string, Sealed>, body = `{"n":${generation}}`) {
  return { generation, info: sealGeneration(taskId, generation, new PartsSum(taskId, parts), body) as Sealed, parts: new Map(parts) };
}

const sealedParts = fc.uniqueArray(
  fc.tuple(fc.string({ unit: "binary" }), fc.oneof(fc.string({ unit: "binary" }), fc.uint8Array({ maxLength: 40 }))),
  { selector: ([name]) => name, maxLength: 12 },
);

describe("digest", () => {
  it("is the first half of SHA-256, by our own hand too", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary", maxLength: 300 }), fc.uint8Array({ maxLength: 300 })), (input) => {
        const expected = createHash("sha256").update(input).digest("hex");
        expect([sha256(input), digestOf(input)]).toEqual([expected, expected.slice(0, 32)]);
      }),
      { numRuns: 500 },
    );
    for (const length of [55, 56, 63, 64, 65, 119, 120, 5_000]) {
      expect(sha256("x".repeat(length))).toBe(createHash("sha256").update("x".repeat(length)).digest("hex"));
    }
  });
});

describe("seal over parts", () => {
  it("is the same whatever the way to the parts was", () => {
    const name = fc.constantFrom("a", "b", "c", "d", "e");
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.option(fc.string({ unit: "binary" })))), (changes) => {
        const sum = new PartsSum("task");
        const parts = new Map<string, string>();
        for (const [part, content] of changes) {
          if (content === null) {
            sum.remove(part);
            parts.delete(part);
          } else {
            sum.put(part, content);
            parts.set(part, content);
          }
        }
        expect(sum.toString()).toBe(new PartsSum("task", [...parts].reverse()).toString());
      }),
    );
  });

  it("opens what was sealed, and gives the words back", () => {
    fc.assert(
      fc.property(sealedParts, fc.string({ unit: "binary" }), fc.nat(), (parts, body, generation) => {
        expect(openGeneration("task", generationOf("task", generation, new Map(parts), body))).toBe(body);
      }),
    );
  });
});

/** A store that does one thing wrong, by a seed. */
type Generation = ReturnType<typeof generationOf>;

function flipped(content: Sealed, at: number): Sealed {
  if (content.length === 0) return typeof content === "string" ? "x" : Uint8Array.of(0);
  const index = at % content.length;
  if (typeof content !== "string") return content.map((byte, place) => (place === index ? byte ^ (1 << (at % 8)) : byte));
  return content.slice(0, index) + String.fromCharCode(content.charCodeAt(index) ^ (1 << (at % 7))) + content.slice(index + 1);
}

const MISTAKES: Readonly<Record<string, (found: Generation, other: Generation, at: number) => void>> = {
  "alters a part": ({ parts }, _, at) => {
    const [name, content] = [...parts][at % parts.size] as [string, Sealed];
    parts.set(name, flipped(content, at));
  },
  "drops a part": ({ parts }, _, at) => void parts.delete([...parts.keys()][at % parts.size] as string),
  "adds a part": ({ parts }, _, at) => void parts.set(`new ${at}`, "x"),
  "renames a part": ({ parts }, _, at) => {
    const [name, content] = [...parts][at % parts.size] as [string, Sealed];
    parts.delete(name);
    parts.set(`${name}.`, content);
  },
  "swaps two parts": ({ parts }) => {
    const [first, shared] = [parts.get("first") as Sealed, parts.get("shared") as Sealed];
    parts.set("first", shared).set("shared", first);
  },
  "gives a part of another generation": ({ parts }, other) => void parts.set("shared", other.parts.get("shared") as Sealed),
  "gives another generation": (found, other) => void Object.assign(found, { info: other.info, parts: other.parts }),
  "gives the info of another generation": (found, other) => void Object.assign(found, { info: other.info }),
  "gives the parts of another generation": (found, other) => void Object.assign(found, { parts: other.parts }),
  "gives a text as bytes": ({ parts }) => void parts.set("shared", new TextEncoder().encode(parts.get("shared") as string)),
  "alters the info": (found, _, at) => void Object.assign(found, { info: flipped(found.info, at) }),
  "cuts the info": (found, _, at) => void Object.assign(found, { info: found.info.slice(0, at % found.info.length) }),
  "gives no info": (found) => void Object.assign(found, { info: "" }),
  "gives the info as bytes": (found) => void Object.assign(found, { info: new TextEncoder().encode(found.info as string) }),
};

describe("seal against a store's mistakes", () => {
  it.each(Object.entries(MISTAKES))("is broken by a store that %s", (_, mistake) => {
    fc.assert(
      fc.property(sealedParts, fc.nat(), (extra, at) => {
        const partsOf = (n: number): Map<string, Sealed> =>
          new Map<string, Sealed>([...extra, ["first", `${n}`], ["shared", `{"n":${n}}`]]);
        const found = generationOf("task", 4, partsOf(4));
        mistake(found, generationOf("task", 3, partsOf(3)), at);
        expect(() => openGeneration("task", found)).toThrow(damaged);
      }),
    );
  });

  it("is broken by whatever belongs to another task", () => {
    const found = generationOf("other", 4, new Map([["a", "1"]]));
    expect(() => openGeneration("task", found)).toThrow(damaged);
    expect(() => openInfo("task", sealInfo("other", "{}"))).toThrow(damaged);
    expect(() => openEvent("task", { seq: 1, at: 5, body: sealEvent("other", { seq: 1, at: 5 }, "{}") })).toThrow(damaged);
    const message = { id: "m", mailbox: "in", body: "" };
    expect(() => openMessage("task", { ...message, body: sealMessage("other", message, "1") })).toThrow(damaged);
  });

  it("is broken by events and messages that are altered, swapped or dropped", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.nat(), (body, at) => {
        const event = { seq: 7, at: 5, body: sealEvent("task", { seq: 7, at: 5 }, body) };
        expect(openEvent("task", event)).toBe(body);
        expect(() => openEvent("task", { ...event, body: flipped(event.body, at) })).toThrow(damaged);
        expect(() => openEvent("task", { ...event, seq: 8 })).toThrow(damaged);
        expect(() => openEvent("task", { ...event, at: 6 })).toThrow(damaged);
        const ended = sealUnnumberedEvent("task", 1, body);
        expect(openEvent("task", { seq: 9, at: 5, body: ended })).toBe(body);
        expect(() => openEvent("task", { seq: 9, at: 5, body: ended.replace("+1", "+2") })).toThrow(damaged);
        const message = { id: "m", mailbox: "in", body: sealMessage("task", { id: "m", mailbox: "in" }, body) };
        expect(openMessage("task", message)).toBe(body);
        for (const wrong of [{ id: "n" }, { mailbox: "out" }, { body: flipped(message.body, at) }, { body: "" }]) {
          expect(() => openMessage("task", { ...message, ...wrong })).toThrow(damaged);
        }
        expect(openInfo("task", sealInfo("task", body))).toBe(body);
        expect(() => openInfo("task", flipped(sealInfo("task", body), at))).toThrow(damaged);
      }),
    );
    expect(() => requireUnbroken("task", "Event", 3, [3, 4, 5])).not.toThrow();
    expect(() => requireUnbroken("task", "Event", 3, [3, 5])).toThrow(
      expect.objectContaining({ message: expect.stringContaining("expected number 4, found 5") }),
    );
    expect(() => requireUnbroken("task", "Event", 3, [4])).toThrow(damaged);
  });
});

describe("codec", () => {
  const codec: Codec = { encode: (bytes) => bytes.map((byte) => byte ^ 0x5a), decode: (bytes) => bytes.map((byte) => byte ^ 0x5a) };

  it("is used on the way in and out, and what was stored without it stays readable", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(encoded(undefined, text)).toBe(text);
        expect(encoded(codec, text)).toEqual(codec.encode(new TextEncoder().encode(text)));
        expect(decoded(codec, encoded(codec, text), "it")).toBe(text);
        expect(decoded(codec, text, "it")).toBe(text);
      }),
    );
  });

  it("is asked for where there is none, or another one", () => {
    const sealed = encoded(codec, "é");
    expect(() => decoded(undefined, sealed, "Part x")).toThrow(
      expect.objectContaining({ code: "snapshot-codec", message: expect.stringContaining("Part x") }),
    );
    const other: Codec = { encode: (bytes) => bytes, decode: (bytes) => bytes };
    expect(() => decoded(other, Uint8Array.of(0xff), "Part x")).toThrow(expect.objectContaining({ code: "snapshot-codec" }));
  });
});
