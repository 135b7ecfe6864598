import { Agent, AsimovError, defineModule, type ModuleContext, Node, NonRetryableError } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { aborted, deferred, failure, moduleOf, newTask, nodeOf, runNodes, runWithEvents, success } from "./support.ts";

/** How often a node's module ran before the node gave up. */
async function attemptsOf(nodeConfig: { maxRetries?: number; retryOnFailure?: boolean }, fail: () => unknown): Promise<number> {
  let attempts = 0;
  const { status } = await runNodes([
    nodeOf(
      "a",
      [],
      () => {
        attempts++;
        return fail();
      },
      { nodeConfig },
    ),
  ]);
  expect(status).toBe("FAILED");
  return attempts;
}

const giveError = () => failure("no");
const throwError = () => {
  throw new Error("no");
};

describe("attempts of a node", () => {
  it.each([
    [{}, 3],
    [{ maxRetries: 5 }, 5],
    [{ maxRetries: 1 }, 1],
    [{ maxRetries: 0 }, 1],
    [{ retryOnFailure: false }, 1],
    [{ retryOnFailure: false, maxRetries: 9 }, 1],
  ])("counts attempts in all: %o is %i, for an error status and for an exception", async (config, attempts) => {
    expect(await attemptsOf(config, giveError)).toBe(attempts);
    expect(await attemptsOf(config, throwError)).toBe(attempts);
    expect(await attemptsOf(config, () => Promise.reject(new Error("no")))).toBe(attempts);
  });

  it("stops at once at a NonRetryableError, and keeps its code", async () => {
    expect(
      await attemptsOf({ maxRetries: 9 }, () => {
        throw new NonRetryableError("never", { code: "bad-key" });
      }),
    ).toBe(1);
    const { nodes: results } = await runNodes([
      nodeOf("a", [], () => {
        throw new NonRetryableError("never", { code: "bad-key" });
      }),
    ]);
    expect(results.a).toMatchObject({ status: "error", error: "never", code: "bad-key" });
  });

  it("ends as COMPLETE at the first attempt that succeeds, with that attempt's results alone", async () => {
    const {
      status,
      nodes: results,
      errors,
      executions,
    } = await runNodes([nodeOf("a", [], ({ node }) => (node.attempt < 3 ? failure(`attempt ${node.attempt}`) : success(node.attempt)))]);
    expect(status).toBe("COMPLETE");
    expect(results.a).toEqual({ status: "success", results: [{ status: "success", result: 3 }] });
    expect(errors).toEqual([]);
    expect(executions).toEqual({ a: 1 });
  });

  it("runs all modules of the node again", async () => {
    const log: string[] = [];
    const modules = ["first", "second", "third"].map((name) =>
      moduleOf(name, ({ node }) => {
        log.push(`${name} ${node.attempt}`);
        return name === "second" && node.attempt === 1 ? failure("once") : success();
      }),
    );
    await runNodes([new Node({ name: "a", modules })]);
    expect(log).toEqual(["first 1", "second 1", "first 2", "second 2", "third 2"]);
  });

  it("tells of each retry, and reports the node once", async () => {
    const { events, outcome } = await runWithEvents([nodeOf("a", [], giveError)]);
    expect(events.flatMap((event) => (event.type === "node.retrying" ? [event.attempt] : []))).toEqual([1, 2]);
    expect(outcome.errors).toEqual([
      { taskId: outcome.task.id, status: "error", node: "a", path: ["a"], module: "a", error: "no", code: "module-failed" },
    ]);
  });

  it("keeps the last attempt's own error text", async () => {
    const { nodes: results, task } = await runNodes([nodeOf("a", [], ({ node }) => failure(`attempt ${node.attempt}`))]);
    expect(results.a).toMatchObject({ status: "error", error: "attempt 3", results: [{ status: "error", error: "attempt 3" }] });
    expect(task.error).toBe("attempt 3");
  });

  it("gives each module one key for all attempts of a visit, and each attempt one of its own; the same run the same prefix", async () => {
    const keys: string[] = [];
    const attempts: string[] = [];
    // The first that failed would keep the other from its beginning.
    const { promise: haveBegun, resolve } = Promise.withResolvers<void>();
    const note = async ({ idempotencyKey, attemptKey, node }: ModuleContext) => {
      keys.push(idempotencyKey);
      if (attempts.push(attemptKey) === 2) resolve();
      await haveBegun;
      return node.attempt === 1 ? failure("again") : success();
    };
    await runNodes([new Node({ name: "a", modules: [moduleOf("x", note), moduleOf("y", note)], nodeConfig: { parallel: true } })]);
    expect([keys.length, new Set(keys).size, new Set(attempts).size]).toEqual([4, 2, 4]);
    expect(new Set([...keys, ...attempts].map((key) => key.split("/")[0])).size).toBe(1);
  });

  it("waits before the next attempt by the backoff, not before the first, and a cancel ends the wait", async () => {
    let attempts = 0;
    const day = 24 * 3_600_000;
    const failsOften = () => failure(`attempt ${++attempts}`);
    const agent = new Agent({
      nodes: [nodeOf("a", [], failsOften, { nodeConfig: { backoff: { initialMs: 40 * day, maxMs: 80 * day } } })],
    });
    const run = agent.start(newTask());
    for await (const event of run.events()) if (event.type === "node.retrying") break;
    const { status, nodes: results } = await run.cancel();
    expect([status, attempts]).toEqual(["FAILED", 1]);
    expect(results.a).toMatchObject({ status: "error", error: "attempt 1" });
  });

  it("goes on after the backoff", async () => {
    const { nodes: results } = await runNodes([
      nodeOf("a", [], ({ node }) => (node.attempt < 3 ? failure("again") : success(node.attempt)), {
        nodeConfig: { backoff: { initialMs: 1 } },
      }),
    ]);
    expect(results.a?.results).toEqual([success(3)]);
  });
});

