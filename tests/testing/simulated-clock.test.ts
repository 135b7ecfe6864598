/** Whole agents on time that passes when a test says so. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, type AgentEvent, FileStore, Node, Task } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it, vi } from "vitest";
import { loading } from "#contract/base/loading";
import { deferred, failure, moduleOf, newTask, nodeOf, success } from "../run/support.ts";
import { snapshotsOf } from "../support/snapshots.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe("simulated clock", () => {
  it("fires timers by their moments, those of one moment as they were set, and none before its time", async () => {
    const clock = new SimulatedClock(1_000);
    const fired: string[] = [];
    const note = (name: string) => () => fired.push(`${name} at ${clock.now()}`);
    clock.setTimeout(note("late"), 30);
    clock.setTimeout(note("first"), 10);
    const gone = clock.setTimeout(note("gone"), 10);
    clock.setTimeout(note("second"), 10);
    clock.setTimeout(note("at once"), -5);
    clock.clearTimeout(gone);
    clock.clearTimeout(gone);
    await clock.advance(20);
    expect(fired).toEqual(["at once at 1000", "first at 1010", "second at 1010"]);
    expect([clock.now(), clock.pending]).toEqual([1_020, 1]);
    await clock.advance(10);
    expect(fired.at(-1)).toBe("late at 1030");
    expect(clock.pending).toBe(0);
  });

  it("stands still while code is loaded late, however many turns that takes", async () => {
    const clock = new SimulatedClock(0);
    const load = async (): Promise<void> => {
      for (let turn = 0; turn < 50; turn++) await new Promise((done) => setImmediate(done));
    };
    const loaded = loading(load).then(() => clock.now());
    await clock.advance(DAY);
    expect(await loaded).toBe(0);
  });

  it("fires what a timer sets in the time that passes, at its own moment", async () => {
    const clock = new SimulatedClock(0);
    const moments: number[] = [];
    const again = (): void => {
      moments.push(clock.now());
      void Promise.resolve().then(() => clock.setTimeout(again, 7));
    };
    again();
    await clock.advance(21);
    expect(moments).toEqual([0, 7, 14, 21]);
  });

  it("runs until a promise settles and no further, and gives what the promise gives", async () => {
    const clock = new SimulatedClock(0);
    const later = (ms: number): Promise<number> => new Promise((resolve) => clock.setTimeout(() => resolve(ms), ms));
    const longer = later(DAY);
    expect(await clock.runUntil(later(HOUR))).toBe(HOUR);
    expect([clock.now(), clock.pending]).toEqual([HOUR, 1]);
    await expect(clock.runUntil(later(1).then(() => Promise.reject(new Error("no"))))).rejects.toThrow("no");
    expect(await clock.runUntil(longer)).toBe(DAY);
  });

  it("waits, where no timer is left, for whoever settles the promise", async () => {
    const clock = new SimulatedClock();
    const settled = deferred<string>();
    setImmediate(() => setImmediate(() => settled.resolve("by somebody")));
    expect(await clock.runUntil(settled.promise)).toBe("by somebody");
  });
});

describe("an agent on a simulated clock", () => {
  it("sleeps through backoffs of hours and limits of days in no time, and asks the platform for none", async () => {
    const clock = new SimulatedClock(0);
    const platform = vi.spyOn(Date, "now");
    const backoff = { initialMs: HOUR, factor: 3, maxMs: 100 * HOUR };
    const nodes = [
      nodeOf("flaky", [], ({ node }) => (node.attempt < 4 ? failure("busy") : success()), { nodeConfig: { maxRetries: 4, backoff } }),
      new Node({
        name: "stuck",
        dependencies: ["flaky"],
        modules: [moduleOf("stuck", () => new Promise(() => {}), { config: { timeoutMs: 20 * DAY } })],
        nodeConfig: { retryOnFailure: false },
      }),
      nodeOf("reads", ["flaky"], async ({ cache }) => success(await cache.getMessage("empty", { timeoutMs: 50 * HOUR }))),
    ];
    const { status, nodes: reports, errors } = await clock.runUntil(new Agent({ nodes, clock }).runTask(newTask()));
    expect(platform).not.toHaveBeenCalled();
    platform.mockRestore();
    expect(status).toBe("PARTIAL");
    expect(reports.reads).toMatchObject({ status: "success", results: [{ result: null }] });
    expect(errors).toEqual([expect.objectContaining({ node: "stuck", code: "timeout" })]);
    // 1 + 3 + 9 hours of backoff, then the limit, and the second in which an aborted module may end by itself.
    expect(clock.now()).toBe(13 * HOUR + 20 * DAY + 1_000);
    expect(clock.pending).toBe(0);
  });

  it("tells the same events each time, moments, durations and ids included", async () => {
    const told = async (): Promise<AgentEvent[]> => {
      const clock = new SimulatedClock(Date.parse("2026-11-27T00:00:00Z"));
      let made = 0;
      const wait = (ms: number): Promise<void> => new Promise((resolve) => clock.setTimeout(resolve, ms));
      const nodes = [
        nodeOf("a", [], () => wait(5).then(() => success())),
        nodeOf("b", [], () => wait(3).then(() => success())),
        nodeOf("c", ["a"], ({ node, idempotencyKey }) => (node.attempt < 2 ? failure(idempotencyKey) : success()), {
          nodeConfig: { backoff: { initialMs: HOUR, maxMs: HOUR } },
        }),
      ];
      const run = new Agent({ nodes, clock, ids: () => `id-${++made}` }).start(new Task({ id: "same", type: "t", objective: "o" }));
      const events: AgentEvent[] = [];
      run.actor.on("*", (event) => events.push(event));
      await clock.runUntil(run.outcome);
      return events;
    };
    const events = await told();
    expect(await told()).toEqual(events);
    expect(events).toContainEqual(expect.objectContaining({ type: "node.completed", node: "a", durationMs: 5 }));
    expect(events.at(-1)).toMatchObject({ type: "run.ended", at: Date.parse("2026-11-27T01:00:00.005Z") });
  });

  it("is not overtaken by its time limits while it writes files", async () => {
    const directory = await mkdtemp(join(tmpdir(), "asimov-simulated-"));
    try {
      const clock = new SimulatedClock();
      const nodes = Array.from({ length: 10 }, (_, index) =>
        nodeOf(`n${index}`, index === 0 ? [] : [`n${index - 1}`], () => success(), { snapshot: "ALWAYS" }),
      );
      const store = new FileStore({ dir: directory, clock });
      const agent = new Agent({ nodes, clock, effectTimeoutMs: 1, store, snapshot: "NEVER" });
      const run = agent.start(newTask());
      const { errors } = await clock.runUntil(run.outcome);
      expect(errors).toEqual([]);
      const steps = await snapshotsOf(store, run.task.id);
      expect(steps.length).toBe(10);
      expect(run.view().generation).toBe((await store.read(run.task.id))?.generation);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
