/** Runs that had ended, going on where they failed. */
import { Agent, type AgentOptions, defineModule, MemoryCache, MemoryStore, Node, type RunStore, Runs } from "asimov-agents";
import { ScriptedInferenceClient, SimulatedClock } from "asimov-agents/testing";
import { applyEvents } from "asimov-agents/view";
import { describe, expect, it } from "vitest";
import { aborted, deciding, deferred, failure, moduleOf, nodeOf, success } from "../run/support.ts";
import { RecordedStore } from "../support/recorded-store.ts";
import { overTheWire } from "../support/told.ts";
import { all, opening, storesOf, taskOf } from "./stores.ts";

describe.each(storesOf())("a run of a %s store that is retried", (_, make) => {
  const open = opening(make);

  /** `b` has three modules, of which the second fails while it is broken; `c` depends on it, `d` on nothing. */
  function graph(log: string[], isBroken: boolean, parallel = false): Node[] {
    const module = (name: string, fails = false) =>
      moduleOf(name, ({ idempotencyKey, node }) => {
        log.push(`${idempotencyKey} ${node.attempt}`);
        return fails ? failure("broken") : success(name);
      });
    const plain = (name: string, dependencies: string[]) => new Node({ name, dependencies, modules: [module(name)] });
    const b = new Node({
      name: "b",
      dependencies: ["a"],
      modules: [module("one"), module("two", isBroken), module("three")],
      nodeConfig: { maxRetries: 2, parallel },
    });
    return [plain("a", []), b, plain("c", ["b"]), plain("d", [])];
  }

  it.each([false, true])(
    "tries what failed again under the same keys, keeps what succeeded, and runs what was blocked (parallel: %s)",
    async (parallel) => {
      const store = open();
      const first = await new Agent({ store, nodes: graph([], true, parallel) }).runTask(taskOf("t"));
      expect(first).toMatchObject({ status: "PARTIAL", failedChains: [["b", "c"]] });
      const log: string[] = [];
      const run = await new Agent({ store, nodes: graph(log, false, parallel) }).retry("t");
      const outcome = await run.outcome;
      expect(outcome).toMatchObject({
        status: "COMPLETE",
        results: { a: "a", b: { one: "one", two: "two", three: "three" }, c: "c", d: "d" },
        failedChains: [],
      });
      expect(outcome.executions).toEqual({ a: 1, b: 1, c: 1, d: 1 });
      expect(log).toEqual(["t/b.1/two 3", "t/b.1/three 3", "t/c.1/c 1"]);
      expect(await new Runs(store).get("t")).toEqual(overTheWire(run.view()));
      expect(await run.values.get("task")).toMatchObject({ status: "COMPLETE" });
      const events = await all(new Runs(store).events("t"));
      expect(events.filter(({ type }) => type === "run.ended").map((event) => "status" in event && event.status)).toEqual([
        "PARTIAL",
        "COMPLETE",
      ]);
      expect(applyEvents(undefined, events)).toEqual(overTheWire(run.view()));
    },
  );

  it.each([false, true])("can fail again, and what had succeeded stands in each attempt of the visit (parallel: %s)", async (parallel) => {
    const store = open();
    await new Agent({ store, nodes: graph([], true, parallel) }).runTask(taskOf("t"));
    const log: string[] = [];
    const broken = await (await new Agent({ store, nodes: graph(log, true, parallel) }).retry("t")).outcome;
    expect(broken).toMatchObject({ status: "PARTIAL", failedChains: [["b", "c"]] });
    expect(log.filter((key) => !key.includes("three"))).toEqual(["t/b.1/two 3", "t/b.1/two 4"]);
  });

  it("begins another visit where new keys are asked for", async () => {
    const store = open();
    await new Agent({ store, nodes: graph([], true) }).runTask(taskOf("t"));
    const log: string[] = [];
    const outcome = await (await new Agent({ store, nodes: graph(log, false) }).retry("t", { keys: "new", nodes: ["b"] })).outcome;
    expect(outcome).toMatchObject({ status: "COMPLETE", executions: { b: 2, c: 1 } });
    expect(log).toEqual(["t/b.2/one 1", "t/b.2/two 1", "t/b.2/three 1", "t/c.1/c 1"]);
  });

  it("visits a failed node once more where a jump had sent it back behind one that failed then", async () => {
    const store = open();
    let isBroken = true;
    const nodes = () => [
      nodeOf("a", [], undefined, { nodeConfig: { maxVisits: 2 } }),
      deciding("b", ["a"], () => (isBroken ? "a" : null)),
      nodeOf("c", ["a"], () => (isBroken ? failure("broken") : success()), { nodeConfig: { retryOnFailure: false } }),
    ];
    const first = await new Agent({ store, nodes: nodes() }).runTask(taskOf("t"));
    expect(first).toMatchObject({ status: "FAILED", nodes: { a: { code: "max-visits" } } });
    isBroken = false;
    const outcome = await (await new Agent({ store, nodes: nodes() }).retry("t")).outcome;
    expect(outcome).toMatchObject({ status: "COMPLETE", executions: { a: 3, b: 3, c: 3 } });
  });

  it("tries only the nodes that are named", async () => {
    const store = open();
    const nodes = (isBroken: boolean) =>
      ["x", "y"].flatMap((name) => [
        nodeOf(name, [], () => (isBroken ? failure("broken") : success()), { nodeConfig: { retryOnFailure: false } }),
        nodeOf(`after ${name}`, [name]),
      ]);
    await new Agent({ store, nodes: nodes(true) }).runTask(taskOf("t"));
    const outcome = await (await new Agent({ store, nodes: nodes(false) }).retry("t", { nodes: ["y"] })).outcome;
    expect(outcome).toMatchObject({ status: "PARTIAL", failedChains: [["x", "after x"]], executions: { y: 1, "after y": 1 } });
    await expect(new Agent({ store, nodes: nodes(false) }).retry("t", { nodes: ["y", "z"] })).rejects.toMatchObject({
      code: "unknown-node",
      message: expect.stringContaining("those that did: x"),
    });
    expect(await new Runs(store).get("t")).toMatchObject({ status: "PARTIAL" });
    expect((await store.read("t"))?.lease).toBeNull();
  });

  it("goes on after a cancel, also of one that nobody owned", async () => {
    const store = open();
    for (const isParked of [false, true]) {
      const id = `cancelled ${isParked}`;
      const entered = deferred();
      const nodes = (stays: boolean) => [
        nodeOf("a", [], async ({ signal }) => {
          entered.resolve();
          if (stays) await aborted(signal);
          signal.throwIfAborted();
          return success("a");
        }),
        nodeOf("b", ["a"]),
      ];
      const run = new Agent({ store, nodes: nodes(true) }).start(taskOf(id));
      await entered.promise;
      if (isParked) await run.park();
      await new Runs(store).cancel(id, "enough");
      await run.outcome.catch(() => {});
      expect(await new Runs(store).get(id)).toMatchObject({ status: "CANCELLED" });
      const again = await new Agent({ store, nodes: nodes(false) }).retry(id);
      expect(await again.outcome).toMatchObject({ status: "COMPLETE", executions: { a: 1, b: 1 } });
      expect(await new Runs(store).get(id)).toEqual(overTheWire(again.view()));
    }
  });

  it("grants a limit that ended it once more: iterations, visits, its deadline", async () => {
    const store = open();
    let visits = 0;
    const loop = () => [
      nodeOf("a", [], undefined, { nodeConfig: { maxVisits: 0 } }),
      deciding("b", ["a"], () => (++visits % 7 === 0 ? null : "a")),
    ];
    expect(await new Agent({ store, nodes: loop(), maxTotalIterations: 8 }).runTask(taskOf("t"))).toMatchObject({ status: "FAILED" });
    expect(visits).toBe(4);
    expect(await (await new Agent({ store, nodes: loop(), maxTotalIterations: 8 }).retry("t")).outcome).toMatchObject({
      status: "COMPLETE",
    });
    let rounds = 0;
    const visited = () => [
      nodeOf("a", [], undefined, { nodeConfig: { maxVisits: 2 } }),
      deciding("b", ["a"], () => (++rounds === 4 ? null : "a")),
    ];
    expect(await new Agent({ store, nodes: visited() }).runTask(taskOf("v"))).toMatchObject({ status: "FAILED" });
    expect(await (await new Agent({ store, nodes: visited() }).retry("v")).outcome).toMatchObject({
      status: "COMPLETE",
      executions: { a: 4 },
    });
  });

  it("is refused where nothing failed, and where it has not ended", async () => {
    const store = open();
    const agent = new Agent({ store, nodes: [nodeOf("a")] });
    await agent.runTask(taskOf("t"));
    await expect(agent.retry("t")).rejects.toMatchObject({ code: "run-ended" });
    await expect(agent.retry("nobody")).rejects.toMatchObject({ code: "run-not-found" });
    const entered = deferred();
    const slow = new Agent({
      store,
      nodes: [
        nodeOf("a", [], ({ signal }) => {
          entered.resolve();
          return aborted(signal);
        }),
      ],
    });
    const run = slow.start(taskOf("slow"));
    await entered.promise;
    await expect(slow.retry("slow")).rejects.toMatchObject({ code: "run-not-ended" });
    await run.cancel();
  });

  it("is another run when it is forked, from any generation, and leaves the first as it was", async () => {
    const store = open();
    const log: string[] = [];
    const nodes = () => {
      const count = (name: string) =>
        defineModule({
          name,
          async process({ values, idempotencyKey, task }) {
            log.push(idempotencyKey);
            await values.increment("count", (task.params.by as number | undefined) ?? 1);
            return success(await values.get("count"));
          },
        });
      return ["a", "b", "c"].map(
        (name, at) => new Node({ name, modules: [count(name)], dependencies: at === 0 ? [] : [["a", "b"][at - 1] as string] }),
      );
    };
    const agent = new Agent({ store, nodes: nodes() });
    await agent.runTask(taskOf("t"));
    const runs = new Runs(store);
    const before = await runs.get("t");
    const { generation } = (await all(runs.history("t"))).findLast(({ nodes: due, why }) => why === "step" && due.includes("b")) as {
      generation: number;
    };
    log.length = 0;
    const fork = await agent.fork("t", { generation, taskId: "f", params: { by: 10 }, values: { note: "forked" } });
    const outcome = await fork.outcome;
    expect(outcome).toMatchObject({ status: "COMPLETE", results: { a: 1, b: 11, c: 21 }, task: { id: "f", params: { by: 10 } } });
    expect(log).toEqual(["f/b.1/b", "f/c.1/c"]);
    expect(await fork.values.getMany(["note", "task"])).toMatchObject({ note: "forked", task: { id: "f", params: { by: 10 } } });
    expect(await runs.get("f")).toEqual(overTheWire(fork.view()));
    expect(await runs.get("f")).toMatchObject({ taskId: "f", forkedFrom: { taskId: "t", generation }, status: "COMPLETE" });
    expect(await runs.get("t")).toEqual(before);
    await expect(agent.fork("t", { taskId: "f" })).rejects.toMatchObject({ code: "run-exists" });
    await expect(agent.fork("t", { generation: 999 })).rejects.toMatchObject({ code: "snapshot-not-found" });
    await expect(agent.fork("t", { rerun: ["z"] })).rejects.toMatchObject({ code: "unknown-node" });
    log.length = 0;
    const again = await agent.fork("t", { rerun: ["b"] });
    expect(await again.outcome).toMatchObject({ status: "COMPLETE", results: { a: 1, b: 4, c: 5 }, executions: { a: 1, b: 2, c: 2 } });
    expect(log).toEqual([`${again.id}/b.2/b`, `${again.id}/c.2/c`]);
  });
});

