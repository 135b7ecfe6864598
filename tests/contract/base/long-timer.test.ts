import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { setLongTimeout } from "#contract/base/long-timer";
import { systemClock } from "#contract/base/services";

const LONGEST_STEP_MS = 2 ** 31 - 1;

describe("long timer", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    // The spy first, which would put the simulated timer back.
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  it.each([0, 1, 1_000, LONGEST_STEP_MS, LONGEST_STEP_MS + 1, 3 * LONGEST_STEP_MS + 7])("fires once after %d ms, never before", (ms) => {
    const fire = vi.fn();
    setLongTimeout(ms, fire, systemClock);
    if (ms > 0) vi.advanceTimersByTime(ms - 1);
    expect(fire).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(fire).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("asks the platform for no delay that it would cut to nothing", () => {
    const platform = vi.spyOn(globalThis, "setTimeout");
    const cancel = setLongTimeout(5 * LONGEST_STEP_MS, () => undefined, systemClock);
    vi.advanceTimersByTime(3 * LONGEST_STEP_MS);
    expect(platform.mock.calls.every(([, delay]) => (delay ?? 0) <= LONGEST_STEP_MS)).toBe(true);
    cancel();
  });

  it("leaves no timer when it is cancelled, in its first step or a later one, or after it fired", () => {
    const fire = vi.fn();
    setLongTimeout(10, fire, systemClock)();
    const later = setLongTimeout(2 * LONGEST_STEP_MS, fire, systemClock);
    vi.advanceTimersByTime(LONGEST_STEP_MS + 5);
    later();
    expect(vi.getTimerCount()).toBe(0);
    expect(fire).not.toHaveBeenCalled();
    const fired = setLongTimeout(1, fire, systemClock);
    vi.advanceTimersByTime(1);
    fired();
    expect(fire).toHaveBeenCalledOnce();
  });
});
