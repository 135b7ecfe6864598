/** How often whoever watches a run is shown it. */
import { Agent, MemoryStore, type Runs, Runs as StoreRuns, Task } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { nodeOf, success } from "../run/support.ts";

describe.each<[string, "ALWAYS" | "NEVER", (agent: Agent, store: MemoryStore, clock: SimulatedClock) => Runs]>([
  ["a store holds", "ALWAYS", (_agent, store, clock) => new StoreRuns(store, { clock })],
  ["only its process holds", "NEVER", (agent) => agent.runs],
])("a run that %s, and that changes every 10 ms,", (_where, snapshot, runsOf) => {
  it("is shown at most every 100 ms to who watches it, each time as it is by then, and at its end", async () => {
    const clock = new SimulatedClock();
    const store = new MemoryStore({ clock });
    const busy = nodeOf("a", [], async ({ emit }) => {
      for (let step = 0; step < 100; step++) {
        await new Promise<void>((resolve) => clock.setTimeout(resolve, 10));
        emit({ type: "step", step });
      }
      return success();
    });
    const agent = new Agent({ store, snapshot, clock, nodes: [busy] });
    const run = agent.start(new Task({ id: "t", type: "test", objective: "Be watched" }));
    await clock.advance(5);
    const shown: { at: number; seq: number; status: string }[] = [];
    const watch = async (): Promise<void> => {
      for await (const { seq, status } of runsOf(agent, store, clock).watch("t")) shown.push({ at: clock.now(), seq, status });
    };
    await clock.runUntil(Promise.all([watch(), run.outcome]));
    const pauses = shown.slice(1).map(({ at }, before) => at - (shown[before]?.at ?? 0));
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(100);
    // Those of 1,000 ms, and none is held back for longer than the run needs to change again.
    expect(Math.max(...pauses)).toBeLessThanOrEqual(110);
    expect(shown.at(-1)).toMatchObject({ status: "COMPLETE", seq: run.view().seq });
  });
});
