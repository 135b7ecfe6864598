/** Moments of a cron line: those after a moment and those before it are the same ones, also where a clock changes. */
import { describe, expect, it } from "vitest";
import { cronTimes } from "#runs/cron";

const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;

/** All times of so many days. */
async function timesOf(cron: string, timeZone: string, start: string, days: number): Promise<number[]> {
  const line = await cronTimes({ cron, timeZone });
  const first = Date.parse(start);
  const found: number[] = [];
  for (let next = line.after(first - 1); next !== null && next < first + days * DAY; next = line.after(next)) found.push(next);
  return found;
}

const CHANGES = [
  ["30 2 * * *", "Europe/Berlin", "2026-03-27T00:00:00Z"],
  ["30 2 * * *", "Europe/Berlin", "2026-10-23T00:00:00Z"],
  ["*/30 1-3 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z"],
  ["*/30 1-3 * * *", "America/New_York", "2026-10-31T00:00:00Z"],
  ["0 2,3 * * *", "America/New_York", "2026-03-07T00:00:00Z"],
  ["0 0 * * *", "America/Santiago", "2026-09-04T00:00:00Z"],
  ["15 */2 * * *", "Australia/Lord_Howe", "2026-04-03T00:00:00Z"],
  ["0 9 * * *", "Pacific/Apia", "2011-12-28T00:00:00Z"],
] as const;

describe("the next time of a cron line", () => {
  it.each(CHANGES)(
    "is behind the moment that it is asked for, the same for all until it comes: %s in %s from %s",
    async (cron, zone, start) => {
      const times = await timesOf(cron, zone, start, 4);
      const line = await cronTimes({ cron, timeZone: zone });
      const last = times.at(-1) as number;
      for (let moment = Date.parse(start); moment < last; moment += 17 * MINUTE) {
        expect([moment, line.after(moment)]).toEqual([moment, times.find((time) => time > moment)]);
      }
    },
  );

  it("of which the clock jumps over comes as much later, each of several", async () => {
    const times = await timesOf("15,45 2 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 1);
    expect(times.map((time) => new Date(time).toISOString().slice(11, 16))).toEqual(["01:15", "01:45"]);
  });

  it("is found to the second behind an hour that comes twice", async () => {
    const line = await cronTimes({ cron: "*/20 * * * * *", timeZone: "Europe/Berlin" });
    expect(line.after(Date.parse("2026-10-25T01:10:30Z"))).toBe(Date.parse("2026-10-25T02:00:00Z"));
  });
});

describe("the last time of a cron line in a while", () => {
  it.each(CHANGES)("is the last that came, and none that is to come: %s in %s from %s", async (cron, timeZone, start) => {
    const times = await timesOf(cron, timeZone, start, 4);
    expect(times.length).toBeGreaterThan(3);
    expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
    const { lastIn } = await cronTimes({ cron, timeZone });
    const since = Date.parse(start) - 1;
    for (const [at, time] of times.entries()) {
      expect([lastIn(since, time - 1), lastIn(since, time), lastIn(time, time)]).toEqual([times[at - 1] ?? null, time, null]);
    }
  });

  it("is found however long it is ago, and null where there is none", async () => {
    const until = Date.parse("2104-01-01T00:00:00Z");
    const leap = await cronTimes({ cron: "0 0 29 2 *", timeZone: "UTC" });
    expect(leap.lastIn(0, until)).toBe(Date.parse("2096-02-29T00:00:00Z"));
    const never = await cronTimes({ cron: "0 0 31 2 *", timeZone: "UTC" });
    expect(never.lastIn(0, until)).toBe(null);
  });
});
