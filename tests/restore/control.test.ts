import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, FileStore, FlowControlModule, MemoryStore, Node, SnapshotControl, SnapshotError, type SnapshotRef } from "asimov-agents";
import { afterEach, describe, expect, it, vi } from "vitest";
import { loadedFrom, snapshotsOf } from "../support/snapshots.ts";
import { collect, endOf, logged, newTask, TASK_ID } from "./fixture.ts";

/** `work` three times: `again?` jumps back until it was done often enough. */
const loop = (log: string[], snapshot: SnapshotControl): Node[] => [
  new Node({ name: "start", modules: [logged(log, "start")] }),
  new Node({ name: "work", dependencies: ["start"], modules: [logged(log, "work", ({ values }) => values.increment("rounds"))], snapshot }),
  new Node({
    name: "again?",
    dependencies: ["work"],
    modules: [new FlowControlModule({ name: "flow", flowConfig: { decisions: [{ nextNode: "work", condition: "rounds < 3" }] } })],
  }),
];

async function savedBy(nodes: Node[], options: { autoSnapshot?: boolean } = {}): Promise<readonly string[][]> {
  const store = new MemoryStore({ keep: 10_000 });
  const agent = new Agent({ nodes, store, snapshot: "NEVER", ...options });
  expect((await agent.runTask(newTask())).status).toBe("COMPLETE");
  const snapshots = await Promise.all((await snapshotsOf(store, TASK_ID)).map((ref) => loadedFrom(store, ref)));
  return snapshots.map(({ nodes: names }) => [...names]);
}

describe("snapshot control", () => {
  afterEach(() => vi.unstubAllEnvs());

  it("stores none for NEVER, which is the default", async () => {
    expect(await savedBy(loop([], SnapshotControl.NEVER))).toEqual([]);
    expect(new Node({ name: "plain" }).snapshot).toBeUndefined();
  });

  it("stores one before a node's first visit for ONCE, also in a loop", async () => {
    expect(await savedBy(loop([], SnapshotControl.ONCE))).toEqual([["work"]]);
  });

  it("stores one before each visit for ALWAYS", async () => {
    expect(await savedBy(loop([], SnapshotControl.ALWAYS))).toEqual([["work"], ["work"], ["work"]]);
  });

  it("stores none with autoSnapshot false, and `run.snapshot` still does", async () => {
    expect(await savedBy(loop([], SnapshotControl.ALWAYS), { autoSnapshot: false })).toEqual([]);
    const store = new MemoryStore({ keep: 10_000 });
    const agent = new Agent({ nodes: loop([], SnapshotControl.ALWAYS), store, snapshot: "NEVER", autoSnapshot: false });
    const run = agent.start(newTask());
    const { generation } = await run.snapshot("by hand");
    await run.outcome;
    expect((await snapshotsOf(store, TASK_ID)).map((ref) => ref.generation)).toEqual([generation]);
    expect((await loadedFrom(store, (await snapshotsOf(store, TASK_ID))[0])).hint).toBe("by hand");
  });

  it("stores one for all nodes of a step that ask", async () => {
    const node = (name: string, snapshot: SnapshotControl) => new Node({ name, modules: [logged([], name)], snapshot });
    expect(await savedBy([node("a", "ALWAYS"), node("b", "ONCE"), node("c", "NEVER")])).toEqual([["a", "b"]]);
  });

  it("does not store ONCE again for a node that a restored run visits again", async () => {
    const log: string[] = [];
    const store = new MemoryStore({ keep: 10_000 });
    await new Agent({ nodes: loop(log, SnapshotControl.ONCE), store, snapshot: "NEVER" }).runTask(newTask());
    const [ref] = await snapshotsOf(store, TASK_ID);
    await new Agent({ nodes: loop(log, SnapshotControl.ONCE), store, snapshot: "NEVER" }).runFromSnapshot(ref ?? "");
    expect(await snapshotsOf(store, TASK_ID)).toHaveLength(1);
  });

  it("lies in $ASIMOV_SNAPSHOT by default, and is found there by its folder and by its task's", async () => {
    const directory = mkdtempSync(join(tmpdir(), "asimov-default-"));
    vi.stubEnv("ASIMOV_SNAPSHOT", directory);
    const log: string[] = [];
    const first = new Agent({ nodes: loop(log, SnapshotControl.ALWAYS) });
    const end = endOf(first, await first.runTask(newTask()));
    const folders = (): string[] => readdirSync(join(directory, TASK_ID)).filter((name) => /^\d+_/.test(name));
    expect(folders()).toContain("2_work");
    expect(readdirSync(join(directory, TASK_ID, "2_work"))).toContain("manifest.json");
    const second = (await snapshotsOf(new FileStore(), TASK_ID))[1] as SnapshotRef;
    const folder = folders().find((name) => name.startsWith(`${second.generation}_`)) as string;
    const before = folders();
    log.length = 0;
    const again = new Agent({ nodes: loop(log, SnapshotControl.ALWAYS) });
    expect(endOf(again, await again.runFromSnapshot(join(directory, TASK_ID, folder)))).toEqual(end);
    expect(log).toEqual(["work.2.1", "work.3.1"]);
    expect(folders()).toEqual(expect.arrayContaining(before));
    for (const place of [join(directory, TASK_ID), TASK_ID]) {
      await expect(new Agent({ nodes: loop(log, SnapshotControl.ALWAYS) }).runFromSnapshot(place)).rejects.toMatchObject({
        code: "run-ended",
        taskId: TASK_ID,
      });
    }
    rmSync(directory, { recursive: true });
  });

  it("tells of each stored snapshot by an event", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const agent = new Agent({ nodes: loop([], SnapshotControl.ALWAYS), store, snapshot: "NEVER" });
    const run = agent.start(newTask());
    const events = (await collect(run.events())).flatMap((event) => (event.type === "snapshot.saved" ? [event] : []));
    const history = (await collect(agent.runs.history(TASK_ID))).reverse();
    // Before the first of them nothing is told.
    expect(events.map(({ ref, why, nodes, graph }) => ({ ...ref, why, nodes, graph }))).toEqual(
      history.slice(1).map(({ generation, why, nodes }) => ({ taskId: TASK_ID, generation, why, nodes, graph: [] })),
    );
    expect(history.length).toBeGreaterThan(5);
  });

  it("waits while the store cannot save, tells it once, and goes on when it can", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const commit = store.commit.bind(store);
    let refusals = 0;
    vi.spyOn(store, "commit").mockImplementation(async (lease, next) => {
      if (next.nodes?.includes("work") === true && refusals < 3) {
        refusals++;
        throw new SnapshotError("The disk is full.", { code: "snapshot-write-failed" });
      }
      return await commit(lease, next);
    });
    const log: string[] = [];
    const agent = new Agent({ nodes: loop(log, SnapshotControl.ALWAYS), store, snapshot: "NEVER", errorMailbox: "agent_error" });
    const outcome = await agent.runTask(newTask());
    const report = {
      taskId: outcome.task.id,
      status: "error",
      error: "The run could not be stored, and is tried again until it is: The disk is full.",
      code: "snapshot-write-failed",
    };
    expect([outcome.status, refusals]).toEqual(["COMPLETE", 3]);
    expect(outcome.errors).toEqual([report]);
    expect(log).toEqual(["start.1.1", "work.1.1", "work.2.1", "work.3.1"]);
    expect(await agent.cache.peekMailbox("agent_error")).toEqual([report]);
  });
});
