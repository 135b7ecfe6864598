/** Calls start in order, under the limits of the user and of the provider, and nobody waits who does not have to. */
import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { RateLimiter, type RateLimits } from "#inference/call/rate-limiter";
import { ManualClock, turned } from "../../support/manual-clock.ts";

function pace(limits: RateLimits) {
  const clock = new ManualClock();
  const rateLimiter = new RateLimiter(limits, clock);
  const start = clock.now();
  const started: [name: string, at: number][] = [];
  const ask = async (name: string, tokens = 1, signal = new AbortController().signal): Promise<void> => {
    await rateLimiter.admit(tokens, signal);
    started.push([name, clock.now() - start]);
  };
  return { clock, rateLimiter, started, ask };
}

describe("rate limiter", () => {
  it("lets a minute's requests pass at once, and the rest as the bucket fills", async () => {
    const { clock, started, ask } = pace({ requestsPerMinute: 3 });
    for (const name of ["a", "b", "c", "d", "e"]) void ask(name);
    await clock.pass(60_000);
    expect(started).toEqual([
      ["a", 0],
      ["b", 0],
      ["c", 0],
      ["d", 20_000],
      ["e", 40_000],
    ]);
  });

  it("counts tokens, and who came first goes first, also when a smaller one would fit", async () => {
    const { clock, started, ask } = pace({ tokensPerMinute: 600 });
    void ask("a", 500);
    void ask("big", 400);
    void ask("small", 50);
    await clock.pass(120_000);
    expect(started).toEqual([
      ["a", 0],
      ["big", 30_000],
      ["small", 35_000],
    ]);
  });

  it("lets pass what is bigger than the bucket when that is full, and has those pay who come after", async () => {
    const { clock, started, ask } = pace({ tokensPerMinute: 600 });
    void ask("a", 60);
    void ask("huge", 1200);
    void ask("b", 10);
    await clock.pass(200_000);
    expect(started).toEqual([
      ["a", 0],
      ["huge", 6000],
      ["b", 67_000],
    ]);
  });

  it("keeps under both limits", async () => {
    const { clock, started, ask } = pace({ requestsPerMinute: 60, tokensPerMinute: 60 });
    void ask("a", 60);
    void ask("b", 30);
    await clock.pass(60_000);
    expect(started).toEqual([
      ["a", 0],
      ["b", 30_000],
    ]);
  });

  it("does not save up more than a minute's worth", async () => {
    const { clock, started, ask } = pace({ requestsPerMinute: 2 });
    await clock.pass(3_600_000);
    for (const name of ["a", "b", "c"]) void ask(name);
    await clock.pass(30_000);
    expect(started.map(([, at]) => at - 3_600_000)).toEqual([0, 0, 30_000]);
  });

  it("gives back what was estimated too high, to those who wait, and takes what was too low", async () => {
    const { clock, rateLimiter, started, ask } = pace({ tokensPerMinute: 600 });
    await ask("a", 600);
    void ask("b", 300);
    await turned();
    expect(started).toHaveLength(1);
    rateLimiter.settle(600, 100);
    await turned();
    expect(started).toEqual([
      ["a", 0],
      ["b", 0],
    ]);
    rateLimiter.settle(300, 800);
    void ask("c", 100);
    await clock.pass(60_000);
    expect(started.at(-1)).toEqual(["c", 40_000]);
  });

  it("forgets who gives up, tells them why, and lets the next one move up", async () => {
    const { clock, started, ask } = pace({ tokensPerMinute: 600 });
    await ask("a", 600);
    const controller = new AbortController();
    const gone = expect(ask("gone", 600, controller.signal)).rejects.toBe("no more");
    void ask("b", 10);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(1);
    controller.abort("no more");
    await gone;
    await clock.pass(60_000);
    expect(started).toEqual([
      ["a", 0],
      ["b", 1000],
    ]);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
    expect(clock.armed).toBe(0);
  });

  it("leaves no listener on a signal that many calls share", async () => {
    const { clock, started, ask } = pace({ requestsPerMinute: 10 });
    const { signal } = new AbortController();
    for (let n = 0; n < 50; n++) void ask(String(n), 1, signal);
    await clock.pass(300_000);
    expect(started).toHaveLength(50);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    expect(clock.armed).toBe(0);
  });

  it("refuses a signal that is aborted already, also without limits", async () => {
    await expect(pace({}).ask("a", 1, AbortSignal.abort("before"))).rejects.toBe("before");
  });

  it("never waits without limits and headers", async () => {
    const { clock, started, ask } = pace({});
    for (let n = 0; n < 1000; n++) await ask(String(n), 1_000_000);
    expect(started).toHaveLength(1000);
    expect(clock.armed).toBe(0);
  });
});

