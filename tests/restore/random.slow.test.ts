import { Agent, type AgentRun, FileStore, MemoryStore, type RunStore } from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import fc from "fast-check";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { newPlace } from "../store/place.ts";
import { counted, IS_LONG, LONG_MS } from "../support/long.ts";
import { RecordedStore } from "../support/recorded-store.ts";
import { endOf, newTask, TASK_ID } from "./fixture.ts";
import { type NodePlan, type Note, nodesOf, plans, withoutRaces } from "./random-graph.ts";

const KEEP = { keep: 100_000, keepEvents: 100_000 };
const GRAPHS = counted(60, 1_500);
const newFolder = newPlace();

const agentOf = (graph: readonly NodePlan[], store: RunStore, note: Note): Agent =>
  new Agent({ nodes: nodesOf(graph, "n", note), store, maxTotalIterations: 1_000, maxConcurrentTasks: Number.POSITIVE_INFINITY });

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

/** By what names it: how often each module ran. */
function tally(runs: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const run of runs) counts.set(run, (counts.get(run) ?? 0) + 1);
  return counts;
}

/** Without the visits of composites, which events do not tell. */
function placeOf(run: string): string {
  const [key = "", attempt = ""] = run.split(" ");
  const [, ...path] = key.split("/").map(decodeURIComponent);
  const module = path.pop() ?? "";
  const visit = path.at(-1)?.replace(/^.*\./, "") ?? "";
  return JSON.stringify([...path.map((name) => name.replace(/\.\d+$/, "")), visit, attempt, module]);
}

const endedIn = (recorded: RecordedStore, generation: number): string[] =>
  recorded
    .told(generation)
    .filter(({ type }) => type === "module.ended")
    .map(({ graph, node, visit, attempt, module }) =>
      JSON.stringify([...(graph as string[]), node, String(visit), String(attempt), module]),
    );

/** Nothing of what had ended in a generation ran again behind it. */
function expectNothingAgain(whole: readonly string[], ended: readonly string[], after: readonly string[]): void {
  const total = tally(whole.map(placeOf));
  const committed = tally(ended);
  for (const [run, count] of tally(after.map(placeOf))) {
    const most = (total.get(run) ?? 0) - (committed.get(run) ?? 0);
    if (count > most)
      throw new Error(`${run} ran ${count} times after the restore; ${total.get(run)} in all, ${committed.get(run)} stored`);
  }
}

/** Goes on in copies of what was stored, as after a loss of the owner at each of some generations. @returns how many */
async function restoreAll(
  graphs: fc.Arbitrary<NodePlan[]>,
  { numRuns, newStore, each }: { numRuns: number; newStore: () => RunStore; each: (generations: number) => number[] },
): Promise<number> {
  let restored = 0;
  const property = fc.asyncProperty(graphs.map(withoutRaces), async (graph) => {
    const recorded = new RecordedStore(KEEP);
    const runs: string[] = [];
    const whole = agentOf(graph, recorded, (run) => runs.push(run));
    const expected = await everything(whole, whole.start(newTask()));
    for (const generation of each(recorded.unended)) {
      const store = newStore();
      await recorded.replay(store, generation);
      const after: string[] = [];
      const again = agentOf(graph, store, (run) => after.push(run));
      expect(await everything(again, await again.resume(TASK_ID))).toEqual(expected);
      expectNothingAgain(runs, endedIn(recorded, generation), after);
      await store.close();
      restored++;
    }
  });
  await fc.assert(property, { numRuns, timeout: 60_000 });
  return restored;
}

const all = (generations: number): number[] => Array.from({ length: generations }, (_, index) => index + 1);
const some = (generations: number): number[] => (IS_LONG ? all(generations) : all(generations).filter((each) => each % 5 === 1));

const ON_DISK: [what: string, newStore: () => RunStore][] = [
  ["files", () => new FileStore({ ...KEEP, dir: newFolder(), fsync: false })],
  ["SQLite", () => new SqliteStore({ ...KEEP, file: `${newFolder()}/runs.db` })],
];

describe("any graph", () => {
  // A turn of the event loop that took long is cut, and what is parallel then ends in another order: a busy machine has no say here.
  beforeEach(() => {
    const clock = vi.spyOn(performance, "now").mockReturnValue(0);
    return () => clock.mockRestore();
  });

  it("ends as without a break, from whichever of its generations it goes on", { timeout: LONG_MS }, async () => {
    const newStore = () => new MemoryStore(KEEP);
    expect(await restoreAll(plans(7, 0), { numRuns: GRAPHS, newStore, each: all })).toBeGreaterThan(5 * GRAPHS);
  });

  it("does so with graphs nested in it", { timeout: LONG_MS }, async () => {
    const newStore = () => new MemoryStore(KEEP);
    expect(await restoreAll(plans(4, 3), { numRuns: GRAPHS, newStore, each: all })).toBeGreaterThan(3 * GRAPHS);
  });

  it.each(ON_DISK)("does so in %s", { timeout: LONG_MS }, async (_what, newStore) => {
    const numRuns = Math.ceil(GRAPHS / 6);
    expect(await restoreAll(plans(5, 2), { numRuns, newStore, each: some })).toBeGreaterThan(numRuns / 2);
  });

  it.each<[string, () => RunStore]>([["memory", () => new MemoryStore(KEEP)], ...ON_DISK])(
    "goes on from any generation in the same store (%s), again and again, each time on top of the newest",
    { timeout: LONG_MS },
    async (what, newStore) => {
      const property = fc.asyncProperty(
        plans(5, 2).map(withoutRaces),
        fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
        async (graph, picks) => {
          const store = newStore();
          const whole = agentOf(graph, store, () => {});
          const expected = await everything(whole, whole.start(newTask()));
          for (const pick of picks) {
            const newest = (await store.read(TASK_ID))?.generation ?? 0;
            const generation = 1 + (pick % (newest - 1));
            const again = agentOf(graph, store, () => {});
            expect(await everything(again, await again.startFromSnapshot({ taskId: TASK_ID, generation }))).toEqual(expected);
            expect((await store.read(TASK_ID))?.generation).toBeGreaterThan(newest);
          }
          await store.close();
        },
      );
      await fc.assert(property, { numRuns: what === "memory" ? GRAPHS : Math.ceil(GRAPHS / 6), timeout: 60_000 });
    },
  );
});