describe("modules in order", () => {
  it("run one after another, and each result is in `results`", async () => {
    let running = 0;
    const modules = ["a", "b", "c"].map((name) =>
      moduleOf(name, async () => {
        expect(++running).toBe(1);
        await Promise.resolve();
        running--;
        return success(name);
      }),
    );
    const { nodes: results } = await runNodes([new Node({ name: "n", modules })]);
    expect(results.n).toEqual({ status: "success", results: ["a", "b", "c"].map((name) => ({ status: "success", result: name })) });
  });

  it("stop at the first that fails: the node is FAILED, not PARTIAL, and keeps what came before", async () => {
    const log: string[] = [];
    const modules = [moduleOf("a"), moduleOf("b", giveError), moduleOf("c", () => log.push("c"))];
    const { nodes: results, status } = await runNodes([new Node({ name: "n", modules, nodeConfig: { retryOnFailure: false } })]);
    expect(log).toEqual([]);
    expect(status).toBe("FAILED");
    expect(results.n).toEqual({ status: "error", error: "no", code: "module-failed", module: "b", results: [success("a"), failure("no")] });
  });

  it("run after the modules they depend on, whatever the order of declaration", async () => {
    const log: string[] = [];
    const note = (name: string, dependencies: string[]) => moduleOf(name, () => success(log.push(name)), { dependencies });
    await runNodes([new Node({ name: "n", modules: [note("last", ["middle"]), note("middle", ["first"]), note("first", [])] })]);
    expect(log).toEqual(["first", "middle", "last"]);
  });

  it("are refused when they depend on a stranger, on each other in a circle, or share a name", () => {
    const node = (...modules: [string, string[]][]) =>
      new Node({ name: "n", modules: modules.map(([name, dependencies]) => moduleOf(name, undefined, { dependencies })) });
    expect(() => node(["a", ["ghost"]])).toThrow(/"a".*"ghost"/);
    expect(() => node(["a", ["b"]], ["b", ["a"]])).toThrow(/circle/);
    expect(() => node(["a", []], ["a", []])).toThrow(/two modules are named "a"/);
  });
});

