/** The stores that workers of several processes are tried on, each in a place that nobody used before. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, inject } from "vitest";
import { newPlace } from "../store/place.ts";
import { postgresUrl } from "../support/postgres-server.ts";
import type { Place } from "./place.ts";

interface NewPlace {
  place: Place;
  /** For what processes write down. */
  folder: string;
}

/** For the tests of a file, with its servers. */
export function placesOf(): [store: string, make: () => Promise<NewPlace>][] {
  beforeAll(postgresUrl, 60_000);
  const newFolder = newPlace();
  const making = (placeIn: (folder: string) => Place | Promise<Place>) => async (): Promise<NewPlace> => {
    const folder = newFolder();
    mkdirSync(folder, { recursive: true });
    return { place: await placeIn(folder), folder };
  };
  return [
    ["SQLite", making((folder) => ({ file: join(folder, "runs.db") }))],
    ["Redis", making(() => ({ url: inject("redisUrl"), prefix: `${crypto.randomUUID()}:` }))],
    [
      "Postgres",
      making(async () => ({ connectionString: await postgresUrl(), schema: `runs_${crypto.randomUUID().replaceAll("-", "_")}` })),
    ],
  ];
}
