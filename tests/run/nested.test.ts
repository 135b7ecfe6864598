import { Agent, GraphError, Node, type NodeInit } from "asimov-agents";
import { describe, expect, it } from "vitest";
import {
  aborted,
  deciding,
  deferred,
  failing,
  failure,
  inCache,
  logging,
  moduleOf,
  newTask,
  nodeOf,
  runNodes,
  runWithEvents,
  success,
} from "./support.ts";

const graph = (name: string, nodes: Node[], dependencies: string[] = [], init: Partial<NodeInit> = {}): Node =>
  new Node({ name, nodes, dependencies, ...init });

const once = { nodeConfig: { maxRetries: 1 } };

const nest = (depth: number, leaf: Node): Node => {
  let node = leaf;
  for (let level = depth; level > 0; level--) node = graph(`level ${level}`, [node], [], once);
  return node;
};

describe("node made of nodes", () => {
  it("runs its graph between what it depends on and what depends on it", async () => {
    const log: string[] = [];
    const { status, nodes: results } = await runNodes([
      logging(log, "before"),
      graph("graph", [logging(log, "in-1"), logging(log, "in-2", ["in-1"])], ["before"]),
      logging(log, "after", ["graph"]),
    ]);
    expect(log).toEqual(["before", "in-1", "in-2", "after"]);
    expect(status).toBe("COMPLETE");
    expect(results.graph).toEqual({
      status: "success",
      results: [
        {
          status: "success",
          result: "in-2",
          nodes: { "in-1": { status: "success", results: [success("in-1")] }, "in-2": { status: "success", results: [success("in-2")] } },
        },
      ],
    });
  });

  it("shares the run's task and values, and may use names that the graph around it uses", async () => {
    const ids: string[] = [];
    const note = (name: string) =>
      nodeOf(name, [], async ({ task, values }) => {
        ids.push(task.id);
        return success(await values.increment("count"));
      });
    const { task, executions } = await runNodes([note("same"), graph("graph", [note("same"), graph("deeper", [note("same")])])]);
    expect(ids).toEqual([task.id, task.id, task.id]);
    expect(executions).toEqual({ same: 1, graph: 1 });
  });

  it("runs 50 graphs deep", async () => {
    const { outcome, events } = await runWithEvents([nest(50, nodeOf("leaf"))]);
    expect(outcome.status).toBe("COMPLETE");
    const leaf = events.find((event) => event.type === "node.completed" && event.node === "leaf");
    expect(leaf?.graph).toHaveLength(50);
  });

  it("fails 50 graphs deep with the leaf's own error", async () => {
    const { status, task } = await runNodes([nest(50, failing("leaf", [], "deep down"))], { maxConcurrentTasks: 1 });
    expect([status, task.error]).toEqual(["FAILED", "deep down"]);
  }, 60_000);

  it("is refused past the limit of depth, also when it is added at run time", async () => {
    for (const depth of [65, 2_000]) {
      expect(() => new Agent({ nodes: [nest(depth, nodeOf("leaf"))] }).start(newTask())).toThrow(
        expect.objectContaining({ code: "graph-too-deep", message: expect.stringMatching(/deeper than 64/) }),
      );
    }
    const adds = nodeOf("adds", [], () => ({ ...success(), newNodes: [nest(10, nodeOf("leaf"))] }), once);
    expect((await runNodes([nest(50, adds)])).status).toBe("COMPLETE");
    const { status, task } = await runNodes([nest(60, adds)]);
    expect([status, task.error]).toEqual(["FAILED", expect.stringMatching(/deeper than 64/)]);
  }, 60_000);

  it("must have nodes and no modules, or modules and no nodes", () => {
    expect(() => new Node({ name: "n", type: "SUBGRAPH" })).toThrow(/SUBGRAPH/);
    expect(() => new Node({ name: "n", nodes: [nodeOf("in")], modules: [moduleOf("m")] })).toThrow(/SUBGRAPH/);
    expect(() => new Node({ name: "n", type: "EXECUTOR", nodes: [nodeOf("in")] })).toThrow(/SUBGRAPH/);
    expect(new Node({ name: "n", nodes: [nodeOf("in")] }).type).toBe("SUBGRAPH");
  });

  it("throws a GraphError for a graph that cannot run before anything runs", () => {
    const log: string[] = [];
    const agent = new Agent({ nodes: [logging(log, "first"), graph("graph", [nodeOf("a", ["b"]), nodeOf("b", ["a"])])] });
    expect(() => agent.start(newTask())).toThrow(GraphError);
    expect(log).toEqual([]);
  });
});

