/** A run that ends each process that takes it ends as FAILED, and those beside it end as they do alone. */
import { type ChildProcess, fork } from "node:child_process";
import { Runs, type RunView, Task } from "asimov-agents";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Place, storeAt } from "./place.ts";
import { placesOf } from "./places.ts";

const PROCESS = new URL("lost-process.ts", import.meta.url).pathname;
const MAX_LOST = 4;

/** Somebody who starts the process anew whenever it is gone. */
function supervise(place: Place): { starts: () => number; end: () => void } {
  let child: ChildProcess | undefined;
  let starts = 0;
  let isOver = false;
  const start = (): void => {
    if (isOver) return;
    starts += 1;
    child = fork(PROCESS, [JSON.stringify(place), String(MAX_LOST)], { execArgv: ["--conditions=asimov-source"] });
    child.once("exit", start);
  };
  start();
  return {
    starts: () => starts,
    end() {
      isOver = true;
      child?.kill("SIGKILL");
    },
  };
}

describe.each(placesOf())("a run on %s that ends each process that takes it", (_, newOf) => {
  it("ends as FAILED, and what was beside it each time is COMPLETE", { timeout: 120_000 }, async () => {
    const { place } = await newOf();
    const store = storeAt(place);
    const runs = new Runs(store);
    const ids = ["slow-1", "kill", "slow-2"];
    for (const id of ids) {
      await runs.submit(new Task({ id, type: "test", objective: "Work" }), { agent: id.startsWith("slow") ? "slow" : "kill" });
    }
    const { starts, end } = supervise(place);
    onTestFinished(async () => {
      end();
      await store.close();
    });
    const ended: RunView[] = [];
    for (const id of ids) for await (const view of runs.watch(id)) if (view.endedAt !== undefined) ended.push(view);
    expect(ended.map(({ taskId, status }) => [taskId, status])).toEqual([
      ["slow-1", "COMPLETE"],
      ["kill", "FAILED"],
      ["slow-2", "COMPLETE"],
    ]);
    expect(ended[1]?.errors).toMatchObject([{ code: "module-lost", module: "kill" }]);
    // The first that dies leaves no trace of what it did.
    expect(starts()).toBe(MAX_LOST + 2);
  });
});
