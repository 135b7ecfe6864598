/** Where workers that are processes of their own find their store. */
import type { RunStore } from "asimov-agents";
import { RedisStore } from "asimov-agents/redis";
import { SqliteStore } from "asimov-agents/sqlite";

export type Place = { file: string } | { url: string; prefix: string };

export const storeAt = (place: Place): RunStore => ("file" in place ? new SqliteStore(place) : new RedisStore(place));
