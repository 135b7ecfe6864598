import { Agent, type ExecutionState, FlowControlModule, MemoryCache, Node, type NodeInit, Task, type TaskStatus } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { type AnyActorRef, createActor, createMachine, toPromise } from "xstate";
import {
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

describe("end of a task", () => {
  it("is COMPLETE without a failed chain", async () => {
    const { status, failedChains, errors, task } = await runNodes([nodeOf("a"), nodeOf("b", ["a"])]);
    expect([status, failedChains, errors, task.status]).toEqual(["COMPLETE", [], [], "COMPLETE"]);
    expect(task.error).toBeUndefined();
    expect(task.result).toBe("b");
  });

  it("is FAILED when every node is in a failed chain", async () => {
    const { status, failedChains, task } = await runNodes([failing("a", [], "why"), nodeOf("b", ["a"])]);
    expect([status, failedChains, task.status, task.error]).toEqual(["FAILED", [["a", "b"]], "FAILED", "why"]);
  });

  it("is PARTIAL otherwise", async () => {
    const { status, task, nodes: results } = await runNodes([failing("a"), nodeOf("b", ["a"]), nodeOf("c")]);
    expect([status, task.status]).toEqual(["PARTIAL", "PARTIAL"]);
    expect(task.result).toEqual({ c: "c" });
    expect(Object.keys(results).sort()).toEqual(["a", "c"]);
  });

  it("counts overlapping chains once: two failures that share descendants beside one that ran are PARTIAL", async () => {
    const { status, failedChains } = await runNodes([
      failing("a"),
      failing("b"),
      nodeOf("ab", ["a", "b"]),
      nodeOf("ab2", ["ab"]),
      nodeOf("free"),
    ]);
    expect(failedChains).toEqual([
      ["a", "ab", "ab2"],
      ["b", "ab", "ab2"],
    ]);
    expect(status).toBe("PARTIAL");
  });

  it("lets a node that succeeds on a later visit leave the failed chains, with its descendants", async () => {
    const log: string[] = [];
    const {
      status,
      failedChains,
      errors,
      nodes: results,
    } = await runNodes([
      nodeOf("start"),
      nodeOf("flaky", ["start"], ({ node }) => (node.visit === 1 ? failure("first visit") : success("second")), {
        nodeConfig: { maxRetries: 1 },
      }),
      logging(log, "after", ["flaky"]),
      nodeOf("again?", ["start"], ({ node }) => ({ ...success(), decision: node.visit === 1 ? "start" : null })),
    ]);
    expect([status, failedChains, log]).toEqual(["COMPLETE", [], ["after"]]);
    expect(errors).toMatchObject([{ status: "error", node: "flaky", module: "flaky", error: "first visit" }]);
    expect(results.flaky).toEqual({ status: "success", results: [success("second")] });
  });

  it("keeps a node that fails on a later visit in the failed chains", async () => {
    const { status, nodes: results } = await runNodes([
      nodeOf("start"),
      nodeOf("flaky", ["start"], ({ node }) => (node.visit === 2 ? failure("second visit") : success()), { nodeConfig: { maxRetries: 1 } }),
      nodeOf("again?", ["start"], ({ node }) => ({ ...success(), decision: node.visit === 1 ? "start" : null })),
    ]);
    expect(status).toBe("PARTIAL");
    expect(results.flaky).toMatchObject({ status: "error", error: "second visit" });
  });

  it("gives failed chains and the error in declaration order, whatever failed first", async () => {
    const { failedChains, task } = await runNodes([
      nodeOf("behind", ["early"]),
      failing("late", ["ok"]),
      failing("early"),
      nodeOf("ok"),
      nodeOf("last", ["behind"]),
    ]);
    expect(failedChains).toEqual([["late"], ["early", "behind", "last"]]);
    expect(task.error).toBe("late failed");
  });

  it("does not block what depends on a node beside a failed one", async () => {
    const { executions } = await runNodes([failing("a"), nodeOf("b"), nodeOf("c", ["b"]), nodeOf("d", ["a", "b"])]);
    expect(executions).toEqual({ a: 1, b: 1, c: 1 });
  });
});

describe("result of a task", () => {
  const flow = (name: string, init: Partial<NodeInit>): Node =>
    new Node({ name, modules: [new FlowControlModule({ name: "flow", flowConfig: { decisions: [] } })], ...init });

  it("is that of the last node alone, where there is one", async () => {
    const { task } = await runNodes([nodeOf("a"), nodeOf("b", ["a"], () => success({ n: 1 }))]);
    expect(task.result).toEqual({ n: 1 });
  });

  it("is by name where there are several last nodes, without those that gave nothing", async () => {
    const { task } = await runNodes([nodeOf("a"), nodeOf("b", ["a"]), nodeOf("c", ["a"]), failing("d", ["a"])]);
    expect(task.result).toEqual({ b: "b", c: "c" });
    expect((await runNodes([nodeOf("a"), failing("b")])).task.result).toEqual({ a: "a" });
  });

  it("is of the last module that does more than to decide", async () => {
    const modules = [moduleOf("first"), moduleOf("work", () => success("done")), ...flow("any", {}).modules];
    expect((await runNodes([new Node({ name: "a", modules })])).task.result).toBe("done");
    const decided = nodeOf("b", [], () => ({ ...success("mine"), decision: null }));
    expect((await runNodes([decided])).task.result).toBe("mine");
    expect((await runNodes([nodeOf("a"), flow("decide", {})])).task.result).toEqual({ a: "a" });
  });

  it("is absent where the last node failed, and where it only decides", async () => {
    expect((await runNodes([nodeOf("a"), failing("b", ["a"])])).task.toJSON()).not.toHaveProperty("result");
    expect((await runNodes([nodeOf("a"), flow("decide", { dependencies: ["a"] })])).task.toJSON()).not.toHaveProperty("result");
  });
});

describe("limit of visits", () => {
  const loop = (maxVisits: number | undefined, rounds: number) => [
    nodeOf("work", [], undefined, { nodeConfig: maxVisits === undefined ? {} : { maxVisits } }),
    deciding(
      "again?",
      ["work"],
      (() => {
        let round = 0;
        return () => (++round < rounds ? "work" : null);
      })(),
    ),
    nodeOf("free"),
  ];

  it.each([
    [undefined, 5],
    [1, 1],
    [7, 7],
  ])("%s allows exactly %i visits", async (maxVisits, allowed) => {
    const within = await runNodes(loop(maxVisits, allowed));
    expect([within.status, within.executions.work]).toEqual(["COMPLETE", allowed]);
    const over = await runNodes(loop(maxVisits, allowed + 1));
    expect(over.executions.work).toBe(allowed);
    expect(over.nodes.work).toMatchObject({
      status: "error",
      code: "max-visits",
      error: expect.stringMatching(new RegExp(`"work".*${allowed}`)),
    });
    expect(over.failedChains).toEqual([["work", "again?"]]);
    expect(over.status).toBe("PARTIAL");
  });

  it("of 0 is no limit", async () => {
    const { executions, status } = await runNodes(loop(0, 40));
    expect([status, executions.work]).toEqual(["COMPLETE", 40]);
  });

  it("goes to the error mailbox", async () => {
    const agent = new Agent({ ...inCache, nodes: loop(2, 9) });
    const { errors } = await agent.runTask(newTask());
    expect(await agent.cache.peekMailbox("agent_error")).toEqual(errors);
    expect(errors).toEqual([expect.objectContaining({ node: "work", code: "max-visits" })]);
  });

  it("counts visits for each run", async () => {
    const agent = new Agent({ nodes: [nodeOf("a", [], undefined, { nodeConfig: { maxVisits: 1 } })] });
    for (let run = 0; run < 3; run++) expect((await agent.runTask(newTask())).status).toBe("COMPLETE");
  });
});

describe("limit of iterations", () => {
  const chain = (length: number) => Array.from({ length }, (_, index) => nodeOf(`n${index}`, index === 0 ? [] : [`n${index - 1}`]));

  it("allows exactly its number", async () => {
    const { status, totalIterations } = await runNodes(chain(7), { maxTotalIterations: 7 });
    expect([status, totalIterations]).toEqual(["COMPLETE", 7]);
  });

  it("fails the task at the one after, and says so in the task, the errors and the error mailbox", async () => {
    const agent = new Agent({ ...inCache, nodes: chain(8), maxTotalIterations: 7 });
    const { status, totalIterations, executions, task, errors } = await agent.runTask(newTask());
    expect([status, totalIterations, Object.keys(executions).length]).toEqual(["FAILED", 7, 7]);
    expect(task.error).toMatch(/7 iterations/);
    expect(errors).toEqual([expect.objectContaining({ status: "error", code: "max-iterations", error: task.error })]);
    expect(await agent.cache.peekMailbox("agent_error")).toEqual(errors);
  });

  it("is by default none that a graph without jumps meets", async () => {
    const { status, totalIterations } = await runNodes(chain(300));
    expect([status, totalIterations]).toEqual(["COMPLETE", 300]);
  });

  it("is by default none that a graph meets by adding nodes without jumps", async () => {
    const adding = (left: number): Node =>
      nodeOf(`n${left}`, [], () => ({ ...success(), ...(left === 0 ? {} : { newNodes: [adding(left - 1)] }) }));
    const { status, totalIterations } = await runNodes([adding(250), nodeOf("tail", ["n250"])]);
    expect([status, totalIterations]).toEqual(["COMPLETE", 252]);
  });

  it("is by default 100 more than the graph has levels", async () => {
    const unlimited = { nodeConfig: { maxVisits: 0 } };
    const { status, totalIterations, task } = await runNodes([
      nodeOf("a", [], undefined, unlimited),
      nodeOf("b", ["a"], undefined, unlimited),
      deciding("again", ["b"], () => "a"),
    ]);
    expect([status, totalIterations]).toEqual(["FAILED", 103]);
    expect(task.error).toMatch(/103 iterations/);
  });

  it("is none for Infinity", async () => {
    let round = 0;
    const nodes = [deciding("a", [], () => (++round < 500 ? "a" : null))];
    const { status, executions } = await runNodes(nodes, { maxTotalIterations: Number.POSITIVE_INFINITY });
    expect([status, executions.a]).toEqual(["COMPLETE", 500]);
  });

  it("does not count the steps of which nothing may run", async () => {
    const { totalIterations } = await runNodes([failing("a"), nodeOf("b", ["a"]), nodeOf("c", ["b"])], { maxTotalIterations: 1 });
    expect(totalIterations).toBe(1);
  });

  it("ends an endless loop", async () => {
    const { status, totalIterations } = await runNodes([deciding("a", [], () => "a")]);
    expect([status, totalIterations]).toEqual(["FAILED", 101]);
  });
});

describe("mailboxes of a run", () => {
  it("get errors as they happen, and the end before runTask resolves", async () => {
    const agent = new Agent({
      ...inCache,
      nodes: [
        failing("bad"),
        nodeOf("looks", ["ok"], async ({ values }) =>
          success({ errors: await values.peekMailbox("agent_error"), ends: await values.peekMailbox("agent_output") }),
        ),
        nodeOf("ok"),
      ],
    });
    const task = newTask();
    const { nodes: results, status } = await agent.runTask(task);
    expect(results.looks?.results[0]?.result).toEqual({
      errors: [{ taskId: task.id, status: "error", node: "bad", path: ["bad"], module: "bad", error: "bad failed", code: "module-failed" }],
      ends: [],
    });
    expect(await agent.cache.peekMailbox("agent_output")).toEqual([
      { id: `${task.id}/end/1`, taskId: task.id, status, result: { looks: expect.anything() }, failedChains: [["bad"]] },
    ]);
  });

  it("say the end without failed chains where there are none", async () => {
    const agent = new Agent({ ...inCache, nodes: [nodeOf("a", [], () => success({ n: 1 }))] });
    const { task } = await agent.runTask(newTask());
    expect(await agent.cache.peekMailbox("agent_output")).toEqual([
      { id: `${task.id}/end/1`, taskId: task.id, status: "COMPLETE", result: { n: 1 } },
    ]);
  });

  it("are those of the options, and none for null", async () => {
    const nodes = [failing("bad"), nodeOf("ok")];
    const named = new Agent({ nodes, outputMailbox: "out", errorMailbox: "err" });
    await named.runTask(newTask());
    expect([...(await named.cache.mailboxes())].sort()).toEqual(["err", "out"]);
    const silent = new Agent({ nodes });
    const { errors } = await silent.runTask(newTask());
    expect(errors).toHaveLength(1);
    expect([...(await silent.cache.mailboxes())]).toEqual([]);
  });

  it("get a module's result once, after all middlewares, and of the attempt that counted", async () => {
    const middleware = { process: async (data: { status: "success" | "error" }) => ({ ...data, seen: true }) };
    const module = moduleOf("m", ({ node }) => (node.attempt === 1 ? failure("once") : success("x")), {
      outputMailbox: "box",
      config: { middlewares: [middleware] },
    });
    const run = new Agent({ nodes: [new Node({ name: "n", modules: [module] })] }).start(newTask());
    await run.outcome;
    expect(await run.values.peekMailbox("box")).toEqual([{ status: "success", result: "x", seen: true }]);
  });

  it("get a composite's result once, also one of a nested graph, in the run or in the agent's cache", async () => {
    const agent = new Agent({
      nodes: [
        new Node({ name: "n", modules: [moduleOf("a"), moduleOf("b")], outputMailbox: "flat" }),
        new Node({ name: "g", nodes: [nodeOf("in")], outputMailbox: { shared: "nested" } }),
      ],
    });
    const run = agent.start(newTask());
    const { nodes: results } = await run.outcome;
    expect(await run.values.peekMailbox("flat")).toEqual([results.n]);
    expect(await agent.cache.peekMailbox("nested")).toEqual([results.g]);
    expect([...(await run.values.mailboxes()), ...(await agent.cache.mailboxes())]).toEqual(["flat", "nested"]);
    expect(results.n?.results).toHaveLength(2);
  });

  it("hold what a step published before the next step runs, in order", async () => {
    const boxed = (name: string, dependencies: string[]) => nodeOf(name, dependencies, undefined, { outputMailbox: "box" });
    const { nodes: results } = await runNodes([
      boxed("a", []),
      boxed("b", ["a"]),
      nodeOf("c", ["b"], async ({ values }) =>
        success((await values.peekMailbox<{ results: { result: string }[] }>("box")).map(({ results }) => results[0]?.result)),
      ),
    ]);
    expect(results.c?.results[0]?.result).toEqual(["a", "b"]);
  });

  it("let a node that waits and `run.send` meet, each message once and in order", async () => {
    const waiting = deferred();
    const agent = new Agent({
      nodes: [
        nodeOf(
          "reads",
          [],
          async ({ values, signal }) => {
            const first = values.getMessage("inbox", { signal });
            waiting.resolve();
            return success([await first, await values.getMessage("inbox", { signal })]);
          },
          { inputMailboxes: ["inbox"] },
        ),
      ],
    });
    const run = agent.start(newTask());
    await waiting.promise;
    await Promise.all([run.send("inbox", { n: 1 }), run.send("inbox", { n: 2 })]);
    expect((await run.outcome).nodes.reads?.results[0]?.result).toEqual([{ n: 1 }, { n: 2 }]);
    expect(await run.values.peekMailbox("inbox")).toEqual([]);
  });

  it("are reached by `run.send` also before the run begins, and not after its end", async () => {
    const agent = new Agent({
      nodes: [nodeOf("reads", [], async ({ values, signal }) => success(await values.getMessage("inbox", { signal })))],
    });
    const run = agent.start(newTask());
    await run.send("inbox", "early");
    expect((await run.outcome).nodes.reads?.results[0]?.result).toBe("early");
    await expect(run.send("inbox", "late")).rejects.toThrow(expect.objectContaining({ code: "run-ended" }));
    expect(await run.values.peekMailbox("inbox")).toEqual([]);
  });

  it("refuse what is not JSON, and names that are none", async () => {
    const run = new Agent({ nodes: [nodeOf("a")] }).start(newTask());
    await expect(run.send("inbox", 1n)).rejects.toThrow(expect.objectContaining({ code: "not-json" }));
    await expect(run.send("", 1)).rejects.toThrow(expect.objectContaining({ code: "invalid-name" }));
    await run.outcome;
  });

  it.each([undefined, ["a", "b"]])("of two runs are apart, in key spaces of the cache too (%j)", async (prefixes) => {
    const agent = new Agent({
      nodes: [nodeOf("reads", [], async ({ values, signal }) => success(await values.getMessage("inbox", { signal })))],
    });
    const [a, b] = [0, 1].map((index) => agent.start(newTask(), prefixes === undefined ? {} : { cachePrefix: prefixes[index] as string }));
    await b?.send("inbox", "for b");
    await a?.send("inbox", "for a");
    expect((await a?.outcome)?.nodes.reads?.results[0]?.result).toBe("for a");
    expect((await b?.outcome)?.nodes.reads?.results[0]?.result).toBe("for b");
  });

  it("that cannot be written do not hold the run, and it is reported once", async () => {
    class Broken extends MemoryCache {
      override publishToMailbox(): Promise<void> {
        return Promise.reject(new Error("full"));
      }
    }
    const { outcome, events } = await runWithEvents([nodeOf("a", [], undefined, { outputMailbox: "box" }), failing("b")], {
      ...inCache,
      cache: new Broken(),
    });
    expect(outcome.status).toBe("PARTIAL");
    // Each report that the error mailbox does not take is told once more, and that is all.
    expect(outcome.errors.filter(({ code, error }) => code === "publish-failed" && error.includes('"box": full'))).toHaveLength(1);
    expect(outcome.errors.filter(({ code, error }) => code === "publish-failed" && error.includes('"agent_error": full'))).toHaveLength(2);
    expect(outcome.errors).toHaveLength(5);
    expect(events.at(-1)?.type).toBe("run.ended");
  });
});

describe("task among the values", () => {
  it("is there from start to end with its status", async () => {
    const seen: unknown[] = [];
    const agent = new Agent({
      nodes: [
        nodeOf("a", [], async ({ values, task }) => {
          seen.push(await values.get("task"), task.toJSON());
          return success("done");
        }),
      ],
    });
    const task = newTask({ n: 1 });
    const run = agent.start(task);
    expect(task.status).toBe("WAITING");
    await run.outcome;
    expect(seen).toEqual(
      [
        { ...task.toJSON(), status: "EXECUTING", result: undefined },
        { ...task.toJSON(), status: "EXECUTING", result: undefined },
      ].map(({ result: _result, ...rest }) => rest),
    );
    expect(await run.values.get("task")).toEqual(task.toJSON());
    expect(task.toJSON()).toEqual({
      id: task.id,
      type: "test",
      objective: "Be run",
      params: { n: 1 },
      status: "COMPLETE",
      result: "done",
    });
  });

  it("has its error when it failed", async () => {
    const run = new Agent({ nodes: [failing("a", [], "why")] }).start(newTask());
    await run.outcome;
    expect(await run.values.get("task")).toMatchObject({ status: "FAILED", error: "why" });
  });

  it("is in the key space that the run names, and leaves the rest of the cache alone", async () => {
    const agent = new Agent({
      outputMailbox: "ends",
      nodes: [nodeOf("a", [], async ({ values, task }) => success(await values.set("mine", task.params.name)))],
    });
    await Promise.all(["x", "y"].map((name) => agent.runTask(newTask({ name }), { cachePrefix: name })));
    expect(await agent.cache.withPrefix("x").get("mine")).toBe("x");
    expect(await agent.cache.withPrefix("y").get("mine")).toBe("y");
    expect(await agent.cache.withPrefix("x").get("task")).toMatchObject({ params: { name: "x" } });
    expect(await agent.cache.keys()).toEqual(new Set());
    expect(await agent.cache.mailboxes()).toEqual(new Set(["ends"]));
    expect(await agent.cache.withPrefix("x").mailboxes()).toEqual(new Set());
  });

  it("that cannot be stored fails the run, and nothing runs", async () => {
    class Broken extends MemoryCache {
      override setMany(): Promise<void> {
        return Promise.reject(new Error("disk full"));
      }
    }
    const log: string[] = [];
    const { status, task } = await runNodes([logging(log, "a")], { ...inCache, cache: new Broken() });
    expect([status, log]).toEqual(["FAILED", []]);
    expect(task.error).toMatch(/disk full/);
  });
});

describe("task that is run", () => {
  it("goes from WAITING over EXECUTING to its end, and never back", async () => {
    const seen: TaskStatus[] = [];
    const task = newTask();
    seen.push(task.status);
    const running = runNodes([nodeOf("a", [], () => success(seen.push(task.status)))], {}, task);
    await running;
    seen.push(task.status);
    expect(seen).toEqual(["WAITING", "EXECUTING", "COMPLETE"]);
  });

  it("is refused a second time, while it runs and after its end", async () => {
    const agent = new Agent({ nodes: [nodeOf("a")] });
    const task = newTask();
    const first = agent.runTask(task);
    expect(() => agent.start(task)).toThrow(expect.objectContaining({ code: "task-not-waiting" }));
    expect(() => new Agent({ nodes: [nodeOf("b")] }).start(task)).toThrow(expect.objectContaining({ code: "task-not-waiting" }));
    await first;
    await expect(agent.runTask(task)).rejects.toThrow(expect.objectContaining({ code: "task-not-waiting" }));
  });

  describe.each<[string, (agent: Agent, task: Task) => AnyActorRef]>([
    ["made by hand", (agent, task) => createActor(agent.logic, { input: { task } })],
    [
      "that a machine invokes",
      (agent, task) => createActor(createMachine({ invoke: { src: agent.logic, input: { task } as never, onError: {} } as never })),
    ],
  ])("is taken by an actor %s", (_, actorOf) => {
    const agent = new Agent({ nodes: [nodeOf("a")] });
    const refused = expect.objectContaining({ code: "task-not-waiting" });

    it("when that starts, not when it is made", async () => {
      const task = newTask();
      actorOf(agent, task);
      expect((await agent.runTask(task)).status).toBe("COMPLETE");
    });

    it("from its start on", async () => {
      const task = newTask();
      actorOf(agent, task).start();
      expect(() => agent.start(task)).toThrow(refused);
      await expect.poll(() => task.status).toBe("COMPLETE");
    });
  });

  it.each([
    ["while the first runs", async () => {}],
    ["after the first has ended", async (first: Promise<unknown>) => first],
  ])("is taken by one of two actors that were made of it: the second to start fails, %s", async (_, between) => {
    const agent = new Agent({ nodes: [nodeOf("a")] });
    const task = newTask();
    const [late, early] = [0, 1].map(() => createActor(agent.logic, { input: { task } }));
    const [failed, ended] = [toPromise(late as never), toPromise(early as never)];
    early?.start();
    await between(ended);
    late?.start();
    await expect(failed).rejects.toMatchObject({ code: "task-not-waiting" });
    expect(await ended).toMatchObject({ status: "COMPLETE" });
  });

  it("must be a Task, and the options must be known", async () => {
    const agent = new Agent({ nodes: [nodeOf("a")] });
    for (const wrong of [undefined, null, {}, "task"]) {
      expect(() => agent.start(wrong as never)).toThrow(expect.objectContaining({ code: "invalid-options" }));
      await expect(agent.runTask(wrong as never)).rejects.toThrow(expect.objectContaining({ code: "invalid-options" }));
    }
    expect(() => agent.start(newTask(), { prefix: "x" } as never)).toThrow(/prefix/);
    expect(() => agent.start(newTask(), { cachePrefix: "" })).toThrow(/cachePrefix/);
    expect(() => agent.start(newTask(), { signal: {} as never })).toThrow(/signal/);
  });

  it("may be made from JSON", async () => {
    const { task } = await runNodes(
      [nodeOf("a", [], ({ task: given }) => success(given.params))],
      {},
      Task.fromJSON(newTask({ n: 1 }).toJSON()),
    );
    expect(task.result).toEqual({ n: 1 });
  });
});

describe("state of the latest run", () => {
  it("is that of no run before the first", () => {
    const agent = new Agent({ nodes: [nodeOf("a"), nodeOf("b", ["a"])] });
    expect(agent.executionState).toEqual({
      executionIndex: 0,
      currentPlan: [
        { nodes: ["a"], executed: [false], skipped: [false] },
        { nodes: ["b"], executed: [false], skipped: [false] },
      ],
      executionHistory: [],
      totalIterations: 0,
    });
    expect(agent.nodeResults).toEqual({});
    expect(new Agent().executionState.currentPlan).toEqual([]);
  });

  it("follows the run, and says what was skipped", async () => {
    const states: ExecutionState[] = [];
    const agent = new Agent({
      nodes: [
        nodeOf("a"),
        nodeOf("skipped", [], undefined, { nodeConfig: { condition: "false" } }),
        failing("bad"),
        nodeOf("b", ["a"], () => {
          states.push(agent.executionState);
          return success();
        }),
        nodeOf("blocked", ["bad"]),
        nodeOf("after", ["skipped"]),
      ],
    });
    const { nodes: results } = await agent.runTask(newTask());
    expect(states[0]).toMatchObject({ totalIterations: 2 });
    expect(states[0]?.currentPlan.map(({ executed }) => executed[0])).toEqual([true, false]);
    expect(agent.executionState).toEqual({
      executionIndex: 2,
      currentPlan: [
        { nodes: ["a", "skipped", "bad"], executed: [true, false, true], skipped: [false, true, false] },
        { nodes: ["b", "blocked", "after"], executed: [true, false, false], skipped: [false, true, true] },
      ],
      executionHistory: [],
      totalIterations: 2,
    });
    expect(agent.nodeResults).toEqual(results);
  });

  it("starts anew with each run: nothing leaks from one into the next", async () => {
    let fails = true;
    const agent = new Agent({
      nodes: [nodeOf("a", [], () => (fails ? failure("no") : success()), { nodeConfig: { maxRetries: 1 } }), nodeOf("b", ["a"])],
    });
    expect((await agent.runTask(newTask())).status).toBe("FAILED");
    fails = false;
    const second = await agent.runTask(newTask());
    expect(second).toMatchObject({ status: "COMPLETE", errors: [], failedChains: [], totalIterations: 2, executions: { a: 1, b: 1 } });
  });
});

describe("run that is stopped from outside", () => {
  it("rejects its outcome with `run-stopped`", async () => {
    const started = deferred();
    const signals: AbortSignal[] = [];
    const run = new Agent({
      nodes: [
        nodeOf("a", [], ({ signal }) => {
          signals.push(signal);
          started.resolve();
          return new Promise(() => {});
        }),
      ],
      abortGraceMs: 1,
    }).start(newTask());
    await started.promise;
    run.actor.stop();
    await expect(run.outcome).rejects.toThrow(expect.objectContaining({ code: "run-stopped" }));
    expect(signals[0]?.aborted).toBe(true);
    await expect(run.send("x", 1)).rejects.toThrow(expect.objectContaining({ code: "run-ended" }));
  });
});
