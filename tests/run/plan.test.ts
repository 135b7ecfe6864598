import { Agent, FlowControlModule, GraphError, Node } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { deferred, failing, logging, moduleOf, namesOf, newTask, nodeOf, runNodes, success } from "./support.ts";

const faultOf = (nodes: Node[]): GraphError => {
  try {
    new Agent({ nodes }).start(newTask());
  } catch (error) {
    if (error instanceof GraphError) return error;
    throw error;
  }
  throw new Error("the graph was accepted");
};

describe("plan of a run", () => {
  it("puts each node on the level of its longest path", () => {
    const agent = new Agent({
      nodes: [
        nodeOf("join", ["long2", "short"]),
        nodeOf("long2", ["long1"]),
        nodeOf("long1", ["start"]),
        nodeOf("short", ["start"]),
        nodeOf("start"),
      ],
    });
    expect(namesOf(agent.compileExecutionPlan())).toEqual([["start"], ["long1", "short"], ["long2"], ["join"]]);
  });

  it("keeps declaration order within a level", () => {
    const agent = new Agent({ nodes: ["c", "a", "b"].map((name) => nodeOf(name)) });
    expect(agent.compileExecutionPlan()).toEqual([
      { nodes: ["c", "a", "b"], executed: [false, false, false], skipped: [false, false, false] },
    ]);
  });

  it("compiles from a node: the node and its descendants alone", () => {
    const agent = new Agent({ nodes: [nodeOf("a"), nodeOf("b", ["a"]), nodeOf("c", ["b", "x"]), nodeOf("x"), nodeOf("y", ["x"])] });
    expect(namesOf(agent.compileExecutionPlanFrom("b"))).toEqual([["b"], ["c"]]);
    expect(() => agent.compileExecutionPlanFrom("z")).toThrow(expect.objectContaining({ code: "unknown-node" }));
  });

  it("counts one level as one iteration", async () => {
    const { totalIterations } = await runNodes([nodeOf("a"), nodeOf("b"), nodeOf("c", ["a", "b"])]);
    expect(totalIterations).toBe(2);
  });

  it("runs nodes that wait for nothing at once, and one after those that it depends on", async () => {
    const bothRun = deferred();
    const log: string[] = [];
    let running = 0;
    const together = (name: string) =>
      nodeOf(name, [], async () => {
        if (++running === 2) bothRun.resolve();
        await bothRun.promise;
        log.push(name);
        return success();
      });
    await runNodes([together("a"), together("b"), logging(log, "after-a", ["a"])]);
    expect(log.slice(0, 2).sort()).toEqual(["a", "b"]);
    expect(log[2]).toBe("after-a");
  });

  it("waits for nothing but what it depends on: a slow node beside it holds nobody up", async () => {
    const slow = deferred();
    const log: string[] = [];
    const done = runNodes([
      nodeOf("fast"),
      nodeOf("slow", [], async () => {
        await slow.promise;
        log.push("slow");
        return success();
      }),
      nodeOf("next", ["fast"], () => {
        log.push("next");
        slow.resolve();
        return success();
      }),
    ]);
    await done;
    expect(log).toEqual(["next", "slow"]);
  });

  it("runs only what was added before the run started", async () => {
    const agent = new Agent({ nodes: [nodeOf("a")] });
    const run = agent.start(newTask());
    agent.addNode(nodeOf("late"));
    expect(Object.keys((await run.outcome).executions)).toEqual(["a"]);
    expect(Object.keys((await agent.runTask(newTask())).executions)).toEqual(["a", "late"]);
  });
});