describe("nested graph that fails", () => {
  it("whole is a FAILED node, with the inner error", async () => {
    const { outcome, events } = await runWithEvents([graph("graph", [failing("in", [], "inner")], [], once), nodeOf("after", ["graph"])]);
    expect(outcome.nodes.graph).toMatchObject({ status: "error", error: "inner" });
    expect(outcome.failedChains).toEqual([["graph", "after"]]);
    expect(events).toContainEqual(expect.objectContaining({ type: "node.failed", node: "graph", status: "FAILED" }));
    expect(outcome.status).toBe("FAILED");
  });

  it("in part is a PARTIAL node: a failure for what depends on it, and what succeeded stays in its results", async () => {
    const { outcome, events } = await runWithEvents([
      graph("graph", [failing("bad"), nodeOf("good")], [], once),
      nodeOf("after", ["graph"]),
    ]);
    expect(events).toContainEqual(expect.objectContaining({ type: "node.failed", node: "graph", status: "PARTIAL" }));
    expect(outcome.executions).toEqual({ graph: 1 });
    expect(outcome.nodes.graph?.status).toBe("error");
    expect(outcome.nodes.graph?.results[0]).toMatchObject({
      result: { good: "good" },
      nodes: { good: { status: "success" }, bad: { status: "error" } },
      failedChains: [["bad"]],
    });
  });

  it("is run anew by a retry, with new visits and generators", async () => {
    let runs = 0;
    const inner = nodeOf("in", [], ({ node }) => (++runs < 3 ? failure("again") : success(node.visit)), {
      nodeConfig: { maxRetries: 1, maxVisits: 1 },
    });
    const { status, nodes: results } = await runNodes([graph("graph", [inner])]);
    expect([status, runs]).toEqual(["COMPLETE", 3]);
    expect(results.graph?.results[0]).toMatchObject({ result: 1, nodes: { in: { results: [success(1)] } } });
  });

  it("reports the inner node to the error mailbox, then the node", async () => {
    const agent = new Agent({ ...inCache, nodes: [graph("graph", [failing("in", [], "inner")], [], once)] });
    const { task, errors } = await agent.runTask(newTask());
    const why = { taskId: task.id, status: "error", module: "in", error: "inner", code: "module-failed" };
    const told = [
      { ...why, node: "in", path: ["graph", "in"] },
      { ...why, node: "graph", path: ["graph"] },
    ];
    expect(await agent.cache.peekMailbox("agent_error")).toEqual(told);
    expect(errors).toEqual(told);
    expect(await agent.cache.peekMailbox("agent_output")).toHaveLength(1);
  });
});

