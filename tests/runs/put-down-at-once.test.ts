/** A run that is put down before it has told anything: whoever takes it up begins it. */
import { Agent, Runs } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { deferred, nodeOf, success } from "../run/support.ts";
import { turned } from "../support/manual-clock.ts";
import { all, allStores, opening, taskOf } from "./stores.ts";

describe.each(allStores())("a run that is put down while it is being opened (%s)", (_, make) => {
  const open = opening(make);

  it("is READY, and the next to take it begins it", async () => {
    const store = open();
    const [asked, go] = [deferred(), deferred()];
    const node = nodeOf("a", [], async ({ values }) => success(await values.get("given")));
    // As an exporter of schemas, or an engine of conditions, that is still being loaded.
    const prepare = async (): Promise<void> => {
      asked.resolve();
      await go.promise;
    };
    Object.assign(node.modules[0] ?? {}, { prepare });
    const agent = new Agent({ name: "worker", store, snapshot: "ALWAYS", nodes: [node] });
    const runs = new Runs(store);
    await runs.submit(taskOf(), { agent: "worker", values: { given: "done" } });
    const run = await agent.resume("t", { whenWaiting: "park" });
    await asked.promise;
    const parked = run.park();
    await turned();
    go.resolve();
    await parked;
    expect(await runs.get("t")).toMatchObject({ status: "READY", nodes: { a: { status: "WAITING" } } });
    expect(await (await agent.resume("t")).outcome).toMatchObject({ status: "COMPLETE", results: { a: "done" } });
    const events = await all(runs.events("t"));
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, at) => at + 1));
    expect(events.filter(({ type }) => type === "run.started")).toHaveLength(1);
  });
});
