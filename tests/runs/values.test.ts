/** What stored runs hold, read whole and without their agents' code: of nested and of added nodes, of now and of then. */
import { Agent, Node, Runs } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { applyEvents, type RunView } from "asimov-agents/view";
import { describe, expect, it } from "vitest";
import { failing, held, moduleOf, nodeOf, success, within } from "../run/support.ts";
import { overTheWire } from "../support/told.ts";
import { all, opening, storesOf, taskOf } from "./stores.ts";

const LONG = { long: "long ".repeat(2_000) };

describe.each(storesOf())("what is read of a run of a %s store", (_, make) => {
  const open = opening(make, { keep: 10_000 });

  it("is what nested nodes have given, while their graph runs, and their picture when it is over", async () => {
    const store = open();
    const runs = new Runs(store);
    const { node, entered, go } = held("after", ["first/of: two"]);
    const outer = new Node({
      name: "outer @/:",
      nodes: [nodeOf("first/of: two", [], () => success([LONG])), node],
    });
    const run = new Agent({ store, nodes: [within(1, outer)] }).start(taskOf("t"));
    await entered;
    const path = ["nodes", "around 1", "nodes", "outer @/:", "nodes", "first/of: two", "result"];
    await expect.poll(() => runs.value("t", path)).toEqual([LONG]);
    expect(await runs.value("t", [...path, "0", "long"])).toBe(LONG.long);
    expect(await runs.value("t", [...path.slice(0, 5), "after", "result"])).toBeUndefined();
    await expect(runs.value("t", [...path.slice(0, 5), "nobody", "result"])).rejects.toMatchObject({
      code: "unknown-node",
      message: expect.stringContaining("around 1/outer @/:/nobody"),
    });
    const nestedIn = ({ nodes }: RunView) => nodes["around 1"]?.nodes?.["outer @/:"]?.nodes;
    await expect.poll(async () => nestedIn(await runs.get("t"))?.after?.status).toBe("EXECUTING");
    const { generation } = await runs.get("t");
    go();
    await run.outcome;
    expect(await runs.get("t")).toEqual(overTheWire(run.view()));
    expect(nestedIn(await runs.get("t"))).toMatchObject({ "first/of: two": { status: "COMPLETE" }, after: { status: "COMPLETE" } });
    expect(nestedIn(await runs.at("t", generation))).toMatchObject({
      "first/of: two": { status: "COMPLETE" },
      after: { status: "EXECUTING" },
    });
    expect(await runs.value("t", ["nodes", "around 1", "nodes", "outer @/:", "result"])).toBe("after");
    expect(await runs.value("t", path)).toEqual([LONG]);
    expect(await runs.value("t", [...path, "0", "long"])).toBe(LONG.long);
  });

  it("is what each module of a nested node gave, also where the graph around it has failed", async () => {
    const store = open();
    const runs = new Runs(store);
    const three = new Node({
      name: "three",
      modules: [moduleOf("x", () => success(1)), moduleOf("two/words @", () => success({ deep: 2 })), moduleOf("y", () => success())],
    });
    const outer = new Node({
      name: "outer",
      nodes: [three, failing("broken"), nodeOf("silent", [], () => success())],
      nodeConfig: { retryOnFailure: false },
    });
    await new Agent({ store, nodes: [outer] }).runTask(taskOf("t"));
    const nested = (name: string, ...rest: string[]) => runs.value("t", ["nodes", "outer", "nodes", name, "result", ...rest]);
    expect(Object.entries((await nested("three")) as object)).toEqual([
      ["x", 1],
      ["two/words @", { deep: 2 }],
      ["y", null],
    ]);
    expect(await nested("three", "two/words @", "deep")).toBe(2);
    expect([await nested("silent"), await nested("broken")]).toEqual([null, undefined]);
    await expect(nested("toString")).rejects.toMatchObject({ code: "unknown-node" });
    expect(await runs.value("t", ["nodes", "outer", "result"])).toBeUndefined();
  });

  it("is of nodes that were added, too, nested ones among them: in its graph from the generation that added them on", async () => {
    const store = open();
    const runs = new Runs(store);
    const { node, entered, go } = held("leaf");
    const grow = moduleOf("grow", () => ({
      ...success("grown"),
      newNodes: [nodeOf("added", ["grow"], () => success(LONG)), new Node({ name: "around", dependencies: ["added"], nodes: [node] })],
    }));
    const run = new Agent({ store, nodes: [new Node({ name: "grow", modules: [grow] }), nodeOf("b", ["grow"])] }).start(taskOf("t"));
    await entered;
    const nestedIn = ({ nodes }: RunView) => nodes.around?.nodes;
    await expect.poll(async () => nestedIn(await runs.get("t"))?.leaf?.status).toBe("EXECUTING");
    expect(await runs.value("t", ["nodes", "added", "result"])).toEqual(LONG);
    expect(await runs.value("t", ["nodes", "around", "nodes", "leaf", "result"])).toBeUndefined();
    go();
    await run.outcome;
    const last = await runs.get("t");
    expect(last).toEqual(overTheWire(run.view()));
    expect(last.graph.nodes.map(({ name, nodes }) => [name, nodes?.map((each) => each.name)])).toEqual([
      ["grow", undefined],
      ["b", undefined],
      ["added", undefined],
      ["around", ["leaf"]],
    ]);
    expect(await runs.value("t", ["nodes", "around", "nodes", "leaf", "result"])).toBe("leaf");
    const events = await all(runs.events("t"));
    const addedAt = events.find(({ type }) => type === "nodes.added")?.seq as number;
    for (const { generation } of await all(runs.history("t"))) {
      const view = await runs.at("t", generation);
      expect([generation, view.graph.nodes.length]).toEqual([generation, view.seq < addedAt ? 2 : 4]);
      expect(Object.keys(view.nodes)).toEqual(view.graph.nodes.map(({ name }) => name));
      expect(view.plan.flat().toSorted()).toEqual(Object.keys(view.nodes).toSorted());
      if (view.seq > 0) expect({ ...applyEvents(undefined, events.slice(0, view.seq)), generation }).toEqual(view);
    }
    expect(await runs.at("t", 1)).toMatchObject({ graph: { nodes: [{ name: "grow" }, { name: "b" }] } });
  });

  it("is under whatever key it was set", async () => {
    const store = open();
    const keys = [
      "a/b",
      "ä 🙂",
      "value/",
      "__proto__",
      "constructor",
      "@x:y",
      "line\nbreak",
      '"quoted"',
      "%2F",
      " ",
      "..",
      "x".repeat(300),
    ];
    const sets = nodeOf("a", [], async ({ values }) => {
      for (const [index, key] of keys.entries()) await values.set(key, { [key]: [index] });
      return success();
    });
    expect((await new Agent({ store, nodes: [sets] }).runTask(taskOf("t"))).task.error).toBeUndefined();
    const runs = new Runs(store);
    for (const [index, key] of keys.entries()) expect(await runs.value("t", ["values", key, key, "0"])).toBe(index);
    for (const path of [
      ["values", "toString"],
      ["values", "a/b", "toString"],
      ["values", "a/b", "a/b", "length"],
      ["values", "a/b", "a/b", "1"],
    ])
      expect([path, await runs.value("t", path)]).toEqual([path, path.at(-1) === "length" ? 1 : undefined]);
    for (const path of [[], ["values"], ["nodes"], ["nodes", "a"], ["nodes", "a", "nodes"], ["nodes", "a", "values", "b"], ["a"]])
      await expect(runs.value("t", path)).rejects.toMatchObject({
        code: "invalid-options",
        message: expect.stringContaining(JSON.stringify(path)),
      });
    await expect(runs.value("t", "values" as never)).rejects.toMatchObject({ code: "invalid-options" });
  });

  it("is gone when it has expired, by the store's clock, whoever runs or does not run the run", async () => {
    const clock = new SimulatedClock();
    const store = open({ clock });
    const runs = new Runs(store, { clock });
    const sets = nodeOf("a", [], async ({ values }) => {
      await values.set("brief", 1, { ttlMs: 1_000 });
      await values.set("long", 2, { ttlMs: 5_000 });
      return success();
    });
    // Nothing in it waits: time that were let pass while a disk is slow would be that of the values.
    await new Agent({ store, clock, nodes: [sets] }).runTask(taskOf("t"));
    const found = async () => [await runs.value("t", ["values", "brief"]), await runs.value("t", ["values", "long"])];
    expect(await found()).toEqual([1, 2]);
    await clock.advance(1_000);
    expect(await found()).toEqual([undefined, 2]);
    await clock.advance(4_000);
    expect(await found()).toEqual([undefined, undefined]);
  });
});
