/** Ten thousand items, some of which wait: each is seen, put down, taken up and run once, on every driver. */
import { Agent, type ModuleContext, Node, Runs } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { moduleOf, nodeOf, success } from "../run/support.ts";
import { all, opening, storesOf, taskOf } from "../runs/stores.ts";

const COUNT = 10_000;
const ASKING = [1, 2_501, 5_001, 7_501];

describe.each(storesOf())("ten thousand items (%s)", (_, make) => {
  const open = opening(make);

  it("are parked with those that wait, and only these run again", { timeout: 300_000 }, async () => {
    const store = open();
    const begun = new Uint8Array(COUNT);
    const work = async ({ item, index = -1, ask }: ModuleContext) => {
      begun[index] = (begun[index] ?? 0) + 1;
      if (ASKING.includes(index)) await ask("sure", { answer: {} });
      return success(2 * (item as number));
    };
    const agent = () =>
      new Agent({
        name: "many",
        store,
        maxConcurrentTasks: 50,
        nodes: [
          nodeOf("list", [], () => success(Array.from({ length: COUNT }, (_each, at) => at))),
          new Node({ name: "double", forEach: "list", modules: [moduleOf("double", work)], dependencies: ["list"] }),
        ],
      });
    const parked = await agent().runTask(taskOf(), { whenWaiting: "park" });
    expect(parked).toMatchObject({ status: "PARKED", questions: { length: ASKING.length } });
    const runs = new Runs(store);
    const { items = [] } = (await runs.get("t")).nodes.double ?? {};
    expect(items.length).toBe(COUNT);
    expect(items.flatMap(({ status }, at) => (status === "COMPLETE" ? [] : [at]))).toEqual(ASKING);
    for (const { id } of await all(runs.questions())) await runs.answer(id, true);
    const { status, results } = await (await agent().resume("t")).outcome;
    expect(status).toBe("COMPLETE");
    expect(results.double).toEqual(Array.from({ length: COUNT }, (_each, at) => 2 * at));
    expect([...begun].flatMap((times, at) => (times === 1 ? [] : [[at, times]]))).toEqual(ASKING.map((at) => [at, 2]));
  });
});
