/** The picture of random runs: live, kept by events, late and restored, each is the other. */
import { isDeepStrictEqual } from "node:util";
import { Agent, MemoryStore, type Node } from "asimov-agents";
import { applyEvents, type RunView } from "asimov-agents/view";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodesOf, plans } from "../restore/random-graph.ts";
import { snapshotsOf } from "../support/snapshots.ts";
import { fold, listen, overTheWire } from "../support/told.ts";
import { newTask, nodeOf, success } from "./support.ts";

/** What events tell: who owns the run, its store says. */
function told(view: RunView | undefined): unknown {
  const { owner: _owner, ...rest } = overTheWire(view) ?? {};
  return rest;
}

describe("any run", () => {
  /** @param looks at which of its events somebody looks at the run */
  async function holds(nodes: Node[], looks: (seq: number) => boolean): Promise<number> {
    // What a stored run tells waits until it is stored; its live picture does not.
    const run = new Agent({ nodes, autoSnapshot: false, maxTotalIterations: 25, abortGraceMs: 1 }).start(newTask());
    const events = listen(run);
    let kept: RunView | undefined;
    let read = 0;
    // A listener that throws fails no test: the first difference is kept.
    let differs: { seq: number; seen: unknown; told: unknown } | undefined;
    run.actor.on("*", ({ seq }) => {
      if (!looks(seq)) return;
      kept = applyEvents(kept, overTheWire(events.slice(read)));
      read = events.length;
      const [seen, heard] = [told(run.view()), told(kept)];
      if (!isDeepStrictEqual(seen, heard)) differs ??= { seq, seen, told: heard };
    });
    const { status, failedChains, errors } = await run.outcome;
    expect(differs?.seen).toEqual(differs?.told);
    const view = overTheWire(run.view());
    expect(told(view)).toEqual(told(fold(overTheWire(events))));
    expect(view).toMatchObject({ status, failedChains, errors: overTheWire(errors) });
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    return events.length;
  }

  it("is seen as its events tell, at each of them", { timeout: 240_000 }, async () => {
    let told = 0;
    const graphs = fc.oneof(plans(6, 0), plans(4, 3));
    const property = fc.asyncProperty(graphs, async (graph) => {
      told += await holds(nodesOf(graph), () => true);
    });
    await fc.assert(property, { numRuns: 1_000 });
    expect(told).toBeGreaterThan(20_000);
  });

  it("is seen as its events tell by whoever looks now and then, also past those that are kept", { timeout: 240_000 }, async () => {
    let most = 0;
    const property = fc.asyncProperty(plans(6, 0), fc.integer({ min: 2, max: 5_000 }), async (graph, every) => {
      const chatty = nodeOf("chatty", [], ({ emit, node }) => {
        for (let index = 0; index < 700; index++) emit({ type: "tick", index });
        return { ...success(node.visit), decision: node.visit < 3 ? "chatty" : null };
      });
      most = Math.max(most, await holds([chatty, ...nodesOf(graph)], (seq) => seq % every === 0));
    });
    await fc.assert(property, { numRuns: 200 });
    expect(most).toBeGreaterThan(2_000);
  });

  it("is seen on after a restore, as its events before and since tell", { timeout: 240_000 }, async () => {
    let restored = 0;
    const property = fc.asyncProperty(fc.oneof(plans(6, 0), plans(3, 3)), async (graph) => {
      const store = new MemoryStore({ keep: 10_000 });
      const agent = () => new Agent({ nodes: nodesOf(graph), store, snapshot: "NEVER", maxTotalIterations: 25 });
      const run = agent().start(newTask());
      const before = listen(run);
      await run.outcome;
      for (const ref of await snapshotsOf(store, run.task.id)) {
        const again = await agent().startFromSnapshot(ref);
        const stored = again.view();
        // It goes on from there, behind all that was ever told.
        const saved = before.findIndex((event) => event.type === "snapshot.saved" && event.ref.generation === ref.generation);
        if (saved !== -1) {
          const then = fold(before.slice(0, saved + 1)) as RunView;
          expect(told({ ...stored, seq: then.seq, generation: ref.generation })).toEqual(told(then));
        }
        const since = listen(again);
        await again.outcome;
        expect(told(again.view())).toEqual(told(applyEvents(stored, since)));
        restored++;
      }
    });
    await fc.assert(property, { numRuns: 300 });
    expect(restored).toBeGreaterThan(300);
  });
});
