import { Agent, type AgentEvent, FlowControlModule, Node } from "asimov-agents";
import { describe, expect, it } from "vitest";
import {
  deciding,
  deferred,
  failing,
  failure,
  inCache,
  logging,
  loggingDecision,
  moduleOf,
  namesOf,
  newTask,
  nodeOf,
  runNodes,
  runWithEvents,
  success,
} from "./support.ts";

const jumpsOf = (events: AgentEvent[]): string[] =>
  events.flatMap((event) => (event.type === "jump.taken" ? [`${event.from} → ${event.to}`] : []));

const flow = (name: string, dependencies: string[], flowConfig: ConstructorParameters<typeof FlowControlModule>[0]["flowConfig"]): Node =>
  new Node({ name, dependencies, modules: [new FlowControlModule({ name, flowConfig })] });

describe("flow control", () => {
  const decideBy = async (
    flowConfig: ConstructorParameters<typeof FlowControlModule>[0]["flowConfig"],
    values: Record<string, unknown> = {},
  ) => {
    const log: string[] = [];
    const nodes = [
      logging(log, "start"),
      flow("decide", ["start"], flowConfig),
      logging(log, "a", ["decide"]),
      logging(log, "b", ["decide"]),
      logging(log, "c", ["decide"]),
    ];
    const run = new Agent({ nodes }).start(newTask(), { values });
    const outcome = await run.outcome;
    return { log: log.slice(1), outcome, values: run.values };
  };

  it("takes the first decision whose condition holds, in order", async () => {
    const decisions = [
      { nextNode: "a", condition: "n > 5" },
      { nextNode: "b", condition: "n > 2" },
      { nextNode: "c", condition: "n > 1" },
    ];
    expect((await decideBy({ decisions }, { n: 3 })).log).toEqual(["b"]);
  });

  it("takes a decision without a condition, and looks at none behind it", async () => {
    const decisions = [{ nextNode: "a", condition: "n > 5" }, { nextNode: "b" }, { nextNode: "c", condition: "true" }];
    const { log, outcome } = await decideBy({ decisions }, { n: 3 });
    expect(log).toEqual(["b"]);
    expect(outcome.nodes.decide?.results[0]).toEqual({ status: "success", result: "b", decision: "b", cleanup: false });
  });

  it("takes the default when no decision holds", async () => {
    expect((await decideBy({ decisions: [{ nextNode: "a", condition: "n > 5" }], default: "c" }, { n: 3 })).log).toEqual(["c"]);
  });

  it("falls through when no decision holds and there is no default", async () => {
    const { log, outcome } = await decideBy({ decisions: [{ nextNode: "a", condition: "n > 5" }] }, { n: 3 });
    expect(log.sort()).toEqual(["a", "b", "c"]);
    expect(outcome.nodes.decide?.results[0]?.decision).toBeNull();
  });

  it("deletes the condition variables of the decision that is taken, and no others", async () => {
    const { values } = await decideBy(
      {
        decisions: [
          { nextNode: "a", condition: "ready == false", conditionVariables: ["kept"] },
          { nextNode: "b", condition: "ready", conditionVariables: ["ready", "absent"] },
        ],
      },
      { ready: true, kept: 1, other: 2 },
    );
    expect([...(await values.keys())].sort()).toEqual(["kept", "other", "task"]);
  });

  it("keeps a decision's metadata in its result", async () => {
    const { outcome } = await decideBy({ decisions: [{ nextNode: "a", metadata: { why: "test" } }] });
    expect(outcome.nodes.decide?.results[0]?.metadata).toEqual({ why: "test" });
  });

  it("refuses unknown options of a decision", () => {
    expect(() => new FlowControlModule({ name: "f", flowConfig: { decisions: [{ nextNode: "a", cleanup: true }] } as never })).toThrow(
      /cleanup/,
    );
  });

  it("fails its node when a condition fails at run time, and the run goes on beside it", async () => {
    const { outcome } = await decideBy({ decisions: [{ nextNode: "a", condition: "missing.field == 1" }] });
    expect(outcome.nodes.decide).toMatchObject({ status: "error", code: "condition-runtime" });
    expect(outcome.status).toBe("PARTIAL");
  });
});

