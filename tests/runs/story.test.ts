/** What a run tells when it goes on comes first, whatever had waited for it. */
import { Agent, Runs } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { aborted, deferred, nodeOf, success } from "../run/support.ts";
import { all, allStores, opening, taskOf } from "./stores.ts";

describe.each(allStores())("a run that goes on from a %s store", (_, make) => {
  const open = opening(make);

  it("says so before it takes the messages that had come", async () => {
    const store = open();
    const works = deferred();
    let isHeld = true;
    const agent = new Agent({
      name: "told",
      store,
      nodes: [
        nodeOf("work", [], async ({ signal }) => {
          works.resolve();
          if (isHeld) await aborted(signal);
          signal.throwIfAborted();
          return success();
        }),
      ],
    });
    const run = agent.start(taskOf());
    const parked = expect(run.outcome).rejects.toMatchObject({ code: "run-parked" });
    await works.promise;
    await run.park();
    await parked;
    const runs = new Runs(store);
    await runs.send("t", "box", 1);
    await runs.cancel("t", "enough");
    isHeld = false;
    expect((await (await agent.retry("t")).outcome).status).toBe("COMPLETE");
    const told = (await all(runs.events("t", { from: 1 }))).map(({ type }) => type);
    expect(told[told.indexOf("run.ended") + 1]).toBe("run.restored");
  });
});
