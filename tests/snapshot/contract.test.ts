import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { FileSnapshotStore } from "#snapshot/file";
import { MemorySnapshotStore } from "#snapshot/memory";
import { snapshotStoreLaws } from "#testing/snapshot-suite";

describe("memory snapshot store", () => {
  const laws = snapshotStoreLaws({
    make: (options) => new MemorySnapshotStore(options),
    reopen: (store) => store,
    taskLocation: (ref) => `memory/task/${ref.taskId}`,
  });
  for (const { name, run } of laws) it(name, run);
});

describe.each([{ fsync: true }, { fsync: false }])("file snapshot store with fsync $fsync", ({ fsync }) => {
  let root: string;
  let places = 0;
  const directories = new WeakMap<object, string>();
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "asimov-snapshots-"));
  });
  afterAll(() => rm(root, { recursive: true }));

  const open = (directory: string, options: { keep?: number }): FileSnapshotStore => {
    const store = new FileSnapshotStore({ directory, fsync, ...options });
    directories.set(store, directory);
    return store;
  };
  const laws = snapshotStoreLaws({
    make: (options) => open(join(root, String(places++)), options),
    reopen: (store) => open(directories.get(store) as string, {}),
    taskLocation: (ref) => dirname(ref.location),
  });
  for (const { name, run } of laws) it(name, run);
});
