/** What processes of one machine say of runs beside a store: in files that go by themselves. */
import { appendFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { RunStore } from "#contract/store/run-store";
import { FileStore } from "#store/file/store";
import { SqliteStore } from "#store/sqlite/store";
import { newPlace } from "./place.ts";

const newFolder = newPlace();
const opened: RunStore[] = [];
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

const PLACES: [name: string, talk: string, open: (dir: string) => RunStore][] = [
  ["files", ".talk", (dir) => new FileStore({ dir, fsync: false })],
  ["SQLite", "runs.db-talk", (dir) => new SqliteStore({ file: join(dir, "runs.db") })],
];

describe.each(PLACES)("what is said beside %s", (_, talk, openAt) => {
  const open = (dir: string): RunStore => {
    const store = openAt(dir);
    opened.push(store);
    return store;
  };
  const made = (): { dir: string; folder: string } => {
    const dir = newFolder();
    mkdirSync(dir);
    return { dir, folder: join(dir, talk) };
  };
  const saidLongAgo = (folder: string): void => {
    mkdirSync(folder);
    for (const name of ["7", "8"]) writeFileSync(join(folder, name), "{}\n");
  };

  it("is in no file any more after a lost process, when somebody comes to hear", () => {
    const { dir, folder } = made();
    saidLongAgo(folder);
    open(dir).hear("a", () => {})();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is in the file of its time alone, when somebody says something", () => {
    const { dir, folder } = made();
    saidLongAgo(folder);
    open(dir).publish("a", "1");
    const names = readdirSync(folder);
    expect(names).toEqual([expect.stringMatching(/^\d{9}$/)]);
  });

  it("is heard behind what a lost process has left half written", async () => {
    const { dir, folder } = made();
    const store = open(dir);
    store.publish("a", "before");
    const { promise: heard, resolve } = Promise.withResolvers<string>();
    open(dir).hear("a", resolve);
    for (const name of readdirSync(folder)) appendFileSync(join(folder, name), '{"taskId":"a","by":"x","sa\n');
    store.publish("a", "after");
    expect(await heard).toBe("after");
  });

  it("is lost where it cannot be written, and nothing is held up", () => {
    const { dir, folder } = made();
    writeFileSync(folder, "");
    const store = open(dir);
    const leave = store.hear("a", () => {});
    expect(() => store.publish("a", "1")).not.toThrow();
    leave();
  });

  it("makes no place for itself where the store has none yet", () => {
    const dir = newFolder();
    open(join(dir, "below")).publish("a", "1");
    expect(() => readdirSync(dir)).toThrow(/ENOENT/);
  });
});
