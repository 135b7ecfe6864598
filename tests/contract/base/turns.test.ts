import { describe, expect, it } from "vitest";
import { Turns } from "#contract/base/turns";
import { turned } from "../../support/manual-clock.ts";

const hold = (ms: number): void => {
  const end = performance.now() + ms;
  while (performance.now() <= end);
};

describe("a turn of the event loop", () => {
  it("is over when more than 20 ms have gone since somebody asked first, and not before", () => {
    const turns = new Turns();
    expect(turns.isOver()).toBe(false);
    expect(turns.isOver()).toBe(false);
    hold(21);
    expect(turns.isOver()).toBe(true);
  });

  it("begins anew when the loop has turned, and calls back then", async () => {
    const turns = new Turns();
    turns.isOver();
    hold(21);
    expect(turns.isOver()).toBe(true);
    const log: string[] = [];
    turns.next(() => log.push("called"));
    await Promise.resolve();
    expect(log).toEqual([]);
    await turned();
    expect(log).toEqual(["called"]);
    expect(turns.isOver()).toBe(false);
  });

  it("is not taken for turned by a long gap in which nobody asked", () => {
    const turns = new Turns();
    for (let round = 0; round < 3; round++) {
      expect(turns.isOver()).toBe(round > 0);
      hold(25);
    }
  });
});
