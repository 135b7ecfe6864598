/** The picture of a run, live and kept by its events: each must be the other, at any moment. */
import { Agent, type AgentEvent, Node } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { applyEvent, applyEvents, type NodeView, type RunView } from "asimov-agents/view";
import { describe, expect, it } from "vitest";
import { fold, listen, overTheWire } from "../support/told.ts";
import { deciding, deferred, failing, failure, moduleOf, newTask, nodeOf, success, within } from "./support.ts";

async function viewOf(nodes: Node[]): Promise<RunView> {
  const run = new Agent({ nodes }).start(newTask());
  await run.outcome;
  return run.view();
}

describe("the view of a run", () => {
  it("says what runs, what ran, with what result, and what never will", async () => {
    const clock = new SimulatedClock();
    const began = clock.now();
    const twice = new Node({ name: "twice", modules: [moduleOf("one", () => success(1)), moduleOf("two", () => success(2))] });
    const nodes = [
      nodeOf("a"),
      failing("b"),
      nodeOf("c", ["b"]),
      nodeOf("d", ["a"], undefined, { nodeConfig: { condition: "false" } }),
      twice,
    ];
    const agent = new Agent({ name: "reporter", version: "7", nodes, clock });
    const run = agent.start(newTask());
    await clock.runUntil(run.outcome);
    expect(run.view()).toEqual({
      taskId: run.task.id,
      agent: "reporter",
      version: "7",
      type: "test",
      objective: "Be run",
      status: "PARTIAL",
      generation: 0,
      seq: expect.any(Number),
      startedAt: began,
      updatedAt: began,
      endedAt: began,
      graph: {
        nodes: [
          { name: "a", type: "EXECUTOR", dependencies: [], modules: [{ name: "a", type: "EXECUTOR" }] },
          { name: "b", type: "EXECUTOR", dependencies: [], modules: [{ name: "b", type: "EXECUTOR" }] },
          { name: "c", type: "EXECUTOR", dependencies: ["b"], modules: [{ name: "c", type: "EXECUTOR" }] },
          { name: "d", type: "EXECUTOR", dependencies: ["a"], condition: "false", modules: [{ name: "d", type: "EXECUTOR" }] },
          {
            name: "twice",
            type: "EXECUTOR",
            dependencies: [],
            modules: [
              { name: "one", type: "EXECUTOR" },
              { name: "two", type: "EXECUTOR" },
            ],
          },
        ],
      },
      nodes: {
        a: { status: "COMPLETE", visit: 1, attempt: 1, iteration: 1, since: began, durationMs: 0, result: "a" },
        b: {
          status: "FAILED",
          visit: 1,
          attempt: 1,
          iteration: 1,
          since: began,
          durationMs: 0,
          error: "b failed",
          code: "module-failed",
        },
        c: { status: "WAITING", visit: 0, attempt: 0, iteration: 0, since: began, never: "blocked" },
        d: { status: "WAITING", visit: 0, attempt: 1, iteration: 2, since: began, never: "skipped" },
        twice: { status: "COMPLETE", visit: 1, attempt: 1, iteration: 1, since: began, durationMs: 0, result: { one: 1, two: 2 } },
      },
      plan: [
        ["a", "b", "twice"],
        ["c", "d"],
      ],
      failedChains: [["b", "c"]],
      questions: [],
      errors: [expect.objectContaining({ node: "b", error: "b failed" })],
      usage: { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, cost: 0 },
    });
  });

  it("is there before the run has begun, while it runs, and after", async () => {
    const entered = deferred();
    const go = deferred();
    const slow = nodeOf("slow", [], async () => {
      entered.resolve();
      await go.promise;
      return success();
    });
    const run = new Agent({ nodes: [slow, nodeOf("after", ["slow"])] }).start(newTask());
    expect(run.view()).toMatchObject({ status: "RUNNING", seq: 0, nodes: { slow: { status: "WAITING", visit: 0 } } });
    await entered.promise;
    expect(run.view()).toMatchObject({
      status: "RUNNING",
      nodes: { slow: { status: "EXECUTING", visit: 1 }, after: { status: "WAITING" } },
    });
    go.resolve();
    await run.outcome;
    expect(run.view()).toMatchObject({ status: "COMPLETE", nodes: { after: { status: "COMPLETE" } } });
  });

  it("tells a cancelled run from one that failed", async () => {
    const entered = deferred();
    const run = new Agent({ nodes: [nodeOf("a", [], () => new Promise(() => entered.resolve()))], abortGraceMs: 1 }).start(newTask());
    await entered.promise;
    await run.cancel("enough");
    expect(run.view()).toMatchObject({ status: "CANCELLED", errors: [{ code: "cancelled" }, {}] });
    expect(await viewOf([failing("a")])).toMatchObject({ status: "FAILED" });
  });

  it("begins with the start, also of a run that is cancelled before", async () => {
    const run = new Agent({ nodes: [nodeOf("a")] }).start(newTask());
    const events = listen(run);
    await run.cancel();
    expect(events.map(({ type }) => type)).toEqual(["run.started", "error.reported", "run.ended"]);
    expect(run.view()).toEqual(fold(events));
  });

  it("cuts long results and masks what is secret, while events hold them whole", async () => {
    const long = "long ".repeat(1_000);
    const run = new Agent({ nodes: [nodeOf("a", [], () => success({ long, password: "hunter22", list: Array(100).fill(1) }))] }).start(
      newTask(),
    );
    const events = listen(run);
    await run.outcome;
    const { long: cut, password, list } = (run.view().nodes.a as NodeView).result as { long: string; password: string; list: unknown[] };
    expect(cut).toMatch(/… 4,040 more characters$/);
    expect(password).toBe("[redacted]");
    expect(list.at(-1)).toBe("… 71 more");
    expect(events.find(({ type }) => type === "node.completed")).toMatchObject({ result: { long, password: "hunter22" } });
  });

  it("shows a composite's graph from its start on, at any depth", async () => {
    const seen: RunView[] = [];
    let look = (): void => {};
    const leaf = nodeOf("leaf", [], () => {
      look();
      return success(5);
    });
    const run = new Agent({ nodes: [within(2, leaf)] }).start(newTask());
    look = () => seen.push(run.view());
    expect(run.view().nodes["around 1"]).toEqual({ status: "WAITING", visit: 0, attempt: 0, iteration: 0, since: expect.any(Number) });
    await run.outcome;
    const inner = (view: RunView | undefined) => view?.nodes["around 1"]?.nodes?.["around 2"]?.nodes?.leaf;
    expect(inner(seen[0])).toMatchObject({ status: "EXECUTING", visit: 1 });
    expect(inner(run.view())).toMatchObject({ status: "COMPLETE", result: 5 });
  });

  it("says until when a node waits before its next attempt", async () => {
    const clock = new SimulatedClock();
    const hour = 3_600_000;
    const flaky = nodeOf("flaky", [], ({ node }) => (node.attempt === 1 ? failure("not yet") : success()), {
      nodeConfig: { backoff: { initialMs: hour, maxMs: hour } },
    });
    const run = new Agent({ nodes: [flaky], clock }).start(newTask());
    const until = clock.now() + hour;
    for await (const event of run.events()) if (event.type === "node.retrying") break;
    expect(run.view().nodes.flaky).toMatchObject({ status: "EXECUTING", attempt: 2, waiting: [{ for: "moment", until }] });
    await clock.runUntil(run.outcome);
    expect(run.view().nodes.flaky).toMatchObject({ status: "COMPLETE", attempt: 2 });
    expect(run.view().nodes.flaky).not.toHaveProperty("waiting");
  });

  it("sends back what a jump leads to, and leaves in the plan what is still pending", async () => {
    let jumps = 0;
    const nodes = [
      nodeOf("start"),
      nodeOf("middle", ["start"]),
      deciding("decider", ["middle"], () => (jumps++ === 0 ? "middle" : null)),
      nodeOf("beside", ["start"]),
    ];
    const run = new Agent({ nodes }).start(newTask());
    const views: RunView[] = [];
    run.actor.on("jump.taken", () => views.push(run.view()));
    await run.outcome;
    expect(views).toHaveLength(1);
    expect(views[0]).toMatchObject({
      plan: [["middle"], ["decider"]],
      nodes: {
        start: { status: "COMPLETE" },
        middle: { status: "WAITING", visit: 1 },
        decider: { status: "WAITING" },
        beside: { status: "COMPLETE" },
      },
    });
    expect(run.view()).toMatchObject({ nodes: { middle: { status: "COMPLETE", visit: 2, iteration: 4 } } });
  });

  it("shows nodes that the run adds, with what depends on them", async () => {
    const creator = nodeOf("creator", [], () => ({ ...success(), newNodes: [nodeOf("x"), nodeOf("y", ["x"])] }));
    const view = await viewOf([creator, nodeOf("after", ["creator"])]);
    expect(view.graph.nodes.map(({ name, dependencies, addedBy }) => [name, dependencies, addedBy])).toEqual([
      ["creator", [], undefined],
      ["after", ["creator", "x", "y"], undefined],
      ["x", ["creator"], "creator"],
      ["y", ["creator", "x"], "creator"],
    ]);
    expect(view.plan).toEqual([["creator"], ["x"], ["y"], ["after"]]);
    expect(view.nodes).toMatchObject({ x: { status: "COMPLETE" }, y: { status: "COMPLETE" }, after: { status: "COMPLETE" } });
  });

  it("has a name of its own for a node that is called as a member of every object", async () => {
    const view = await viewOf([nodeOf("toString"), nodeOf("hasOwnProperty", ["toString"])]);
    expect(view.nodes).toMatchObject({ toString: { status: "COMPLETE" }, hasOwnProperty: { status: "COMPLETE" } });
  });
});

