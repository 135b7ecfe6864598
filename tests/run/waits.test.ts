/** Waiting is no work: whoever waits gives the permit back and is under no time limit; permits are shared fairly; nobody is starved. */
import {
  Agent,
  type AgentRun,
  type Cache,
  MemoryCache,
  MemoryStore,
  type ModuleContext,
  Node,
  Task,
  type TaskOutcome,
} from "asimov-agents";
import { RedisCache } from "asimov-agents/redis";
import { afterEach, describe, expect, inject, it, vi } from "vitest";
import { createActor, type DoneActorEvent, type DoneStateEvent, setup, toPromise } from "xstate";
import { ManualClock, turned } from "../support/manual-clock.ts";
import { snapshotsOf } from "../support/snapshots.ts";
import { aborted, deferred, moduleOf, newTask, nodeOf, success, within } from "./support.ts";

const once = { nodeConfig: { maxRetries: 1 } };

/** A node that waits for a message. */
const asking = (name: string, mailbox: string, config = {}): Node =>
  new Node({ name, modules: [moduleOf(name, async ({ values }) => success(await values.getMessage(mailbox)), { config })], ...once });

/** Settles when what can go on without time or messages has gone on. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
};

describe("a module that waits for a message", () => {
  it.each([0, 2])("lets others work, whatever the limit (within %i graphs)", async (depth) => {
    const consumers = [1, 2, 3].map((number) => within(depth, asking(`consumer ${number}`, "work")));
    const producer = nodeOf("producer", [], async ({ values }) => {
      for (let message = 1; message <= 3; message++) await values.publishToMailbox("work", message);
      return success();
    });
    const { status } = await new Agent({ maxConcurrentTasks: 1, nodes: [...named(consumers), producer] }).runTask(newTask());
    expect(status).toBe("COMPLETE");
  });

  it("holds up no other run of the agent", async () => {
    const agent = new Agent({ maxConcurrentTasks: 2, nodes: [asking("asks", "answer")] });
    const waiting = [1, 2, 3].map((number) => agent.start(newTask(), { cachePrefix: `w${number}` }));
    await settled();
    const answered = agent.start(newTask(), { cachePrefix: "answered" });
    await answered.send("answer", "yes");
    expect((await answered.outcome).status).toBe("COMPLETE");
    await Promise.all(waiting.map((run) => run.cancel()));
  });

  it("goes on only when it has its permit again", async () => {
    const log: string[] = [];
    const busy = deferred();
    const waits = nodeOf("waits", [], async ({ values }) => {
      await values.getMessage("box");
      log.push("goes on");
      return success();
    });
    const works = nodeOf("works", [], async ({ values }) => {
      await values.publishToMailbox("box", 1);
      await settled();
      log.push("has worked");
      busy.resolve();
      return success();
    });
    await new Agent({ maxConcurrentTasks: 1, nodes: [waits, works] }).runTask(newTask());
    expect(log).toEqual(["has worked", "goes on"]);
  });

  it("keeps its permit for a message that is there", async () => {
    const log: string[] = [];
    const takes = (name: string) =>
      nodeOf(name, [], async ({ values }) => {
        log.push(`${name} begins`);
        await values.getMessage("box");
        await values.getMessage("box", { timeoutMs: 0 });
        log.push(`${name} ends`);
        return success();
      });
    const cache = new MemoryCache();
    for (let message = 0; message < 4; message++) await cache.publishToMailbox("box", message);
    await new Agent({ cache, valuesIn: "cache", maxConcurrentTasks: 1, nodes: [takes("a"), takes("b")] }).runTask(newTask());
    expect(log).toEqual(["a begins", "a ends", "b begins", "b ends"]);
  });

  it("hears at once that it is aborted, without a permit", async () => {
    const seen = deferred<unknown>();
    const waits = nodeOf("waits", [], async ({ values, signal }) => {
      await values.getMessage("box", { signal }).catch(seen.resolve);
      throw new Error("aborted");
    });
    const holds = nodeOf("holds", [], async ({ signal }) => {
      await aborted(signal);
      return success();
    });
    const run = new Agent({ maxConcurrentTasks: 1, nodes: [waits, holds] }).start(newTask());
    await settled();
    await run.cancel("enough");
    expect(await seen.promise).toMatchObject({ message: expect.stringContaining("enough") });
  });

  it("waits no longer than it asks to, and goes on with nothing", async () => {
    const node = nodeOf("waits", [], async ({ values }) => success(await values.getMessage("never", { timeoutMs: 5 })));
    const { nodes: results } = await new Agent({ maxConcurrentTasks: 1, nodes: [node] }).runTask(newTask());
    expect(results.waits).toEqual({ status: "success", results: [{ status: "success", result: null }] });
  });

  it("loses none of several waits of which one begins and ends while another waits for the permit", async () => {
    const called = deferred();
    const worker = new Agent({ nodes: [nodeOf("works")] });
    const waits = nodeOf("waits", [], async ({ values }) => {
      const other = async (): Promise<void> => {
        await called.promise;
        await worker.runTask(newTask());
      };
      await Promise.all([values.getMessage("box"), other()]);
      return success();
    });
    const holds = nodeOf("holds", [], async ({ values }) => {
      await values.publishToMailbox("box", 1);
      await settled();
      called.resolve();
      await settled();
      return success();
    });
    const agent = new Agent({ maxConcurrentTasks: 1, nodes: [waits, holds] });
    const { status } = await agent.runTask(newTask());
    expect(status).toBe("COMPLETE");
  });

  it("may wait for several at once", async () => {
    const both = nodeOf("both", [], async ({ values }) => success(await Promise.all([values.getMessage("a"), values.getMessage("b")])));
    const gives = nodeOf("gives", [], async ({ values }) => {
      await values.publishToMailbox("b", 2);
      await settled();
      await values.publishToMailbox("a", 1);
      return success();
    });
    const { nodes: results } = await new Agent({ maxConcurrentTasks: 1, nodes: [both, gives] }).runTask(newTask());
    expect(results.both?.results[0]?.result).toEqual([1, 2]);
  });
});

describe.each(["memory", "redis"])("a message of a %s cache that is there for a module without permit", (kind) => {
  const url = `${inject("redisUrl").replace(/\/\d*$/, "")}/13`;
  const cacheOf = (): Cache => (kind === "memory" ? new MemoryCache() : new RedisCache({ url, defaultPrefix: crypto.randomUUID() }));

  /** What gives an attempt up while its receive waits for the permit, which the working module holds. */
  const ENDS: Record<string, { config: object; end(run: AgentRun): void }> = {
    "a time limit": { config: { timeoutMs: 60 }, end: () => {} },
    "a cancel": { config: {}, end: (run) => void run.cancel() },
  };

  const cases = Object.entries(ENDS).flatMap(([name, way]) => [
    [name, "its signal", "waits", way] as const,
    [name, "no signal", "waits", way] as const,
    [name, "its signal", "begins to wait", way] as const,
  ]);

  it.each(cases)("stays where its attempt is given up by %s (a receive with %s that %s)", async (_, given, when, { config, end }) => {
    const cache = cacheOf();
    const got: unknown[] = [];
    const entered = Array.from({ length: 3 }, () => deferred());
    let isFirst = true;
    const receives = entered.map(({ resolve }, place) =>
      nodeOf(
        `receives ${place}`,
        [],
        async ({ values: own, signal }) => {
          resolve();
          got.push(await own.getMessage("box", given === "its signal" ? { signal } : {}));
          return success();
        },
        once,
      ),
    );
    const works = nodeOf(
      "works",
      [],
      async ({ signal }) => {
        if (!isFirst) return success();
        isFirst = false;
        await Promise.all(entered.map(({ promise }) => promise));
        if (when === "waits") await settled();
        const heard = cache.getMessage("after");
        for (const message of [1, 2, 3, 4]) await cache.publishToMailbox("box", message);
        // Receivers hear of messages in order: by then, of those too.
        await cache.publishToMailbox("after", 5);
        await heard;
        end(run);
        await aborted(signal);
        throw signal.reason;
      },
      once,
    );
    const graph = new Node({ name: "graph", config, nodeConfig: { maxRetries: 1 }, nodes: [...receives, works] });
    const run: AgentRun = new Agent({ cache, valuesIn: "cache", maxConcurrentTasks: 1, nodes: [graph] }).start(newTask());
    await run.outcome;
    expect(got).toEqual([]);
    expect(await cache.peekMailbox("box")).toEqual([1, 2, 3, 4]);
    await new Agent({ cache, valuesIn: "cache", maxConcurrentTasks: 1, nodes: receives }).runTask(newTask());
    expect(got).toEqual([1, 2, 3]);
    expect(await cache.peekMailbox("box")).toEqual([4]);
    await cache.close();
  });
});

