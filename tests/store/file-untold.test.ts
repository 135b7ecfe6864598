/** The marks of ends that are still to be told: none is lost, whoever dies or is faster, and none is looked for among all runs. */
import fs, { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { FileStore } from "#store/file/store";
import { commitOf, newRun, owned, owner } from "#testing/run-law";
import { newPlace } from "./place.ts";

const newFolder = newPlace();

describe("an end that a file store is still to tell", () => {
  let dir: string;
  let store: FileStore;
  beforeEach(() => {
    dir = newFolder();
    store = new FileStore({ dir, fsync: false });
  });

  const marks = (): string[] => (existsSync(join(dir, ".untold")) ? readdirSync(join(dir, ".untold")).sort() : []);
  const cancel = (from = store, taskId = "a") => from.post(taskId, { kind: "cancel", reason: "enough", end: { events: [] } });
  const untold = async (from = store): Promise<string[]> => (await from.find({ untold: true, limit: 100 })).map(({ taskId }) => taskId);
  const logOf = (taskId: string): string => readdirSync(join(dir, taskId)).find((name) => name.startsWith("run-")) as string;

  it("is found without a look at any other run, and leaves nothing when it is told, or its run is gone", async () => {
    for (let n = 0; n < 30; n++) await store.create(newRun(`run ${n}`, { dueAt: null }));
    await cancel(store, "run 7");
    await cancel(store, "run 8");
    const other = new FileStore({ dir, fsync: false });
    const listed = vi.spyOn(fs, "readdirSync");
    try {
      expect((await untold(other)).toSorted()).toEqual(["run 7", "run 8"]);
      // The marks; and of each run its folder and its steps.
      expect(listed.mock.calls.length).toBe(1 + 2 * 2);
    } finally {
      listed.mockRestore();
    }
    await other.endTold("run 7", 1);
    await other.remove("run 8");
    expect(marks()).toEqual([]);
  });

  it("is not lost with a mark of a step that was never made", async () => {
    const lease = await owned(store);
    const log = logOf("a");
    mkdirSync(join(dir, ".untold"));
    // Of a process that died before its step, the next: and of one that was slower than the step that was made.
    writeFileSync(join(dir, ".untold", `${log}.2`), "a");
    writeFileSync(join(dir, ".untold", `${log}.1`), "a");
    expect(await untold()).toEqual([]);
    expect(marks()).toEqual([`${log}.2`]);
    await store.renew(lease, 0);
    expect(await untold()).toEqual([]);
    expect(marks()).toEqual([]);
    await cancel();
    expect(await untold()).toEqual(["a"]);
    expect(marks()).toEqual([`${log}.3`]);
  });

  it("is nobody's who has the id of a run that was removed by hand", async () => {
    await store.create(newRun("a", { dueAt: null }));
    await cancel();
    const before = marks();
    fs.rmSync(join(dir, "a"), { recursive: true });
    const other = new FileStore({ dir, fsync: false });
    await other.create(newRun("a", { dueAt: null }));
    expect([before.length, await untold(other), marks()]).toEqual([1, [], []]);
  });

  it("is found whoever was faster: a cancel, a claim, or somebody who looks", async () => {
    const other = new FileStore({ dir, fsync: false });
    for (let round = 0; round < 30; round++) {
      const taskId = `run ${round}`;
      await store.create(newRun(taskId, { dueAt: null }));
      const [, claimed] = await Promise.all([cancel(store, taskId), other.claim(taskId, owner()), untold(), untold(other)]);
      const row = await store.read(taskId);
      if (claimed.ok && row?.status === "open") await other.commit(claimed.lease, commitOf(2, {}, { run: { status: "COMPLETE" } }));
      else expect(await untold()).toContain(taskId);
    }
    const all = await store.find({ limit: 100 });
    expect((await untold()).toSorted()).toEqual(
      all
        .filter((run) => run.untold)
        .map(({ taskId }) => taskId)
        .toSorted(),
    );
  });
});
