/** Whatever failed of random graphs in graphs, a retry runs it, and nothing that had succeeded. */
import { Agent, MemoryStore, Node, Runs, Task } from "asimov-agents";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { failure, moduleOf, success } from "../run/support.ts";
import { overTheWire } from "../support/told.ts";

interface Plan {
  /** Of the nodes before it, those that it depends on. */
  after: number[];
  /** In how many retries it fails yet: of each of its modules. */
  fails: number[];
  nodes: Plan[];
}

const plan = (depth: number): fc.Arbitrary<Plan[]> =>
  fc.array(
    fc.record({
      after: fc.uniqueArray(fc.nat(3), { maxLength: 2 }),
      fails: fc.array(fc.nat(2), { minLength: 1, maxLength: 3 }),
      nodes: depth === 0 ? fc.constant<Plan[]>([]) : fc.oneof(fc.constant<Plan[]>([]), plan(depth - 1)),
    }),
    { minLength: 1, maxLength: 4 },
  );

/** @param round how often the run was begun or retried before */
function nodesOf(plans: readonly Plan[], round: number, done: string[]): Node[] {
  return plans.map(({ after, fails, nodes }, at) => {
    const about = {
      name: `n${at}`,
      dependencies: after.filter((before) => before < at).map((before) => `n${before}`),
      // Of modules at once, one that fails aborts the others, however far they are.
      nodeConfig: { retryOnFailure: false },
    };
    if (nodes.length > 0) return new Node({ ...about, nodes: nodesOf(nodes, round, done) });
    const modules = fails.map((rounds, place) =>
      moduleOf(`m${place}`, ({ idempotencyKey }) => {
        if (rounds > round) return failure("not yet");
        done.push(idempotencyKey);
        return success(place);
      }),
    );
    return new Node({ ...about, modules });
  });
}

const ROUNDS = 3;

describe("a run that is retried until nothing fails any more", () => {
  it("has run each module well once, under its first key, and is seen the same everywhere", { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(plan(2), async (plans) => {
        const store = new MemoryStore();
        const done: string[] = [];
        const first = new Agent({ store, nodes: nodesOf(plans, 0, done) });
        let { status } = await first.runTask(new Task({ id: "t", type: "test", objective: "Go on" }));
        let rounds = 1;
        for (; status !== "COMPLETE"; rounds++) {
          const run = await new Agent({ store, nodes: nodesOf(plans, rounds, done) }).retry("t");
          ({ status } = await run.outcome);
          expect(await new Runs(store).get("t")).toEqual(overTheWire(run.view()));
        }
        const all: string[] = [];
        await new Agent({ nodes: nodesOf(plans, ROUNDS, all) }).runTask(new Task({ id: "t", type: "test", objective: "Go on" }));
        expect(done.toSorted()).toEqual(all.toSorted());
      }),
      { numRuns: 150 },
    );
  });
});
