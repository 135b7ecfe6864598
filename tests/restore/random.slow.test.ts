import { Agent, type AgentRun, MemorySnapshotStore } from "asimov-agents";
import fc from "fast-check";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { endOf, newTask, TASK_ID } from "./fixture.ts";
import { type NodePlan, nodesOf, plans } from "./random-graph.ts";

const agentOf = (graph: readonly NodePlan[], snapshotStore: MemorySnapshotStore): Agent =>
  new Agent({ nodes: nodesOf(graph), snapshotStore, maxTotalIterations: 25, maxConcurrentTasks: Number.POSITIVE_INFINITY });

/** Where on the stack an error was thrown is chance. */
const withoutStacks = (key: string, value: unknown): unknown => (key === "stack" ? undefined : value);

const sorted = (all: readonly unknown[]): string[] => all.map((each) => JSON.stringify(each, withoutStacks)).sort();

/** The outcome, and everything that is among the values and in their mailboxes at the end. Nodes of one step report in any order. */
async function everything(agent: Agent, run: AgentRun): Promise<unknown> {
  const outcome = await run.outcome;
  const { values } = run;
  const mailboxes: [string, string[]][] = [];
  for (const name of [...(await values.mailboxes())].sort()) mailboxes.push([name, sorted(await values.peekMailbox(name))]);
  const end = endOf(agent, outcome) as { errors: unknown[] };
  const whole = { end: { ...end, errors: sorted(end.errors) }, values: await values.getAll(), mailboxes };
  return JSON.parse(JSON.stringify(whole, withoutStacks));
}

/** How many snapshots were restored. */
async function restoreAll(graphs: fc.Arbitrary<NodePlan[]>, numRuns: number): Promise<number> {
  let restored = 0;
  const property = fc.asyncProperty(graphs, async (graph) => {
    const snapshotStore = new MemorySnapshotStore();
    const whole = agentOf(graph, snapshotStore);
    const expected = await everything(whole, whole.start(newTask()));
    for (const ref of await snapshotStore.list(TASK_ID)) {
      const again = agentOf(graph, snapshotStore);
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
