/** Workers are killed at random moments while runs step, sleep and ask: every run ends as if none had been. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Runs, Task } from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import { describe, expect, it } from "vitest";
import { newPlace } from "../store/place.ts";

const IS_LONG = process.env.ASIMOV_LONG === "1";
const RUNS = IS_LONG ? 300 : 30;
const KILLS = IS_LONG ? 100 : 6;
const WORKER = new URL("worker-process.ts", import.meta.url).pathname;

describe("a worker that is killed", () => {
  const newFolder = newPlace();

  it("loses no run, asks each question once, and ends each run as an uninterrupted one", { timeout: 1_800_000 }, async () => {
    const folder = newFolder();
    mkdirSync(folder, { recursive: true });
    const [file, log] = [join(folder, "runs.db"), join(folder, "log")];
    const store = new SqliteStore({ file });
    const runs = new Runs(store);
    const ids = Array.from({ length: RUNS }, (_, at) => `run-${at}`);
    for (const id of ids) await runs.submit(new Task({ id, type: "test", objective: "Work" }), { agent: "report" });
    const start = (): ChildProcess => fork(WORKER, [file, log], { execArgv: ["--conditions=asimov-source"] });
    const asked = new Map<string, Set<string>>();
    let worker = start();
    let isOver = false;
    const answering = (async () => {
      while (!isOver) {
        for await (const { id, taskId } of runs.questions()) {
          asked.set(taskId, (asked.get(taskId) ?? new Set()).add(id));
          await runs.answer(id, { ok: true }).catch((error: { code?: string }) => {
            if (error.code !== "question-closed") throw error;
          });
        }
        await new Promise((done) => setTimeout(done, 5));
      }
    })();
    for (let kill = 0; kill < KILLS; kill++) {
      await once(worker, "message");
      await new Promise((done) => setTimeout(done, Math.random() * 300));
      worker.kill("SIGKILL");
      await once(worker, "exit");
      worker = start();
    }
    for (const id of ids) for await (const { status } of runs.watch(id)) if (status === "COMPLETE") break;
    isOver = true;
    await answering;
    worker.kill("SIGKILL");
    await once(worker, "exit");
    for (const id of ids) {
      expect(await runs.get(id)).toMatchObject({ status: "COMPLETE", errors: [] });
      expect((await store.read(id))?.ends).toBe(1);
      for (const node of ["first", "last"]) expect(await runs.value(id, ["nodes", node, "result"])).toBe(1);
      expect(asked.get(id)?.size).toBe(1);
    }
    const lines = new Set((await readFile(log, "utf8")).trimEnd().split("\n"));
    expect(lines.size).toBe(2 * RUNS);
    await store.close();
  });
});