describe("a run that failed by its deadline", () => {
  it("has it once more when it is retried", async () => {
    const clock = new SimulatedClock();
    const [[, make]] = storesOf() as [[string, (options: object) => RunStore]];
    const store = make({ clock });
    let isSlow = true;
    const nodes = [nodeOf("a", [], ({ signal }) => (isSlow ? aborted(signal) : success()))];
    const options: AgentOptions = { store, clock, nodes };
    const failed = await clock.runUntil(new Agent(options).runTask(taskOf("t"), { deadlineMs: 20_000 }));
    expect(failed).toMatchObject({ status: "FAILED" });
    isSlow = false;
    const run = await clock.runUntil(new Agent(options).retry("t"));
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "COMPLETE" });
  });
});

describe("a run that is retried and cancelled before its nodes go on", () => {
  it("ends as it had ended, and runs nothing", async () => {
    const [[, make]] = storesOf() as [[string, () => RunStore]];
    const entered = deferred();
    const log: string[] = [];
    const work = nodeOf("a", [], async ({ signal, node }) => {
      log.push(`attempt ${node.attempt}`);
      entered.resolve();
      await aborted(signal);
      signal.throwIfAborted();
    });
    const agent = new Agent({ store: make(), nodes: [work, nodeOf("b", ["a"])] });
    const run = agent.start(taskOf("t"));
    await entered.promise;
    await run.cancel("first");
    const again = await agent.retry("t");
    expect(await again.cancel("second")).toMatchObject({ status: "FAILED", failedChains: [["a", "b"]], executions: { a: 1 } });
    expect(log).toEqual(["attempt 1"]);
    expect(await agent.runs.get("t")).toMatchObject({ status: "CANCELLED", nodes: { a: { status: "FAILED" } } });
  });
});

