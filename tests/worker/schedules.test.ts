/** A schedule fires each of its times once, whoever is there, over changes of the clock and over downtime as it says. */
import { Agent, defineModule, Node, type RunStore, Runs, type ScheduleOptions } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { AgentWorker, localQueue } from "asimov-agents/worker";
import { describe, expect, it } from "vitest";
import { all, storesOf } from "../runs/stores.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TASK = { type: "digest", objective: "Sum up the day" };

function benchOf(start: string, make: (options: { clock: SimulatedClock }) => RunStore) {
  const clock = new SimulatedClock(new Date(start));
  const store = make({ clock });
  const runs = new Runs(store, { clock });
  const workMs = { value: 0 };
  const work = defineModule({
    name: "work",
    process: async ({ sleep }) => {
      if (workMs.value > 0) await sleep(workMs.value);
      return { status: "success" };
    },
  });
  const worker = () =>
    new AgentWorker({
      agents: [new Agent({ name: "report", clock, effectTimeoutMs: 30 * DAY, nodes: [new Node({ name: "work", modules: [work] })] })],
      ...{ store, clock, queue: localQueue({ pollMs: HOUR }), leaseMs: 24 * DAY },
    });
  const fired = async (): Promise<string[]> => (await all(runs.find({ type: "digest" }))).map(({ taskId }) => taskId).sort();
  return { clock, store, runs, worker, fired, workMs };
}

const daily = (rest: Partial<ScheduleOptions> = {}): ScheduleOptions => ({ agent: "report", cron: "0 9 * * *", task: TASK, ...rest });

describe.each(storesOf())("a schedule (%s)", (_, make) => {
  it("is fired once for each time, by two workers of one store", async () => {
    const bench = benchOf("2026-01-01T00:00:00Z", make);
    const workers = [bench.worker(), bench.worker()];
    for (const worker of workers) await worker.start();
    await workers[0]?.schedule("daily", daily());
    await bench.clock.advance(3 * DAY);
    expect(await bench.fired()).toEqual([1, 2, 3].map((day) => `daily@2026-01-0${day}T09:00:00.000Z`));
    expect((await all(bench.runs.find({ status: "COMPLETE" }))).length).toBe(3);
    await bench.runs.unschedule("daily");
    await bench.clock.advance(2 * DAY);
    expect(await bench.fired()).toHaveLength(3);
    await expect(bench.runs.unschedule("daily")).rejects.toMatchObject({ code: "schedule-not-found" });
    for (const worker of workers) await worker.stop();
  });
});

describe.each(storesOf())("the times of a schedule (%s)", (_, make) => {
  it.each([
    ["last", ["2026-01-04T09"]],
    ["skip", []],
    ["all", ["2026-01-01T09", "2026-01-02T09", "2026-01-03T09", "2026-01-04T09"]],
  ] as const)("that was missed while no worker was there fires as `missed: %s` says", async (missed, expected) => {
    const bench = benchOf("2026-01-01T00:00:00Z", make);
    await bench.runs.schedule("daily", daily({ missed }));
    await bench.clock.advance(3.5 * DAY);
    const worker = bench.worker();
    await worker.start();
    await bench.clock.advance(MINUTE);
    expect(await bench.fired()).toEqual(expected.map((at) => `daily@${at}:00:00.000Z`));
    await bench.clock.advance(DAY);
    expect((await bench.fired()).at(-1)).toBe("daily@2026-01-05T09:00:00.000Z");
    expect((await bench.fired()).length).toBe(expected.length + 1);
    await worker.stop();
  });

  it("that was missed while a clock changed is not fired before its time, nor for a day before", async () => {
    for (const [start, comes, expected] of [
      ["2026-03-27T12:00:00Z", "2026-03-29T01:10:00Z", "2026-03-28T01:30"],
      ["2026-10-23T12:00:00Z", "2026-10-25T01:10:00Z", "2026-10-25T00:30"],
    ] as const) {
      const bench = benchOf(start, make);
      await bench.runs.schedule("night", daily({ cron: "30 2 * * *", timeZone: "Europe/Berlin" }));
      await bench.clock.advance(Date.parse(comes) - bench.clock.now());
      const worker = bench.worker();
      await worker.start();
      await bench.clock.advance(MINUTE);
      expect(await bench.fired()).toEqual([`night@${expected}:00.000Z`]);
      await worker.stop();
    }
  });

  it("skips a time at which the run before has not ended, or lets it wait for that", { timeout: 120_000 }, async () => {
    for (const [overlap, hours] of [
      ["skip", ["00", "03"]],
      ["queue", ["00", "01", "02", "03"]],
    ] as const) {
      const bench = benchOf("2025-12-31T23:30:00Z", make);
      bench.workMs.value = 2.5 * HOUR;
      const worker = bench.worker();
      await worker.start();
      await worker.schedule("hourly", daily({ cron: "0 * * * *", overlap }));
      await bench.clock.advance(4 * HOUR);
      const started = await all(bench.runs.find({ type: "digest" }));
      expect(started.length).toBe(2);
      if (overlap === "queue") {
        await bench.clock.advance(8 * HOUR);
        expect((await bench.fired()).slice(0, 4)).toEqual(hours.map((at) => `hourly@2026-01-01T${at}:00:00.000Z`));
      } else expect(await bench.fired()).toEqual(hours.map((at) => `hourly@2026-01-01T${at}:00:00.000Z`));
      await worker.stop({ graceMs: 0 });
    }
  });

  it("fires once a day where the clock is put forward and back", { timeout: 120_000 }, async () => {
    for (const [timeZone, spring, autumn] of [
      ["Europe/Berlin", "2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z"],
      ["America/New_York", "2026-03-07T12:00:00Z", "2026-10-31T12:00:00Z"],
    ] as const) {
      for (const start of [spring, autumn]) {
        const bench = benchOf(start, make);
        const worker = bench.worker();
        await worker.start();
        await worker.schedule("night", daily({ cron: "30 2 * * *", timeZone }));
        await worker.schedule("early", daily({ cron: "30 1 * * *", timeZone }));
        await bench.clock.advance(3 * DAY);
        const fired = await bench.fired();
        expect(fired.filter((id) => id.startsWith("night"))).toHaveLength(3);
        expect(fired.filter((id) => id.startsWith("early"))).toHaveLength(3);
        await worker.stop();
      }
    }
  });

  it("that is given again fires as it is given now", async () => {
    const bench = benchOf("2026-01-01T00:00:00Z", make);
    const worker = bench.worker();
    await worker.start();
    await worker.schedule("daily", daily());
    await worker.schedule("daily", daily({ cron: "0 6 * * *" }));
    await bench.clock.advance(DAY);
    expect(await bench.fired()).toEqual(["daily@2026-01-01T06:00:00.000Z"]);
    await worker.stop();
  });

  it.each([
    [daily({ cron: "0 25 * * *" }), /Field 2 \(hour\) is "25"/],
    [daily({ cron: "0 9 * *" }), /expected five fields/],
    [daily({ cron: "x 9 * * *" }), /Field 1 \(minute\) is "x"/],
    [daily({ timeZone: "Europe/Atlantis" }), /expected a time zone/],
    [daily({ cron: "0 0 31 2 *" }), /names a time that never comes/],
  ])("that does not parse says where", async (options, message) => {
    const { runs } = benchOf("2026-01-01T00:00:00Z", make);
    const refused = runs.schedule("daily", options);
    await expect(refused).rejects.toMatchObject({ code: "schedule-invalid" });
    await expect(refused).rejects.toThrow(message);
  });
});
