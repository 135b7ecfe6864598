/** When a run is stored, and what of an attempt that did not end is there when it is repeated. */
import { Agent, MemoryStore, Runs, type SnapshotControl } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { aborted, deferred, nodeOf, success } from "../run/support.ts";
import { all, taskOf } from "./stores.ts";

describe("a stored run", () => {
  it.each<[SnapshotControl, string[]]>([
    ["ALWAYS", ["0 started", "0 step a", "50 progress", "300 step a b", "350 progress", "600 progress b", "600 ended"]],
    ["ONCE", ["0 started", "0 step a", "50 progress", "300 step b", "350 progress", "600 ended"]],
    ["NEVER", ["0 started", "50 progress", "350 progress", "600 ended"]],
  ])(
    "of nodes that ask for %s is stored at its start, for their sake, 50 ms after it told something, and at its end",
    async (snapshot, expected) => {
      const clock = new SimulatedClock();
      const store = new MemoryStore({ clock });
      const slow = (name: string, dependencies: string[] = []) =>
        nodeOf(
          name,
          dependencies,
          async () => {
            await new Promise<void>((resolve) => clock.setTimeout(resolve, 300));
            return success();
          },
          { snapshot },
        );
      const since = clock.now();
      const agent = new Agent({ store, clock, snapshot: "ALWAYS", nodes: [slow("a"), slow("b", ["a"])] });
      await clock.runUntil(agent.runTask(taskOf()));
      const history = (await all(new Runs(store).history("t"))).toReversed();
      expect(history.map(({ at, why, nodes }) => [at - since, why, ...nodes].join(" "))).toEqual(expected);
    },
  );
});

describe("an attempt that is repeated", () => {
  it("is given what its step gave, and not what it had set in values before", async () => {
    const store = new MemoryStore();
    const entered = deferred();
    const node = nodeOf("a", [], async ({ step, values, signal }) => {
      const before = await values.get("key", "none");
      await values.set("key", "set");
      let isFirst = false;
      const given = await step("once", () => {
        isFirst = true;
        return "given";
      });
      if (!isFirst) return success([given, before]);
      entered.resolve();
      await aborted(signal);
      signal.throwIfAborted();
    });
    const run = new Agent({ store, nodes: [node] }).start(taskOf());
    await entered.promise;
    await run.park();
    const resumed = await new Agent({ store, nodes: [node] }).resume("t");
    expect((await resumed.outcome).results).toEqual({ a: ["given", "none"] });
  });
});
