/** Waits between attempts: jittered and bounded, or as the provider asks, and never longer than the caller. */
import { getEventListeners } from "node:events";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { parseOptions } from "#contract/base/options";
import { systemClock } from "#contract/base/services";
import { delayBeforeRetry, pause, retryAfterOf, retryPolicyOf, retrySchema, waitOf } from "#inference/faults/retry";

const NOW = Date.parse("2026-11-23T12:00:00Z");
const asked = (headers: Record<string, string>) => waitOf({ kind: "retryable", ...retryAfterOf(new Headers(headers)) }, NOW).retryAfterMs;
const almostOne = () => 1 - Number.EPSILON;

describe("delay before a retry", () => {
  it("doubles up to the longest, all of it jittered", () => {
    const most = [1, 2, 3, 4, 7, 8, 5000].map((failed) => Math.round(delayBeforeRetry(failed, {}, undefined, almostOne) as number));
    expect(most).toEqual([500, 1000, 2000, 4000, 30_000, 30_000, 30_000]);
    expect(delayBeforeRetry(3, {}, undefined, () => 0)).toBe(0);
    expect(delayBeforeRetry(3, {}, undefined, () => 0.5)).toBe(1000);
  });

  it("takes its steps from the policy", () => {
    const policy = { initialDelayMs: 10, maxDelayMs: 25 };
    expect([1, 2, 3].map((failed) => delayBeforeRetry(failed, policy, undefined, () => 0.5))).toEqual([5, 10, 12.5]);
  });

  it("is what the provider asks for, up to the cap and not above", () => {
    expect(delayBeforeRetry(1, {}, 45_000, () => 0.5)).toBe(45_000);
    expect(delayBeforeRetry(1, {}, 120_000, () => 0.5)).toBe(120_000);
    expect(delayBeforeRetry(1, {}, 120_001, () => 0.5)).toBe("too-long");
    expect(delayBeforeRetry(1, { maxRetryAfterMs: 10 }, 11, () => 0.5)).toBe("too-long");
    expect(delayBeforeRetry(1, {}, Number.POSITIVE_INFINITY, () => 0.5)).toBe("too-long");
  });

  it.each([0, -5, Number.NaN])("does not take %d for a duration", (retryAfter) => {
    expect(delayBeforeRetry(1, {}, retryAfter, () => 0.5)).toBe(250);
  });

  it("lies within its bounds for every policy and every attempt", () => {
    const bound = fc.integer({ min: 0, max: 100_000 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), bound, bound, fc.double({ min: 0, max: 1, noNaN: true }), (failed, a, b, random) => {
        const delay = delayBeforeRetry(failed, { initialDelayMs: a, maxDelayMs: b }, undefined, () => random);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(b);
      }),
    );
  });
});

describe("retry policy", () => {
  it("refuses what makes no sense, by name", () => {
    const parse = (policy: unknown) => () => parseOptions(retrySchema(), policy, "retry");
    expect(parse(retryPolicyOf())).not.toThrow();
    expect(parse({ maxAttempts: 0 })).toThrow(/retry: maxAttempts/);
    expect(parse({ maxDelayMs: -1 })).toThrow(/maxDelayMs/);
    expect(parse({ retries: 3 })).toThrow(/retries/);
    expect(parse({ initialDelayMs: 60_000, maxDelayMs: 59_999 })).toThrow("retry: maxDelayMs: expected at least initialDelayMs.");
  });

  it("never waits less at first than it says", () => {
    for (const initialDelayMs of [0, 500, 60_000]) {
      const policy = { initialDelayMs };
      expect(parseOptions(retrySchema(), policy, "retry")).toEqual(policy);
      expect(delayBeforeRetry(1, policy, undefined, () => 1)).toBe(initialDelayMs);
      expect(delayBeforeRetry(5000, policy, undefined, () => 1)).toBe(initialDelayMs === 0 ? 0 : Math.max(30_000, initialDelayMs));
    }
    // The default of the one gives way to the other.
    expect(delayBeforeRetry(1, { maxDelayMs: 100 }, undefined, () => 1)).toBe(100);
    expect(() => parseOptions(retrySchema(), { maxDelayMs: 100 }, "retry")).not.toThrow();
  });
});

describe("retry-after", () => {
  it.each<[string, Record<string, string>, number | undefined]>([
    ["seconds", { "retry-after": "7" }, 7000],
    ["parts of a second", { "retry-after": "0.25" }, 250],
    ["milliseconds, before seconds", { "retry-after-ms": "120", "retry-after": "7" }, 120],
    ["a date to come", { "retry-after": "Mon, 23 Nov 2026 12:01:30 GMT" }, 90_000],
    ["a date that has passed", { "retry-after": "Mon, 23 Nov 2026 11:00:00 GMT" }, 0],
    ["a huge number", { "retry-after": "99999999999" }, 99_999_999_999_000],
    ["nothing", {}, undefined],
    ["a negative number", { "retry-after": "-5" }, undefined],
    ["negative milliseconds, where seconds are right", { "retry-after-ms": "-5", "retry-after": "2" }, 2000],
    ["words", { "retry-after": "in 5 minutes" }, undefined],
    ["no text", { "retry-after": "" }, undefined],
    ["what JavaScript alone takes for a number", { "retry-after": "0x10" }, undefined],
    ["NaN", { "retry-after": "NaN" }, undefined],
  ])("is read from %s", (_, headers, expected) => {
    expect(asked(headers)).toBe(expected);
  });
});

describe("pause", () => {
  it("ends after its time and leaves no listener", async () => {
    const { signal } = new AbortController();
    await pause(1, signal, systemClock);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("ends with the signal's reason once that is aborted, and leaves neither timer nor listener", async () => {
    vi.useFakeTimers();
    try {
      const controller = new AbortController();
      const waiting = pause(3_600_000, controller.signal, systemClock);
      const outcome = expect(waiting).rejects.toBe("enough");
      expect(vi.getTimerCount()).toBe(1);
      controller.abort("enough");
      await outcome;
      expect(vi.getTimerCount()).toBe(0);
      expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("does not begin with a signal that is aborted already", async () => {
    await expect(pause(3_600_000, AbortSignal.abort("before"), systemClock)).rejects.toBe("before");
  });
});