describe("graph that cannot run", () => {
  it("names an unknown dependency and the node that has it", () => {
    const fault = faultOf([nodeOf("a", ["ghost"])]);
    expect(fault.code).toBe("graph-unknown-dependency");
    expect(fault.message).toMatch(/"a".*"ghost"/);
  });

  it("names the nodes of a circle, also of a node with itself", () => {
    const fault = faultOf([nodeOf("a", ["c"]), nodeOf("b", ["a"]), nodeOf("c", ["b"]), nodeOf("free")]);
    expect(fault.code).toBe("graph-cycle");
    for (const name of ["a", "b", "c"]) expect(fault.message).toContain(`"${name}"`);
    expect(fault.message).not.toContain('"free"');
    expect(faultOf([nodeOf("self", ["self"])]).message).toContain('"self" → "self"');
  });

  it("names every duplicate, also one of the same shape and the very same node", () => {
    const duplicate = expect.objectContaining({ code: "graph-duplicate-node", message: expect.stringContaining('"twin"') });
    const twin = nodeOf("twin");
    for (const other of [nodeOf("twin", [], undefined, { trace: true, nodeConfig: { maxVisits: 9 } }), nodeOf("twin"), twin]) {
      expect(() => new Agent({ nodes: [twin, other] })).toThrow(duplicate);
      expect(() => new Agent({ nodes: [twin] }).addNode(other)).toThrow(duplicate);
      expect(() => new Agent({ nodes: [nodeOf("n")], dynamicNodes: [twin, other] })).toThrow(duplicate);
      expect(faultOf([new Node({ name: "outer", nodes: [twin, other] })]).message).toMatch(/"outer".*"twin"/);
    }
    expect(() => new Agent({ nodes: [twin, twin, twin, nodeOf("b"), nodeOf("b")] })).toThrow(
      expect.objectContaining({ faults: [expect.stringContaining('"twin"'), expect.stringContaining('"b"')] }),
    );
  });

  it("takes none of the nodes that are added with a duplicate", () => {
    const agent = new Agent({ nodes: [nodeOf("a")] });
    expect(() => agent.addNodes([nodeOf("b"), nodeOf("a")])).toThrow();
    expect(namesOf(agent.compileExecutionPlan())).toEqual([["a"]]);
  });

  it("names the target of a decision and of a default that the graph does not hold", () => {
    const flow = (flowConfig: { decisions: { nextNode: string }[]; default?: string }) =>
      new Node({ name: "decide", modules: [new FlowControlModule({ name: "flow", flowConfig })] });
    expect(faultOf([flow({ decisions: [{ nextNode: "ghost" }] })]).message).toMatch(/"decide".*"ghost"/);
    expect(faultOf([flow({ decisions: [], default: "ghost" })]).code).toBe("graph-unknown-target");
  });

  it("names every fault at once", () => {
    const { faults } = faultOf([nodeOf("a", ["ghost"]), nodeOf("b", ["phantom", "c"]), nodeOf("c", ["b"])]);
    expect(faults).toHaveLength(3);
  });

  it("is found in a nested graph too, and says where", () => {
    const fault = faultOf([new Node({ name: "outer", nodes: [new Node({ name: "inner", nodes: [nodeOf("a", ["ghost"])] })] })]);
    expect(fault.message).toMatch(/"outer" → "inner".*"ghost"/);
  });

  it("is refused without nodes", async () => {
    expect(faultOf([]).code).toBe("graph-empty");
    await expect(new Agent().runTask(newTask())).rejects.toThrow(GraphError);
  });

  it("rejects runTask, throws from compileExecutionPlan, runs nothing, and leaves the task to be run", async () => {
    const log: string[] = [];
    const agent = new Agent({ nodes: [logging(log, "a"), logging(log, "b", ["ghost"])] });
    const task = newTask();
    await expect(agent.runTask(task)).rejects.toThrow(GraphError);
    expect(() => agent.compileExecutionPlan()).toThrow(GraphError);
    expect(() => agent.compileExecutionPlanFrom("a")).toThrow(GraphError);
    expect(log).toEqual([]);
    expect(task.status).toBe("WAITING");
    agent.addNode(logging(log, "ghost"));
    expect((await agent.runTask(task)).status).toBe("COMPLETE");
  });
});

describe("plan at scale", () => {
  it("runs a chain of 5,000 that was declared leaf first", async () => {
    const nodes = Array.from({ length: 5_000 }, (_, index) => nodeOf(`n${index}`, index === 0 ? [] : [`n${index - 1}`])).reverse();
    const { status, totalIterations } = await runNodes(nodes, { maxTotalIterations: 5_000 });
    expect([status, totalIterations]).toEqual(["COMPLETE", 5_000]);
  });

  it("runs 2,000 nodes at once and joins them", async () => {
    const wide = Array.from({ length: 2_000 }, (_, index) => nodeOf(`n${index}`));
    const join = nodeOf(
      "join",
      wide.map(({ name }) => name),
    );
    const { status, executions } = await runNodes([...wide, join], { maxConcurrentTasks: Number.POSITIVE_INFINITY });
    expect([status, Object.keys(executions).length]).toEqual(["COMPLETE", 2_001]);
  });

  it("ends a chain of 5,000 whose every node is blocked but the first, beside one that runs", async () => {
    const chain = (prefix: string, first: Node) => [
      first,
      ...Array.from({ length: 4_999 }, (_, index) => nodeOf(`${prefix}${index + 1}`, [`${prefix}${index}`])),
    ];
    const nodes = [...chain("bad", failing("bad0")), ...chain("good", nodeOf("good0"))];
    const { status, failedChains, executions } = await runNodes(nodes, { maxTotalIterations: 5_000 });
    expect([status, failedChains[0]?.length, Object.keys(executions).length]).toEqual(["PARTIAL", 5_000, 5_001]);
  });

  it("runs 1,000 tasks at once, each to its own end", async () => {
    const agent = new Agent({
      nodes: [
        nodeOf("a", [], ({ task }) => success(task.params.number)),
        new Node({ name: "b", dependencies: ["a"], modules: [moduleOf("b")] }),
      ],
      maxConcurrentTasks: 50,
      outputMailbox: null,
    });
    const outcomes = await Promise.all(Array.from({ length: 1_000 }, (_, number) => agent.runTask(newTask({ number }))));
    expect(outcomes.map(({ results }) => results.a)).toEqual(Array.from({ length: 1_000 }, (_, number) => number));
    expect(new Set(outcomes.map(({ task }) => task.id)).size).toBe(1_000);
  });
});
