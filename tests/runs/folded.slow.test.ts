/** The picture of a stored run is the fold of its events, at each commit, in every store, over random graphs; also of one that goes on. */
import { Agent, type AgentRun, type RunStore, Runs, Task } from "asimov-agents";
import { applyEvents, type RunView } from "asimov-agents/view";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type NodePlan, nodesOf, plans } from "../restore/random-graph.ts";
import { overTheWire } from "../support/told.ts";
import { all, allStores } from "./stores.ts";

const withoutOwner = ({ owner: _owner, ...view }: RunView): RunView => view;

interface Seen {
  stored: RunView;
  /** In the moment of the commit. */
  live: RunView | undefined;
}

/** What whoever looks is shown when each commit was made, before its run hears of it. */
function lookAtEach(store: RunStore, live: ReadonlyMap<string, AgentRun>): Map<string, Seen[]> {
  const seen = new Map<string, Seen[]>();
  const runs = new Runs(store);
  const commit = store.commit.bind(store);
  store.commit = async (lease, given) => {
    const { taskId } = lease;
    const shown = live.get(taskId)?.view();
    const result = await commit(lease, given);
    const ofRun = seen.get(taskId) ?? [];
    if (result.ok) ofRun.push({ stored: withoutOwner(await runs.get(taskId)), live: shown && withoutOwner(overTheWire(shown)) });
    seen.set(taskId, ofRun);
    return result;
  };
  return seen;
}

describe.each(allStores())("runs of a %s store", (name, make) => {
  const numRuns = name === "memory" ? 150 : 25;
  /** @returns how many views were compared */
  async function holds(graph: readonly NodePlan[], goOn: (agent: Agent, runs: Runs) => AsyncIterable<AgentRun>): Promise<number> {
    const store = make({ keep: 100_000, keepEvents: 100_000 });
    const runs = new Runs(store);
    const live = new Map<string, AgentRun>();
    const seen = lookAtEach(store, live);
    const agent = new Agent({ store, nodes: nodesOf(graph), maxTotalIterations: 25 });
    const ended = async (run: AgentRun): Promise<void> => {
      live.set(run.id, run);
      await run.outcome;
      expect(overTheWire(run.view())).toEqual(await runs.get(run.id));
    };
    await ended(agent.start(new Task({ id: "t", type: "test", objective: "Be seen" })));
    for await (const run of goOn(agent, runs)) await ended(run);
    let compared = 0;
    for (const [taskId, views] of seen) {
      const events = await all(runs.events(taskId));
      let told = 0;
      let folded: RunView | undefined;
      for (const { stored: view, live: shown } of views) {
        if (view.seq === 0) continue;
        // The run may have gone on between what was written and the call.
        if (shown?.seq === view.seq) expect(shown).toEqual(view);
        folded = applyEvents(folded, events.slice(told, view.seq));
        told = view.seq;
        expect(folded).toEqual(view);
        // Where it stands, and since when it has ended, its store says: not what it was then.
        if (view.endedAt === undefined) expect(await runs.at(taskId, view.generation)).toEqual(view);
        compared++;
      }
      expect(applyEvents(undefined, events)).toEqual(folded);
    }
    await store.close();
    return compared;
  }

  it("are at each generation what their events tell by then", { timeout: 240_000 }, async () => {
    let compared = 0;
    const property = fc.asyncProperty(fc.oneof(plans(8, 0), plans(5, 2)), async (graph) => {
      compared += await holds(graph, async function* () {});
    });
    await fc.assert(property, { numRuns });
    expect(compared).toBeGreaterThan(5 * numRuns);
  });

  it("are so where they go on from before, are retried, and are forked", { timeout: 240_000 }, async () => {
    const graphs = fc.oneof(plans(6, 0), plans(4, 2));
    const property = fc.asyncProperty(graphs, fc.double({ min: 0, max: 0.999, noNaN: true }), async (graph, at) => {
      await holds(graph, async function* (agent, runs) {
        const { generation, status, nodes } = await runs.get("t");
        const before = 1 + Math.floor(at * (generation - 1));
        yield await agent.fork("t", { taskId: "fork", generation: before });
        yield await agent.fork("t", { taskId: "again", rerun: [Object.keys(nodes)[Math.floor(at * graph.length)] as string] });
        if (status !== "COMPLETE") yield await agent.retry("t");
        yield await agent.startFromSnapshot({ taskId: "t", generation: before });
        if ((await runs.get("fork")).status !== "COMPLETE") yield await agent.retry("fork");
      });
    });
    await fc.assert(property, { numRuns });
  });
});
