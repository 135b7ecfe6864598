/** Nothing is put off, or lasts, for longer than dates, stores and timers can hold: what is longer is refused by its name, before anything else. */
import { Agent, defineQuestion, MemoryStore, Node, Runs, sleepFor } from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import { SimulatedClock } from "asimov-agents/testing";
import { AgentWorker, bullQueue, localQueue } from "asimov-agents/worker";
import { describe, expect, it } from "vitest";
import { nodeOf, taskOf } from "../../waiting/pair.ts";

const YEARS = 36_500 * 86_400_000;
const DAYS = 2 ** 31 - 1;
const store = new MemoryStore();
const workerOf = (options: object) => new AgentWorker({ agents: [new Agent({ name: "report", nodes: [] })], store, ...options });
const questionOf = (options: object) => defineQuestion({ name: "sure", answer: { type: "boolean" }, ...options });
const backoffOf = (backoff: { initialMs: number; maxMs?: number }) => new Node({ name: "n", nodeConfig: { backoff } });

/** Fires at once what is further away than a timer holds. */
class PlatformClock extends SimulatedClock {
  override setTimeout(fire: () => void, ms: number): object {
    return super.setTimeout(fire, ms > DAYS ? 1 : ms);
  }
}

describe("an option in milliseconds", () => {
  it.each<[name: string, most: number, make: (ms: number) => unknown]>([
    ["leaseMs", DAYS, (leaseMs) => new Agent({ leaseMs })],
    ["abortGraceMs", YEARS, (abortGraceMs) => new Agent({ abortGraceMs })],
    ["effectTimeoutMs", YEARS, (effectTimeoutMs) => new Agent({ effectTimeoutMs })],
    ["effectTimeoutMs", YEARS, (effectTimeoutMs) => new Runs(store, { effectTimeoutMs })],
    ["initialMs", YEARS, (initialMs) => backoffOf({ initialMs })],
    ["maxMs", YEARS, (maxMs) => backoffOf({ initialMs: 1, maxMs })],
    ["ms", YEARS, (ms) => sleepFor({ name: "nap", ms })],
    ["deadlineMs", YEARS, (deadlineMs) => questionOf({ deadlineMs })],
    ["afterMs", YEARS, (afterMs) => questionOf({ escalate: [{ afterMs, to: "head" }] })],
    ["retainMs", YEARS, (retainMs) => new MemoryStore({ retainMs })],
    ["busyMs", YEARS, (busyMs) => new SqliteStore({ file: "never-opened.db", busyMs })],
    ["leaseMs", DAYS, (leaseMs) => workerOf({ leaseMs })],
    ["graceMs", YEARS, (graceMs) => workerOf({ graceMs })],
    ["pollMs", DAYS, (pollMs) => localQueue({ pollMs })],
    ["sweepMs", DAYS, (sweepMs) => bullQueue({ connection: "redis://127.0.0.1", sweepMs })],
  ])("%s is %d at most", (name, most, make) => {
    expect(() => make(most)).not.toThrow();
    for (const more of [most + 1, Number.MAX_SAFE_INTEGER])
      expect(() => make(more)).toThrow(
        expect.objectContaining({ code: "invalid-options", message: expect.stringContaining(`${name}: expected`) }),
      );
  });

  it("may be of a part of a millisecond, and its run is parked until the next whole one", async () => {
    const clock = new SimulatedClock();
    const fails = nodeOf(
      "n",
      () => {
        throw new Error("not yet");
      },
      { maxRetries: 2, backoff: { initialMs: 60_000.5 } },
    );
    const agent = new Agent({ name: "a", clock, store: new MemoryStore({ clock }), nodes: [fails] });
    const before = clock.now();
    const outcome = await clock.runUntil(agent.runTask(taskOf(), { whenWaiting: "park" }));
    expect(outcome).toMatchObject({ status: "PARKED", dueAt: before + 60_001 });
  });

  it("keeps a stop waiting for what works, for longer than one timer of the platform could", async () => {
    const clock = new PlatformClock();
    const works = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const node = nodeOf("n", ({ signal }) => {
      begun.resolve();
      signal.addEventListener("abort", () => works.reject(new Error("put down")));
      return works.promise;
    });
    const worker = new AgentWorker({ agents: [new Agent({ name: "a", clock, nodes: [node] })], store: new MemoryStore({ clock }), clock });
    await worker.start();
    await worker.submit(taskOf(), { agent: "a" });
    await clock.runUntil(begun.promise);
    const stopped = worker.stop({ graceMs: 2 ** 31 });
    await clock.advance(5_000);
    works.resolve();
    await clock.runUntil(stopped);
    await expect(works.promise).resolves.toBeUndefined();
  });
});
