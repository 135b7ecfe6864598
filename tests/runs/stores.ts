/** The stores that the laws of runs go over, each made anew. */
import { join } from "node:path";
import { type Clock, FileStore, MemoryStore, type RunStore, type RunStoreOptions } from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import { newPlace } from "../store/place.ts";

type Make = (options?: RunStoreOptions & { clock?: Clock }) => RunStore;

export function storesOf(): [name: string, make: Make][] {
  const place = newPlace();
  return [
    ["memory", (options = {}) => new MemoryStore(options)],
    ["SQLite", (options = {}) => new SqliteStore({ file: join(place(), "runs.db"), ...options })],
  ];
}

/** With the one that writes files. */
export function driversOf(): [name: string, make: Make][] {
  const place = newPlace();
  return [...storesOf(), ["files", (options = {}) => new FileStore({ dir: join(place(), "runs"), fsync: false, ...options })]];
}

/** All that an iteration gives. */
export async function all<T>(given: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of given) found.push(each);
  return found;
}