describe("a view that is kept by events", () => {
  it("changes nothing that was there, and shares what an event does not concern", async () => {
    const run = new Agent({ nodes: [nodeOf("a"), nodeOf("b", ["a"]), failing("c", ["b"])] }).start(newTask());
    const events = listen(run);
    await run.outcome;
    let view: RunView | undefined;
    for (const event of events) {
      const before = JSON.stringify(view);
      const after: RunView = applyEvent(view, event);
      expect(JSON.stringify(view)).toBe(before);
      if (view !== undefined) {
        expect(after.graph).toBe(view.graph);
        expect(after.plan).toBe(view.plan);
        const node = "node" in event ? event.node : undefined;
        for (const name of ["a", "b", "c"]) if (name !== node) expect(after.nodes[name]).toBe(view.nodes[name]);
      }
      view = after;
    }
    expect(view).toEqual(fold(events));
  });

  it("passes over events that it holds, kinds that it does not know, and what has no number", async () => {
    const run = new Agent({ nodes: [nodeOf("a")] }).start(newTask());
    const events = listen(run);
    await run.outcome;
    const view = fold(events);
    expect(applyEvents(view, events)).toEqual(view);
    const next = { seq: view.seq + 1, at: view.updatedAt + 5, taskId: view.taskId, graph: [], type: "of a later version" };
    expect(applyEvent(view, next as never)).toEqual({ ...view, seq: next.seq, updatedAt: next.at });
    expect(applyEvent(view, { type: "model.delta", taskId: view.taskId, graph: [], node: "a" } as never)).toEqual(view);
  });

  it("refuses to begin in the middle, and to go on over a gap", async () => {
    const run = new Agent({ nodes: [nodeOf("a")] }).start(newTask());
    const events = listen(run);
    await run.outcome;
    expect(() => applyEvents(undefined, events.slice(1))).toThrow(
      expect.objectContaining({ code: "view-unstarted", message: expect.stringMatching(/node\.started came/) }),
    );
    expect(() => applyEvents(undefined, [])).toThrow(expect.objectContaining({ code: "view-unstarted" }));
    const dropped: AgentEvent = { seq: 3, at: 0, taskId: run.task.id, graph: [], type: "events.dropped", count: 2 };
    const gap = (message: RegExp) => expect.objectContaining({ code: "view-gap", message: expect.stringMatching(message) });
    expect(() => applyEvents(undefined, [events[0] as AgentEvent, dropped])).toThrow(gap(/^Events 2 to 3 of run/));
    for (const [without, missing] of [
      [1, /^Events 2 to 2 of run/],
      [4, /^Events 5 to 5 of run/],
    ] as const) {
      expect(() => applyEvents(undefined, events.toSpliced(without, 1))).toThrow(gap(missing));
    }
    const first = fold(events.slice(0, 1));
    expect(() => applyEvent(first, events[2] as AgentEvent)).toThrow(gap(/^Events 2 to 2/));
    // Whoever connects anew is given some twice, or is told that some are gone which it has.
    expect(applyEvents(fold(events.slice(0, 4)), [dropped, ...events.slice(2)])).toEqual(fold(events));
  });

  it("refuses the events of another run, also those without a number, and applies none of those that come with one", async () => {
    const [one, other] = [new Agent({ nodes: [nodeOf("a")] }).start(newTask()), new Agent({ nodes: [nodeOf("a")] }).start(newTask())];
    const [events, strange] = [listen(one), listen(other)];
    await Promise.all([one.outcome, other.outcome]);
    const [first, second] = events as [AgentEvent, AgentEvent];
    const view = fold([first]);
    const foreign = expect.objectContaining({ code: "view-other-run", message: expect.stringContaining(`"${one.id}"`) });
    for (const event of [strange[0], strange[1], { ...strange[1], seq: undefined }])
      expect(() => applyEvents(view, [second, event as AgentEvent])).toThrow(foreign);
    expect(view).toEqual(fold([first]));
    expect(() => applyEvents(undefined, [first, strange[1] as AgentEvent])).toThrow(foreign);
  });

  it("goes on from a view that was taken late, over a wire", async () => {
    const run = new Agent({ nodes: [nodeOf("a"), within(1, failing("b"), { dependencies: ["a"] }), nodeOf("c", ["a"])] }).start(newTask());
    const events = listen(run);
    const late: RunView[] = [];
    run.actor.on("*", () => late.push(overTheWire(run.view())));
    await run.outcome;
    for (const view of late) expect(applyEvents(view, overTheWire(events))).toEqual(overTheWire(run.view()));
    expect(late).toHaveLength(events.length);
  });

  it("holds a node of a jump open that executes when it is taken, for the visit to come", () => {
    const at = (seq: number, event: object): AgentEvent => ({ seq, at: seq, taskId: "t", graph: [], ...event }) as unknown as AgentEvent;
    const node = (name: string, dependencies: string[] = []) => ({ name, type: "EXECUTOR", dependencies, modules: [] });
    const started = (name: string) => ({ type: "node.started", node: name, visit: 1, attempt: 1, iteration: 1 });
    const completed = (name: string) => ({ type: "node.completed", node: name, visit: 1, durationMs: 1, result: name });
    const nodes = [node("target"), node("below", ["target"]), node("first"), node("second"), node("other")];
    const view = applyEvents(undefined, [
      at(1, { type: "run.started", runId: "r", agent: "a", version: "1", task: { type: "t", objective: "o" }, nodes }),
      ...["target", "first", "second", "other"].map((name, index) => at(2 + index, started(name))),
      at(6, completed("target")),
      at(7, started("below")),
      at(8, completed("first")),
      at(9, { type: "jump.taken", from: "first", to: "target" }),
    ]);
    expect(view.nodes).toMatchObject({ below: { status: "EXECUTING", again: true }, target: { status: "WAITING", result: "target" } });
    const later = applyEvents(view, [at(10, completed("below")), at(11, { type: "jump.taken", from: "second", to: "other" })]);
    expect(later.nodes.below).toEqual({ status: "WAITING", visit: 1, attempt: 1, iteration: 1, since: 10, durationMs: 1, result: "below" });
    expect(later.plan.flat().toSorted()).toEqual(["below", "other", "target"]);
  });

  it("marks a node that is told to be blocked", async () => {
    const run = new Agent({ nodes: [failing("a"), nodeOf("b", ["a"])] }).start(newTask());
    await run.outcome;
    const { seq, taskId, updatedAt: at } = run.view();
    const view = applyEvent(run.view(), { seq: seq + 1, at, taskId, graph: [], type: "node.blocked", node: "b" });
    expect(view.nodes.b).toMatchObject({ status: "WAITING", never: "blocked" });
  });

  it("keeps the newest 1,000 errors", async () => {
    const run = new Agent({ nodes: [nodeOf("a")] }).start(newTask());
    const events = listen(run);
    await run.outcome;
    const view = fold(events);
    const reports = Array.from({ length: 2_500 }, (_, index): AgentEvent => {
      const report = { taskId: view.taskId, status: "error" as const, error: String(index), code: "module-failed" };
      return { seq: view.seq + 1 + index, at: 0, taskId: view.taskId, graph: [], type: "error.reported", report };
    });
    const { errors } = applyEvents(view, reports);
    expect(errors.map(({ error }) => Number(error))).toEqual(Array.from({ length: 1_000 }, (_, index) => 1_500 + index));
  });
});
