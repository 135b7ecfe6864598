/** What an error shows is searched for all that was said, in one walk over it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { saidLengths } from "#inference/faults/said-lengths";

/** By looking for every piece. */
function model(text: string, said: readonly string[]): number[] {
  return Array.from(text, (_, at) => {
    for (let from = 0; from <= at; from++) if (said.some((piece) => piece.includes(text.slice(from, at + 1)))) return at + 1 - from;
    return 0;
  });
}

describe("said lengths", () => {
  it("are, for each place, that of the longest piece which ends there and was said", () => {
    expect([...saidLengths("abcabd", ["xabd", "bca"])]).toEqual([1, 2, 2, 3, 2, 3]);
    expect([...saidLengths("abc", [])]).toEqual([0, 0, 0]);
    expect([...saidLengths("", ["abc"])]).toEqual([]);
    expect([...saidLengths("abc", [""])]).toEqual([0, 0, 0]);
  });

  it("are those that a search for every piece gives, also where pieces repeat and overlap", () => {
    const few = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 24 });
    fc.assert(
      fc.property(few, fc.array(few, { maxLength: 4 }), (text, said) => {
        expect([...saidLengths(text, said)]).toEqual(model(text, said));
      }),
      { numRuns: 2_000 },
    );
  });

  it("take any letters, halves of pairs too", () => {
    const any = fc.string({
      unit: fc.oneof(fc.constantFrom("a", "\ud83d", "\ude00", "é", "\u0000", "\uffff"), fc.string()),
      maxLength: 12,
    });
    fc.assert(
      fc.property(any, any, any, (head, shared, tail) => {
        const text = (head + shared).slice(0, 300);
        const expected = Array.from({ length: text.length }, (_, at) => {
          for (let from = 0; from <= at; from++) if ((shared + tail).includes(text.slice(from, at + 1))) return at + 1 - from;
          return 0;
        });
        expect([...saidLengths(text, [shared + tail])]).toEqual(expected);
      }),
    );
  });
});
