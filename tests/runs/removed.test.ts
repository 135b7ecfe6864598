/** A run that was removed, and its task begun anew: the owner of the old one is nobody to the new one, though its token is the same. */
import { Agent, Runs } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { aborted, deferred, nodeOf, success } from "../run/support.ts";
import { opening, storesOf, taskOf } from "./stores.ts";

describe.each(storesOf())("a run that was removed (%s store)", (_name, make) => {
  const open = opening(make);

  it("stops, and writes nothing to the next run of its id", async () => {
    const store = open();
    const fences: number[] = [];
    function working() {
      const [entered, go] = [deferred(), deferred()];
      const node = nodeOf("a", [], async ({ signal, fence }) => {
        fences.push(fence);
        entered.resolve();
        await Promise.race([go.promise, aborted(signal)]);
        return success(signal.aborted ? "aborted" : "done");
      });
      return { run: new Agent({ name: "worker", store, nodes: [node] }).start(taskOf()), entered: entered.promise, go: () => go.resolve() };
    }
    const old = working();
    await old.entered;
    await new Runs(store).remove("t");
    const anew = working();
    await anew.entered;
    old.go();
    await expect(old.run.outcome).rejects.toMatchObject({ code: expect.stringMatching(/^run-(fenced|not-found)$/) });
    anew.go();
    expect(await anew.run.outcome).toMatchObject({ status: "COMPLETE", results: { a: "done" } });
    expect(fences).toEqual([1, 1]);
    expect(await new Runs(store).get("t")).toMatchObject({ status: "COMPLETE", nodes: { a: { visit: 1, attempt: 1 } } });
  });
});
