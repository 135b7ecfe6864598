import { Agent, ConditionError, FlowControlModule, MemoryCache, Node } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { failing, logging, newTask, nodeOf, runNodes, runWithEvents, success } from "./support.ts";

const when = (condition: string) => ({ nodeConfig: { condition } });

describe("condition of a node", () => {
  it("that is false skips the node, and what depends only on it, however far", async () => {
    const { outcome, events } = await runWithEvents([
      nodeOf("start"),
      nodeOf("skipped", ["start"], undefined, when("false")),
      nodeOf("after", ["skipped"]),
      nodeOf("after-2", ["after"]),
    ]);
    expect(outcome.status).toBe("COMPLETE");
    expect(outcome.executions).toEqual({ start: 1 });
    expect(Object.keys(outcome.nodes)).toEqual(["start"]);
    expect(outcome.failedChains).toEqual([]);
    const skipped = events.flatMap((event) => (event.type === "node.skipped" ? [event.node] : []));
    expect(skipped).toEqual(["skipped", "after", "after-2"]);
  });

  it("that is false leaves what depends on a node that ran too", async () => {
    const { executions } = await runNodes([
      nodeOf("skipped", [], undefined, when("false")),
      nodeOf("ran"),
      nodeOf("join", ["skipped", "ran"]),
      nodeOf("only", ["skipped"]),
      nodeOf("join-2", ["only", "join"]),
    ]);
    expect(executions).toEqual({ ran: 1, join: 1, "join-2": 1 });
  });

  it("that is true runs the node; so are 0 and the empty string, as in Lua", async () => {
    const { executions } = await runNodes(
      ["true", "0", '""', "1 < 2"].map((condition) => nodeOf(condition, [], undefined, when(condition))),
    );
    expect(executions).toEqual({ true: 1, "0": 1, '""': 1, "1 < 2": 1 });
  });

  it("sees the values, the run's own task, and nil for what is unknown or null", async () => {
    const cache = new MemoryCache();
    await cache.setMany({ n: 3, list: ["a"], none: null });
    const { status, executions } = await runNodes(
      [
        nodeOf("a", [], undefined, when("n > 2 and #list == 1 and list[1] == 'a'")),
        nodeOf("b", [], undefined, when("task.params.ready == true and task.status == 'EXECUTING'")),
        nodeOf("c", [], undefined, when("unknown == nil and none == nil")),
        nodeOf("d", [], undefined, when("unknown")),
      ],
      { cache, valuesIn: "cache" },
      newTask({ ready: true }),
    );
    expect(status).toBe("COMPLETE");
    expect(executions).toEqual({ a: 1, b: 1, c: 1 });
  });

  it("sees what an earlier step wrote", async () => {
    const { executions } = await runNodes([
      nodeOf("writes", [], async ({ values }) => {
        await values.set("score", 0.9);
        return success();
      }),
      nodeOf("reads", ["writes"], undefined, when("score > 0.5")),
    ]);
    expect(executions).toEqual({ writes: 1, reads: 1 });
  });

  it("is evaluated at each visit, and a skip is no visit", async () => {
    const { executions, status } = await runNodes([
      nodeOf("count", [], async ({ values }) => success(await values.increment("round")), { nodeConfig: { maxVisits: 0 } }),
      nodeOf("odd", ["count"], undefined, { nodeConfig: { condition: "round % 2 == 1", maxVisits: 5 } }),
      nodeOf("again?", ["count"], ({ node }) => ({ ...success(), decision: node.visit < 10 ? "count" : null }), {
        nodeConfig: { maxVisits: 0 },
      }),
    ]);
    expect([status, executions]).toEqual(["COMPLETE", { count: 10, odd: 5, "again?": 10 }]);
  });

  it("that was true before and is false now keeps the result of the visit that ran", async () => {
    const { nodes: results, executions } = await runNodes([
      nodeOf("count", [], async ({ values }) => success(await values.increment("round"))),
      nodeOf("first", ["count"], ({ node }) => success(`visit ${node.visit}`), when("round == 1")),
      nodeOf("again?", ["count"], ({ node }) => ({ ...success(), decision: node.visit < 3 ? "count" : null })),
    ]);
    expect(executions).toEqual({ count: 3, first: 1, "again?": 3 });
    expect(results.first).toEqual({ status: "success", results: [success("visit 1")] });
  });

  it("with a syntax error rejects before anything runs, shows the condition, and leaves the task to be run", async () => {
    const log: string[] = [];
    const inner = new Node({ name: "outer", dependencies: ["first"], nodes: [logging(log, "inner", [], when("n >"))] });
    const decision = new Node({
      name: "flow",
      modules: [new FlowControlModule({ name: "flow", flowConfig: { decisions: [{ nextNode: "first", condition: "n >" }] } })],
    });
    for (const bad of [logging(log, "bad", [], when("n >")), inner, decision]) {
      const task = newTask();
      const agent = new Agent({ nodes: [logging(log, "first"), bad] });
      const error = await agent.runTask(task).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ConditionError);
      expect(error).toMatchObject({ code: "condition-syntax", condition: "n >", message: expect.stringContaining("n >") });
      expect(task.status).toBe("WAITING");
      expect(await agent.cache.getAll()).toEqual({});
    }
    expect(log).toEqual([]);
  });

  it.each([
    ["a runtime error", "missing.field", "condition-runtime"],
    ["an endless loop", "(function() while true do end end)()", "condition-budget"],
  ])("with %s fails the node with the error's code, at once", async (_, condition, code) => {
    const {
      nodes: results,
      status,
      failedChains,
    } = await runNodes([nodeOf("bad", [], undefined, when(condition)), nodeOf("after", ["bad"]), nodeOf("free")]);
    expect(results.bad).toMatchObject({ status: "error", code });
    expect(failedChains).toEqual([["bad", "after"]]);
    expect(status).toBe("PARTIAL");
  });

  it("is not looked at when the node is blocked", async () => {
    const { nodes: results, status } = await runNodes([failing("bad"), nodeOf("after", ["bad"], undefined, when("missing.field"))]);
    expect(Object.keys(results)).toEqual(["bad"]);
    expect(status).toBe("FAILED");
  });

  it("of a node that depends on a failed and a skipped one does not matter: it is in the failed chain", async () => {
    const { failedChains, executions } = await runNodes([
      failing("bad"),
      nodeOf("skipped", [], undefined, when("false")),
      nodeOf("join", ["bad", "skipped"]),
    ]);
    expect(failedChains).toEqual([["bad", "join"]]);
    expect(executions).toEqual({ bad: 1 });
  });

  it("of all nodes may be false: the run is COMPLETE", async () => {
    const { status, executions, totalIterations } = await runNodes([nodeOf("a", [], undefined, when("false")), nodeOf("b", ["a"])]);
    expect([status, executions, totalIterations]).toEqual(["COMPLETE", {}, 1]);
  });

  it("of two agents never see each other's names", async () => {
    const run = async (mine: number) => {
      const cache = new MemoryCache();
      await cache.set("mine", mine);
      const outcome = await runNodes(
        Array.from({ length: 20 }, (_, index) =>
          nodeOf(`n${index}`, index === 0 ? [] : [`n${index - 1}`], undefined, when(`mine == ${mine}`)),
        ),
        { cache, valuesIn: "cache" },
      );
      return Object.keys(outcome.executions).length;
    };
    expect(await Promise.all(Array.from({ length: 20 }, (_, mine) => run(mine)))).toEqual(Array.from({ length: 20 }, () => 20));
  });
});

