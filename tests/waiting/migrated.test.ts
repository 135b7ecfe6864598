/** A run that waits and whose graph its newer code has mended: what waits goes along with its node, or is over with it. */
import { Agent, MemoryStore, type Migration, type ModuleContext, Node, Runs } from "asimov-agents";
import { applyEvents } from "asimov-agents/view";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { all } from "../runs/stores.ts";
import { moduleOf, taskOf } from "./pair.ts";

const park = { whenWaiting: "park" } as const;

/** Parks with a step done, a message had and a question open; also in a graph nested in another node. */
async function setUp() {
  const store = new MemoryStore();
  const log: string[] = [];
  const works = moduleOf("works", async ({ step, receive, ask }: ModuleContext) => {
    const page = await step("page", () => log.push("step"));
    const news = await receive("news");
    return [page, news, (await ask("ok?", { show: () => log.push("shown"), answer: z.boolean() })).answer];
  });
  const inner = () =>
    new Node({ name: "inner", modules: [moduleOf("asks", async ({ ask }) => (await ask("in?", { answer: z.boolean() })).answer)] });
  const codeOf = (names: [string, string] | undefined, migrate?: (run: Migration) => void) =>
    new Agent({
      name: "a",
      store,
      nodes: [new Node({ name: names?.[0] ?? "old", modules: [works] }), new Node({ name: names?.[1] ?? "outer", nodes: [inner()] })],
      ...(migrate === undefined ? {} : { migrate }),
    });
  const runs = new Runs(store);
  await codeOf(undefined).runTask(taskOf(), park);
  await runs.send("t", "news", "first");
  await runs.send("t", "news", "second");
  await (await codeOf(undefined).resume("t", park)).outcome;
  const open = await all(runs.questions());
  expect(open.map(({ name }) => name).sort()).toEqual(["in?", "ok?"]);
  return { store, log, codeOf, runs, idOf: (name: string) => open.find((question) => question.name === name)?.id ?? "" };
}

describe("a run that waits, and that `migrate` has mended", () => {
  it("asks under the same id where nodes have other names, and has what it had", async () => {
    const { log, codeOf, runs, idOf } = await setUp();
    const renamed = () =>
      codeOf(["new", "around"], (run) => {
        run.rename("old", "new");
        run.rename("outer", "around");
      });
    const parked = await (await renamed().resume("t", park)).outcome;
    expect(parked).toMatchObject({ status: "PARKED" });
    const open = await all(runs.questions());
    expect(open.map(({ id, node, path }) => [id, node, path]).sort()).toEqual(
      [
        [idOf("ok?"), "new", []],
        [idOf("in?"), "inner", ["around"]],
      ].sort(),
    );
    const view = await runs.get("t");
    expect(view.questions).toEqual(open);
    expect(applyEvents(undefined, await all(eventsUntilParked(runs))).questions).toEqual(open);
    for (const { id } of open) await runs.answer(id, true);
    expect(await (await renamed().resume("t")).outcome).toMatchObject({
      status: "COMPLETE",
      results: { new: [1, "first", true], around: true },
    });
    expect(log).toEqual(["step", "shown"]);
  });

  it("goes on with the items of a node that has another name, each with the answer that it has", async () => {
    const store = new MemoryStore();
    const runs = new Runs(store);
    const asks = moduleOf("asks", async ({ ask, item }) => [item, (await ask("ok?", { show: item, answer: z.boolean() })).answer]);
    const codeOf = (name: string, migrate?: (run: Migration) => void) =>
      new Agent({
        name: "a",
        store,
        nodes: [
          new Node({ name: "list", modules: [moduleOf("list", () => ["x", "y"])] }),
          new Node({ name, forEach: "list", modules: [asks], dependencies: ["list"] }),
        ],
        ...(migrate === undefined ? {} : { migrate }),
      });
    await codeOf("old").runTask(taskOf(), park);
    const renamed = () => codeOf("new", (run) => run.rename("old", "new"));
    const [first] = await all(runs.questions());
    await runs.answer(first?.id ?? "", true);
    await (await renamed().resume("t", park)).outcome;
    const open = await all(runs.questions());
    expect(open).toHaveLength(1);
    await runs.answer(open[0]?.id ?? "", false);
    const { results } = await (await renamed().resume("t")).outcome;
    expect(Object.fromEntries(results.new as [string, boolean][])).toEqual({
      [String(first?.shown)]: true,
      [String(open[0]?.shown)]: false,
    });
  });

  it("asks nothing more where its node is visited anew, or is no more", async () => {
    const { log, codeOf, runs, idOf } = await setUp();
    const agent = codeOf(["new", "around"], (run) => {
      run.rerun("old");
      run.rename("old", "new");
      run.drop("outer");
    });
    await (await agent.resume("t", park)).outcome;
    for (const name of ["ok?", "in?"]) {
      await expect(runs.answer(idOf(name), true)).rejects.toMatchObject({
        code: "question-closed",
        message: expect.stringContaining("gone another way"),
      });
    }
    const open = await all(runs.questions());
    expect((await runs.get("t")).questions).toEqual(open);
    for (const { id } of open) await runs.answer(id, true);
    const parked = await (await agent.resume("t", park)).outcome;
    for (const { id } of parked.status === "PARKED" ? parked.questions : []) await runs.answer(id, true);
    const outcome = parked.status === "PARKED" ? await (await agent.resume("t", park)).outcome : parked;
    expect(outcome).toMatchObject({ status: "COMPLETE", results: { new: [3, "second", true], around: true } });
    expect(log).toEqual(["step", "shown", "step", "shown"]);
  });
});

async function* eventsUntilParked(runs: Runs) {
  const { seq } = await runs.get("t");
  for await (const event of runs.events("t")) {
    yield event;
    if (event.seq === seq) return;
  }
}
