/** Workers are killed at random moments: no run of a key is lost, and never are more open than its limit says. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Runs } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { chance } from "#testing/run-law";
import { counted, LONG_MS, SEED } from "../support/long.ts";
import { storeAt } from "../worker/place.ts";
import { placesOf } from "../worker/places.ts";
import { limited, taskOf } from "./bench.ts";

const RUNS = counted(40, 300);
const KILLS = counted(6, 60);
const LIMITS = { a: 1, b: 3 } as const;
const WORKER = new URL("worker-process.ts", import.meta.url).pathname;

describe.each(placesOf())("a limit on %s", (name, newOf) => {
  const count = name === "SQLite" ? 2 : 3;

  it(`holds while ${KILLS} of ${count} workers are killed, and all ${RUNS} runs end, seed ${SEED}`, { timeout: LONG_MS }, async () => {
    const { place, folder } = await newOf();
    const log = join(folder, "log");
    const store = storeAt(place);
    const runs = new Runs(store);
    const random = chance(SEED);
    const start = async (): Promise<ChildProcess> => {
      const worker = fork(WORKER, [JSON.stringify(place), log], { execArgv: ["--conditions=asimov-source"] });
      await once(worker, "message");
      return worker;
    };
    const stop = async (worker: ChildProcess): Promise<void> => {
      const ended = once(worker, "exit");
      worker.kill("SIGKILL");
      await ended;
    };
    const workers = await Promise.all(Array.from({ length: count }, start));
    const ids = Array.from({ length: RUNS }, (_, n) => `${n % 2 === 0 ? "a" : "b"}-${n}`);
    const limitOf = (id: string) => limited({ concurrent: LIMITS[id[0] as "a" | "b"] }, id[0] as string);
    await Promise.all(ids.map((id) => runs.submit(taskOf(id), limitOf(id))));
    for (let kill = 0; kill < KILLS; kill++) {
      await new Promise((done) => setTimeout(done, random() * 300));
      const at = Math.floor(random() * count);
      await stop(workers[at] as ChildProcess);
      workers[at] = await start();
    }
    for (const id of ids) for await (const { endedAt } of runs.watch(id)) if (endedAt !== undefined) break;
    await Promise.all(workers.map(stop));

    const notes = (await readFile(log, "utf8"))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { at: number; taskId: string });
    const begun = new Map<string, number>();
    for (const { at, taskId } of notes) begun.set(taskId, Math.min(at, begun.get(taskId) ?? at));
    expect([...begun.keys()].toSorted()).toEqual(ids.toSorted());
    for (const [key, most] of Object.entries(LIMITS)) {
      // Of one moment, what ends has ended before what begins.
      const moments: { at: number; by: 1 | -1 }[] = [];
      for (const id of ids.filter((each) => each.startsWith(key))) {
        const view = await runs.get(id);
        expect([view.status, (await store.read(id))?.ends]).toEqual(["COMPLETE", 1]);
        moments.push({ at: begun.get(id) as number, by: 1 }, { at: view.endedAt as number, by: -1 });
      }
      let open = 0;
      for (const { by } of moments.sort((a, b) => a.at - b.at || a.by - b.by)) {
        open += by;
        expect(open).toBeLessThanOrEqual(most);
      }
    }
    await store.close();
  });
});
