/** Starts by the clock of a server: one of many that come close together, at most so many in a minute, each time of a schedule once. */
import { describe, expect, it } from "vitest";
import { all, serverStores } from "../runs/stores.ts";
import { type Bench, benches, limited, taskOf } from "./bench.ts";

/** Two clients submit so many at once. */
async function submit(bench: Bench, count: number, options: Parameters<Bench["runs"]["submit"]>[1]): Promise<string[]> {
  const clients = [bench.runs, bench.client()];
  const ids = Array.from({ length: count }, (_, n) => `k-${n}`);
  await Promise.all(ids.map((id, n) => clients[n % 2]?.submit(taskOf(id), options)));
  return ids;
}

describe.each(serverStores())("runs that begin by the clock of a server (%s)", (_, make) => {
  const open = benches(make);

  it("are one of three hundred that two clients submit of one key until nothing more comes", { timeout: 60_000 }, async () => {
    const bench = open();
    const ids = await submit(bench, 300, { agent: "report", key: "k", debounceMs: 2_000 });
    await bench.worker();
    const ends = await Promise.all(ids.map((id) => bench.end(id)));
    expect(ends.filter((end) => end === "CANCELLED")).toHaveLength(299);
    expect(bench.begun.map(({ taskId }) => taskId)).toEqual([ids[ends.indexOf("COMPLETE")]]);
  });

  it("are at most so many of a key in a minute, though those have ended", async () => {
    const bench = open();
    const ids = await submit(bench, 12, limited({ perMinute: 3 }));
    const statuses = await bench.statuses(...ids);
    const [first, later] = ["READY", "PARKED"].map((status) => ids.filter((_id, at) => statuses[at] === status)) as [string[], string[]];
    expect([first.length, later.length]).toEqual([3, 9]);
    const worker = await bench.worker();
    for (const id of first) expect(await bench.end(id)).toBe("COMPLETE");
    await worker.drain();
    expect(new Set(await bench.statuses(...later))).toEqual(new Set(["PARKED"]));
    expect(bench.begun.map(({ taskId }) => taskId).sort()).toEqual(first.toSorted());
  });

  it("are one for each time of a schedule that two workers look at", async () => {
    const bench = open();
    const { promise: often, resolve } = Promise.withResolvers<void>();
    bench.work = async () => {
      if (bench.begun.length === 4) resolve();
    };
    const workers = [await bench.worker(), await bench.worker()];
    // What comes late on a busy machine waits, and is not left out.
    await bench.runs.schedule("often", {
      agent: "report",
      cron: "* * * * * *",
      overlap: "queue",
      task: { type: "tick", objective: "Work" },
    });
    await often;
    await bench.runs.unschedule("often");
    for (const worker of workers) await worker.drain();
    const ids = (await all(bench.runs.find({ type: "tick" }))).map(({ taskId }) => taskId).sort();
    const first = Date.parse((ids[0] as string).slice("often@".length));
    expect(ids).toEqual(ids.map((_id, at) => `often@${new Date(first + at * 1_000).toISOString()}`));
    expect(bench.begun.map(({ taskId }) => taskId).sort()).toEqual(ids);
  });
});