/** Nodes that are nested stand under one name in each graph: here each gets its own. */
function named(nodes: Node[]): Node[] {
  return nodes.map((node, index) => (node.nodes.length === 0 ? node : new Node({ name: `graph ${index}`, nodes: [...node.nodes] })));
}

describe("a run that a module waits for", () => {
  it("deadlocks with no limit, though it goes through another agent and back", async () => {
    const agents: Agent[] = [];
    const asking = (own: number): Node =>
      nodeOf("a", [], async ({ task }) => {
        const deep = task.params.deep as number;
        if (deep === 0) return success("bottom");
        const { nodes: results } = await (agents[1 - own] as Agent).runTask(
          new Task({ type: "t", objective: "o", params: { deep: deep - 1 } }),
        );
        return success(results.a?.results[0]?.result);
      });
    for (const own of [0, 1]) agents.push(new Agent({ maxConcurrentTasks: 1, nodes: [asking(own)] }));
    const { nodes: results } = await (agents[0] as Agent).runTask(newTask({ deep: 5 }));
    expect(results.a?.results[0]?.result).toBe("bottom");
  });

  const ways: Record<string, (agent: Agent, task: Task, signal: AbortSignal) => Promise<TaskOutcome>> = {
    "by runTask": (agent, task) => agent.runTask(task),
    "by runTask with the module's signal": (agent, task, signal) => agent.runTask(task, { signal }),
    "as an actor": (agent, task) => toPromise(createActor(agent.logic, { input: { task } }).start()),
    "as an actor with the module's signal": (agent, task, signal) =>
      toPromise(createActor(agent.logic, { input: { task, signal } }).start()),
    "as what a machine invokes": (agent, task) => {
      const machine = setup({ types: { output: {} as TaskOutcome }, actors: { run: agent.logic } }).createMachine({
        initial: "running",
        states: {
          running: { invoke: { src: "run", input: { task }, onDone: "ended" } },
          ended: { type: "final", output: ({ event }) => (event as DoneActorEvent<TaskOutcome>).output },
        },
        output: ({ event }) => (event as DoneStateEvent<TaskOutcome>).output,
      });
      return toPromise(createActor(machine).start());
    },
  };

  it.each(Object.entries(ways))("needs no permit of the module, however deep (%s)", async (_name, runBy) => {
    const agent: Agent = new Agent({
      maxConcurrentTasks: 1,
      nodes: [
        nodeOf("a", [], async ({ task, signal }) => {
          const deep = task.params.deep as number;
          if (deep === 0) return success("bottom");
          const inner = new Task({ type: "t", objective: "o", params: { deep: deep - 1 } });
          const { nodes: results } = await runBy(agent, inner, signal);
          return success(results.a?.results[0]?.result);
        }),
      ],
    });
    const { nodes: results } = await agent.runTask(newTask({ deep: 4 }));
    expect(results.a?.results[0]?.result).toBe("bottom");
  });

  it("is not waited for where its restore is refused: the module works on under its limit", async () => {
    class Refusing extends MemoryCache {
      override async setMany(values: Record<string, unknown>): Promise<void> {
        if ("late" in values) throw new Error("no room");
        return super.setMany(values);
      }
    }
    const store = new MemoryStore({ keep: 10_000 });
    const stored = new Agent({
      cache: new Refusing(),
      valuesIn: "cache",
      store,
      snapshot: "NEVER",
      nodes: [nodeOf("a", [], () => success(), { snapshot: "ALWAYS" })],
    });
    const task = newTask();
    await stored.runTask(task);
    const hangs = moduleOf(
      "hangs",
      async () => {
        await stored.runFromSnapshot((await snapshotsOf(store, task.id))[0] as never, { values: { late: 1 } }).catch(() => {});
        await new Promise(() => {});
      },
      { config: { timeoutMs: 30 } },
    );
    const { errors } = await new Agent({ abortGraceMs: 1, nodes: [new Node({ name: "hangs", modules: [hangs], ...once })] }).runTask(
      newTask(),
    );
    expect(errors).toMatchObject([{ error: "Module hangs timed out after 30 ms" }]);
  });

  it("ends with the module that has started it, whether it handed over its signal or not", async () => {
    const inside = deferred();
    const reasons: unknown[] = [];
    const agent: Agent = new Agent({
      nodes: [
        nodeOf("a", [], async ({ task, signal }) => {
          if (task.params.deep === 0) {
            inside.resolve();
            await aborted(signal);
            throw signal.reason;
          }
          const { task: inner } = await agent.runTask(newTask({ deep: (task.params.deep as number) - 1 }));
          reasons.push(inner.error);
          return success();
        }),
      ],
    });
    const run = agent.start(newTask({ deep: 2 }));
    await inside.promise;
    const { task } = await run.cancel("user went away");
    expect([task.error, ...reasons]).toEqual(Array(3).fill("The run was cancelled: user went away"));
  });

  it("counts for no time limit of the module", async () => {
    const clock = new ManualClock();
    const inside = deferred();
    const goOn = deferred();
    const agent: Agent = new Agent({
      clock,
      nodes: [
        new Node({
          name: "a",
          ...once,
          modules: [
            moduleOf(
              "a",
              async ({ task }) => {
                if (task.params.inner !== true) return success((await agent.runTask(newTask({ inner: true }))).status);
                inside.resolve();
                await goOn.promise;
                return success();
              },
              { config: { timeoutMs: 100 } },
            ),
          ],
        }),
      ],
    });
    const run = agent.start(newTask());
    await inside.promise;
    await clock.pass(90);
    goOn.resolve();
    await settled();
    await clock.pass(90);
    expect((await run.outcome).status).toBe("COMPLETE");
  });
});

