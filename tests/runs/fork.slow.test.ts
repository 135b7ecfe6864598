/** A fork of any generation of a random run ends as the run did, under keys of its own. */
import { Agent, MemoryStore, Runs, Task, type TaskOutcome } from "asimov-agents";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodesOf, plans, withoutRaces } from "../restore/random-graph.ts";
import { overTheWire } from "../support/told.ts";
import { all } from "./stores.ts";

const ID = "the-first";

/** What is the same of both but for the name of the task. */
const endOf = ({ task, status, results, failedChains, executions, totalIterations }: TaskOutcome) => ({
  ...{ status, results, failedChains, executions, totalIterations },
  error: task.error?.replaceAll(task.id, ID),
});

describe("forks", () => {
  it("end as the first run did, from whichever generation, and leave it as it was", { timeout: 120_000 }, async () => {
    let forked = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof(plans(6, 0), plans(4, 2)), fc.infiniteStream(fc.nat()), async (graph, picks) => {
        const store = new MemoryStore({ keep: 100_000 });
        const nodes = () => nodesOf(withoutRaces(graph));
        const outcome = await new Agent({ store, nodes: nodes() }).runTask(new Task({ id: ID, type: "test", objective: "Be forked" }));
        const runs = new Runs(store);
        const first = await runs.get(ID);
        const history = await all(runs.history(ID));
        for (const pick of picks.take(3)) {
          const generation = history[pick % history.length]?.generation as number;
          const fork = await new Agent({ store, nodes: nodes() }).fork(ID, { generation });
          expect(endOf(await fork.outcome)).toEqual(endOf(outcome));
          const view = await runs.get(fork.id);
          expect(view).toEqual(overTheWire(fork.view()));
          expect(view.forkedFrom).toEqual({ taskId: ID, generation });
          forked++;
        }
        expect(await runs.get(ID)).toEqual(first);
      }),
      { numRuns: 100 },
    );
    expect(forked).toBe(300);
  });
});
