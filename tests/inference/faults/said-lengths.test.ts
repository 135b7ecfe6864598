/** What an error shows is searched for all that was said, in one walk over it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SHORTEST_PIECE, saidLengths } from "#inference/faults/said-lengths";

/** By looking for every piece. */
function model(text: string, said: readonly string[]): number[] {
  return Array.from(text, (_, at) => {
    for (let from = 0; from <= at; from++) if (said.some((piece) => piece.includes(text.slice(from, at + 1)))) return at + 1 - from;
    return 0;
  });
}

/** Of pieces that are long enough to count. */
const counted = (lengths: Iterable<number>): number[] => Array.from(lengths, (length) => (length < SHORTEST_PIECE ? 0 : length));

describe("said lengths", () => {
  it("are, for each place, that of the longest piece which ends there and was said", () => {
    expect(counted(saidLengths("abcdefg", ["xabcdef", "cdefg"]))).toEqual([0, 0, 0, 0, 5, 6, 5]);
    expect(counted(saidLengths("abcdef", []))).toEqual([0, 0, 0, 0, 0, 0]);
    expect(counted(saidLengths("", ["abcdef"]))).toEqual([]);
    expect(counted(saidLengths("abcdef", ["", "a", "ab", "abcde"]))).toEqual([0, 0, 0, 0, 5, 0]);
  });

  it.each([2, 3, 5])("are those that a search for every piece gives, also where pieces of %d letters repeat and overlap", (letters) => {
    const few = fc.string({ unit: fc.constantFrom(..."abcde".slice(0, letters)), maxLength: 40 });
    fc.assert(
      fc.property(few, fc.array(few, { maxLength: 4 }), (text, said) => {
        expect(counted(saidLengths(text, said))).toEqual(counted(model(text, said)));
      }),
      { numRuns: 500 },
    );
  });

  it("find what stands anywhere among other letters, whatever both are", () => {
    const any = fc.string({
      unit: fc.oneof(fc.constantFrom("a", "b", "\ud83d", "\ude00", "é", "\u0000", "\uffff"), fc.string()),
      maxLength: 20,
    });
    fc.assert(
      fc.property(any, any, any, any, (before, shared, after, head) => {
        const text = (head + shared).slice(0, 300);
        const said = [before + shared + after];
        const places = Array.from({ length: text.length }, (_, at) => at);
        const expected = places.map((at) => {
          for (let from = 0; from <= at; from++) if (said[0]?.includes(text.slice(from, at + 1))) return at + 1 - from;
          return 0;
        });
        expect(counted(saidLengths(text, said))).toEqual(counted(expected));
      }),
      { numRuns: 500 },
    );
  });
});
