/** Whoever watches a run is told of a lease that ran out while nobody waited for that: between two views. */
import { Runs, Task } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { opening, storesOf } from "./stores.ts";

describe.each(storesOf())("a run whose lease runs out in the pause between two views (%s)", (_, make) => {
  const open = opening(make);

  it("is seen to be READY", async () => {
    const store = open();
    const runs = new Runs(store);
    await runs.submit(new Task({ id: "t", type: "test", objective: "Work" }), { agent: "report" });
    await store.claim("t", { id: "somebody", leaseMs: 80 });
    const seen: string[] = [];
    for await (const { status } of runs.watch("t")) if (seen.push(status) > 0 && status === "READY") break;
    expect(seen.at(-1)).toBe("READY");
  });
});