describe("inputs and outputs", () => {
  it("name a missing input, and the node does not run", async () => {
    const log: string[] = [];
    const { nodes: results } = await runNodes([logging(log, "n", [], { nodeConfig: { inputs: ["there", "missing"] } })], {
      valuesIn: "cache",
      cache: await (async () => {
        const cache = new MemoryCache();
        await cache.set("there", null);
        return cache;
      })(),
    });
    expect(log).toEqual([]);
    expect(results.n).toMatchObject({ status: "error", code: "missing-input", error: expect.stringMatching(/"n".*"missing"/) });
    expect((results.n as { error: string }).error).not.toContain('"there"');
  });

  it("name a missing output after the node ran", async () => {
    const log: string[] = [];
    const { nodes: results, failedChains } = await runNodes([
      logging(log, "n", [], { nodeConfig: { outputs: ["draft"] } }),
      nodeOf("after", ["n"]),
    ]);
    expect(log).toEqual(["n"]);
    expect(results.n).toMatchObject({ status: "error", code: "missing-output", error: expect.stringMatching(/"n".*"draft"/) });
    expect(failedChains).toEqual([["n", "after"]]);
  });

  it("let the node run when they are there, and are checked in the key space that the run names", async () => {
    const agent = new Agent({
      nodes: [
        nodeOf("writes", [], async ({ values }) => success(await values.set("draft", "x")), { nodeConfig: { outputs: ["draft"] } }),
        nodeOf("reads", ["writes"], undefined, { nodeConfig: { inputs: ["draft"] } }),
      ],
    });
    expect((await agent.runTask(newTask(), { cachePrefix: "mine" })).status).toBe("COMPLETE");
    const other = new Agent({ cache: agent.cache, nodes: [nodeOf("reads", [], undefined, { nodeConfig: { inputs: ["draft"] } })] });
    expect((await other.runTask(newTask())).status).toBe("FAILED");
  });

  it("are looked for after the condition: one that is false skips the node, whatever is missing", async () => {
    const { status, nodes: results } = await runNodes([
      nodeOf("n", [], undefined, { nodeConfig: { inputs: ["missing"], condition: "false" } }),
    ]);
    expect([status, results]).toEqual(["COMPLETE", {}]);
  });

  it("that are missing fail the node with one attempt, when its condition holds", async () => {
    const { nodes: results } = await runNodes([nodeOf("n", [], undefined, { nodeConfig: { inputs: ["missing"], condition: "true" } })]);
    expect(results.n).toMatchObject({ code: "missing-input", results: [] });
  });
});
