import { Agent, FlowControlModule, MemoryStore, Node, type TaskOutcome } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { deciding, deferred, failure, logging, moduleOf, newTask, nodeOf, runNodes, runWithEvents, success } from "./support.ts";

/** A node that adds others at its first visit. */
const adding = (name: string, dependencies: string[], make: (visit: number) => Node[], init = {}): Node =>
  nodeOf(name, dependencies, ({ node }) => ({ ...success(), newNodes: make(node.visit) }), init);

const chainsOf = ({ failedChains }: TaskOutcome): string[][] => failedChains;

describe("nodes added at run time", () => {
  it("both run when two are added at once, and what depended on the creator waits for both", async () => {
    const log: string[] = [];
    const { status, executions } = await runNodes([
      adding("creator", [], () => [logging(log, "x"), logging(log, "y", ["x"])]),
      logging(log, "after", ["creator"]),
    ]);
    expect(log).toEqual(["x", "y", "after"]);
    expect(executions).toEqual({ creator: 1, after: 1, x: 1, y: 1 });
    expect(status).toBe("COMPLETE");
  });

  it("come after what they declare besides their creator", async () => {
    const log: string[] = [];
    await runNodes([adding("creator", [], () => [logging(log, "x", ["late"])]), logging(log, "early"), logging(log, "late", ["early"])]);
    expect(log).toEqual(["early", "late", "x"]);
  });

  it("leave pending work pending", async () => {
    const log: string[] = [];
    await runNodes([
      adding("creator", [], () => [logging(log, "x")]),
      logging(log, "other"),
      logging(log, "other-2", ["other"]),
      logging(log, "other-3", ["other-2"]),
    ]);
    expect(log.sort()).toEqual(["other", "other-2", "other-3", "x"]);
  });

  it("are told of, and are in the plan", async () => {
    const { events, agent } = await runWithEvents([adding("creator", [], () => [nodeOf("x")]), nodeOf("after", ["creator"])]);
    expect(events).toContainEqual(
      expect.objectContaining({
        type: "nodes.added",
        nodes: [{ name: "x", type: "EXECUTOR", dependencies: ["creator"], modules: [{ name: "x", type: "EXECUTOR" }], addedBy: "creator" }],
        graph: [],
      }),
    );
    expect(agent.executionState.currentPlan.map(({ nodes }) => nodes)).toEqual([["creator"], ["x"], ["after"]]);
    expect(agent.executionState.executionHistory).toHaveLength(0);
  });

  it("belong to their run: another run of the agent knows nothing of them", async () => {
    let adds = true;
    const agent = new Agent({ nodes: [nodeOf("creator", [], () => ({ ...success(), newNodes: adds ? [nodeOf("x")] : [] }))] });
    expect((await agent.runTask(newTask())).executions).toEqual({ creator: 1, x: 1 });
    adds = false;
    expect((await agent.runTask(newTask())).executions).toEqual({ creator: 1 });
  });

  it("are named in the creator's result", async () => {
    const { nodes: results } = await runNodes([adding("creator", [], () => [nodeOf("x")])]);
    expect(results.creator?.results).toEqual([{ status: "success", newNodes: ["x"] }]);
  });

  it("may add nodes themselves", async () => {
    const { executions, status } = await runNodes([adding("a", [], () => [adding("b", [], () => [adding("c", [], () => [nodeOf("d")])])])]);
    expect([status, executions]).toEqual(["COMPLETE", { a: 1, b: 1, c: 1, d: 1 }]);
  });

  it("that fail fail what depended on the creator", async () => {
    const outcome = await runNodes([
      adding("creator", [], () => [nodeOf("x", [], () => failure("no"), { nodeConfig: { maxRetries: 1 } })]),
      nodeOf("after", ["creator"]),
    ]);
    expect(chainsOf(outcome)).toEqual([["x", "after"]]);
    expect(outcome.status).toBe("PARTIAL");
  });

  it("may be the target of a decision taken later", async () => {
    const log: string[] = [];
    let rounds = 0;
    await runNodes([
      adding("creator", [], () => [logging(log, "x")]),
      nodeOf("decide", ["creator"], () => ({ ...success(log.push("decide")), decision: ++rounds < 2 ? "x" : null })),
    ]);
    expect(log).toEqual(["x", "decide", "x", "decide"]);
  });

  it("may be the target of the same result's decision", async () => {
    const { executions } = await runNodes([
      nodeOf("creator", [], () => ({ ...success(), newNodes: [nodeOf("x"), nodeOf("y")], decision: "x" })),
      nodeOf("after", ["creator"]),
    ]);
    expect(executions).toEqual({ creator: 1, after: 1, x: 1 });
  });

  it("may nest a graph and decide", async () => {
    const { executions, status } = await runNodes([
      adding("creator", [], () => [
        new Node({ name: "graph", nodes: [nodeOf("in"), nodeOf("out", ["in"])] }),
        new Node({
          name: "flow",
          dependencies: ["graph"],
          modules: [new FlowControlModule({ name: "flow", flowConfig: { decisions: [{ nextNode: "end" }] } })],
        }),
      ]),
      nodeOf("between", ["creator"]),
      nodeOf("end", ["between"]),
    ]);
    expect([status, executions]).toEqual(["COMPLETE", { creator: 1, graph: 1, flow: 1, end: 1 }]);
  });
});