describe("parallel modules", () => {
  it("run at once, and give their results in declaration order", async () => {
    const all = deferred();
    let running = 0;
    const modules = ["a", "b", "c"].map((name) =>
      moduleOf(name, async () => {
        if (++running === 3) all.resolve();
        await all.promise;
        if (name === "a") await new Promise((resolve) => setImmediate(resolve));
        return success(name);
      }),
    );
    const { nodes: results } = await runNodes([new Node({ name: "n", modules, nodeConfig: { parallel: true } })]);
    expect(results.n?.results.map(({ result }) => result)).toEqual(["a", "b", "c"]);
  });

  it("start once the modules they depend on have succeeded, and do not when those failed", async () => {
    const log: string[] = [];
    const node = (fails: boolean) =>
      new Node({
        name: "n",
        nodeConfig: { parallel: true, retryOnFailure: false },
        modules: [
          moduleOf("after", () => success(log.push("after")), { dependencies: ["before"] }),
          moduleOf("before", () => (fails ? failure("no") : success(log.push("before")))),
        ],
      });
    await runNodes([node(false)]);
    expect(log).toEqual(["before", "after"]);
    await runNodes([node(true)]);
    expect(log).toEqual(["before", "after"]);
  });

  it("are aborted when one fails, and awaited before the retry", async () => {
    const log: string[] = [];
    const begun = deferred();
    const modules = [
      moduleOf("fails", async ({ node }) => {
        await begun.promise;
        log.push(`fails ${node.attempt}`);
        return node.attempt === 1 ? failure("no") : success();
      }),
      moduleOf("sibling", async ({ signal, node }) => {
        if (node.attempt > 1) return success();
        begun.resolve();
        const reason = await aborted(signal);
        await new Promise((resolve) => setImmediate(resolve));
        log.push(`sibling ${node.attempt} cleaned up after ${(reason as Error).message}`);
        return success();
      }),
    ];
    const { status } = await runNodes([new Node({ name: "n", modules, nodeConfig: { parallel: true } })]);
    expect(status).toBe("COMPLETE");
    expect(log).toEqual(["fails 1", "sibling 1 cleaned up after no", "fails 2"]);
  });

  it("leave the node PARTIAL when some succeeded and some failed; what depends on it is blocked", async () => {
    const gate = deferred();
    const modules = [
      moduleOf("good", () => {
        gate.resolve();
        return success("kept");
      }),
      moduleOf("bad", async () => {
        await gate.promise;
        await new Promise((resolve) => setImmediate(resolve));
        return failure("lost");
      }),
    ];
    const { events, outcome } = await runWithEvents([
      new Node({ name: "n", modules, nodeConfig: { parallel: true, retryOnFailure: false } }),
      nodeOf("dependent", ["n"]),
      nodeOf("free"),
    ]);
    expect(outcome.nodes.n).toEqual({
      status: "error",
      error: "lost",
      code: "module-failed",
      module: "bad",
      results: [success("kept"), failure("lost")],
    });
    expect(outcome.failedChains).toEqual([["n", "dependent"]]);
    expect(Object.hasOwn(outcome.nodes, "dependent")).toBe(false);
    expect(outcome.status).toBe("PARTIAL");
    expect(events).toContainEqual(expect.objectContaining({ type: "node.failed", node: "n", status: "PARTIAL" }));
  });

  it("leave the node FAILED when none succeeded", async () => {
    const { events } = await runWithEvents([
      new Node({
        name: "n",
        modules: [moduleOf("a", giveError), moduleOf("b", giveError)],
        nodeConfig: { parallel: true, retryOnFailure: false },
      }),
    ]);
    expect(events).toContainEqual(expect.objectContaining({ type: "node.failed", node: "n", status: "FAILED" }));
  });

  it("that never settle do not hang the run: they are left behind after the grace time, and it says so", async () => {
    const modules = [moduleOf("bad", giveError), moduleOf("deaf", () => new Promise(() => {}))];
    const { events, outcome } = await runWithEvents(
      [new Node({ name: "n", modules, nodeConfig: { parallel: true, retryOnFailure: false } })],
      { abortGraceMs: 5 },
    );
    expect(outcome.status).toBe("FAILED");
    expect(events).toContainEqual(expect.objectContaining({ type: "module.abandoned", node: "n", module: "deaf" }));
  });
});

