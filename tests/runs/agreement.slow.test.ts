/** The live run, its store, its last generation and a client that folds its events have one picture, whatever is done to the run. */
import { Agent, type AgentRun, MemoryStore, Runs, Task } from "asimov-agents";
import { applyEvent, type RunView } from "asimov-agents/view";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodesOf, plans } from "../restore/random-graph.ts";
import { nodeOf } from "../run/support.ts";
import { overTheWire } from "../support/told.ts";
import { all } from "./stores.ts";

const DEEDS = ["cancelled", "parked", "parked and cancelled", "taken", "changed"] as const;
type Deed = (typeof DEEDS)[number];

const ended = (error: { code?: string }): undefined => {
  expect(error.code).toBe("run-ended");
};
/** What a run rejects with that goes on elsewhere. */
const left = (error: { code?: string }): void => expect(["run-parked", "run-fenced"]).toContain(error.code);

/** As a client in another process: nothing of a view or event is shared. */
async function folded(runs: Runs): Promise<RunView> {
  let view: RunView | undefined;
  for await (const event of runs.events("t")) view = overTheWire(applyEvent(view, overTheWire(event)));
  return view as RunView;
}

async function afterEvents(run: AgentRun, count: number): Promise<void> {
  for await (const { seq } of run.events({ from: 1 })) if (seq >= count) return;
}

describe("the pictures of a run", () => {
  it("agree after a cancel from outside, a park, a resume elsewhere, and a change of its graph", { timeout: 60_000 }, async () => {
    const done = new Map<Deed, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(plans(6, 0), plans(4, 2)),
        fc.array(fc.record({ deed: fc.constantFrom(...DEEDS), after: fc.integer({ min: 1, max: 25 }) }), { minLength: 1, maxLength: 3 }),
        async (graph, deeds) => {
          const store = new MemoryStore({ keep: 100_000, keepEvents: 100_000 });
          const runs = new Runs(store);
          let more = 0;
          const agent = () =>
            new Agent({
              store,
              nodes: [...Array.from({ length: more }, (_, at) => nodeOf(`more ${at}`)), ...nodesOf(graph)],
            });
          let run = agent().start(new Task({ id: "t", type: "test", objective: "Be agreed on" }));
          await afterEvents(run, 1);
          const client = folded(runs);
          for (const { deed, after } of deeds) {
            const { seq } = run.view();
            await afterEvents(run, seq + after);
            if ((await store.read("t"))?.status !== "open") break;
            if (deed === "cancelled") await runs.cancel("t", "enough").catch(ended);
            else if (deed === "taken") {
              const first = run;
              const heir = await agent().resume("t", { takeOver: true }).catch(ended);
              if (heir === undefined) break;
              run = heir;
              await first.outcome.catch(left);
            } else {
              const isParked = await run.park().then(() => true, ended);
              if (isParked !== true) break;
              await run.outcome.catch(left);
              const parked = await runs.get("t");
              expect(parked).toMatchObject({ status: "READY" });
              expect(await runs.at("t", parked.generation)).toEqual(parked);
              if (deed === "parked and cancelled") {
                await runs.cancel("t");
                done.set(deed, (done.get(deed) ?? 0) + 1);
                break;
              }
              if (deed === "changed") more++;
              run = await agent().resume("t");
            }
            done.set(deed, (done.get(deed) ?? 0) + 1);
          }
          const last = await client;
          const view = await runs.get("t");
          expect(last).toEqual(view);
          expect(view.endedAt).toBeDefined();
          const events = await all(runs.events("t"));
          expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
          const at = await runs.at("t", view.generation);
          // What ended without its code has no generation of its end.
          if (at.seq < view.seq) expect(view.status).toBe("CANCELLED");
          else {
            expect(at).toEqual(view);
            await run.outcome;
            expect(overTheWire(run.view())).toEqual(view);
          }
        },
      ),
      { numRuns: 40, endOnFailure: true },
    );
    expect([...done.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(30);
    expect(done.size).toBe(DEEDS.length);
  });
});
