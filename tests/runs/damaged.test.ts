/** Stored runs of which one is not as it was written, seen by whoever looks at all of them. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Agent, FileStore, MemoryStore, type RunStore, Runs, type StoredGeneration, Task } from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import type { RunView } from "asimov-agents/view";
import { describe, expect, it } from "vitest";
import { aborted, failing, nodeOf } from "../run/support.ts";
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

describe("a run whose row cannot be read", () => {
  it("stops no listing of others, and says what is wrong in its place (SQLite)", async () => {
    const file = join(newFolder(), "runs.db");
    const store = new SqliteStore({ file });
    const before = await threeIn(store);
    const database = new DatabaseSync(file);
    database.exec(`update runs set labels = '{"id":' where task_id = 't2'`);
    database.close();
    const runs = new Runs(store);
    const found = await all(runs.find());
    expect([found[0], found[2]]).toEqual([before[0], before[2]]);
    const wrong = { status: "error", code: "snapshot-damaged", error: expect.stringContaining('labels of run "t2"') };
    expect(found[1]).toMatchObject({ taskId: "t2", status: "PARTIAL", errors: [wrong] });
    for (const query of [{ agent: "breaks" }, { status: "PARTIAL" as const }, { type: "test", limit: 2 }])
      expect((await all(runs.find(query))).map(({ taskId }) => taskId)).toContain("t2");
    await expect(runs.get("t2")).rejects.toMatchObject({ code: "snapshot-damaged" });
    await store.close();
  });

  it("is refused by itself where an agent takes up what is left (SQLite)", async () => {
    const file = join(newFolder(), "runs.db");
    const store = new SqliteStore({ file });
    const agent = new Agent({ name: "works", store, nodes: [nodeOf("a", [], ({ signal }) => aborted(signal)), nodeOf("b", ["a"])] });
    for (const id of ["t1", "t2", "t3"]) {
      const run = agent.start(new Task({ id, type: "test", objective: "Be left" }));
      const gone = run.outcome.catch(({ code }) => code);
      await run.park();
      expect(await gone).toBe("run-parked");
    }
    const database = new DatabaseSync(file);
    database.exec("update runs set labels = 'no labels' where task_id = 't2'");
    database.close();
    const refused: unknown[] = [];
    const heir = new Agent({ name: "works", store, nodes: [nodeOf("a"), nodeOf("b", ["a"])] });
    const taken = await all(heir.resumeAll({ onRefused: (error, taskId) => refused.push([taskId, (error as { code?: string }).code]) }));
    expect(taken.map(({ id }) => id)).toEqual(["t3", "t1"]);
    expect(refused).toEqual([["t2", "snapshot-damaged"]]);
    await Promise.all(taken.map(({ outcome }) => outcome));
    await store.close();
  });
});
