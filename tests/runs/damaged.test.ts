/** Stored runs of which one is not as it was written, seen by whoever looks at all of them. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Agent, FileStore, MemoryStore, type RunStore, Runs, type StoredGeneration, Task } from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import type { RunView } from "asimov-agents/view";
import { describe, expect, it } from "vitest";
import { failing, nodeOf } from "../run/support.ts";
import { newPlace } from "../store/place.ts";
import { all } from "./stores.ts";

/** A store whose one run can be damaged, opened anew after that. */
interface Damageable {
  store: RunStore;
  /** Changes each generation of that run that holds this text. */
  damage(taskId: string, text: string): Promise<RunStore>;
}

/** As a driver of somebody else that mixes up what it was given. */
class Careless extends MemoryStore {
  damaged: [taskId: string, text: string] | undefined;
  override async load(taskId: string, generation?: number): Promise<StoredGeneration | undefined> {
    const found = await super.load(taskId, generation);
    const [damaged, text] = this.damaged ?? [];
    if (taskId !== damaged || text === undefined) return found;
    for (const [name, content] of found?.parts ?? []) found?.parts.set(name, String(content).replaceAll(text, text.toLowerCase()));
    return found;
  }
}

const newFolder = newPlace();
const STORES: Record<string, () => Damageable> = {
  "another's": () => {
    const store = new Careless();
    return {
      store,
      damage: async (taskId, text) => {
        store.damaged = [taskId, text];
        return store;
      },
    };
  },
  SQLite: () => {
    const file = join(newFolder(), "runs.db");
    const store = new SqliteStore({ file });
    return {
      store,
      async damage(taskId, text) {
        await store.close();
        const database = new DatabaseSync(file);
        const { id } = database.prepare("select id from runs where task_id = ?").get(taskId) as { id: number };
        for (const [table, column] of [
          ["commits", "changes"],
          ["parts", "content"],
        ])
          database.prepare(`update ${table} set ${column} = replace(${column}, ?, ?) where run = ?`).run(text, text.toLowerCase(), id);
        database.close();
        return new SqliteStore({ file });
      },
    };
  },
  file: () => {
    const dir = newFolder();
    mkdirSync(dir);
    const store = new FileStore({ dir });
    return {
      store,
      async damage(taskId, text) {
        await store.close();
        const folder = join(dir, taskId);
        for (const name of readdirSync(folder)) {
          const file = join(folder, name, "agent.json");
          if (existsSync(file)) writeFileSync(file, readFileSync(file, "utf8").replaceAll(text, text.toLowerCase()));
        }
        return new FileStore({ dir });
      },
    };
  },
};

async function threeIn(store: RunStore): Promise<RunView[]> {
  for (const id of ["t1", "t2", "t3"]) {
    const task = new Task({ id, type: "test", objective: `Be found as ${id}`, labels: { id } });
    await new Agent({ name: "breaks", store, nodes: [nodeOf("a"), failing("b", ["a"])] }).runTask(task);
  }
  return await all(new Runs(store).find());
}

describe.each(Object.entries(STORES))("a run of which a part is damaged, in %s store", (_, make) => {
  it("is found and shown as in its newest whole generation, with what is wrong among its errors", async () => {
    const { store, damage } = make();
    const before = await threeIn(store);
    const damaged = before[1]?.taskId as string;
    const again = await damage(damaged, "COMPLETE");
    const runs = new Runs(again);
    const found = await all(runs.find());
    expect([found[0], found[2]]).toEqual([before[0], before[2]]);
    expect(found[1]).toMatchObject({
      taskId: damaged,
      objective: `Be found as ${damaged}`,
      status: "PARTIAL",
      endedAt: expect.any(Number),
    });
    expect(found[1]?.graph).toEqual(before[1]?.graph);
    expect(found[1]?.nodes.a?.status).not.toBe("COMPLETE");
    expect(found[1]?.errors.length).toBeGreaterThan(0);
    for (const error of found[1]?.errors ?? [])
      expect(error).toEqual({ taskId: damaged, status: "error", code: "snapshot-damaged", error: expect.stringContaining(damaged) });
    expect(await runs.get(damaged)).toEqual(found[1]);
    expect((await all(runs.watch(damaged))).at(-1)).toEqual(found[1]);
    await again.close();
  });

  it("is found in its place as what its row says where no generation is whole, and those around it are found", async () => {
    const { store, damage } = make();
    const before = await threeIn(store);
    const damaged = before[1]?.taskId as string;
    const again = await damage(damaged, "startedAt");
    const runs = new Runs(again);
    const found = await all(runs.find());
    expect([found[0], found[2]]).toEqual([before[0], before[2]]);
    expect(found[1]).toMatchObject({
      ...{ taskId: damaged, agent: "breaks", type: "test", objective: `Be found as ${damaged}`, status: "PARTIAL" },
      ...{ endedAt: expect.any(Number), graph: { nodes: [] }, plan: [] },
      errors: [{ taskId: damaged, status: "error", code: "snapshot-damaged", error: expect.stringContaining(damaged) }],
    });
    expect((await all(runs.find({ labels: { id: damaged } }))).map(({ errors }) => errors[0]?.code)).toEqual(["snapshot-damaged"]);
    await expect(runs.get(damaged)).rejects.toMatchObject({ code: "snapshot-damaged" });
    await expect(all(runs.watch(damaged))).rejects.toMatchObject({ code: "snapshot-damaged" });
    await runs.remove(damaged);
    expect(await all(runs.find())).toEqual([before[0], before[2]]);
    await again.close();
  });
});