describe("jump", () => {
  it("runs the target and its descendants, and nothing else", async () => {
    const log: string[] = [];
    await runNodes([
      loggingDecision(log, "decide", [], () => "target"),
      logging(log, "dropped", ["decide"]),
      logging(log, "target", ["dropped"]),
      logging(log, "after", ["target"]),
      logging(log, "beside", ["dropped"]),
    ]);
    expect(log).toEqual(["decide", "target", "after"]);
  });

  it("keeps what was pending and does not descend from the deciding node", async () => {
    const log: string[] = [];
    await runNodes([
      loggingDecision(log, "decide", [], () => "target"),
      logging(log, "dropped", ["decide"]),
      logging(log, "target", ["dropped"]),
      logging(log, "other"),
      logging(log, "other-2", ["other"]),
      logging(log, "other-3", ["other-2"]),
    ]);
    expect(log).toEqual(["decide", "other", "target", "other-2", "other-3"]);
  });

  it("backwards runs what lies between again, each time it is taken", async () => {
    const log: string[] = [];
    const { executions, totalIterations, status } = await runNodes([
      logging(log, "start"),
      logging(log, "work", ["start"]),
      loggingDecision(log, "again?", ["work"], (visit) => (visit < 3 ? "work" : null)),
      logging(log, "end", ["again?"]),
    ]);
    expect(log).toEqual(["start", "work", "again?", "work", "again?", "work", "again?", "end"]);
    expect(executions).toEqual({ start: 1, work: 3, "again?": 3, end: 1 });
    expect([status, totalIterations]).toEqual(["COMPLETE", 8]);
  });

  it("to the deciding node itself visits it again", async () => {
    const { executions } = await runNodes([
      deciding("self", [], () => null),
      nodeOf("loop", ["self"], ({ node }) => ({ ...success(), decision: node.visit < 3 ? "loop" : null })),
    ]);
    expect(executions.loop).toBe(3);
  });

  it("may be asked for by any module's own result", async () => {
    const { executions } = await runNodes([
      nodeOf("a", [], () => ({ ...success(), decision: "c" })),
      nodeOf("b", ["a"]),
      nodeOf("c", ["b"]),
    ]);
    expect(Object.keys(executions)).toEqual(["a", "c"]);
  });

  it("asked for with an error status is not taken", async () => {
    const { executions } = await runNodes([
      nodeOf("a", [], () => ({ ...failure("no"), decision: "c" }), { nodeConfig: { maxRetries: 1 } }),
      nodeOf("b"),
      nodeOf("c", ["b"]),
    ]);
    expect(executions).toEqual({ a: 1, b: 1, c: 1 });
    const fallback = new Node({
      name: "a",
      config: { stopOnSuccess: true },
      modules: [moduleOf("bad", () => ({ ...failure("no"), decision: "c" })), moduleOf("good")],
    });
    expect((await runNodes([fallback, nodeOf("b", ["a"]), nodeOf("c", ["b"])])).executions).toEqual({ a: 1, b: 1, c: 1 });
  });

  it("of the last module in the node's order decides, whichever ended last", async () => {
    const slow = deferred();
    const modules = [
      moduleOf("first", async () => {
        await slow.promise;
        return { ...success(), decision: "b" };
      }),
      moduleOf("second", () => {
        setImmediate(slow.resolve);
        return { ...success(), decision: "c" };
      }),
    ];
    const { executions } = await runNodes([
      new Node({ name: "a", modules, nodeConfig: { parallel: true } }),
      nodeOf("b", ["a"]),
      nodeOf("c", ["a"]),
    ]);
    expect(Object.keys(executions)).toEqual(["a", "c"]);
  });

  it("leaves what executes to go on, and records what it gives", async () => {
    const { outcome, agent } = await runWithEvents([
      deciding("decide", [], () => "target"),
      nodeOf("beside", [], () => success("kept")),
      failing("bad"),
      nodeOf("dropped", ["decide"]),
      nodeOf("target", ["dropped"]),
      nodeOf("blocked", ["bad"]),
    ]);
    expect(outcome.nodes.beside).toEqual({ status: "success", results: [success("kept")] });
    expect(outcome.failedChains).toEqual([["bad", "blocked"]]);
    const [past] = agent.executionState.executionHistory;
    expect(past?.[0]).toEqual({ nodes: ["decide", "beside", "bad"], executed: [true, false, false], skipped: [false, false, false] });
    expect(past?.[1]?.executed).toEqual([false, false]);
    expect(namesOf(agent.executionState.currentPlan)).toEqual([["beside", "bad", "target"], ["blocked"]]);
  });

  it("beside a fall-through in one step runs the target, and what the other's dependents are", async () => {
    const log: string[] = [];
    await runNodes([
      loggingDecision(log, "jumps", [], () => "target"),
      loggingDecision(log, "falls", [], () => null),
      logging(log, "between", ["jumps"]),
      logging(log, "target", ["between"]),
      logging(log, "after-falls", ["falls"]),
    ]);
    expect(log.slice(2)).toEqual(["target", "after-falls"]);
  });

  it("leaves another jump's target alone that does not descend from the node that decides", async () => {
    const slow = deferred();
    const { outcome, events } = await runWithEvents([
      nodeOf("first", [], async () => {
        await slow.promise;
        return { ...success(), decision: "a" };
      }),
      nodeOf("second", [], () => {
        setImmediate(slow.resolve);
        return { ...success(), decision: "b" };
      }),
      nodeOf("a", ["first"]),
      nodeOf("b", ["second"]),
      nodeOf("c", ["second"]),
    ]);
    expect(jumpsOf(events)).toEqual(["second → b", "first → a"]);
    expect(outcome.errors).toEqual([]);
    expect(outcome.executions).toEqual({ first: 1, second: 1, a: 1, b: 1 });
  });

  it("that drops the target of an earlier one stands, and the other is reported", async () => {
    const slow = deferred();
    const { outcome, events } = await runWithEvents([
      nodeOf("second", [], async () => {
        await slow.promise;
        return { ...success(), decision: "b" };
      }),
      nodeOf("first", [], () => {
        setImmediate(slow.resolve);
        return { ...success(), decision: "a" };
      }),
      nodeOf("a", ["second"]),
      nodeOf("between", ["second"]),
      nodeOf("b", ["between"]),
    ]);
    expect(jumpsOf(events)).toEqual(["first → a", "second → b"]);
    expect(outcome.errors).toEqual([
      expect.objectContaining({ node: "first", code: "jump-overruled", error: expect.stringMatching(/"first".*"a".*"second".*"b"/) }),
    ]);
    expect(outcome.executions).toEqual({ first: 1, second: 1, b: 1 });
    expect(outcome.status).toBe("COMPLETE");
  });

  it("waits for what executes of its target and what descends from it; the node that it sent back decides again", async () => {
    const slow = deferred();
    const log: string[] = [];
    const { outcome, events } = await runWithEvents([
      nodeOf("start", [], ({ node }) => {
        log.push(`start ${node.visit}`);
        return success();
      }),
      nodeOf("slow", ["start"], async ({ node }) => {
        if (node.visit === 1) await slow.promise;
        log.push(`slow ${node.visit}`);
        return { ...success(), decision: node.visit === 1 ? "ghost" : null };
      }),
      nodeOf("again", ["start"], ({ node }) => {
        setImmediate(slow.resolve);
        return { ...success(), decision: node.visit === 1 ? "start" : null };
      }),
      nodeOf("after", ["slow"]),
    ]);
    expect(log).toEqual(["start 1", "slow 1", "start 2", "slow 2"]);
    expect(outcome.executions).toEqual({ start: 2, slow: 2, again: 2, after: 1 });
    expect(jumpsOf(events)).toEqual(["again → start"]);
    expect(outcome.errors).toEqual([expect.objectContaining({ node: "slow", code: "unknown-target" })]);
  });

  it("of a node that was sent back meanwhile is not taken, and that is reported", async () => {
    const slow = deferred();
    const { outcome, events } = await runWithEvents([
      nodeOf("start"),
      nodeOf("slow", ["start"], async ({ node }) => {
        if (node.visit === 1) await slow.promise;
        return { ...success(), decision: "end" };
      }),
      nodeOf("again", ["start"], ({ node }) => {
        setImmediate(slow.resolve);
        return { ...success(), decision: node.visit === 1 ? "start" : null };
      }),
      nodeOf("between", ["slow"]),
      nodeOf("end", ["between"]),
    ]);
    expect(jumpsOf(events)).toEqual(["again → start", "slow → end"]);
    expect(outcome.errors).toEqual([expect.objectContaining({ node: "slow", code: "jump-overruled" })]);
    expect(outcome.executions).toEqual({ start: 2, slow: 2, again: 2, end: 1 });
  });

  it("to a node that does not exist is reported and falls through", async () => {
    const agent = new Agent({ ...inCache, nodes: [deciding("decide", [], () => "ghost"), nodeOf("next", ["decide"])] });
    const { status, executions, errors } = await agent.runTask(newTask());
    expect(errors).toEqual([
      expect.objectContaining({ node: "decide", code: "unknown-target", error: expect.stringContaining('"ghost"') }),
    ]);
    expect(await agent.cache.peekMailbox("agent_error")).toEqual(errors);
    expect(executions).toEqual({ decide: 1, next: 1 });
    expect(status).toBe("COMPLETE");
  });

  it("to a node in a failed chain is reported and fails the deciding node", async () => {
    const nodes = [
      failing("bad"),
      nodeOf("blocked", ["bad"]),
      nodeOf("ok"),
      deciding("decide", ["ok"], () => "blocked"),
      nodeOf("next", ["decide"]),
    ];
    const { events, outcome, agent } = await runWithEvents(nodes, inCache);
    expect(jumpsOf(events)).toEqual([]);
    expect(outcome.nodes.decide).toMatchObject({
      status: "error",
      code: "target-failed",
      error: expect.stringMatching(/"decide".*"blocked"/),
    });
    expect(outcome.failedChains).toEqual([
      ["bad", "blocked"],
      ["decide", "next"],
    ]);
    expect(outcome.executions).toEqual({ bad: 1, ok: 1, decide: 1 });
    expect(outcome.status).toBe("PARTIAL");
    expect(await agent.cache.peekMailbox("agent_error")).toEqual(outcome.errors);
    expect(outcome.errors.map(({ node }) => node)).toEqual(["bad", "decide"]);
  });

  it("to a node that failed itself is refused too, also in the step in which it failed", async () => {
    const { nodes: results } = await runNodes([failing("bad"), deciding("decide", [], () => "bad"), nodeOf("ok")]);
    expect(results.decide).toMatchObject({ status: "error", code: "target-failed" });
  });

  it("that is refused leaves an earlier one in its step to be taken", async () => {
    const { outcome, events } = await runWithEvents([
      failing("bad"),
      deciding("first", [], () => "target"),
      deciding("second", [], () => "bad"),
      nodeOf("dropped", ["first"]),
      nodeOf("target", ["dropped"]),
    ]);
    expect(jumpsOf(events)).toEqual(["first → target"]);
    expect(outcome.executions).toEqual({ bad: 1, first: 1, second: 1, target: 1 });
  });

  it("to a node that falls into a failed chain afterwards is blocked", async () => {
    const { outcome, events } = await runWithEvents([
      failing("bad"),
      deciding("first", [], () => "after-second"),
      deciding("second", [], () => "bad"),
      nodeOf("after-second", ["second"]),
      nodeOf("after-first", ["first"]),
      nodeOf("ok"),
    ]);
    expect(jumpsOf(events)).toEqual(["first → after-second"]);
    expect(events).toContainEqual(expect.objectContaining({ type: "node.blocked", node: "after-second" }));
    expect(outcome.nodes.second).toMatchObject({ code: "target-failed" });
    expect(outcome.executions).toEqual({ bad: 1, first: 1, second: 1, ok: 1 });
    expect(outcome.failedChains).toEqual([["bad"], ["second", "after-second"]]);
  });

  it("to a node whose dependencies were all skipped runs it: nothing else was asked for", async () => {
    const log: string[] = [];
    await runNodes([
      logging(log, "start"),
      logging(log, "skipped", ["start"], { nodeConfig: { condition: "false" } }),
      loggingDecision(log, "decide", ["start"], (visit) => (visit === 1 ? "target" : null)),
      logging(log, "target", ["skipped"]),
      logging(log, "after", ["target"]),
      logging(log, "still-skipped", ["skipped"]),
    ]);
    expect(log).toEqual(["start", "decide", "target", "after"]);
  });

  it("back over skipped nodes evaluates their conditions anew", async () => {
    const log: string[] = [];
    await runNodes([
      nodeOf("start", [], async ({ values }) => success(await values.increment("round"))),
      logging(log, "second-time", ["start"], { nodeConfig: { condition: "round == 2" } }),
      logging(log, "after", ["second-time"]),
      loggingDecision(log, "again?", ["start"], (visit) => (visit < 2 ? "start" : null)),
    ]);
    expect(log.toSorted()).toEqual(["after", "again?", "again?", "second-time"]);
    expect(log.at(-1)).toBe("after");
  });

  it("keeps the history bounded over a loop of 2,000", async () => {
    const agent = new Agent({
      maxTotalIterations: Number.POSITIVE_INFINITY,
      nodes: [
        nodeOf("work", [], () => success(), { nodeConfig: { maxVisits: 0 } }),
        nodeOf("again?", ["work"], ({ node }) => ({ ...success(), decision: node.visit < 2_000 ? "work" : null }), {
          nodeConfig: { maxVisits: 0 },
        }),
      ],
    });
    const { executions, totalIterations } = await agent.runTask(newTask());
    expect(executions).toEqual({ work: 2_000, "again?": 2_000 });
    expect(totalIterations).toBe(4_000);
    expect(agent.executionState.executionHistory).toHaveLength(100);
    expect(agent.executionState.totalIterations).toBe(4_000);
  });
});
