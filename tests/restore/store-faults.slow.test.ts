/** Whatever call of its store fails, loses its answer or is the last that its process makes, a run ends as without that, and repeats nothing that is stored. */
import { MemoryStore, RunError } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { RecordedStore } from "../support/recorded-store.ts";
import { endOf, gate, newTask, TASK_ID } from "./fixture.ts";
import { killedAgent, type Noted } from "./killed-graph.ts";

const CALLS = ["create", "claim", "commit", "renew", "read", "load"] as const;
type Fault = "throws" | "loses its answer" | "never answers";

/** The call of that number goes wrong; where it never answers, none behind it does. */
class FaultyStore extends RecordedStore {
  calls = 0;
  readonly stuck = gate();

  constructor(fault: Fault, at: number) {
    super({ keep: 10_000, keepEvents: 10_000 });
    for (const name of CALLS) {
      const call = this[name].bind(this) as (...given: unknown[]) => Promise<never>;
      this[name] = async (...given: unknown[]): Promise<never> => {
        const isIt = ++this.calls === at;
        if (fault === "never answers" && this.calls >= at) {
          this.stuck.open();
          return await new Promise<never>(() => {});
        }
        if (isIt && fault === "throws") throw new Error("away");
        const answer = await call(...given);
        if (isIt) throw new Error("the line is cut");
        return answer;
      };
    }
  }
}

const placesOf = (notes: readonly Noted[]): string[] => notes.map(({ place }) => place).sort();

async function whole(): Promise<{ end: unknown; places: string[]; calls: number }> {
  const store = new FaultyStore("throws", 0);
  const notes: Noted[] = [];
  const agent = killedAgent(store, (note) => notes.push(note));
  const outcome = await agent.runTask(newTask());
  return { end: endOf(agent, outcome), places: placesOf(notes), calls: store.calls };
}

/** What is told of a store that was away is no part of the comparison. */
function withoutTrouble(end: unknown): unknown {
  const { errors, ...rest } = end as { errors: { error: string }[] };
  return { ...rest, errors: errors.filter(({ error }) => !error.startsWith("The run could not be stored")) };
}

describe("a run whose store", () => {
  it.each<Fault>(["throws", "loses its answer"])("%s at any one call ends as it does without, and runs nothing twice", async (fault) => {
    const { end, places, calls } = await whole();
    expect(calls).toBeGreaterThan(20);
    for (let at = 1; at <= calls; at++) {
      const notes: Noted[] = [];
      const store = new FaultyStore(fault, at);
      const agent = killedAgent(store, (note) => notes.push(note));
      const outcome = await agent.runTask(newTask());
      if (at === 1 && fault === "throws") {
        expect([outcome.status, outcome.task.error, notes]).toEqual(["FAILED", "The run could not be stored: away", []]);
        continue;
      }
      expect(withoutTrouble(endOf(agent, outcome))).toEqual(end);
      expect(placesOf(notes)).toEqual(places);
      // Where the run made fewer calls than the other, this one is the one that fails.
      const row = await store.read(TASK_ID).catch(() => store.read(TASK_ID));
      expect(row?.status).toBe("PARTIAL");
    }
  });

  it("is never heard of again by its process goes on elsewhere, and repeats nothing that is stored", async () => {
    const { end, places, calls } = await whole();
    let repeated = 0;
    for (let at = 1; at <= calls; at++) {
      const store = new FaultyStore("never answers", at);
      const first: Noted[] = [];
      const lost = killedAgent(store, (note) => first.push(note), new SimulatedClock()).start(newTask());
      await Promise.race([store.stuck.opened, lost.outcome]);
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      const copy = new MemoryStore({ keep: 10_000 });
      const rest: Noted[] = [];
      const heir = killedAgent(copy, (note) => rest.push(note));
      if (store.runs.length === 0) {
        await expect(heir.resume(TASK_ID)).rejects.toBeInstanceOf(RunError);
      } else {
        await store.replay(copy, store.commits.length + 1);
        if ((await copy.read(TASK_ID))?.status !== "open") {
          // What was lost is the answer to the end, or what is asked behind it.
          await expect(heir.resume(TASK_ID)).rejects.toMatchObject({ code: "run-ended" });
          expect(placesOf(first)).toEqual(places);
          lost.actor.stop();
          continue;
        }
        const run = await heir.resume(TASK_ID);
        expect(endOf(heir, await run.outcome)).toEqual(end);
        const stored = store
          .told(store.commits.length + 1)
          .filter(({ type }) => type === "module.ended")
          .map(({ node, visit, attempt, module }) => `${node}.${visit}.${attempt}/${module}`);
        expect(placesOf(rest).filter((place) => stored.includes(place))).toEqual([]);
        const keys = new Map(first.map(({ place, key }) => [place, key]));
        for (const { place, key } of rest) {
          if (!keys.has(place)) continue;
          expect(key).toBe(keys.get(place));
          repeated++;
        }
        expect([...new Set(placesOf([...first, ...rest]))]).toEqual([...new Set(places)]);
      }
      lost.actor.stop();
    }
    expect(repeated).toBeGreaterThan(0);
  });
});
