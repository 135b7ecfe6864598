/** A node that runs for each item of a list. */
import { Agent, FlowControlModule, Node, NonRetryableError } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { aborted, deferred, failure, moduleOf, newTask, nodeOf, runNodes, success } from "../run/support.ts";
import { itemsNodes, runItems } from "./support.ts";

const only = { nodeConfig: { maxRetries: 1 } };

describe("a node for each item", () => {
  it("runs its modules with the item and its place, under keys of their own, and gives the list of what they gave", async () => {
    const seen: unknown[] = [];
    const { status, results, executions } = await runItems({
      work: ({ item, index, node, idempotencyKey }) => {
        seen.push([item, index, node, idempotencyKey.replace(/^[^/]*/, "RUN")]);
        return success(`${item}!`);
      },
    });
    expect({ status, search: results.search, write: results.write }).toEqual({
      status: "COMPLETE",
      search: ["a!", "b!", "c!"],
      write: ["a!", "b!", "c!"],
    });
    expect(seen).toEqual(
      ["a", "b", "c"].map((item, index) => [item, index, { name: "search", visit: 1, attempt: 1 }, `RUN/search.1/${index}.1/find`]),
    );
    expect(executions).toEqual({ plan: 1, search: 1, write: 1 });
  });

  it("gives them in the list's order, whichever ends first", async () => {
    const last = deferred();
    const { results } = await runItems({
      work: async ({ item, index }) => {
        if (index === 2) last.resolve();
        else await last.promise;
        return success(item);
      },
    });
    expect(results.search).toEqual(["a", "b", "c"]);
  });

  it("gives of several modules what each gave, by its name", async () => {
    const twice = moduleOf("twice", ({ item }) => success(`${item}${item}`));
    const { results } = await runItems({ modules: [moduleOf("find", ({ item }) => success(item)), twice] });
    expect(results.search).toEqual([
      { find: "a", twice: "aa" },
      { find: "b", twice: "bb" },
      { find: "c", twice: "cc" },
    ]);
  });

  it.each([{ maxParallelItems: 1 }, { maxParallelItems: 2 }])("lets no more work at a time than $maxParallelItems", async (nodeConfig) => {
    let [works, most] = [0, 0];
    await runItems({
      list: [1, 2, 3, 4, 5, 6],
      nodeConfig,
      work: async () => {
        most = Math.max(most, ++works);
        await new Promise((done) => setImmediate(done));
        works--;
        return success();
      },
    });
    expect(most).toBe(nodeConfig.maxParallelItems);
  });

  it("takes the list from the run's values, or by names that hold a dot, and an empty one is no work", async () => {
    const modules = [moduleOf("find", ({ item }) => success(item))];
    const { results } = await runNodes([
      new Node({ name: "a.b", modules: [moduleOf("list", () => success({ "c.d": [1] }))] }),
      new Node({ name: "named", forEach: ["a.b", "c.d"], modules, dependencies: ["a.b"] }),
    ]);
    expect(results.named).toEqual([1]);
    const given = await new Agent({
      nodes: [new Node({ name: "empty", forEach: "nothing", modules }), new Node({ name: "own", forEach: "mine.of", modules })],
    }).runTask(newTask(), { values: { nothing: [], mine: { of: [{ x: 1 }, null] } } });
    expect(given.results).toEqual({ empty: [], own: [{ x: 1 }, null] });
  });

  it.each<[list: unknown, told: string]>([
    [{ length: 1 }, 'expected a list there, but at "plan.topics" got an object'],
    ["abc", "got a string"],
    [null, "got null"],
  ])("fails finally where there is no list: %j", async (list, told) => {
    const { status, errors } = await runItems({ list });
    expect({ status, errors }).toMatchObject({
      status: "PARTIAL",
      errors: [{ node: "search", code: "invalid-items", error: expect.stringContaining(told) }],
    });
    expect(errors).toHaveLength(1);
  });

  it.each([
    ["nobody", 'at "nobody" no node has given it, and the run has no such value'],
    ["plan.theme", 'at "plan" there is no "theme" in an object'],
  ])("says where its path %s ends", async (forEach, told) => {
    const { errors } = await runItems({ forEach });
    expect(errors).toMatchObject([{ code: "invalid-items", error: expect.stringContaining(told) }]);
  });

  it("gives each item attempts, and a time limit, of its own", async () => {
    const attempts: string[] = [];
    const { status, results } = await runItems({
      nodeConfig: { maxRetries: 3 },
      config: { timeoutMs: 50 },
      work: async ({ item, node: { attempt }, signal }) => {
        attempts.push(`${item}${attempt}`);
        if (item === "b" && attempt === 1) await aborted(signal);
        return item === "c" && attempt < 3 ? failure("not yet") : success(item);
      },
    });
    expect({ status, search: results.search }).toEqual({ status: "COMPLETE", search: ["a", "b", "c"] });
    expect(attempts.sort()).toEqual(["a1", "b1", "b2", "c1", "c2", "c3"]);
  });

  it("fails by the first item that is out of attempts: others are aborted, none begins, and one error is told", async () => {
    const begun: unknown[] = [];
    const { status, results, errors, nodes, failedChains } = await runItems({
      list: ["a", "b", "c", "d"],
      nodeConfig: { maxRetries: 1, maxParallelItems: 2 },
      work: async ({ item, signal }) => {
        begun.push(item);
        if (item === "b") throw new Error("no b");
        await aborted(signal);
        return success(item);
      },
    });
    expect({ status, results, begun }).toEqual({
      status: "PARTIAL",
      results: { plan: { topics: ["a", "b", "c", "d"] } },
      begun: ["a", "b"],
    });
    expect(errors).toMatchObject([{ node: "search", path: ["search"], error: "item 1: no b", code: "module-failed", module: "find" }]);
    expect(errors).toHaveLength(1);
    expect(nodes.search).toMatchObject({ status: "error", error: "item 1: no b" });
    expect(failedChains).toEqual([["search", "write"]]);
  });

  it("keeps failures as entries, and what depends on it runs", async () => {
    const work = ({ item }: { item?: unknown }) => (item === "b" ? failure("no b") : success(item));
    const { status, results, errors } = await runItems({ nodeConfig: { maxRetries: 1, onItemError: "keep" }, work });
    const search = [
      { status: "success", result: "a" },
      { status: "error", error: "no b" },
      { status: "success", result: "c" },
    ];
    expect({ status, search: results.search, write: results.write, errors }).toEqual({
      status: "COMPLETE",
      search,
      write: search,
      errors: [],
    });
  });

  it("fails where every item has failed, though failures are kept", async () => {
    const { status, errors } = await runItems({ nodeConfig: { maxRetries: 1, onItemError: "keep" }, work: () => failure("nothing") });
    expect({ status, errors }).toMatchObject({ status: "PARTIAL", errors: [{ node: "search", error: "nothing" }] });
    expect(errors).toHaveLength(1);
  });

  it("is over at once where an item says that no attempt can help", async () => {
    let attempts = 0;
    const { errors } = await runItems({
      list: [1],
      work: () => {
        attempts++;
        throw new NonRetryableError("the key is wrong");
      },
    });
    expect({ attempts, errors }).toMatchObject({ attempts: 1, errors: [{ code: "non-retryable" }] });
  });

  it("refuses an item that decides or adds nodes", async () => {
    const deciding = await runItems({ ...only, work: () => ({ status: "success", decision: "plan" }) });
    const adding = await runItems({ ...only, work: () => ({ status: "success", newNodes: [nodeOf("more")] }) });
    expect(deciding.errors).toMatchObject([{ code: "invalid-result", error: expect.stringContaining("cannot decide") }]);
    expect(adding.errors).toMatchObject([{ code: "invalid-result", error: expect.stringContaining("cannot add nodes") }]);
  });

  it("hands modules an item that they cannot change", async () => {
    const { errors } = await runItems({
      ...only,
      list: [{ n: 1 }],
      work: ({ item }) => {
        (item as { n: number }).n = 2;
        return success();
      },
    });
    expect(errors).toMatchObject([{ error: expect.stringContaining("read only") }]);
  });

  it("takes the list anew when a jump visits it anew", async () => {
    const lists: unknown[] = [];
    const { results } = await runNodes([
      nodeOf("plan", [], ({ node: { visit } }) => success(Array.from({ length: visit }, (_, at) => at))),
      new Node({
        name: "each",
        forEach: "plan",
        dependencies: ["plan"],
        modules: [
          moduleOf("find", ({ item, node: { visit } }) => {
            lists.push([visit, item]);
            return success(item);
          }),
        ],
      }),
      nodeOf("again", ["each"], ({ node: { visit } }) => ({ ...success(), decision: visit < 2 ? "plan" : null })),
    ]);
    expect({ lists, each: results.each }).toEqual({
      lists: [
        [1, 0],
        [2, 0],
        [2, 1],
      ],
      each: [0, 1],
    });
  });

  it("runs in a graph nested in a node, by what that graph knows", async () => {
    const inner = new Node({ name: "inner", nodes: itemsNodes(), nodeConfig: { maxRetries: 1 } });
    const { status, results } = await runNodes([inner]);
    expect({ status, inner: results.inner }).toEqual({ status: "COMPLETE", inner: ["a!", "b!", "c!"] });
  });

  it("checks condition, inputs and outputs once, for the whole node", async () => {
    const skipped = await runItems({ nodeConfig: { condition: "results.plan.topics == 1" } });
    expect(skipped.executions).toEqual({ plan: 1 });
    const missing = await runItems({ nodeConfig: { inputs: ["key"] } });
    expect(missing.errors).toMatchObject([{ code: "missing-input" }]);
    const unset = await runItems({ nodeConfig: { outputs: ["key"] } });
    expect(unset.errors).toMatchObject([{ code: "missing-output" }]);
  });

  it("ends with its run", async () => {
    const works = deferred();
    const agent = new Agent({
      nodes: itemsNodes({
        work: async ({ signal }) => {
          works.resolve();
          await aborted(signal);
          signal.throwIfAborted();
        },
      }),
    });
    const run = agent.start(newTask());
    await works.promise;
    run.cancel("enough");
    const { status, errors } = await run.outcome;
    expect({ status, errors: errors.map(({ error }) => error) }).toEqual({
      status: "FAILED",
      errors: Array(2).fill("The run was cancelled: enough"),
    });
  });
});

describe("options of a node for each item", () => {
  const modules = [moduleOf("find")];
  const flow = new FlowControlModule({ name: "flow", flowConfig: { decisions: [{ nextNode: "plan" }] } });
  it.each<[what: string, make: () => Node, told: RegExp]>([
    ["a graph", () => new Node({ name: "n", forEach: "list", nodes: [nodeOf("a")] }), /a graph for each item is an agent in a module/],
    ["decisions", () => new Node({ name: "n", forEach: "list", modules: [flow] }), /cannot decide/],
    ["no modules", () => new Node({ name: "n", forEach: "list" }), /needs `modules`/],
    ["an empty name", () => new Node({ name: "n", forEach: "list.", modules }), /names between dots, got "list\."/],
    [
      "limits without a list",
      () => new Node({ name: "n", modules, nodeConfig: { onItemError: "keep" } }),
      /onItemError would have no effect/,
    ],
    ["none at a time", () => new Node({ name: "n", forEach: "l", modules, nodeConfig: { maxParallelItems: 0 } }), /maxParallelItems/],
  ])("refuse %s", (_, make, told) => {
    expect(make).toThrow(told);
  });
});