describe("stop on success", () => {
  const config = { stopOnSuccess: true };

  it("of a node in order: later modules are fallbacks, and do not run after the first success", async () => {
    const log: string[] = [];
    const modules = [moduleOf("a", () => failure("a")), moduleOf("b"), moduleOf("c", () => success(log.push("c")))];
    const { status, nodes: results } = await runNodes([new Node({ name: "n", modules, config })]);
    expect(status).toBe("COMPLETE");
    expect(log).toEqual([]);
    expect(results.n?.results.at(-1)).toEqual(success("b"));
  });

  it("of a node in order fails when every module failed", async () => {
    const modules = [moduleOf("a", () => failure("a")), moduleOf("b", () => failure("b"))];
    const { nodes: results } = await runNodes([new Node({ name: "n", modules, config, nodeConfig: { retryOnFailure: false } })]);
    expect(results.n).toMatchObject({ status: "error", results: [failure("a"), failure("b")] });
  });

  it("of a node in order skips a fallback whose own dependency failed", async () => {
    const log: string[] = [];
    const modules = [
      moduleOf("a", () => failure("a")),
      moduleOf("b", () => failure("b")),
      moduleOf("needs-a", () => success(log.push("needs-a")), { dependencies: ["a"] }),
      moduleOf("needs-c", () => success(log.push("needs-c")), { dependencies: ["c"] }),
      moduleOf("c", () => failure("c")),
    ];
    const { status } = await runNodes([new Node({ name: "n", modules, config })]);
    expect(status).toBe("FAILED");
    expect(log).toEqual([]);
  });

  it("of a parallel node: the first success wins, the rest is aborted and awaited", async () => {
    const log: string[] = [];
    const modules = [
      moduleOf("slow", async ({ signal }) => {
        await aborted(signal);
        log.push("slow ended");
        throw new Error("aborted");
      }),
      moduleOf("bad", () => failure("bad")),
      moduleOf("fast", async () => {
        await new Promise((resolve) => setImmediate(resolve));
        return success("fast");
      }),
    ];
    const { status, nodes: results } = await runNodes([
      new Node({ name: "n", modules, config, nodeConfig: { parallel: true } }),
      nodeOf("next", ["n"], () => success(log.push("next"))),
    ]);
    expect(status).toBe("COMPLETE");
    expect(log).toEqual(["slow ended", "next"]);
    expect(results.n).toMatchObject({ status: "success" });
    expect(results.n?.results).toContainEqual(success("fast"));
  });

  it.each([0, 1])("of a parallel node: what the rest still gives means nothing (the winner in place %i)", async (place) => {
    const added = nodeOf("added");
    const slow = moduleOf("slow", async ({ signal }) => {
      await aborted(signal);
      return { ...success("slow"), decision: "start", newNodes: [added] };
    });
    const modules = [moduleOf("fast", () => success("fast")), slow];
    const race = new Node({
      name: "race",
      dependencies: ["start"],
      modules: place === 0 ? modules : modules.toReversed(),
      config,
      nodeConfig: { parallel: true },
      outputMailbox: "won",
    });
    const run = new Agent({ nodes: [nodeOf("start"), race] }).start(newTask());
    const { status, task, executions, nodes: results } = await run.outcome;
    expect([status, task.result, executions]).toEqual(["COMPLETE", "fast", { start: 1, race: 1 }]);
    expect(results.race?.results).toEqual([success("fast")]);
    expect(await run.values.peekMailbox("won")).toEqual([expect.objectContaining({ results: [success("fast")] })]);
  });

  it("of a node whose modules all succeed otherwise gives one entry for each module that ran", async () => {
    const { nodes: results } = await runNodes([new Node({ name: "n", modules: [moduleOf("a"), moduleOf("b")], config })]);
    expect(results.n).toEqual({ status: "success", results: [success("a")] });
  });

  it("of a module ends the node after that module alone", async () => {
    const log: string[] = [];
    const note = (name: string, stops: boolean) => moduleOf(name, () => success(log.push(name)), { config: { stopOnSuccess: stops } });
    await runNodes([new Node({ name: "n", modules: [note("a", false), note("b", true), note("c", false)] })]);
    expect(log).toEqual(["a", "b"]);
  });
});

