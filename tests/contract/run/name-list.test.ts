import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type NameList, setOf, withNames, withoutNames } from "#contract/run/name-list";

describe("list of names that grows", () => {
  it("holds what was added, in order, and no more after JSON", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5)), (counts) => {
        let list: NameList = [];
        const expected: string[] = [];
        for (const count of counts) {
          const names = Array.from({ length: count }, (_, index) => `n${expected.length + index}`);
          expected.push(...names);
          list = withNames(list, names);
          expect(list.flat()).toEqual(expected);
          expect(setOf(list)).toEqual(new Set(expected));
        }
        expect(setOf(JSON.parse(JSON.stringify(list)))).toEqual(new Set(expected));
      }),
    );
  });

  it("leaves the list before as it was, its set too", () => {
    const short = withNames([], ["a", "b"]);
    const long = withNames(short, ["c"]);
    expect([short.flat(), setOf(short)]).toEqual([["a", "b"], new Set(["a", "b"])]);
    expect(setOf(long)).toEqual(new Set(["a", "b", "c"]));
    expect(withNames(short, [])).toBe(short);
    expect(withoutNames(long, new Set(["b"])).flat()).toEqual(["a", "c"]);
    expect(withoutNames(short, new Set(["a", "b"]))).toEqual([]);
  });

  it("copies each name a logarithm of times, and shares the rest", () => {
    const copiesOf = (length: number): number => {
      let list: NameList = [];
      let copies = 0;
      for (let index = 0; index < length; index++) {
        const before = new Set(list);
        list = withNames(list, [`n${index}`]);
        for (const chunk of list) if (!before.has(chunk)) copies += chunk.length;
      }
      expect(list.length).toBeLessThanOrEqual(Math.log2(length) + 1);
      return copies / length;
    };
    expect(copiesOf(16_384)).toBeLessThanOrEqual(14 * copiesOf(2));
  });
});
