import { mkdtempSync } from "node:fs";
import { Agent, defineModule, defineQuestion, FileStore, MemoryStore, Node, Runs, Task } from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import { SimulatedClock } from "asimov-agents/testing";
import { expect, it } from "vitest";
import { z } from "zod";

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

for (const kind of ["memory", "sqlite", "file"])
  it(`asks ${kind}`, async () => {
    const clock = new SimulatedClock();
    const dir = mkdtempSync("/tmp/ask-");
    const store =
      kind === "memory"
        ? new MemoryStore({ clock })
        : kind === "sqlite"
          ? new SqliteStore({ clock, file: `${dir}/a.db` })
          : new FileStore({ dir, clock });
    const log: unknown[] = [];
    const make = () => {
      const approve = defineQuestion({
        name: "approve",
        show: async ({ results }) => (log.push("show"), { draft: results.draft }),
        answer: z.object({ ok: z.boolean() }),
        to: "lead",
        deadlineMs: 3 * 86_400_000,
        escalate: [{ afterMs: 86_400_000, to: "head" }],
      });
      const draft = defineModule({ name: "draft", process: () => ({ status: "success", result: "text" }) });
      return new Agent({
        name: "a",
        clock,
        store,
        onQuestion: (q) => log.push([q.name, q.to]),
        nodes: [new Node({ name: "draft", modules: [draft] }), new Node({ name: "approve", modules: [approve], dependencies: ["draft"] })],
      });
    };
    const first = await make().runTask(new Task({ id: "t", type: "x", objective: "y" }), { whenWaiting: "park" });
    console.log(JSON.stringify(first));
    const runs = new Runs(store);
    const open = await all(runs.questions());
    console.log(open, (await runs.get("t")).status, (await runs.get("t")).questions);
    await expect(runs.answer(open[0]!.id, { ok: 1 })).rejects.toMatchObject({ code: "answer-invalid" });
    await expect(runs.answer(open[0]!.id, { ok: true }, { shownHash: "x" })).rejects.toMatchObject({ code: "question-changed" });
    await runs.answer(open[0]!.id, { ok: true }, { by: "ada" });
    await expect(runs.answer(open[0]!.id, { ok: false })).rejects.toMatchObject({ code: "question-closed" });
    console.log(await runs.answer(open[0]!.id, { ok: false }).catch((e) => e.message));
    expect(await all(runs.questions())).toEqual([]);
    console.log((await runs.get("t")).status, (await runs.get("t")).questions.length);
    const second = await (await make().resume("t", { whenWaiting: "park" })).outcome;
    console.log(JSON.stringify(second), log);
    await store.close();
  });