describe("nodes added again", () => {
  const again = (make: (visit: number) => Node[]) =>
    runNodes([
      adding("creator", [], make),
      deciding(
        "loop",
        ["creator"],
        (() => {
          let rounds = 0;
          return () => (++rounds < 3 ? "creator" : null);
        })(),
      ),
    ]);

  it("by the same definition run once a visit of their creator", async () => {
    const { executions, status } = await again(() => [nodeOf("x")]);
    expect([status, executions]).toEqual(["COMPLETE", { creator: 3, x: 3, loop: 3 }]);
  });

  it("by another definition are a GraphError that fails the creator", async () => {
    const { nodes: results, status } = await again((visit) => [nodeOf("x", [], undefined, { nodeConfig: { maxRetries: visit } })]);
    expect(results.creator).toMatchObject({ status: "error", code: "graph-duplicate-node", error: expect.stringContaining('"x"') });
    expect(status).not.toBe("COMPLETE");
  });

  it("differ also by their nested nodes alone", async () => {
    const { nodes: results } = await again((visit) => [
      new Node({ name: "x", nodes: [nodeOf("in", [], undefined, { nodeConfig: { maxVisits: visit } })] }),
    ]);
    expect(results.creator).toMatchObject({ code: "graph-duplicate-node" });
  });

  it("twice in one result are one node when it is the very same, and a GraphError when it may differ", async () => {
    const twice = (first: Node, second: Node) => runNodes([adding("creator", [], () => [first, second]), nodeOf("after", ["creator"])]);
    const x = nodeOf("x");
    expect((await twice(x, x)).executions).toEqual({ creator: 1, x: 1, after: 1 });
    for (const differing of [nodeOf("x"), nodeOf("x", [], undefined, { trace: true, nodeConfig: { maxVisits: 9 } })]) {
      const { nodes: results, executions } = await twice(x, differing);
      expect(results.creator).toMatchObject({ status: "error", code: "graph-duplicate-node", error: expect.stringContaining('"x"') });
      expect(executions).toEqual({ creator: 1 });
    }
  });

  it("by two creators of one step are one node when they are the same", async () => {
    const { executions, status } = await runNodes([
      adding("c1", [], () => [nodeOf("x")]),
      adding("c2", [], () => [nodeOf("x")]),
      nodeOf("after", ["c1", "c2"]),
    ]);
    expect([status, executions]).toEqual(["COMPLETE", { c1: 1, c2: 1, after: 1, x: 1 }]);
  });

  it("by two creators of one step that differ fail the second", async () => {
    const { nodes: results } = await runNodes([
      adding("c1", [], () => [nodeOf("x")]),
      adding("c2", [], () => [nodeOf("x", [], undefined, { nodeConfig: { maxVisits: 9 } })], { nodeConfig: { maxRetries: 1 } }),
    ]);
    expect(results.c1?.status).toBe("success");
    expect(results.x?.status).toBe("success");
    expect(results.c2).toMatchObject({ status: "error", code: "graph-duplicate-node" });
  });

  it("after an attempt that failed may differ from what that attempt gave", async () => {
    const modules = [
      moduleOf("adds", ({ node }) => ({
        ...success(),
        newNodes: [nodeOf("x", [], undefined, { nodeConfig: { maxVisits: node.attempt } })],
      })),
      moduleOf("fails-once", ({ node }) => (node.attempt === 1 ? failure("once") : success())),
    ];
    const { status, executions } = await runNodes([new Node({ name: "creator", modules })]);
    expect([status, executions]).toEqual(["COMPLETE", { creator: 1, x: 1 }]);
  });

  it("after their addition was refused may be given soundly", async () => {
    const { executions } = await runNodes([
      adding("bad", [], () => [nodeOf("x", ["ghost"])], { nodeConfig: { maxRetries: 1 } }),
      nodeOf("ok"),
      adding("good", ["ok"], () => [nodeOf("x")]),
    ]);
    expect(executions).toEqual({ bad: 1, ok: 1, good: 1, x: 1 });
  });
});

