/** While a run of a key is open that was submitted as the only one, no other is made so, and whoever asks learns which it is. */
import { describe, expect, it } from "vitest";
import { all, allStores } from "../runs/stores.ts";
import { benches, taskOf } from "./bench.ts";

const only = { agent: "report", key: "k", singleton: true } as const;

describe.each(allStores())("the one run of a key (%s)", (_, make) => {
  const open = benches(make);

  it("is one under 50 submits at once from two clients of one store, and each is told of it", async () => {
    const bench = open();
    const clients = [bench.runs, bench.client()];
    const submits = Array.from({ length: 50 }, (_each, n) => clients[n % 2]?.submit(taskOf(`k-${n}`), only));
    const told = await Promise.all(submits);
    const made = (await all(bench.runs.find())).map(({ taskId }) => taskId);
    expect(made).toHaveLength(1);
    expect(told.map((each) => each?.taskId)).toEqual(told.map(() => made[0]));
    expect(told.filter((each) => each?.isNew)).toHaveLength(1);
  });

  it("makes room for the next once it has ended, was cancelled or was removed", async () => {
    const bench = open();
    expect(await bench.runs.submit(taskOf("a"), only)).toEqual({ taskId: "a", isNew: true });
    expect(await bench.runs.submit(taskOf("b"), only)).toEqual({ taskId: "a", isNew: false });
    expect(await bench.runs.submit(taskOf("a"), only)).toEqual({ taskId: "a", isNew: false });
    await bench.runs.cancel("a");
    expect(await bench.runs.submit(taskOf("b"), only)).toEqual({ taskId: "b", isNew: true });
    await bench.runs.remove("b");
    expect(await bench.runs.submit(taskOf("c"), only)).toEqual({ taskId: "c", isNew: true });
    await bench.worker();
    expect(await bench.end("c")).toBe("COMPLETE");
    expect(await bench.runs.submit(taskOf("d"), only)).toEqual({ taskId: "d", isNew: true });
    expect(await bench.end("d")).toBe("COMPLETE");
    // A task that has run is the same run for ever.
    expect(await bench.runs.submit(taskOf("d"), only)).toEqual({ taskId: "d", isNew: false });
    await expect(bench.runs.submit(taskOf("d"), { ...only, agent: "other" })).rejects.toMatchObject({ code: "run-differs" });
    expect(bench.begun.map(({ taskId }) => taskId)).toEqual(["c", "d"]);
  });

  it("is one of each key and agent", async () => {
    const bench = open();
    for (const [id, more] of Object.entries({ a: {}, b: { key: "other" }, c: { agent: "another" } })) {
      expect(await bench.runs.submit(taskOf(id), { ...only, ...more })).toEqual({ taskId: id, isNew: true });
    }
  });
});
