import { getEventListeners, setMaxListeners } from "node:events";
import { Agent, Node } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { newTask, waiting } from "./fixture.ts";

describe("many cancelled runs", () => {
  it("leave no listener on the signal that 10,000 of them shared", { timeout: 120_000 }, async () => {
    const agent = new Agent({
      outputMailbox: null,
      errorMailbox: null,
      maxConcurrentTasks: Number.POSITIVE_INFINITY,
      nodes: [new Node({ name: "a", modules: [waiting("a", () => {})] })],
    });
    const controller = new AbortController();
    setMaxListeners(0, controller.signal);
    const finished = new AbortController();
    const runs = Array.from({ length: 10_000 }, (_, index) =>
      agent.start(newTask(), { signal: index % 2 === 0 ? controller.signal : finished.signal, cachePrefix: String(index) }),
    );
    setMaxListeners(0, finished.signal);
    await Promise.all(runs.map((run, index) => (index % 2 === 0 ? undefined : run.cancel())));
    expect(getEventListeners(finished.signal, "abort")).toHaveLength(0);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(5_000);
    controller.abort(new Error("all at once"));
    const outcomes = await Promise.all(runs.map(({ outcome }) => outcome));
    expect(new Set(outcomes.map(({ status, task }) => `${status} ${task.error}`))).toEqual(
      new Set(["FAILED The run was cancelled: all at once", "FAILED The run was cancelled."]),
    );
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });
});
