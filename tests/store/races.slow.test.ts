/** Whoever is faster, a run has one owner at a time and one story. */
import { mkdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { RunStore } from "#contract/store/run-store";
import { FileStore } from "#store/file/store";
import { MemoryStore } from "#store/memory/store";
import { SqliteStore } from "#store/sqlite/store";
import { chance } from "#testing/run-law";
import { SimulatedClock } from "#testing/simulated-clock";
import { counted, LONG_MS, SEED } from "../support/long.ts";
import { newPlace } from "./place.ts";
import { race } from "./race.ts";

type Open = (place: string, clock: SimulatedClock) => RunStore[];

const both = <T>(open: () => T): T[] => [open(), open()];

const DRIVERS: [name: string, races: number, open: Open][] = [
  ["memory", counted(150, 10_000), (_, clock) => [new MemoryStore({ clock })]],
  ["file", counted(25, 10_000), (dir, clock) => both(() => new FileStore({ dir, fsync: false, clock }))],
  ["SQLite", counted(25, 10_000), (place, clock) => both(() => new SqliteStore({ file: `${place}/runs.db`, clock }))],
];

describe.each(DRIVERS)("a run in a %s store", (_, races, open) => {
  const newFolder = newPlace();

  it(`has one owner and one story in each of ${races} races, seed ${SEED}`, { timeout: LONG_MS }, async () => {
    for (let number = 0; number < races; number++) {
      const place = newFolder();
      mkdirSync(place);
      const clock = new SimulatedClock();
      const stores = open(place, clock);
      await race({ stores, clock, random: chance(SEED + number) }).catch((error: unknown) => {
        expect.fail(`race ${number}: ${(error as Error).stack}`);
      });
      await Promise.all(stores.map((store) => store.close()));
    }
  });
});
