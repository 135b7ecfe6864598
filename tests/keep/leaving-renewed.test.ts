/** A renewal that is answered when the run's own last commit has given its lease back takes nothing from it. */
import { Agent, defineQuestion, Node, type RunStore, Task } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { opening, storesOf } from "../runs/stores.ts";
import { nodeOf } from "../waiting/pair.ts";

/** Answers the commit that lets go of a run when a renewal of its lease was refused. */
function answeringLate(store: RunStore): RunStore {
  const { commit, renew } = store;
  let refused = Promise.withResolvers<void>();
  return Object.assign(store, {
    async commit(lease, given) {
      const result = await commit.call(store, lease, given);
      const isLast = given.release !== undefined || (given.run?.status ?? "open") !== "open";
      if (isLast && result.ok) await refused.promise;
      return result;
    },
    async renew(lease, leaseMs) {
      const result = await renew.call(store, lease, leaseMs);
      if (!result.ok) {
        refused.resolve();
        refused = Promise.withResolvers();
      }
      return result;
    },
  } satisfies Pick<RunStore, "commit" | "renew">);
}

describe.each(storesOf())("a run that lets go of its lease while that is renewed (%s)", (_, make) => {
  const open = opening(make);
  const task = (): Task => new Task({ type: "test", objective: "Work" });

  it("has ended", async () => {
    const agent = new Agent({ name: "a", store: answeringLate(open()), leaseMs: 150, nodes: [nodeOf("work", () => "done")] });
    expect(await agent.runTask(task())).toMatchObject({ status: "COMPLETE", results: { work: "done" } });
  });

  it("is parked", async () => {
    const ask = defineQuestion({ name: "ask", show: () => ({ text: "?" }), answer: { type: "boolean" } });
    const store = answeringLate(open());
    const agent = new Agent({ name: "a", store, leaseMs: 150, nodes: [new Node({ name: "ask", modules: [ask] })] });
    expect(await agent.runTask(task(), { whenWaiting: "park" })).toMatchObject({ status: "PARKED" });
  });
});