describe("a retry", () => {
  const broken = (log: string[], isBroken: () => boolean): Node[] => [
    nodeOf("a", [], ({ idempotencyKey }) => success(log.push(idempotencyKey))),
    nodeOf("b", ["a"], ({ idempotencyKey }) => (log.push(idempotencyKey) > 0 && isBroken() ? failure("broken") : success("b")), {
      nodeConfig: { retryOnFailure: false },
    }),
    ...["c", "d", "e"].map((name, at) =>
      nodeOf(name, [["b", "c", "d"][at] as string], ({ idempotencyKey }) => success(log.push(idempotencyKey))),
    ),
  ];

  it("that is left by a crash at any of its generations is taken up by resume, and what it had done stands", async () => {
    const store = new RecordedStore();
    await new Agent({ store, nodes: broken([], () => true) }).runTask(taskOf("t"));
    const ended = store.unended + 1;
    await (await new Agent({ store, nodes: broken([], () => false) }).retry("t")).outcome;
    let crashed = 0;
    for (let generations = ended + 1; generations <= store.unended; generations++) {
      const copy = new MemoryStore();
      await store.replay(copy, generations);
      const log: string[] = [];
      const outcome = await (await new Agent({ store: copy, nodes: broken(log, () => false) }).resume("t")).outcome;
      expect(outcome).toMatchObject({ status: "COMPLETE", executions: { a: 1, b: 1, c: 1, d: 1, e: 1 } });
      expect(log).toEqual(["t/b.1/b", "t/c.1/c", "t/d.1/d", "t/e.1/e"].slice(4 - log.length));
      expect(log.length).toBeLessThanOrEqual(Math.max(0, 5 - (generations - ended)));
      crashed++;
    }
    expect(crashed).toBeGreaterThan(2);
  });

  it("tells the run's end once more, each time, and to the output mailbox", async () => {
    const store = new MemoryStore();
    const cache = new MemoryCache();
    let isBroken = true;
    const agent = () => new Agent({ store, cache, outputMailbox: "ends", nodes: broken([], () => isBroken) });
    await agent().runTask(taskOf("t"));
    await (await agent().retry("t")).outcome;
    isBroken = false;
    await (await agent().retry("t")).outcome;
    expect(await cache.peekMailbox("ends")).toMatchObject(["PARTIAL", "PARTIAL", "COMPLETE"].map((status) => ({ taskId: "t", status })));
    const events = await all(new Runs(store).events("t"));
    expect(events.filter(({ type }) => type === "run.ended")).toHaveLength(3);
    await expect(agent().retry("t")).rejects.toMatchObject({ code: "run-ended", message: expect.stringContaining("COMPLETE") });
    await expect(agent().resume("t")).rejects.toMatchObject({ code: "run-ended" });
  });

  it("grants a budget that was used up once more", async () => {
    const store = new MemoryStore();
    const nodes = ["one", "two", "three"].map(
      (name, at, names) =>
        new Node({
          name,
          dependencies: names.slice(Math.max(0, at - 1), at),
          modules: [
            defineModule({
              name,
              async process(context) {
                const client = new ScriptedInferenceClient([{ text: "said", usage: { inputTokens: 10, outputTokens: 10 } }]);
                const { text } = await client.generate([{ role: "USER", content: name }], { signal: context.signal });
                return success(text);
              },
            }),
          ],
        }),
    );
    const agent = () => new Agent({ store, nodes, budget: { maxCalls: 2 } });
    expect(await agent().runTask(taskOf("t"))).toMatchObject({ status: "FAILED", executions: { one: 1, two: 1, three: 1 } });
    expect(await (await agent().retry("t")).outcome).toMatchObject({ status: "COMPLETE", executions: { one: 1, two: 1, three: 1 } });
  });
});
