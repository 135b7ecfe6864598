/** Processes that are killed by SIGKILL at any moment, and others that go on: same end, nothing that is stored again, first keys, and all that was told is stored. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { beforeAll, describe, expect, it } from "vitest";
import { openEvent } from "#contract/store/seal";
import { chance } from "#testing/run-law";
import { newPlace } from "../store/place.ts";
import { sharedStores } from "../store/shared-stores.ts";
import { type Driver, openStore } from "../store/story.ts";
import { counted, LONG_MS, SEED } from "../support/long.ts";
import { TASK_ID } from "./fixture.ts";
import type { Noted } from "./killed-graph.ts";

const KILLS = counted(10, 200);

interface Ran {
  notes: Noted[];
  /** The number of the last event that was told: it is stored. */
  acknowledged: number;
  /** Absent where it was killed before. */
  end: unknown;
  isKilled: boolean;
}

/** @param kill after so many modules have begun, and then so many turns of the event loop */
async function run(driver: Driver, folder: string, kill?: { after: number; turns: number }): Promise<Ran> {
  const script = join(import.meta.dirname, "killed-process.ts");
  const child = spawn(process.execPath, ["--conditions=asimov-source", script, driver, folder], { stdio: ["ignore", "pipe", "inherit"] });
  const exit = once(child, "close");
  const ran: Ran = { notes: [], acknowledged: 0, end: undefined, isKilled: false };
  let left = kill?.turns ?? 0;
  const die = (): void => {
    if (left-- > 0) setImmediate(die);
    else child.kill("SIGKILL");
  };
  for await (const line of createInterface({ input: child.stdout })) {
    const told = JSON.parse(line) as Noted & { end?: unknown; seq?: number };
    if (told.end !== undefined) ran.end = told;
    else if (told.seq !== undefined) ran.acknowledged = told.seq;
    else if (ran.notes.push(told) === kill?.after) die();
  }
  await exit;
  if (child.signalCode === null && child.exitCode !== 0) throw new Error(`The process ended by ${child.exitCode}.`);
  return { ...ran, isKilled: child.signalCode === "SIGKILL" };
}

/** The modules whose ends are stored, and where the run stands. */
async function stored(driver: Driver, folder: string): Promise<{ ended: string[]; status: string; told: number[] }> {
  const store = openStore(driver, folder);
  const row = await store.read(TASK_ID);
  const events = await store.events(TASK_ID, { from: 1, limit: 10_000 });
  await store.close();
  const bodies = events.map((event) => JSON.parse(openEvent(TASK_ID, event)) as Record<string, unknown>);
  const ended = bodies.filter(({ type }) => type === "module.ended");
  return {
    ended: ended.map(({ node, visit, attempt, module }) => `${node}.${visit}.${attempt}/${module}`),
    status: row?.status ?? "none",
    told: events.map(({ seq }) => seq),
  };
}

describe.each(sharedStores())("a run in a %s store whose process is killed", (driver) => {
  const newFolder = newPlace();
  const place = (): string => {
    const folder = newFolder();
    mkdirSync(folder);
    return folder;
  };
  let whole: Ran;

  beforeAll(async () => {
    whole = await run(driver, place());
  }, LONG_MS);

  it(`goes on in fresh ones after each of ${KILLS} SIGKILLs, with all that it told, seed ${SEED}`, { timeout: LONG_MS }, async () => {
    const random = chance(SEED);
    const places = whole.notes.map((note) => note.place).sort();
    for (let kills = 0; kills < KILLS; ) {
      const folder = place();
      const keys = new Map<string, string>();
      for (let isOver = false; !isOver; ) {
        const before = await stored(driver, folder);
        const kill = { after: 1 + Math.floor(random() * 6), turns: Math.floor(random() ** 3 * 100) };
        const ran = await run(driver, folder, kills < KILLS ? kill : undefined);
        for (const note of ran.notes) {
          expect(before.ended).not.toContain(note.place);
          expect(note.key).toBe(keys.get(note.place) ?? note.key);
          keys.set(note.place, note.key);
        }
        const { status, told } = await stored(driver, folder);
        expect(told).toEqual(told.map((_, index) => index + 1));
        expect(told.length).toBeGreaterThanOrEqual(ran.acknowledged);
        if (ran.isKilled) kills++;
        else expect(ran.end).toEqual(whole.end);
        isOver = !ran.isKilled || (status !== "open" && status !== "none");
        if (isOver) expect(status).toBe("PARTIAL");
      }
      expect([...keys.keys()].sort()).toEqual(places);
    }
  });
});
