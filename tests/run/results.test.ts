/** What nodes gave, by name: in modules, in conditions and in the outcome. */
import { Agent, ConditionError, MemoryStore, type ModuleContext, Node, type SnapshotRef } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { snapshotsOf } from "../support/snapshots.ts";
import { deciding, deferred, failing, failure, moduleOf, newTask, nodeOf, runNodes, success, within } from "./support.ts";

const when = (condition: string) => ({ nodeConfig: { condition } });
/** Gives all results that it sees, as they are then. */
const seeing = (name: string, dependencies: string[]): Node =>
  nodeOf(name, dependencies, async ({ results }) => success(JSON.parse(JSON.stringify(results))));

describe("results", () => {
  it("are the only module's; of several, by module, what succeeded; of a composite, its graph's; of a decision, its target", async () => {
    const several = new Node({
      name: "several",
      modules: [moduleOf("first", () => failure("no")), moduleOf("second", () => success({ n: 2 })), moduleOf("third")],
      config: { stopOnSuccess: true },
    });
    const nodes = [
      nodeOf("one", [], () => success([1])),
      nodeOf("none", [], () => success()),
      several,
      new Node({ name: "both", modules: [moduleOf("a"), moduleOf("b", () => success())], nodeConfig: { parallel: true } }),
      new Node({ name: "graph", nodes: [nodeOf("first"), nodeOf("last", ["first"], () => success("inner"))] }),
      new Node({ name: "wide graph", nodes: [nodeOf("x"), nodeOf("y")] }),
      new Node({ name: "empty", modules: [] }),
      deciding("decide", ["one"], () => null),
      seeing("sees", ["one", "none", "several", "both", "graph", "wide graph", "empty", "decide"]),
    ];
    const { results, task, nodes: told } = await runNodes(nodes);
    const expected = {
      one: [1],
      none: null,
      several: { second: { n: 2 } },
      both: { a: "a", b: null },
      graph: "inner",
      "wide graph": { x: "x", y: "y" },
      empty: null,
      decide: null,
    };
    expect(results).toEqual({ ...expected, sees: expected });
    expect(task.result).toEqual(expected);
    expect(Object.keys(told)).toEqual(Object.keys(results));
    expect(told.graph).toEqual({
      status: "success",
      results: [{ ...success("inner"), nodes: { first: { status: "success", results: [success("first")] }, last: expect.anything() } }],
    });
  });

  it("are absent of what failed, was skipped or did not run", async () => {
    const nodes = [
      failing("bad"),
      nodeOf("blocked", ["bad"]),
      nodeOf("skipped", [], undefined, when("false")),
      nodeOf("ok"),
      nodeOf("sees", ["ok"], async ({ results }) => {
        await new Promise((resolve) => setImmediate(resolve));
        return success(["bad", "blocked", "skipped", "ok", "sees", "unknown", "toString"].map((name) => [results[name], name in results]));
      }),
    ];
    const { results } = await runNodes(nodes);
    const absent = [null, false];
    expect(results).toEqual({ ok: "ok", sees: [absent, absent, absent, ["ok", true], absent, absent, absent] });
  });

  it("are of the latest visit, and absent while a node runs", async () => {
    const seen: unknown[] = [];
    let decisions = 0;
    const nodes = [
      nodeOf("draft", [], async ({ node, results }) => {
        seen.push(results.draft, results.check);
        return success(`draft ${node.visit}`);
      }),
      nodeOf("check", ["draft"], async ({ results }) => success(`of ${results.draft}`)),
      deciding("decide", ["check"], () => (++decisions < 2 ? "draft" : null)),
    ];
    expect((await runNodes(nodes)).results).toMatchObject({ draft: "draft 2", check: "of draft 2" });
    expect(seen).toEqual([undefined, undefined, undefined, "of draft 1"]);
  });

  it("are frozen, and those of the outcome the user's own", async () => {
    const nodes = [
      nodeOf("list", [], () => success({ items: [1] })),
      nodeOf("reads", ["list"], async ({ results }) => {
        const { items } = results.list as { items: number[] };
        expect(() => items.push(2)).toThrow(TypeError);
        expect(() => Object.assign(results, { list: 1 })).toThrow(TypeError);
        expect(() => delete (results as Record<string, unknown>).list).toThrow(TypeError);
        expect(results.list).toBe(results.list);
        return success(Object.entries(results));
      }),
    ];
    const { results } = await runNodes(nodes);
    expect(results.reads).toEqual([["list", { items: [1] }]]);
    (results.list as { items: number[] }).items.push(2);
    expect(results.list).toEqual({ items: [1, 2] });
  });

  it("are found by name in a graph around, behind the graph's own, and listed of its own alone", async () => {
    const reads = nodeOf("reads", ["same", "around 1"], async ({ results }: ModuleContext) => {
      return success([results.outer, results.same, Object.keys(results), "outer" in results, results.nothing, results["around 1"]]);
    });
    const isRead = deferred();
    const same = nodeOf("same", [], async () => {
      await isRead.promise;
      return success("inner");
    });
    const nodes = [
      nodeOf("outer", [], () => success("outside")),
      nodeOf("same", [], () => success("outer")),
      new Node({
        name: "graph",
        dependencies: ["outer", "same"],
        nodes: [
          within(
            1,
            nodeOf("deep", [], ({ results }) => {
              isRead.resolve();
              return success(results.same);
            }),
          ),
          same,
          reads,
        ],
      }),
    ];
    const { results } = await runNodes(nodes);
    expect(results.graph).toEqual(["outside", "inner", ["around 1", "same"], true, null, "outer"]);
  });

  it("are there after a restore, in the middle of a step too", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const quick = deferred();
    let isFirst = true;
    const nodes = [
      nodeOf("first", [], () => success({ n: 1 })),
      nodeOf("quick", ["first"], () => success(quick.resolve())),
      nodeOf("slow", ["first"], async ({ results }) => {
        await quick.promise;
        await new Promise((resolve) => setImmediate(resolve));
        if (isFirst) await run.snapshot();
        return success({ ...results });
      }),
    ];
    const agent = new Agent({ store, snapshot: "NEVER", nodes });
    const task = newTask();
    const run = agent.start(task);
    const expected = { first: { n: 1 }, quick: null };
    expect((await run.outcome).results).toEqual({ ...expected, slow: expected });
    isFirst = false;
    const [ref] = await snapshotsOf(store, task.id);
    expect((await agent.runFromSnapshot(ref as SnapshotRef)).results).toEqual({ ...expected, slow: expected });
  });
});

