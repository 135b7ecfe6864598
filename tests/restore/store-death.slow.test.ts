/** Whichever call of its store is the last that a process makes, done or not, another goes on from what is on the disk, and repeats nothing of it. */
import { mkdirSync } from "node:fs";
import { RunError, type RunStore } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { openEvent } from "#contract/store/seal";
import { newPlace } from "../store/place.ts";
import { sharedStores } from "../store/shared-stores.ts";
import { openStore } from "../store/story.ts";
import { LONG_MS } from "../support/long.ts";
import { endOf, newTask, TASK_ID } from "./fixture.ts";
import { killedAgent, type Noted } from "./killed-graph.ts";

const CALLS = ["create", "claim", "commit", "renew", "read", "load", "inbox"] as const;

/** From the call of that number on nothing is answered; that call itself may be done. */
function mortal(store: RunStore, at: number, isDone: boolean): { calls: () => number; dead: Promise<void> } {
  let calls = 0;
  const { promise: dead, resolve: die } = Promise.withResolvers<void>();
  for (const name of CALLS) {
    const call = store[name].bind(store) as (...given: unknown[]) => Promise<never>;
    store[name] = async (...given: unknown[]): Promise<never> => {
      const number = ++calls;
      if (number < at) return await call(...given);
      if (number === at && isDone) await call(...given);
      die();
      return await new Promise<never>(() => {});
    };
  }
  return { calls: () => calls, dead };
}

const placesOf = (notes: readonly Noted[]): string[] => notes.map(({ place }) => place).sort();

describe.each(sharedStores())("a run in a %s store whose process dies", (driver) => {
  const newFolder = newPlace();
  const place = (): string => {
    const folder = newFolder();
    mkdirSync(folder);
    return folder;
  };
  const open = (folder: string): RunStore =>
    openStore(driver, folder, { keep: 10_000, keepEvents: 10_000, ...(driver === "file" ? { fsync: false } : {}) });

  it.each([
    ["before", false],
    ["after", true],
  ])("%s any one call is done goes on elsewhere", { timeout: LONG_MS }, async (_when, isDone) => {
    const notes: Noted[] = [];
    const whole = open(place());
    const { calls } = mortal(whole, Number.POSITIVE_INFINITY, false);
    const agent = killedAgent(whole, (note) => notes.push(note));
    const end = endOf(agent, await agent.runTask(newTask()));
    await whole.close();
    let repeated = 0;
    for (let at = 1; at <= calls(); at++) {
      const folder = place();
      const store = open(folder);
      const { dead } = mortal(store, at, isDone);
      const first: Noted[] = [];
      const lost = killedAgent(store, (note) => first.push(note), new SimulatedClock()).start(newTask());
      await Promise.race([dead, lost.outcome]);
      const copy = open(folder);
      const stored = (await copy.events(TASK_ID, { from: 1, limit: 10_000 }))
        .map((event) => JSON.parse(openEvent(TASK_ID, event)) as Record<string, unknown>)
        .filter(({ type }) => type === "module.ended")
        .map(({ node, visit, attempt, module }) => `${node}.${visit}.${attempt}/${module}`);
      const row = await copy.read(TASK_ID);
      const rest: Noted[] = [];
      const heir = killedAgent(copy, (note) => rest.push(note));
      if (row?.status === "open") {
        const run = await heir.resume(TASK_ID, { takeOver: true });
        expect(endOf(heir, await run.outcome), `call ${at}`).toEqual(end);
        expect(
          placesOf(rest).filter((each) => stored.includes(each)),
          `call ${at}`,
        ).toEqual([]);
        const keys = new Map(first.map((note) => [note.place, note.key]));
        for (const note of rest) expect(note.key).toBe(keys.get(note.place) ?? note.key);
        repeated += rest.filter((note) => keys.has(note.place)).length;
        expect([...new Set(placesOf([...first, ...rest]))]).toEqual([...new Set(placesOf(notes))]);
      } else {
        await expect(heir.resume(TASK_ID)).rejects.toBeInstanceOf(RunError);
        expect(placesOf(first)).toEqual(row === undefined ? [] : placesOf(notes));
      }
      lost.outcome.catch(() => {});
      lost.actor.stop();
      await Promise.all([copy.close(), store.close()]);
    }
    // After a commit is made, what was at work may have ended with it.
    if (!isDone) expect(repeated).toBeGreaterThan(0);
  });
});
