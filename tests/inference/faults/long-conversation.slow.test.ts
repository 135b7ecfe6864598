/** An error walks over its conversation once: neither the pieces of its text nor what is before the last megabyte makes a character dearer. */
import { describe, expect, it } from "vitest";
import { errorOf } from "#inference/faults/fault-error";
import { cheapest } from "../../support/cheapest.ts";

const WORDS = "lorem ipsum dolor sit amet ";
const LONG = "The request was refused by the gateway because of policy number forty two and nothing else; ".repeat(4).slice(0, 290);

/** Makes the error of a call with so many characters, told in these words. */
function refuse(detail: string, characters: number): () => void {
  const text = WORDS.repeat(characters / 10 / WORDS.length);
  const messages = Array.from({ length: 10 }, (_, index) => ({
    role: "USER" as const,
    blocks: [{ type: "text" as const, text: text + index }],
  }));
  const request = { system: [], messages } as never;
  return () => void errorOf({ kind: "final", status: 400, detail }, { provider: "p", model: "m", request });
}

describe("the error of a refused call", () => {
  it("of 290 characters costs about what one of a word costs, in the same conversation", async () => {
    const [long = 0, word = 0] = await cheapest([refuse(LONG, 4e6), refuse("gateway", 4e6)]);
    // A search for each piece makes it more than a hundred.
    expect(long / word).toBeLessThan(12);
  });

  it("costs ten times as much for a conversation ten times as long", async () => {
    const [large = 0, small = 0] = await cheapest([refuse(LONG, 1e7), refuse(LONG, 1e6)]);
    expect(large / small).toBeLessThan(30);
  });
});
