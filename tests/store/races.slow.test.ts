/** Whoever is faster, a run has one owner at a time and one story. */
import { mkdirSync } from "node:fs";
import { describe, expect, inject, it } from "vitest";
import type { RunStore } from "#contract/store/run-store";
import { FileStore } from "#store/file/store";
import { MemoryStore } from "#store/memory/store";
import { PostgresStore } from "#store/postgres/store";
import { RedisStore } from "#store/redis/store";
import { SqliteStore } from "#store/sqlite/store";
import { chance } from "#testing/run-law";
import { SimulatedClock } from "#testing/simulated-clock";
import { counted, LONG_MS, SEED } from "../support/long.ts";
import { postgresUrl } from "../support/postgres-server.ts";
import { newPlace } from "./place.ts";
import { type Race, race } from "./race.ts";

type Open = (place: string, clock: SimulatedClock) => RunStore[];

const both = <T>(open: () => T): T[] => [open(), open()];

const DRIVERS: [name: string, races: number, open: Open][] = [
  ["memory", counted(150, 10_000), (_, clock) => [new MemoryStore({ clock })]],
  ["file", counted(25, 10_000), (dir, clock) => both(() => new FileStore({ dir, fsync: false, clock }))],
  ["SQLite", counted(25, 10_000), (place, clock) => both(() => new SqliteStore({ file: `${place}/runs.db`, clock }))],
];

/** Servers have a clock of their own, that of this machine: leases run out by it. */
const ofServers: Race["clock"] = { now: () => Date.now(), advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) };

const SERVERS: [name: string, open: (id: string) => Promise<RunStore[]>][] = [
  ["Redis", async (id) => both(() => new RedisStore({ url: inject("redisUrl"), prefix: `${id}:` }))],
  [
    "Postgres",
    async (id) => {
      const connectionString = await postgresUrl();
      return both(() => new PostgresStore({ connectionString, schema: `races_${id.replaceAll("-", "_")}` }));
    },
  ],
];

async function run(number: number, stores: RunStore[], clock: Race["clock"]): Promise<void> {
  await race({ stores, clock, random: chance(SEED + number) }).catch((error: unknown) => {
    expect.fail(`race ${number}: ${(error as Error).stack}`);
  });
  await Promise.all(stores.map((store) => store.close()));
}

describe.each(DRIVERS)("a run in a %s store", (_, races, open) => {
  const newFolder = newPlace();

  it(`has one owner and one story in each of ${races} races, seed ${SEED}`, { timeout: LONG_MS }, async () => {
    for (let number = 0; number < races; number++) {
      const place = newFolder();
      mkdirSync(place);
      const clock = new SimulatedClock();
      await run(number, open(place, clock), clock);
    }
  });
});

describe.each(SERVERS)("a run in a store on %s", (_, open) => {
  const races = counted(25, 1_000);

  it(`has one owner and one story in each of ${races} races, seed ${SEED}`, { timeout: LONG_MS }, async () => {
    for (let number = 0; number < races; number++) await run(number, await open(crypto.randomUUID()), ofServers);
  });
});
