/** A month of simulated time over the changes of two clocks: what sleeps, expires, escalates and is scheduled comes once, and not early. */
import { Agent, defineModule, defineQuestion, MemoryStore, Node, Runs, Task } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { AgentWorker, localQueue } from "asimov-agents/worker";
import { describe, expect, it } from "vitest";
import { all } from "../runs/stores.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const RUNS = 1_000;

describe("a month of simulated time", () => {
  it("brings each sleep, deadline, escalation and time of a schedule once, and none early", { timeout: 600_000 }, async () => {
    // In New York the clock changes on the 8th of March, in Berlin on the 29th.
    const clock = new SimulatedClock(new Date("2026-03-01T00:00:00Z"));
    const store = new MemoryStore({ clock, keep: 2, keepEvents: 20 });
    const runs = new Runs(store, { clock });
    const begun = new Map<string, number>();
    const early: string[] = [];
    const asked: string[] = [];
    const daysOf = (id: string): number => (Number(id.split("-")[1]) % 25) + 1;
    const nap = defineModule({
      name: "nap",
      process: async ({ task, sleep, idempotencyKey }) => {
        const since = begun.get(idempotencyKey) ?? clock.now();
        begun.set(idempotencyKey, since);
        await sleep(daysOf(task.id) * DAY);
        if (clock.now() < since + daysOf(task.id) * DAY) early.push(task.id);
        return { status: "success" };
      },
    });
    const approve = defineQuestion({
      name: "approve",
      show: ({ task }) => ({ at: clock.now(), days: daysOf(task.id) }),
      answer: { type: "object" },
      deadlineMs: 2 * DAY,
      onDeadline: { answer: {} },
      escalate: [{ afterMs: DAY, to: "head" }],
      to: "lead",
    });
    const noted = defineModule({
      name: "noted",
      process: async ({ task }) => {
        asked.push(task.id);
        return { status: "success" };
      },
    });
    const waiting = new Agent({
      ...{ name: "waiting", clock },
      nodes: [
        new Node({ name: "nap", modules: [nap] }),
        new Node({ name: "ask", modules: [approve], dependencies: ["nap"] }),
        new Node({ name: "noted", modules: [noted], dependencies: ["ask"] }),
      ],
    });
    const fired: string[] = [];
    const digest = new Agent({
      ...{ name: "digest", clock },
      nodes: [
        new Node({
          name: "note",
          modules: [
            defineModule({
              name: "note",
              process: async ({ task }) => {
                const due = Date.parse(task.id.slice(task.id.indexOf("@") + 1));
                if (clock.now() < due) early.push(task.id);
                fired.push(task.id);
                return { status: "success" };
              },
            }),
          ],
        }),
      ],
    });
    const told: string[] = [];
    const worker = new AgentWorker({
      ...{ agents: [waiting, digest], store, clock, concurrency: 100, leaseMs: 24 * DAY, queue: localQueue({ pollMs: DAY }) },
      onQuestion: ({ taskId, to }) => void told.push(`${taskId} ${to}`),
    });
    await worker.start();
    const zones = { berlin: "Europe/Berlin", york: "America/New_York" };
    for (const [name, timeZone] of Object.entries(zones)) {
      await worker.schedule(name, { agent: "digest", cron: "30 2 * * *", timeZone, task: { type: "digest", objective: "Note" } });
    }
    for (let at = 0; at < RUNS; at++) {
      await worker.submit(new Task({ id: `run-${at}`, type: "test", objective: "Wait" }), { agent: "waiting", delayMs: (at % 7) * HOUR });
    }
    for (let day = 0; day < 31; day++) await clock.advance(DAY);
    await clock.runUntil(worker.drain());
    expect(early).toEqual([]);
    expect(asked.length).toBe(RUNS);
    expect(new Set(asked).size).toBe(RUNS);
    expect([...new Set(told)].filter((line) => line.endsWith(" head")).length).toBe(RUNS);
    expect([...new Set(told)].filter((line) => line.endsWith(" lead")).length).toBe(RUNS);
    for (const name of Object.keys(zones)) {
      const times = fired.filter((id) => id.startsWith(`${name}@`));
      expect(new Set(times).size).toBe(times.length);
      expect(times.length).toBe(31);
    }
    expect((await all(runs.find({ agent: "waiting", status: "COMPLETE" }))).length).toBe(RUNS);
    expect((await all(runs.find({ status: ["FAILED", "PARTIAL", "PARKED", "READY"] }))).length).toBe(0);
    await worker.stop();
  });
});
