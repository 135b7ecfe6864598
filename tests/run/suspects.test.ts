/** In whose time owners were lost is alone in its process, and holds up the others no longer than it must. */
import { SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { Suspects } from "#contract/node/suspects";

const FOR_MS = 1_000;

function threeOf() {
  const clock = new SimulatedClock();
  const suspects = new Suspects();
  const there: string[] = [];
  const enter = (name: string): (() => void) => suspects.enter({}, { clock, forMs: FOR_MS }, () => there.push(name));
  const [first, second, third] = [enter("first"), enter("second"), enter("third")];
  return { clock, there, first, second, third };
}

describe("modules in whose time owners were lost", () => {
  it("work one after the other", () => {
    const { there, first, second, third, clock } = threeOf();
    expect(there).toEqual(["first"]);
    first();
    first();
    expect(there).toEqual(["first", "second"]);
    second();
    third();
    expect([there, clock.pending]).toEqual([["first", "second", "third"], 0]);
  });

  it("do not come to work when they have left before", () => {
    const { there, first, second } = threeOf();
    second();
    first();
    expect(there).toEqual(["first", "third"]);
  });

  it("wait for no other one for ever", async () => {
    const { there, clock } = threeOf();
    await clock.advance(FOR_MS - 1);
    expect(there).toEqual(["first"]);
    await clock.advance(FOR_MS + 1);
    expect(there).toEqual(["first", "second", "third"]);
  });
});
