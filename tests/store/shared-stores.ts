/** The stores that processes share, for the tests of a file, with their servers. */
import { beforeAll } from "vitest";
import { postgresUrl } from "../support/postgres-server.ts";
import { type Driver, SHARED } from "./story.ts";

export function sharedStores(): readonly Driver[] {
  beforeAll(postgresUrl, 60_000);
  return SHARED;
}