describe("conditions over results and values", () => {
  const ran = async (conditions: string[], given: Record<string, unknown> = {}): Promise<string[]> => {
    const nodes = [
      nodeOf("write", [], () => success({ words: 7, list: ["x"] })),
      nodeOf("odd name", [], () => success(3)),
      failing("bad"),
      ...conditions.map((condition) => nodeOf(condition, ["write", "odd name"], undefined, when(condition))),
    ];
    const { executions } = await new Agent({ nodes }).runTask(newTask(), { values: given });
    return conditions.filter((condition) => executions[condition] === 1);
  };

  it("see what finished nodes gave, by name, however it is looked up", async () => {
    const hold = [
      "results.write.words > 5",
      "results['odd name'] == 3",
      'results["write"].list[1] == "x"',
      "(function(name) return results[name].words end)('write') == 7",
      "(function() local n = 0; for _ in pairs(results) do n = n + 1 end; return n end)() == 2",
      "results.bad == nil and results.unknown == nil",
      "results['wr\\105te'].words == 7",
    ];
    expect(await ran(hold)).toEqual(hold);
  });

  it("see every value by `values`, those of names that are no free names too", async () => {
    const hold = [
      "values['my-score'] > 0.5 and score == nil",
      "values.type == 'a' and type(values) == 'table'",
      "values.results == 1 and values.values == 2",
      "values.task.status == task.status",
      "(function() local n = 0; for _ in pairs(values) do n = n + 1 end; return n end)() == 5",
      "plain == nil and values.plain == nil",
    ];
    expect(await ran(hold, { "my-score": 0.9, type: "a", results: 1, values: 2 })).toEqual(hold);
  });

  it("are given what they name, and no more: what is large beside it costs nothing", async () => {
    const large = "x".repeat(2_000_000);
    const nodes = [
      nodeOf("large", [], () => success(large)),
      nodeOf("small", ["large"], () => success(1)),
      nodeOf("named", ["small"], undefined, when("results.small == 1 and values.n == 2 and values['n'] == 2")),
      nodeOf("any", ["small"], undefined, { nodeConfig: { condition: "next(results) ~= nil", maxRetries: 1 } }),
    ];
    const { executions, errors } = await new Agent({ nodes }).runTask(newTask(), { values: { n: 2, huge: large } });
    expect(executions.named).toBe(1);
    expect(errors).toMatchObject([{ node: "any", code: "condition-budget" }]);
  });

  it("see results in decisions, in `evaluate`, and in graphs within", async () => {
    const inner = nodeOf(
      "inner",
      [],
      ({ evaluate }) => evaluate("results.write == 1").then(success),
      when("results.write == 1 and results.none == nil"),
    );
    const dynamic = nodeOf("dynamic", [], undefined, when("(function(n) return results[n] end)('write') == 1"));
    const { results } = await runNodes([
      nodeOf("write", [], () => success(1)),
      nodeOf("asks", ["write"], ({ evaluate }) => evaluate("results.write == 1").then(success)),
      new Node({ name: "graph", dependencies: ["write"], nodes: [inner, dynamic] }),
    ]);
    expect(results).toEqual({ write: 1, asks: true, graph: { inner: true, dynamic: "dynamic" } });
  });

  it("that take a function of Lua for a value are refused at the start, naming what reaches the value", async () => {
    const refused = runNodes([nodeOf("n", [], undefined, when("type == 'a'"))]);
    await expect(refused).rejects.toThrow(ConditionError);
    await expect(refused).rejects.toThrow("`values.type`");
  });
});
