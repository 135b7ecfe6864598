/** Runs that other versions stored: those of this format go on as it was written beside them, those of an older one are refused in so many words. */
import { cpSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Agent, FileStore, MemoryStore, type RunStore, Runs } from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import { describe, expect, it } from "vitest";
import { openGeneration, PartsSum, sealGeneration } from "#contract/store/seal";
import { readDump } from "../fixtures/runs/dump.ts";
import { type Story, stories, type Telling } from "../fixtures/runs/stories.ts";
import { all } from "../runs/stores.ts";
import { newPlace } from "../store/place.ts";

const RUNS = join(import.meta.dirname, "../fixtures/runs");
const place = newPlace();
const [ENDED, MIDDLE] = ["ended", "in the middle"];

/** A copy, since whoever goes on with a run writes to it. */
function copyOf(version: string, name: string): string {
  const copy = place();
  cpSync(join(RUNS, version, name), copy, { recursive: true });
  return copy;
}

const read = (version: string, name: string): unknown => JSON.parse(readFileSync(join(RUNS, version, name), "utf8"));

type Expected = Record<string, { view?: unknown; log?: string[]; outcome?: object; values?: object }>;

describe.each(["version-2"])("stored runs of %s", (version) => {
  const expected = read(version, "expected.json") as Expected;
  const told = Object.keys(stories).filter((name) => existsSync(join(RUNS, version, `${name}.json`)));

  const dumped = (make: () => RunStore) => async (name: string) => {
    const store = make();
    for (const run of readDump(read(version, `${name}.json`) as never)) await run.replay(store, run.commits.length + 1);
    return store;
  };
  const stores: [kind: string, names: string[], open: (name: string) => Promise<RunStore>][] = [
    ["in a memory store", told, dumped(() => new MemoryStore())],
    ["in a file store", told.slice(0, 1), dumped(() => new FileStore({ dir: place() }))],
    ["in a database", told.slice(0, 1), dumped(() => new SqliteStore({ file: place() }))],
    ["in the folders that it wrote", ["letters"], async () => new FileStore({ dir: copyOf(version, "folders") })],
    ["in the database that it wrote", ["nested", "failed"], async () => new SqliteStore({ file: copyOf(version, "runs.db") })],
  ];

  const rows = stores.flatMap(([kind, names, open]) => names.map((name) => [name, kind, open] as const));

  it.each(rows)("of the story %s are seen, and go on, %s", async (name, _kind, open) => {
    const store = await open(name);
    const runs = new Runs(store);
    const telling: Telling = { log: [] };
    const story = stories[name] as Story;
    const agent = new Agent({ name: "stories", version: "1", store, nodes: story.nodes(telling), ...story.options?.(telling) });

    const view = await runs.get(`${name} ${ENDED}`);
    const was = expected[view.taskId]?.view as typeof view;
    // Each was made by a run of its own, at moments of its own.
    expect({ status: view.status, graph: view.graph, plan: view.plan, failedChains: view.failedChains }).toEqual({
      status: was.status,
      graph: was.graph,
      plan: was.plan,
      failedChains: was.failedChains,
    });
    expect(Object.keys(view.nodes)).toEqual(Object.keys(was.nodes));
    await expect(agent.resume(view.taskId)).rejects.toMatchObject({ code: "run-ended" });

    const { log, outcome, values } = expected[`${name} ${MIDDLE}`] as Required<Expected[string]>;
    expect(await runs.get(`${name} ${MIDDLE}`)).toMatchObject({ status: "READY", objective: "Be kept" });
    const run = await agent.resume(`${name} ${MIDDLE}`);
    const result = await run.outcome;
    const { task, ...kept } = await run.values.getAll();
    // Only what the store's inbox held is not in a run's commits.
    if (!(name === "letters" && _kind.startsWith("in a "))) {
      expect(result).toMatchObject(outcome);
      expect(kept).toEqual(values);
    }
    expect(task).toMatchObject({ status: result.status, params: { of: run.id }, labels: { kind: "story" } });
    expect(telling.log).toEqual(log);
    expect((await all(runs.events(run.id))).at(-1)).toMatchObject({ type: "run.ended", status: result.status });
    if (name === "failed") {
      telling.log.length = 0;
      const retried = await (await agent.retry(`${name} ${ENDED}`)).outcome;
      const again = expected["failed ended, retried"];
      expect(retried).toMatchObject(again?.outcome as object);
      expect(telling.log).toEqual(again?.log);
    }
    await store.close();
  });

  it("go on from each of their generations as they did", async () => {
    for (const name of told) {
      for (const run of readDump(read(version, `${name}.json`) as never)) {
        for (let generations = 1; generations <= run.commits.length; generations++) {
          const store = new MemoryStore();
          await run.replay(store, generations);
          const { taskId } = run.first;
          if ((await store.read(taskId))?.status !== "open") continue;
          const telling: Telling = { log: [], isBroken: true };
          const story = stories[name] as Story;
          const agent = new Agent({ name: "stories", store, nodes: story.nodes(telling), ...story.options?.(telling) });
          const { status } = await (await agent.resume(taskId)).outcome;
          expect(status).toBe(name === "failed" ? "PARTIAL" : "COMPLETE");
        }
      }
    }
  });
});

describe("what version 1 stored", () => {
  it("is refused by a sentence that says so, and stays as it is", async () => {
    const store = new FileStore({ dir: copyOf("version-1", "") });
    const error = {
      code: "snapshot-format",
      message: expect.stringMatching(/expected format 2, found 1\. Use the version of asimov-agents that wrote it/),
    };
    const agent = new Agent({ store, nodes: [] });
    await expect(agent.resume("report")).rejects.toMatchObject(error);
    await expect(agent.runFromSnapshot("report")).rejects.toMatchObject(error);
    await expect(new Runs(store).get("report")).rejects.toMatchObject(error);
  });
});

describe("a state of another format, in whatever store", () => {
  it("is refused with both formats", async () => {
    const [run] = readDump(read("version-2", "values.json") as never);
    if (run === undefined) throw new Error("there is none");
    const { taskId } = run.first;
    for (const format of [1, 3, undefined]) {
      const store = new MemoryStore();
      const { first } = run.first;
      const { format: _format, ...note } = JSON.parse(
        openGeneration(taskId, { generation: 1, info: first.info, parts: first.put }),
      ) as object & { format: number };
      const info = sealGeneration(
        taskId,
        1,
        new PartsSum(taskId, first.put),
        JSON.stringify({ ...(format === undefined ? {} : { format }), ...note }),
      );
      await store.create({ ...run.first, first: { ...first, info } });
      const error = { code: "snapshot-format", message: expect.stringContaining(`expected format 2, found ${format ?? "none"}`) };
      await expect(new Agent({ name: "stories", store }).resume(taskId)).rejects.toMatchObject(error);
      await expect(new Runs(store).get(taskId)).rejects.toMatchObject(error);
    }
  });
});
