import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { generationFolderName, generationOf, taskFolderName } from "#store/file/names";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const folder = (id: string): string => taskFolderName(id, sha256);
const seed = 7;

const units = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 200 }).map((codes) => String.fromCharCode(...codes));
const odd = fc.constantFrom(
  "",
  ".",
  "..",
  "../x",
  "a/b",
  "a\\b",
  "CON",
  "con",
  "nul",
  "COM1",
  "x.",
  "x ",
  "~",
  "\u0000",
  "🙂",
  "__proto__",
  "A",
  "a",
);
const name = fc.oneof(units, odd, fc.string(), fc.string({ minLength: 50, maxLength: 9_000 }));

describe("snapshot folder names", () => {
  it("are legal on every file system and short, for any task id", () => {
    fc.assert(
      fc.property(name, (id) => {
        expect(folder(id)).toMatch(/^[a-z0-9_~-]{1,100}$/);
        expect(folder(id)).not.toMatch(/^(con|prn|aux|nul|com\d|lpt\d)$/);
      }),
      { seed, numRuns: 2_000 },
    );
  });

  it("are legal on every file system and short, for any list of nodes, and hold the generation", () => {
    fc.assert(
      fc.property(fc.nat({ max: 999_999_999_999_999 }), fc.array(name), (generation, nodes) => {
        const made = generationFolderName(generation, nodes);
        expect(made).toMatch(/^\d+_[A-Za-z0-9_+-]*$/);
        expect(made.length).toBeLessThanOrEqual(100);
        expect(generationOf(made)).toBe(generation);
      }),
      { seed, numRuns: 2_000 },
    );
  });

  it("differ for different task ids, also where case does not count", () => {
    const ids = fc.sample(name, { seed, numRuns: 5_000 }).flatMap((id) => [id, id.toUpperCase(), id.toLowerCase(), folder(id)]);
    const distinct = new Set([...ids, "half \ud83d", "half \ud83e", "half \\ud83d", "e\u0301", "é"]);
    expect(new Set([...distinct].map((id) => folder(id).toLowerCase())).size).toBe(distinct.size);
  });

  it("show a UUID and the names of nodes as they stand", () => {
    expect(folder("0b0e6c6c-9b1e-4d0b-8a52-0d2d3c1f5a77")).toBe("0b0e6c6c-9b1e-4d0b-8a52-0d2d3c1f5a77");
    expect(generationFolderName(3, ["plan", "write draft"])).toBe("3_plan+write-draft");
  });

  it("that no store made have no generation", () => {
    for (const other of [
      ".tmp-3",
      ".tmp-old-3",
      "plan",
      "3",
      "-3_plan",
      "3.5_plan",
      "1e3_plan",
      "notes_3",
      "3_plan.bak",
      "3_plan copy",
      "",
    ]) {
      expect(generationOf(other)).toBeUndefined();
    }
  });
});
