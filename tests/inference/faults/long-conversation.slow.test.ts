/** An error walks over its conversation once: neither the pieces of its text nor what is before the last megabyte makes a character dearer. */
import { describe, expect, it } from "vitest";
import { errorOf } from "#inference/faults/fault-error";
import { median } from "../../support/median.ts";

const WORDS = "lorem ipsum dolor sit amet ";
const LONG = "The request was refused by the gateway because of policy number forty two and nothing else; ".repeat(4).slice(0, 290);

function costOf(detail: string, characters: number): number {
  const text = WORDS.repeat(characters / 10 / WORDS.length);
  const messages = Array.from({ length: 10 }, (_, index) => ({
    role: "USER" as const,
    blocks: [{ type: "text" as const, text: text + index }],
  }));
  const request = { system: [], messages } as never;
  const startedAt = performance.now();
  errorOf({ kind: "final", status: 400, detail }, { provider: "p", model: "m", request });
  return performance.now() - startedAt;
}

function ratio(more: () => number, less: () => number): number {
  const [high, low]: [number[], number[]] = [[], []];
  for (let round = 0; round < 9; round++) {
    high.push(more());
    low.push(less());
  }
  return median(high) / median(low);
}

describe("the error of a refused call", () => {
  it("of 290 characters costs about what one of a word costs, in the same conversation", () => {
    costOf(LONG, 1e6);
    // A search for each piece makes it more than a hundred.
    expect(
      ratio(
        () => costOf(LONG, 1e6),
        () => costOf("gateway", 1e6),
      ),
    ).toBeLessThan(12);
  });

  it("costs ten times as much for a conversation ten times as long", () => {
    expect(
      ratio(
        () => costOf(LONG, 4e6),
        () => costOf(LONG, 4e5),
      ),
    ).toBeLessThan(30);
  });
});