describe("rate limiter that is asked how long", () => {
  const low = { "x-ratelimit-limit-tokens": "100000", "x-ratelimit-remaining-tokens": "99", "x-ratelimit-reset-tokens": "100s" };
  it.each<[string, RateLimits, Record<string, string>, number[], "limits" | "provider-limits"]>([
    ["requests", { requestsPerMinute: 2 }, {}, [1, 1, 1, 1, 1], "limits"],
    ["tokens", { tokensPerMinute: 600 }, {}, [500, 400, 50, 700, 10], "limits"],
    ["both", { requestsPerMinute: 60, tokensPerMinute: 60 }, {}, [60, 30, 1, 1, 20], "limits"],
    ["what the provider tells", {}, low, [10, 10, 10, 30], "provider-limits"],
    ["all", { requestsPerMinute: 600 }, low, [50, 20, 5], "provider-limits"],
  ])("says what comes true of %s, behind a line", async (_, limits, headers, line, reason) => {
    const { clock, rateLimiter, started, ask } = pace(limits);
    rateLimiter.observe(new Headers(headers));
    const expected: [string, number][] = [];
    for (const [n, tokens] of line.entries()) {
      const { ms, reason: why } = rateLimiter.expect(tokens);
      if (ms > 0) expect(why).toBe(reason);
      expected.push([String(n), ms]);
      void ask(String(n), tokens);
    }
    await clock.pass(600_000);
    expect(started.length).toBe(line.length);
    for (const [n, [name, at]] of started.entries()) {
      expect(name).toBe(expected[n]?.[0]);
      // Each wait ends at a whole millisecond.
      expect(Math.abs(at - (expected[n]?.[1] ?? Number.NaN))).toBeLessThanOrEqual(n);
    }
    expect(started.at(-1)?.[1]).toBeGreaterThan(0);
  });

  it("counts nobody who has given up", async () => {
    const { rateLimiter, ask } = pace({ tokensPerMinute: 600 });
    await ask("a", 600);
    const controller = new AbortController();
    const gone = expect(ask("gone", 600, controller.signal)).rejects.toBe("no more");
    expect(rateLimiter.expect(10).ms).toBe(61_000);
    controller.abort("no more");
    await gone;
    expect(rateLimiter.expect(10).ms).toBe(1000);
  });
});

describe("rate limiter that is told the provider's limits", () => {
  const report = (limit: number, remaining: number, reset: string) =>
    new Headers({
      "anthropic-ratelimit-requests-limit": String(limit),
      "anthropic-ratelimit-requests-remaining": String(remaining),
      "anthropic-ratelimit-requests-reset": reset,
    });

  it("spreads what is nearly spent until the reset", async () => {
    const { clock, rateLimiter, started, ask } = pace({});
    rateLimiter.observe(report(100, 3, "2026-11-23T12:01:00Z"));
    for (const name of ["a", "b", "c", "d", "e"]) void ask(name);
    await clock.pass(60_000);
    expect(started).toEqual([
      ["a", 15_000],
      ["b", 30_000],
      ["c", 45_000],
      ["d", 60_000],
      ["e", 60_000],
    ]);
  });

  it("does not wait while there is plenty", async () => {
    const { rateLimiter, started, ask } = pace({});
    rateLimiter.observe(report(100, 50, "2026-11-23T12:01:00Z"));
    await ask("a");
    expect(started).toEqual([["a", 0]]);
  });

  it("counts what it starts itself before the provider tells it", async () => {
    const { clock, rateLimiter, started, ask } = pace({});
    rateLimiter.observe(report(100, 7, "2026-11-23T12:01:00Z"));
    for (const name of ["a", "b", "c", "d"]) void ask(name);
    await clock.pass(20_000);
    expect(started).toEqual([
      ["a", 0],
      ["b", 0],
      ["c", 0],
      ["d", 12_000],
    ]);
  });

  it.each([
    ["shorter", 5000],
    ["longer", 90_000],
  ])("heeds the provider's own word, also where it is %s than its headers", async (_, ms) => {
    const { clock, rateLimiter, started, ask } = pace({});
    rateLimiter.observe(report(100, 0, "2026-11-23T12:01:00Z"));
    void ask("a");
    await turned();
    rateLimiter.heed(ms);
    await clock.pass(100_000);
    expect(started).toEqual([["a", ms]]);
  });

  it("holds nobody for the provider's word alone, and for no day-long one", async () => {
    const { clock, rateLimiter, started, ask } = pace({});
    rateLimiter.heed(5000);
    await ask("a");
    rateLimiter.observe(report(100, 0, "2026-11-23T12:01:00Z"));
    rateLimiter.heed(86_400_000);
    void ask("b");
    await clock.pass(130_000);
    expect(started).toEqual([
      ["a", 0],
      ["b", 120_000],
    ]);
  });

  it("goes on at once when it is told that there is more", async () => {
    const { rateLimiter, started, ask } = pace({});
    rateLimiter.observe(report(100, 0, "2026-11-23T12:01:00Z"));
    void ask("a");
    await turned();
    expect(started).toEqual([]);
    rateLimiter.observe(report(100, 100, "2026-11-23T12:01:00Z"));
    await turned();
    expect(started).toEqual([["a", 0]]);
  });

  it("waits longer for more tokens", async () => {
    const { clock, rateLimiter, started, ask } = pace({});
    rateLimiter.observe(
      new Headers({ "x-ratelimit-limit-tokens": "100000", "x-ratelimit-remaining-tokens": "999", "x-ratelimit-reset-tokens": "1m0s" }),
    );
    void ask("small", 100);
    void ask("big", 5000);
    await clock.pass(60_000);
    expect(started).toEqual([
      ["small", 6000],
      ["big", 60_000],
    ]);
  });

  it.each<[string, number]>([
    ["6s", 6000],
    ["120ms", 120],
    ["1m0s", 60_000],
    ["1m30.5s", 90_500],
    ["7", 7000],
    ["0.5", 500],
    ["2026-11-23T12:00:09Z", 9000],
    ["2026-11-23T13:00:09+01:00", 9000],
    ["6m0s", 120_000],
    ["8h", 120_000],
    ["3026-01-01T00:00:00Z", 120_000],
    ["1741305600000", 120_000],
    ["0s", 0],
    ["2026-11-23T11:00:00Z", 0],
    ["-5", 0],
    ["soon", 0],
    ["", 0],
    ["NaN", 0],
  ])("reads the reset %j, and waits two minutes at most", async (reset, ms) => {
    const { clock, rateLimiter, started, ask } = pace({});
    rateLimiter.observe(new Headers({ "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": reset }));
    void ask("a");
    await clock.pass(130_000);
    expect(started).toEqual([["a", ms]]);
  });
});
