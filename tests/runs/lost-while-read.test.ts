/** A claim that is read for longer than its lease, while another owner goes on: that is no damage. */
import { Agent, Runs, Task } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { nodeOf } from "../waiting/pair.ts";
import { opening, storesOf } from "./stores.ts";

describe.each(storesOf())("a run that another one has ended while it was read (%s)", (_, make) => {
  const open = opening(make);

  it("is told to be that one's, and nothing else", async () => {
    const store = open();
    const agent = (): Agent =>
      new Agent({
        name: "report",
        store,
        leaseMs: 200,
        nodes: [nodeOf("work", async ({ receive }) => await receive("go"))],
      });
    const runs = new Runs(store);
    await agent().runTask(new Task({ id: "t", type: "test", objective: "Work" }), { whenWaiting: "park" });
    await runs.send("t", "go", "done");
    const { claim } = store;
    store.claim = async (taskId, owner, options) => {
      store.claim = claim;
      const claimed = await claim.call(store, taskId, owner, options);
      for await (const { status } of runs.watch(taskId)) if (status === "READY") break;
      await (await agent().resume(taskId)).outcome;
      return claimed;
    };
    await expect(agent().resume("t")).rejects.toMatchObject({
      code: "run-fenced",
      message: expect.stringContaining("while it was read"),
    });
    expect(await runs.get("t")).toMatchObject({ status: "COMPLETE" });
  });
});