describe("nested graph by its own limits", () => {
  const chain = (length: number) => Array.from({ length }, (_, index) => nodeOf(`n${index}`, index === 0 ? [] : [`n${index - 1}`]));

  it("counts its own iterations: they are none of the run around it", async () => {
    const { totalIterations, status } = await runNodes([graph("graph", chain(10))], { maxTotalIterations: 10 });
    expect([totalIterations, status]).toEqual([1, "COMPLETE"]);
  });

  it("fails over its own maxTotalIterations, and takes the agent's by default", async () => {
    const own = await runNodes([graph("graph", chain(4), [], { nodeConfig: { maxTotalIterations: 3, maxRetries: 1 } }), nodeOf("free")]);
    expect(own.nodes.graph).toMatchObject({ status: "error", error: expect.stringMatching(/3 iterations/) });
    expect(own.status).toBe("PARTIAL");
    expect((await runNodes([graph("graph", chain(4), [], once)], { maxTotalIterations: 3 })).status).toBe("FAILED");
  });

  it("has by default a limit of its own, which it does not meet without jumps", async () => {
    const { status } = await runNodes([graph("graph", chain(150), [], once)]);
    expect(status).toBe("COMPLETE");
  });

  it("counts visits of its own at each visit of its node", async () => {
    const { executions, status } = await runNodes([
      graph("graph", [nodeOf("in", [], undefined, { nodeConfig: { maxVisits: 1 } })]),
      nodeOf("again?", ["graph"], ({ node }) => ({ ...success(), decision: node.visit < 4 ? "graph" : null })),
    ]);
    expect([status, executions]).toEqual(["COMPLETE", { graph: 4, "again?": 4 }]);
  });

  it("is bounded by the node's time limit, which aborts what runs in it", async () => {
    const reasons: unknown[] = [];
    const deaf = nodeOf("in", [], async ({ signal }) => {
      reasons.push(await aborted(signal));
      return success();
    });
    const { nodes: results } = await runNodes([graph("graph", [graph("deeper", [deaf])], [], { config: { timeoutMs: 20 }, ...once })]);
    expect(results.graph).toMatchObject({ status: "error", error: 'Node "graph" timed out after 20 ms', code: "timeout" });
    expect(reasons).toHaveLength(1);
  });
});

describe("flow within a nested graph", () => {
  it("jumps among its own nodes alone", async () => {
    const { executions, nodes: results } = await runNodes([
      graph("graph", [
        nodeOf("work"),
        nodeOf("again?", ["work"], ({ node }) => ({ ...success(), decision: node.visit < 3 ? "work" : null })),
      ]),
      nodeOf("outside"),
    ]);
    expect(executions).toEqual({ graph: 1, outside: 1 });
    expect(results.graph?.status).toBe("success");
    const stray = await runNodes([graph("graph", [deciding("in", [], () => "outside")]), nodeOf("outside", ["graph"])]);
    expect(stray.executions).toEqual({ graph: 1, outside: 1 });
  });

  it("adds nodes to its own graph alone", async () => {
    const log: string[] = [];
    const { executions, nodes: results } = await runNodes([
      graph("graph", [
        nodeOf("adds", [], () => ({ ...success(), newNodes: [logging(log, "x"), logging(log, "y", ["x"])] })),
        logging(log, "in", ["adds"]),
      ]),
      logging(log, "after", ["graph"]),
    ]);
    expect(log).toEqual(["x", "y", "in", "after"]);
    expect(executions).toEqual({ graph: 1, after: 1 });
    expect(Object.keys(results.graph?.results[0]?.nodes as object).sort()).toEqual(["adds", "in", "x", "y"]);
  });

  it("skips by conditions, and checks the composite's own condition, inputs and outputs", async () => {
    const { executions, nodes: results } = await runNodes([
      graph("skipped", [nodeOf("in")], [], { nodeConfig: { condition: "false" } }),
      graph("graph", [nodeOf("in", [], undefined, { nodeConfig: { condition: "false" } }), nodeOf("after-in", ["in"])]),
      graph("lacks", [nodeOf("in")], [], { nodeConfig: { outputs: ["draft"] } }),
    ]);
    expect(executions).toEqual({ graph: 1, lacks: 1 });
    expect(results.graph?.results[0]).toEqual({ status: "success", result: null, nodes: {} });
    expect(results.lacks).toMatchObject({ code: "missing-output" });
  });

  it("ends with the run when that is cancelled, after its modules have", async () => {
    const started = deferred();
    const log: string[] = [];
    const run = new Agent({
      nodes: [
        graph("a", [
          graph("b", [
            nodeOf("in", [], async ({ signal }) => {
              started.resolve();
              await aborted(signal);
              log.push("in ended");
              return success();
            }),
            logging(log, "next", ["in"]),
          ]),
        ]),
      ],
    }).start(newTask());
    await started.promise;
    const outcome = await run.cancel("enough");
    expect(log).toEqual(["in ended"]);
    expect(outcome).toMatchObject({ status: "FAILED", task: expect.objectContaining({ error: expect.stringContaining("enough") }) });
    expect(outcome.errors.filter(({ node }) => node === undefined)).toHaveLength(1);
  });
});