describe("time limit", () => {
  it("of a module aborts its signal and reads as the module's name and limit", async () => {
    const reasons: unknown[] = [];
    const deaf = defineModule({
      name: "deaf",
      config: { timeoutMs: 5 },
      process: async ({ signal }) => {
        reasons.push(await aborted(signal));
        return success();
      },
    });
    const { nodes: results } = await runNodes([new Node({ name: "n", modules: [deaf], nodeConfig: { retryOnFailure: false } })]);
    expect(results.n).toMatchObject({ status: "error", error: "Module deaf timed out after 5 ms", code: "timeout" });
    expect(reasons).toEqual([expect.objectContaining({ message: "Module deaf timed out after 5 ms" })]);
  });

  it("of a module is one attempt, and counts its middlewares", async () => {
    let attempts = 0;
    const slow = { process: () => new Promise<never>(() => {}) };
    const module = moduleOf("m", () => success(++attempts), { config: { timeoutMs: 5, middlewares: [slow] } });
    const { nodes: results } = await runNodes([new Node({ name: "n", modules: [module] })], { abortGraceMs: 1 });
    expect(attempts).toBe(3);
    expect(results.n).toMatchObject({ error: "Module m timed out after 5 ms" });
  });

  it("does not replace a module's own error", async () => {
    const module = moduleOf("m", () => Promise.reject(new Error("connect timed out")), { config: { timeoutMs: 60_000 } });
    expect((await runNodes([new Node({ name: "n", modules: [module] })])).task.error).toBe("connect timed out");
  });

  it("of a node covers all its modules, and names the node", async () => {
    const modules = [moduleOf("quick"), moduleOf("deaf", async ({ signal }) => success(String(await aborted(signal))))];
    const { nodes: results, status } = await runNodes([
      new Node({ name: "n", modules, config: { timeoutMs: 10 }, nodeConfig: { retryOnFailure: false } }),
    ]);
    expect(status).toBe("FAILED");
    expect(results.n).toMatchObject({ status: "error", error: 'Node "n" timed out after 10 ms', code: "timeout" });
  });

  it("of a node leaves no trace on one that ends in time, and allows Infinity for a module", async () => {
    const module = moduleOf("m", () => success(), { config: { timeoutMs: Number.POSITIVE_INFINITY } });
    const { status } = await runNodes([new Node({ name: "n", modules: [module], config: { timeoutMs: 60_000 } })]);
    expect(status).toBe("COMPLETE");
  });

  it("of a node may be as short as a millisecond", async () => {
    const module = moduleOf("m", ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))));
    const node = new Node({ name: "n", modules: [module], config: { timeoutMs: 1 }, nodeConfig: { maxRetries: 1 } });
    expect((await runNodes([node])).task.error).toBe('Node "n" timed out after 1 ms');
  });

  it("that a module's signal passes on ends what the module waits for", async () => {
    const never = (signal: AbortSignal) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
    const module = moduleOf("m", async ({ signal }) => success(await never(signal)), { config: { timeoutMs: 5 } });
    const { nodes: results } = await runNodes([new Node({ name: "n", modules: [module], nodeConfig: { maxRetries: 1 } })]);
    expect(results.n).toMatchObject({ error: "Module m timed out after 5 ms" });
  });
});

