import { describe, expect, it } from "vitest";
import { Countdown } from "#contract/base/countdown";
import { ManualClock } from "../../support/manual-clock.ts";

const countdownOf = (ms: number) => {
  const clock = new ManualClock();
  const fired: number[] = [];
  const start = clock.now();
  const countdown = new Countdown(clock, ms, () => fired.push(clock.now() - start));
  return { clock, fired, countdown };
};

describe("a countdown", () => {
  it("fires once, when it has run for its time", async () => {
    const { clock, fired, countdown } = countdownOf(100);
    await clock.pass(1_000);
    expect(fired).toEqual([]);
    countdown.run();
    await clock.pass(99);
    expect([fired, countdown.leftMs]).toEqual([[], 1]);
    await clock.pass(1_000);
    expect(fired).toEqual([1_100]);
  });

  it("counts no time while it stands still, however often", async () => {
    const { clock, fired, countdown } = countdownOf(100);
    for (let round = 0; round < 9; round++) {
      countdown.run();
      countdown.run();
      await clock.pass(10);
      countdown.pause();
      countdown.pause();
      await clock.pass(1_000);
    }
    expect([fired, countdown.leftMs, clock.armed]).toEqual([[], 10, 0]);
    countdown.run();
    await clock.pass(9);
    expect(fired).toEqual([]);
    await clock.pass(1);
    expect(fired).toHaveLength(1);
  });

  it("without end sets no timer", async () => {
    const { clock, fired, countdown } = countdownOf(Number.POSITIVE_INFINITY);
    countdown.run();
    expect(clock.armed).toBe(0);
    countdown.pause();
    expect([fired, countdown.leftMs]).toEqual([[], Number.POSITIVE_INFINITY]);
  });

  it("takes no notice of a change of the date where the clock tells time apart", () => {
    let now = 0;
    let monotonic = 0;
    const clock = { now: () => now, monotonic: () => monotonic, setTimeout: () => ({}), clearTimeout: () => {} };
    const countdown = new Countdown(clock, 100, () => {});
    countdown.run();
    now = 1_000_000;
    monotonic = 40;
    expect(countdown.leftMs).toBe(60);
  });
});
