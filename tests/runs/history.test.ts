/** What is known of a run's generations, and which ended runs are pruned. */
import { Agent, type Commit, Runs } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { deferred, nodeOf, success } from "../run/support.ts";
import { all, opening, storesOf, taskOf } from "./stores.ts";

/** The bytes of what a commit hands to its store. */
function sizeOf({ put, info, events }: Commit): number {
  const texts = [...put.values(), info, ...events.map(({ body }) => body)];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

describe.each(storesOf())("the history of a run in a %s store", (_, make) => {
  const open = opening(make);

  it("tells of each generation when it was made, why, by whose words, and the bytes that it wrote", async () => {
    const clock = new SimulatedClock();
    const store = open({ clock });
    const written = new Map<number, number>();
    const commit = store.commit.bind(store);
    store.commit = (lease, given) => {
      written.set(given.generation, sizeOf(given));
      return commit(lease, given);
    };
    const [entered, go] = [deferred(), deferred()];
    const node = nodeOf("a", [], async () => {
      entered.resolve();
      await go.promise;
      return success("x".repeat(5_000));
    });
    const run = new Agent({ store, clock, nodes: [node] }).start(taskOf("t"));
    await clock.runUntil(entered.promise);
    await clock.advance(5_000);
    const { generation } = await clock.runUntil(run.snapshot("before the change"));
    const at = clock.now();
    await clock.advance(1_000);
    const plain = await clock.runUntil(run.snapshot());
    go.resolve();
    await clock.runUntil(run.outcome);
    const history = await all(new Runs(store).history("t"));
    const manual = history.filter(({ why }) => why === "manual");
    expect(manual).toMatchObject([
      { generation: plain.generation, at: at + 1_000 },
      { generation, at, hint: "before the change" },
    ]);
    expect(manual[0]).not.toHaveProperty("hint");
    expect(new Map(history.slice(0, -1).map((entry) => [entry.generation, entry.bytes]))).toEqual(new Map([...written].toReversed()));
    expect(Math.max(...history.map(({ bytes }) => bytes))).toBeGreaterThan(5_000);
  });

  it("is pruned with the runs that ended before a moment, and of no other", async () => {
    const clock = new SimulatedClock();
    const store = open({ clock });
    const agent = new Agent({ store, clock, nodes: [nodeOf("a")] });
    for (const id of ["first", "second", "third"]) {
      await clock.advance(1_000);
      await clock.runUntil(agent.runTask(taskOf(id)));
    }
    const runs = new Runs(store);
    const ids = async (): Promise<string[]> => (await all(runs.find())).map(({ taskId }) => taskId);
    const second = (await runs.get("second")).endedAt as number;
    expect(await runs.prune({ endedBefore: new Date(second) })).toBe(1);
    expect(await ids()).toEqual(["third", "second"]);
    expect(await runs.prune({ endedBefore: new Date(second + 1), keep: 2 })).toBe(0);
    expect(await runs.prune({ endedBefore: new Date(second + 1) })).toBe(1);
    expect(await ids()).toEqual(["third"]);
  });
});
