/** Where workers that are processes of their own find their store. */
import type { RunStore } from "asimov-agents";
import { PostgresStore } from "asimov-agents/postgres";
import { RedisStore } from "asimov-agents/redis";
import { SqliteStore } from "asimov-agents/sqlite";

export type Place = { file: string } | { url: string; prefix?: string } | { connectionString: string; schema?: string };

export function storeAt(place: Place): RunStore {
  if ("file" in place) return new SqliteStore(place);
  return "url" in place ? new RedisStore(place) : new PostgresStore(place);
}
