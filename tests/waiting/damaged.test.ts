/** Questions of stored runs of which something is damaged: those of other runs are listed, and an answer that was accepted is not asked for again. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import {
  Agent,
  FileStore,
  MemoryStore,
  type QuestionQuery,
  type RunStore,
  Runs,
  type StoredGeneration,
  type StoredQuestion,
  type Task,
} from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { all } from "../runs/stores.ts";
import { newPlace } from "../store/place.ts";
import { nodeOf, taskOf } from "./pair.ts";

/** As a driver of somebody else that mixes up what it was given. */
class Careless extends MemoryStore {
  damaged: string | undefined;
  /** From that generation on. */
  lost: number | undefined;

  override async questions(query: QuestionQuery): Promise<StoredQuestion[]> {
    const found = await super.questions(query);
    return found.map((each) => (each.taskId === this.damaged ? { ...each, body: String(each.body).replace("Sure", "sure") } : each));
  }

  override async load(taskId: string, generation?: number): Promise<StoredGeneration | undefined> {
    const found = await super.load(taskId, generation);
    if (found !== undefined && found.generation >= (this.lost ?? Number.POSITIVE_INFINITY)) found.parts.delete("agent");
    return found;
  }
}

const newFolder = newPlace();
/** A store of whose run `b` the question can be damaged. */
const STORES: Record<string, () => { store: RunStore; damage(): Promise<RunStore> }> = {
  "another's": () => {
    const store = new Careless();
    return {
      store,
      async damage() {
        store.damaged = "b";
        return store;
      },
    };
  },
  SQLite: () => {
    const file = join(newFolder(), "runs.db");
    const store = new SqliteStore({ file });
    return {
      store,
      async damage() {
        await store.close();
        const database = new DatabaseSync(file);
        database.prepare("update questions set body = replace(body, 'Sure', 'sure') where id like '%.b'").run();
        database.close();
        return new SqliteStore({ file });
      },
    };
  },
  file: () => {
    const dir = join(newFolder(), "runs");
    const store = new FileStore({ dir, fsync: false });
    return {
      store,
      async damage() {
        await store.close();
        const folder = join(dir, "b", "questions");
        for (const name of readdirSync(folder)) {
          const file = join(folder, name);
          writeFileSync(file, readFileSync(file, "utf8").replaceAll("Sure", "sure"));
        }
        return new FileStore({ dir, fsync: false });
      },
    };
  },
};

const asks = (log: string[] = []) =>
  nodeOf("asks", async ({ ask }) => {
    const show = (): string => {
      log.push("shown");
      return "Sure?";
    };
    const { answer, by } = await ask("sure", { show, answer: z.boolean() });
    const { answer: second } = await ask("really", { answer: z.boolean() });
    return [answer, by ?? null, second];
  });

const parked = (agent: Agent, task: Task) => agent.runTask(task, { whenWaiting: "park" });

describe.each(Object.entries(STORES))("a question that is damaged, in %s store", (_, make) => {
  it("is left out, and told: the others are listed and answered", async () => {
    const { store, damage } = make();
    for (const id of ["a", "b", "c"]) await parked(new Agent({ name: "asks", store, nodes: [asks()] }), taskOf(id));
    const again = await damage();
    const runs = new Runs(again);
    const told: unknown[] = [];
    const onRefused = (error: Error, id: string) => told.push((error as { code?: string }).code, id.endsWith(".b"));
    const listed = await all(runs.questions({ onRefused }));
    expect([listed.map(({ taskId }) => taskId), told]).toEqual([
      ["a", "c"],
      ["snapshot-damaged", true],
    ]);
    expect((await all(runs.questions({ limit: 2 }))).map(({ taskId }) => taskId)).toEqual(["a", "c"]);
    for (const { id } of listed) await runs.answer(id, true);
    await again.close();
  });
});

describe("a run whose newest generation is damaged", () => {
  const setUp = async () => {
    const store = new Careless();
    const log: string[] = [];
    const agent = () => new Agent({ name: "asks", store, nodes: [asks(log)] });
    const runs = new Runs(store);
    await parked(agent(), taskOf());
    const [first] = await all(runs.questions());
    return { store, log, agent, runs, first: first?.id ?? "" };
  };

  it("has the answer that was accepted, and asks only what has none", async () => {
    const { store, log, agent, runs, first } = await setUp();
    const before = (await store.read("t"))?.generation ?? 0;
    await runs.answer(first, true, { by: "ada" });
    expect(await (await agent().resume("t", { whenWaiting: "park" })).outcome).toMatchObject({ questions: [{ name: "really" }] });
    store.lost = before + 1;
    expect(await (await agent().resume("t", { whenWaiting: "park" })).outcome).toMatchObject({ questions: [{ name: "really" }] });
    const [second, ...more] = await all(runs.questions());
    expect(more).toEqual([]);
    store.lost = undefined;
    await runs.answer(second?.id ?? "", false);
    expect(await (await agent().resume("t")).outcome).toMatchObject({ results: { asks: [true, "ada", false] } });
    expect(log).toEqual(["shown"]);
  });

  it("is asked no question twice that is open, or answered since", async () => {
    const { store, log, agent, runs, first } = await setUp();
    store.lost = (await store.read("t"))?.generation ?? 0;
    expect(await (await agent().resume("t", { whenWaiting: "park" })).outcome).toMatchObject({ questions: [{ id: first }] });
    expect((await all(runs.questions())).map(({ id }) => id)).toEqual([first]);
    store.lost = (await store.read("t"))?.generation ?? 0;
    await runs.answer(first, true);
    expect(await (await agent().resume("t", { whenWaiting: "park" })).outcome).toMatchObject({ questions: [{ name: "really" }] });
    expect(log).toEqual(["shown"]);
  });

  it("is asked anew where somebody goes back to an older generation by its number", async () => {
    const { log, agent, runs, first } = await setUp();
    await runs.answer(first, true);
    await (await agent().resume("t", { whenWaiting: "park" })).outcome;
    const generations = await all(runs.history("t"));
    const generation = generations.find(({ why }) => why === "parked" && log.length === 1)?.generation ?? 0;
    const back = await agent().startFromSnapshot({ taskId: "t", generation: Math.min(generation, 4) }, { whenWaiting: "park" });
    expect(await back.outcome).toMatchObject({ status: "PARKED", questions: [{ name: "sure" }] });
    await expect(runs.answer(first, true)).rejects.toMatchObject({ code: "question-closed" });
    expect(log).toEqual(["shown", "shown"]);
  });
});
