import { Agent, type AgentRun, MemoryStore } from "asimov-agents";
import fc from "fast-check";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { snapshotsOf } from "../support/snapshots.ts";
import { endOf, newTask, TASK_ID } from "./fixture.ts";
import { type NodePlan, nodesOf, plans, withoutRaces } from "./random-graph.ts";

const agentOf = (graph: readonly NodePlan[], store: MemoryStore): Agent =>
  new Agent({ nodes: nodesOf(graph), store, snapshot: "NEVER", maxTotalIterations: 1_000, maxConcurrentTasks: Number.POSITIVE_INFINITY });

/** Where on the stack an error was thrown is chance. */
const withoutStacks = (key: string, value: unknown): unknown => (key === "stack" ? undefined : value);

const sorted = (all: readonly unknown[]): string[] => all.map((each) => JSON.stringify(each, withoutStacks)).sort();

/** The outcome, and all of the run's values and mailboxes at the end. What runs at once reports in any order. */
async function everything(agent: Agent, { values, outcome: ended }: AgentRun): Promise<unknown> {
  const outcome = await ended;
  const mailboxes: [string, string[]][] = [];
  for (const name of [...(await values.mailboxes())].sort()) mailboxes.push([name, sorted(await values.peekMailbox(name))]);
  // How far others were when a jump replaced the plan is chance.
  const { executionState: _state, ...end } = endOf(agent, outcome) as { errors: unknown[]; executionState: unknown };
  const whole = { end: { ...end, errors: sorted(end.errors) }, values: await values.getAll(), mailboxes };
  return JSON.parse(JSON.stringify(whole, withoutStacks));
}

/** How many snapshots were restored. */
async function restoreAll(graphs: fc.Arbitrary<NodePlan[]>, numRuns: number): Promise<number> {
  let restored = 0;
  const property = fc.asyncProperty(graphs.map(withoutRaces), async (graph) => {
    const store = new MemoryStore({ keep: 10_000 });
    const whole = agentOf(graph, store);
    const expected = await everything(whole, whole.start(newTask()));
    for (const ref of await snapshotsOf(store, TASK_ID)) {
      const again = agentOf(graph, store);
      expect(await everything(again, await again.startFromSnapshot(ref))).toEqual(expected);
      restored++;
    }
  });
  await fc.assert(property, { numRuns, timeout: 30_000 });
  return restored;
}

describe("any graph", () => {
  // A turn of the event loop that took long is cut, and what is parallel then ends in another order: a busy machine has no say here.
  beforeEach(() => {
    const clock = vi.spyOn(performance, "now").mockReturnValue(0);
    return () => clock.mockRestore();
  });

  it("ends as without a break, from whichever of its snapshots it is restored", { timeout: 120_000 }, async () => {
    expect(await restoreAll(plans(7, 0), 120)).toBeGreaterThan(300);
  });

  it("does so with graphs nested in it", { timeout: 120_000 }, async () => {
    expect(await restoreAll(plans(4, 3), 80)).toBeGreaterThan(200);
  });
});
