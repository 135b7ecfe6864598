/** The picture of each stored generation is the one that the live run showed in that moment, over random graphs. */
import { Agent, type AgentRun, type Commit, type CommitResult, type Lease, MemoryStore, Runs, Task } from "asimov-agents";
import type { RunView } from "asimov-agents/view";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type NodePlan, nodesOf, plans } from "../restore/random-graph.ts";
import { overTheWire } from "../support/told.ts";

/** Looks at the run whenever it is written. */
class LookingStore extends MemoryStore {
  readonly seen = new Map<number, RunView>();
  look: (() => RunView) | undefined;

  override commit(lease: Lease, commit: Commit): Promise<CommitResult> {
    if (this.look !== undefined) this.seen.set(commit.generation, overTheWire({ ...this.look(), generation: commit.generation }));
    return super.commit(lease, commit);
  }
}

/** A node whose messages are on their way has ended for the picture, and not yet for the order: a jump in that moment is seen differently. */
const withoutMailboxes = (graph: readonly NodePlan[]): NodePlan[] =>
  graph.map((node) => ({ ...node, mailbox: false, nested: withoutMailboxes(node.nested) }));

const withoutOwner = ({ owner: _owner, ...view }: RunView): RunView => view;

describe("stored views", () => {
  it("are those of the live run at each generation", { timeout: 120_000 }, async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof(plans(8, 0), plans(5, 2)), async (graph) => {
        const store = new LookingStore({ keep: 100_000, keepEvents: 100_000 });
        const run: AgentRun = new Agent({ store, nodes: nodesOf(withoutMailboxes(graph)) }).start(
          new Task({ id: "t", type: "test", objective: "Be seen" }),
        );
        store.look = () => run.view();
        await run.outcome;
        const runs = new Runs(store);
        for (const [generation, view] of store.seen) {
          const stored = await runs.at("t", generation);
          // The run may have gone on between what was written and the call.
          if (stored.seq !== view.seq) continue;
          expect(stored).toEqual(withoutOwner(view));
          compared++;
        }
        expect(await runs.get("t")).toEqual(overTheWire(run.view()));
      }),
      { numRuns: 150 },
    );
    expect(compared).toBeGreaterThan(500);
  });
});