describe("addition that cannot be", () => {
  it.each<[string, () => unknown[], RegExp]>([
    ["an unknown dependency", () => [nodeOf("x", ["ghost"])], /"x".*"ghost"/],
    ["a circle with a dependent of the creator", () => [nodeOf("x", ["after"])], /"x"/],
    ["a circle among the new", () => [nodeOf("x", ["y"]), nodeOf("y", ["x"])], /"x"/],
    ["the creator's own name", () => [nodeOf("creator", [], undefined, { nodeConfig: { maxVisits: 9 } })], /"creator"/],
    ["a node that is none", () => [{ name: "x" }], /Node/],
    ["null", () => [null], /Node/],
    ["a bad nested graph", () => [new Node({ name: "x", nodes: [nodeOf("in", ["ghost"])] })], /"x".*"in".*"ghost"/],
    [
      "an unknown target of a flow control",
      () => [new Node({ name: "x", modules: [new FlowControlModule({ name: "f", flowConfig: { decisions: [{ nextNode: "ghost" }] } })] })],
      /"x".*"ghost"/,
    ],
  ])("fails the creator, and the rest runs: %s", async (_, make, message) => {
    const outcome = await runNodes([
      adding("creator", [], make as () => Node[]),
      nodeOf("after", ["creator"]),
      nodeOf("free"),
      nodeOf("free-2", ["free"]),
    ]);
    expect(outcome.nodes.creator).toMatchObject({ status: "error", error: expect.stringMatching(message) });
    expect(outcome.executions).toEqual({ creator: 1, free: 1, "free-2": 1 });
    expect(chainsOf(outcome)).toEqual([["creator", "after"]]);
    expect(outcome.status).toBe("PARTIAL");
    expect(outcome.errors.map(({ node }) => node)).toEqual(["creator"]);
  });

  it("of an added node's condition fails that node", async () => {
    const { nodes: results, status } = await runNodes([
      adding("creator", [], () => [nodeOf("x", [], undefined, { nodeConfig: { condition: "1 +" } })]),
    ]);
    expect(results.x).toMatchObject({ status: "error", code: "condition-syntax" });
    expect(status).toBe("PARTIAL");
  });
});

describe("addition that a snapshot cuts in two", () => {
  it("is made by the restored run, from the nodes that its agent was given, and refused when it was given none", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const [reached, gate] = [deferred(), deferred()];
    const nodes = () => [
      new Node({
        name: "creator",
        modules: [
          moduleOf("adds", () => ({ ...success(), newNodes: [nodeOf("x")] })),
          moduleOf("waits", async () => {
            reached.resolve();
            await gate.promise;
            return success();
          }),
        ],
      }),
      nodeOf("after", ["creator"]),
    ];
    const run = new Agent({ nodes: nodes(), store, snapshot: "NEVER" }).start(newTask());
    await reached.promise;
    const ref = await run.snapshot();
    gate.resolve();
    const expected = await run.outcome;
    const restored = await new Agent({ nodes: nodes(), store, dynamicNodes: [nodeOf("x")] }).runFromSnapshot(ref);
    expect(restored.status).toBe("COMPLETE");
    expect(restored.nodes).toEqual(expected.nodes);
    await expect(new Agent({ nodes: nodes(), store, snapshot: "NEVER" }).runFromSnapshot(ref)).rejects.toThrow(
      expect.objectContaining({ code: "snapshot-unknown-node", message: expect.stringContaining('"x"') }),
    );
  });
});
