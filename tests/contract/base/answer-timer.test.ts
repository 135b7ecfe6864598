import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AnswerLimit, setAnswerTimeout } from "#contract/base/answer-timer";
import { EffectLimits } from "#contract/base/effect-limits";
import { systemClock } from "#contract/base/services";
import { inTime } from "../../../src/worker/queue-away.ts";
import { type Echo, hold, startEcho } from "../../support/held-loop.ts";

const LIMIT_MS = 20;
const HELD_MS = 300;

describe("what is asked while the event loop is held", () => {
  let echo: Echo;
  beforeEach(async () => {
    echo = await startEcho();
  });
  afterEach(async () => {
    await echo.close();
  });

  const limited: [string, (ask: () => Promise<string>) => Promise<string>][] = [
    [
      "an answer timer",
      (ask) =>
        new Promise((resolve, reject) => {
          setAnswerTimeout(LIMIT_MS, () => reject(new Error("late")));
          ask().then(resolve, reject);
        }),
    ],
    ["a queue's limit", (ask) => inTime(ask(), LIMIT_MS)],
    ["a limit of effects", (ask) => new EffectLimits(systemClock, { limitMs: LIMIT_MS, graceMs: 0 }).run("a question", ask)],
  ];

  it.each(limited)("has its answer by %s, though the time is over when it is read", async (_, limit) => {
    const answer = limit(() => echo.ask());
    hold(HELD_MS);
    expect(await answer).toBe("answer");
  });

  it.each(limited)("has time by %s for an answer that the other side could not give before", async (_, limit) => {
    const answer = limit(async () => (await echo.ask()) + (await echo.ask()) + (await echo.ask()));
    hold(HELD_MS);
    expect(await answer).toBe("answeransweranswer");
  });

  it("leaves what is asked next its time", async () => {
    const limit = new AnswerLimit(LIMIT_MS);
    expect(limit.leftMs).toBeGreaterThan(0);
    hold(HELD_MS);
    expect(limit.leftMs).toBe(0);
    limit.answered();
    expect(limit.leftMs).toBeGreaterThan(LIMIT_MS);
  });
});

describe("answer timer", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("says that it is late when nothing came, once", async () => {
    const late = vi.fn();
    setAnswerTimeout(1_000, late);
    await vi.advanceTimersByTimeAsync(999);
    expect(late).not.toHaveBeenCalled();
    vi.runAllTimers();
    expect(late).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("says nothing when it was cancelled, also while what has come is read", () => {
    const late = vi.fn();
    setAnswerTimeout(1_000, late)();
    expect(vi.getTimerCount()).toBe(0);
    const cancel = setAnswerTimeout(1_000, late);
    vi.advanceTimersToNextTimer();
    cancel();
    vi.runAllTimers();
    expect(late).not.toHaveBeenCalled();
  });

  it("says so after some holds of the loop, however long that is held", async () => {
    const late = vi.fn();
    let now = 0;
    const clock = { ...systemClock, monotonic: () => (now += 60_000) };
    setAnswerTimeout(1_000, late, clock);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(late).toHaveBeenCalledOnce();
  });
});