describe("limit of concurrent modules", () => {
  /** Nodes of one module each that note how many run at a time. */
  const counted = (count: number) => {
    const seen = { most: 0 };
    let running = 0;
    const nodes = Array.from({ length: count }, (_, index) =>
      nodeOf(`n${index}`, [], async () => {
        seen.most = Math.max(seen.most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        return success();
      }),
    );
    return { nodes, seen };
  };

  it.each([1, 2, 5])("of %i bounds the modules that run at a time", async (maxConcurrentTasks) => {
    const { nodes, seen } = counted(20);
    await runNodes(nodes, { maxConcurrentTasks });
    expect(seen.most).toBe(maxConcurrentTasks);
  });

  it("is 5 by default, over all runs of one agent", async () => {
    const { nodes, seen } = counted(4);
    const agent = new Agent({ nodes });
    await Promise.all(Array.from({ length: 5 }, () => agent.runTask(newTask())));
    expect(seen.most).toBe(5);
  });

  it("of 1 runs parallel modules and nested graphs to their end", async () => {
    const parallel = (name: string) =>
      new Node({
        name,
        modules: [moduleOf("x"), moduleOf("y"), moduleOf("z", undefined, { dependencies: ["x"] })],
        nodeConfig: { parallel: true },
      });
    const nested = (name: string, depth: number): Node =>
      depth === 0 ? parallel(name) : new Node({ name, nodes: [nested(`${name}-a`, depth - 1), nested(`${name}-b`, depth - 1)] });
    const { status } = await runNodes([nested("left", 3), nested("right", 3)], { maxConcurrentTasks: 1 });
    expect(status).toBe("COMPLETE");
  });

  it("is given back by a module that threw, timed out or was aborted", async () => {
    const bad = moduleOf("bad", throwError);
    const deaf = moduleOf("deaf", () => new Promise(() => {}), { config: { timeoutMs: 2 } });
    const { status } = await runNodes(
      [new Node({ name: "n", modules: [bad], nodeConfig: { parallel: true } }), new Node({ name: "m", modules: [deaf] }), nodeOf("last")],
      { maxConcurrentTasks: 1, abortGraceMs: 1 },
    );
    expect(status).toBe("PARTIAL");
  });

  it("may be raised while modules wait: they start at once", async () => {
    const other = deferred();
    const agent = new Agent({
      maxConcurrentTasks: 1,
      nodes: [
        nodeOf("waits", [], async () => {
          await new Promise((resolve) => setImmediate(resolve));
          agent.maxConcurrentTasks = 2;
          await other.promise;
          return success();
        }),
        nodeOf("other", [], () => {
          other.resolve();
          return success();
        }),
      ],
    });
    expect((await agent.runTask(newTask())).status).toBe("COMPLETE");
    expect(agent.maxConcurrentTasks).toBe(2);
  });

  it("may be lowered while modules run: no other starts until there is room", async () => {
    const seen: number[] = [];
    let running = 0;
    const agent = new Agent({
      maxConcurrentTasks: 4,
      nodes: Array.from({ length: 12 }, (_, index) =>
        nodeOf(`n${index}`, [], async () => {
          seen.push(++running);
          agent.maxConcurrentTasks = 1;
          await new Promise((resolve) => setImmediate(resolve));
          running--;
          return success();
        }),
      ),
    });
    await agent.runTask(newTask());
    expect(seen[0]).toBe(1);
    expect(seen.slice(4).every((count) => count === 1)).toBe(true);
  });

  it("is refused below 1, and when it is no number", () => {
    const agent = new Agent();
    for (const value of [0, -1, 1.5, Number.NaN, "2"]) {
      expect(() => {
        agent.maxConcurrentTasks = value as number;
      }).toThrow(AsimovError);
      expect(() => new Agent({ maxConcurrentTasks: value as number })).toThrow(/maxConcurrentTasks/);
    }
    expect(agent.maxConcurrentTasks).toBe(5);
  });
});
