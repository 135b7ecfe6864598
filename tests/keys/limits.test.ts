/** At most so many runs of a key are open at a time, whoever submits them and whichever workers come; the others wait, and none is lost. */
import { Agent, defineModule, Node } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { all, allStores } from "../runs/stores.ts";
import { benches, limited, taskOf } from "./bench.ts";

const LIMITS = { a: 1, b: 3, c: 7 } as const;
const KEYS = Object.keys(LIMITS) as (keyof typeof LIMITS)[];

describe.each(allStores())("a limit of runs at a time (%s)", (name, make) => {
  const open = benches(make);
  // Folders have no index, and servers take longer than memory.
  const count = { memory: 200, SQLite: 200, file: 40 }[name] ?? 80;

  it(`holds for several keys under ${count} submits and three workers, and all of them end`, { timeout: 60_000 }, async () => {
    const bench = open();
    for (let each = 0; each < 3; each++) await bench.worker();
    const clients = [bench.runs, bench.client()];
    const ids = Array.from({ length: count }, (_, n) => `${KEYS[n % 3]}-${n}`);
    const submits = ids.map((id, n) => {
      const key = KEYS[n % 3] as keyof typeof LIMITS;
      return clients[n % 2]?.submit(taskOf(id), limited({ concurrent: LIMITS[key] }, key));
    });
    expect(await Promise.all(submits)).toEqual(ids.map((taskId) => ({ taskId, isNew: true })));
    for (const id of ids) expect(await bench.end(id)).toBe("COMPLETE");
    expect(bench.begun.map(({ taskId }) => taskId).sort()).toEqual(ids.toSorted());
    for (const [key, most] of Object.entries(LIMITS)) expect(bench.working.get(key)?.most).toBeLessThanOrEqual(most);
  });

  it("lets them begin by priority, then in the order of submission, and keeps them PARKED until then", async () => {
    const bench = open();
    const first = Promise.withResolvers<void>();
    bench.work = (taskId) => (taskId === "first" ? first.promise : Promise.resolve());
    const limit = { concurrent: 1 };
    expect(await bench.runs.submit(taskOf("first"), limited(limit))).toEqual({ taskId: "first", isNew: true });
    expect(await bench.statuses("first")).toEqual(["READY"]);
    for (const id of ["d", "c", "b"]) await bench.runs.submit(taskOf(id), limited(limit));
    await bench.runs.submit(taskOf("a"), { ...limited(limit), priority: 5 });
    await bench.worker();
    const waiting = ["a", "b", "c", "d"];
    expect(await bench.statuses(...waiting)).toEqual(waiting.map(() => "PARKED"));
    expect((await all(bench.runs.find())).map(({ taskId }) => taskId).sort()).toEqual([...waiting, "first"]);
    expect((await all(bench.runs.find({ labels: { "asimov.key": "k" } }))).length).toBe(5);
    first.resolve();
    for (const id of waiting) expect(await bench.end(id)).toBe("COMPLETE");
    expect(bench.begun.map(({ taskId }) => taskId)).toEqual(["first", "a", "d", "c", "b"]);
    // Nothing of the library's own is left open.
    for (const id of waiting) await bench.runs.remove(id);
    expect((await bench.store.find({ limit: 10, statuses: ["READY", "RUNNING", "PARKED"] })).map(({ taskId }) => taskId)).toEqual([]);
  });

  it("gives the place of a run that was cancelled or removed to the next, begun or not", async () => {
    const bench = open();
    for (const id of ["a", "b", "c", "d"]) await bench.runs.submit(taskOf(id), limited({ concurrent: 1 }));
    await bench.runs.cancel("b");
    expect(await bench.statuses("a", "c")).toEqual(["READY", "PARKED"]);
    await bench.runs.cancel("a");
    expect(await bench.statuses("a", "b", "c", "d")).toEqual(["CANCELLED", "CANCELLED", "READY", "PARKED"]);
    await bench.runs.remove("c");
    expect(await bench.statuses("d")).toEqual(["READY"]);
    await bench.worker();
    expect(await bench.end("d")).toBe("COMPLETE");
    expect(bench.begun).toHaveLength(1);
  });

  it("is what was given last, and does not hold up another key, another agent, nor a run with the key alone", async () => {
    const bench = open();
    for (const id of ["a", "b", "c", "d"]) await bench.runs.submit(taskOf(id), limited({ concurrent: 1 }));
    await bench.runs.submit(taskOf("other"), limited({ concurrent: 1 }, "other"));
    await bench.runs.submit(taskOf("agent"), { ...limited({ concurrent: 1 }), agent: "another" });
    await bench.runs.submit(taskOf("free"), { agent: "report", key: "k" });
    const statuses = (): Promise<string[]> => bench.statuses("a", "b", "c", "d", "other", "agent", "free");
    expect(await statuses()).toEqual(["READY", "PARKED", "PARKED", "PARKED", "READY", "READY", "READY"]);
    await bench.runs.submit(taskOf("e"), limited({ concurrent: 3 }));
    expect(await statuses()).toEqual(["READY", "READY", "READY", "PARKED", "READY", "READY", "READY"]);
    await bench.worker({ onRefused: () => {} });
    for (const id of ["a", "b", "c", "d", "e", "other", "free"]) expect(await bench.end(id)).toBe("COMPLETE");
  });

  it("is not passed by a message to a run that waits, nor by its task being submitted once more", async () => {
    const bench = open();
    for (const id of ["a", "b"]) await bench.runs.submit(taskOf(id), limited({ concurrent: 1 }));
    await bench.runs.send("b", "news", { for: "b" });
    expect(await bench.runs.submit(taskOf("b"), limited({ concurrent: 1 }))).toEqual({ taskId: "b", isNew: false });
    await expect(bench.runs.submit(taskOf("b"), { ...limited({ concurrent: 1 }), ifExists: "refuse" })).rejects.toMatchObject({
      code: "run-exists",
    });
    expect(await bench.statuses("a", "b")).toEqual(["READY", "PARKED"]);
    await bench.worker();
    expect([await bench.end("a"), await bench.end("b")]).toEqual(["COMPLETE", "COMPLETE"]);
    expect(bench.begun.map(({ taskId }) => taskId)).toEqual(["a", "b"]);
  });

  it("counts a run that waits in the middle, and one that somebody begins out of turn", async () => {
    const bench = open();
    const waits = defineModule({
      name: "waits",
      process: async ({ receive }) => ({ status: "success", result: await receive("news") }),
    });
    const agent = new Agent({
      name: "report",
      store: bench.store,
      snapshot: "ALWAYS",
      nodes: [new Node({ name: "waits", modules: [waits] })],
    });
    await bench.worker({ agents: [agent] });
    const limit = { concurrent: 2 };
    for (const id of ["a", "b", "c", "d"]) await bench.runs.submit(taskOf(id), limited(limit));
    for (const id of ["a", "b"]) for await (const { nodes } of bench.runs.watch(id)) if (nodes.waits?.waiting !== undefined) break;
    const held = await agent.resume("d");
    expect(await bench.statuses("c")).toEqual(["PARKED"]);
    await bench.runs.send("a", "news", 1);
    expect(await bench.end("a")).toBe("COMPLETE");
    await bench.runs.send("d", "news", 1);
    // It ends in a process that hosts no worker, as far as the store knows.
    await held.outcome;
    for (const id of ["b", "c"]) await bench.runs.send(id, "news", 1);
    expect([await bench.end("b"), await bench.end("c")]).toEqual(["COMPLETE", "COMPLETE"]);
  });
});