describe("time limits", () => {
  it.each([0, 1, 3])("stand still while all that works under them waits (within %i graphs)", async (depth) => {
    const clock = new ManualClock();
    const config = { timeoutMs: 100 };
    const received = deferred();
    const finish = deferred();
    const node = new Node({
      name: "waits",
      ...once,
      config,
      modules: [
        moduleOf(
          "waits",
          async ({ values }) => {
            await values.getMessage("box");
            received.resolve();
            await finish.promise;
            return success();
          },
          { config },
        ),
      ],
    });
    const run = new Agent({ clock, abortGraceMs: 1, nodes: [within(depth, node, { ...once, config })] }).start(newTask());
    await settled();
    await clock.pass(10_000);
    await run.send("box", 1);
    await received.promise;
    await clock.pass(99);
    await settled();
    finish.resolve();
    expect((await run.outcome).status).toBe("COMPLETE");
  });

  it.each([0, 1, 3])("count what was worked before the wait (within %i graphs)", async (depth) => {
    const clock = new ManualClock();
    const begun = deferred();
    const worked = deferred();
    const received = deferred();
    const node = new Node({
      name: "waits",
      ...once,
      config: { timeoutMs: 100 },
      modules: [
        moduleOf("waits", async ({ values, signal }: ModuleContext) => {
          begun.resolve();
          await worked.promise;
          await values.getMessage("box");
          received.resolve();
          await aborted(signal);
          throw signal.reason;
        }),
      ],
    });
    const run = new Agent({ clock, abortGraceMs: 1, nodes: [within(depth, node, once)] }).start(newTask());
    await begun.promise;
    await clock.pass(60);
    worked.resolve();
    await settled();
    await clock.pass(10_000);
    await run.send("box", 1);
    await received.promise;
    await clock.pass(39);
    await settled();
    expect(run.task.status).toBe("EXECUTING");
    await clock.pass(1);
    expect((await run.outcome).task.error).toBe('Node "waits" timed out after 100 ms');
    expect(clock.armed).toBe(0);
  });

  it.each([0, 1, 3])("do not count the time that the process was down (within %i graphs)", async (depth) => {
    const store = new MemoryStore({ keep: 10_000 });
    const config = { timeoutMs: 100 };
    const agentOf = (clock: ManualClock, log: string[]): { agent: Agent; entered: Promise<void>; finish: () => void } => {
      const entered = deferred();
      const finish = deferred();
      const inner = [
        nodeOf("pay", [], () => {
          log.push("pay");
          return success();
        }),
        nodeOf(
          "mail",
          ["pay"],
          async () => {
            entered.resolve();
            await finish.promise;
            return success();
          },
          { snapshot: "ALWAYS" },
        ),
      ];
      const graph = new Node({ name: "graph", nodes: inner, ...once, config });
      return {
        agent: new Agent({ clock, store, snapshot: "NEVER", nodes: [within(depth, graph, { ...once, config })] }),
        entered: entered.promise,
        finish: finish.resolve,
      };
    };
    const clock = new ManualClock();
    const first = agentOf(clock, []);
    const run = first.agent.start(newTask());
    await first.entered;
    await clock.pass(60);
    const ref = await run.snapshot();
    first.finish();
    await run.outcome;
    await clock.pass(100_000);
    const log: string[] = [];
    const second = agentOf(clock, log);
    const restored = await second.agent.startFromSnapshot(ref);
    await second.entered;
    await clock.pass(39);
    await settled();
    second.finish();
    expect([(await restored.outcome).status, log]).toEqual(["COMPLETE", []]);
    // What was worked before the restore counts.
    const third = agentOf(clock, []);
    const late = await third.agent.startFromSnapshot(ref);
    await third.entered;
    await clock.pass(41);
    await settled();
    for (let graph = 0; graph <= depth; graph++) {
      await clock.pass(1_000);
      await settled();
    }
    expect((await late.outcome).task.error).toContain("timed out after 100 ms");
  });
});

