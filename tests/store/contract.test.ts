import { join } from "node:path";
import { describe, it } from "vitest";
import { FileStore } from "#store/file/store";
import { MemoryStore } from "#store/memory/store";
import { SqliteStore } from "#store/sqlite/store";
import { runStoreLaws } from "#testing/run-store-suite";
import { newPlace } from "./place.ts";

describe("memory store", () => {
  const laws = runStoreLaws({ make: (options) => new MemoryStore(options), reopen: (store) => store });
  for (const { name, run } of laws) it(name, run);
});

describe("SQLite store", () => {
  const place = newPlace();
  const files = new WeakMap<object, string>();
  const open = (file: string, options: object): SqliteStore => {
    const store = new SqliteStore({ file, ...options });
    files.set(store, file);
    return store;
  };
  const laws = runStoreLaws({
    make: (options) => open(join(place(), "runs.db"), options),
    reopen: (store, options) => open(files.get(store) as string, options),
  });
  for (const { name, run } of laws) it(name, run);
});

describe("file store", () => {
  const place = newPlace();
  const folders = new WeakMap<object, string>();
  const open = (dir: string, options: object): FileStore => {
    const store = new FileStore({ dir, fsync: false, ...options });
    folders.set(store, dir);
    return store;
  };
  const laws = runStoreLaws({
    make: (options) => open(place(), options),
    reopen: (store, options) => open(folders.get(store) as string, options),
  });
  for (const { name, run } of laws) it(name, run);
});