describe("permits", () => {
  it("are shared fairly between the runs of an agent", async () => {
    const ends: string[] = [];
    const gates: (() => void)[] = [];
    const work = nodeOf("gate", [], async ({ task }) => {
      ends.push(task.type);
      await new Promise<void>((resolve) => gates.push(resolve));
      return success();
    });
    const many = Array.from(
      { length: 20 },
      (_, index) => new Node({ name: `n${index}`, modules: [...work.modules], nodeConfig: { condition: 'task.type == "large"' } }),
    );
    const agent = new Agent({ maxConcurrentTasks: 2, nodes: [work, ...many] });
    const large = agent.start(new Task({ type: "large", objective: "o" }), { cachePrefix: "l" });
    await settled();
    const small = agent.start(new Task({ type: "small", objective: "o" }), { cachePrefix: "s" });
    let isOver = false;
    void Promise.all([large.outcome, small.outcome]).then(() => {
      isOver = true;
    });
    while (!isOver) {
      await settled();
      gates.shift()?.();
    }
    expect(ends.indexOf("small")).toBeLessThan(6);
  });
});

describe("the event loop", () => {
  afterEach(() => vi.restoreAllMocks());

  const hold = (ms: number): void => {
    const end = performance.now() + ms;
    while (performance.now() < end);
  };

  it.each([1, 15, 25, 40])("turns between modules that hold the thread for %i ms each", async (ms) => {
    let isCancelled = false;
    let after = 0;
    const busy = nodeOf(
      "busy",
      [],
      () => {
        hold(ms);
        if (isCancelled) after++;
        return { ...success(), decision: "busy" };
      },
      { nodeConfig: { maxVisits: 0 } },
    );
    const run = new Agent({ maxTotalIterations: Number.POSITIVE_INFINITY, nodes: [busy] }).start(newTask());
    setTimeout(() => {
      isCancelled = true;
      void run.cancel("enough");
    }, 10);
    expect((await run.outcome).task.error).toContain("enough");
    expect(after).toBeLessThanOrEqual(1);
  });

  /** How often a timer of 1 ms had its turn meanwhile. */
  const ticksDuring = async (work: () => Promise<unknown>): Promise<number> => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await work();
    clearInterval(timer);
    return ticks;
  };
  const holding = nodeOf("holds", [], () => {
    hold(25);
    return success();
  });

  it("turns between the runs of any agents", async () => {
    const ticks = await ticksDuring(async () => {
      for (let run = 0; run < 12; run++) await new Agent({ nodes: [holding] }).runTask(newTask());
    });
    expect(ticks).toBeGreaterThan(8);
  });

  it.each([5, Number.POSITIVE_INFINITY])("turns between modules that are woken at once (limit %d)", async (maxConcurrentTasks) => {
    const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
    const waiting = names.map((name) =>
      nodeOf(name, [], async ({ values }) => {
        await values.getMessage("go");
        hold(25);
        return success();
      }),
    );
    const wakes = nodeOf("wakes", [], async ({ values }) => {
      for (const name of names) await values.publishToMailbox("go", name);
      return success();
    });
    const agent = new Agent({ maxConcurrentTasks, nodes: [...waiting, wakes] });
    expect(await ticksDuring(() => agent.runTask(newTask()))).toBeGreaterThan(15);
  });

  it("turns between nodes that are only skipped", async () => {
    await turned();
    // Each look at the time takes a millisecond: a turn is over after twenty.
    let now = 0;
    vi.spyOn(performance, "now").mockImplementation(() => ++now);
    const nodes = Array.from({ length: 300 }, (_, index) =>
      nodeOf(`n${index}`, [], undefined, { nodeConfig: { condition: `1 + ${index} < 0` } }),
    );
    const run = new Agent({ nodes }).start(newTask());
    let skipped = 0;
    const seen: number[] = [];
    let isOver = false;
    const watching = (async () => {
      while (!isOver) {
        await turned();
        seen.push(skipped);
      }
    })();
    for await (const event of run.events()) if (event.type === "node.skipped") skipped++;
    isOver = true;
    await watching;
    expect(new Set(seen.filter((count) => count > 0 && count < nodes.length)).size).toBeGreaterThan(1);
  });
});
