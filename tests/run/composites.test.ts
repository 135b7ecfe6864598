/** A composite is a node like any other: middlewares, context, time limit, mailboxes and settings work on it, and what would not is refused. */
import { Agent, MemoryCache, MemoryStore, Middleware, type ModuleResult, Node, type NodeInit } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { snapshotsOf } from "../support/snapshots.ts";
import { failing, moduleOf, newTask, nodeOf, success, within } from "./support.ts";

const once = { nodeConfig: { maxRetries: 1 } };

class Mark extends Middleware {
  readonly seen: ModuleResult[] = [];
  override async process(data: ModuleResult): Promise<ModuleResult> {
    this.seen.push(data);
    return { ...data, marked: this.seen.length };
  }
}

const composite = (init: Partial<NodeInit>, inner: Node[] = [nodeOf("in")]): Node => new Node({ name: "graph", nodes: inner, ...init });

describe("middlewares of a composite", () => {
  it("make of its graph's result what is kept, told and published once", async () => {
    const mark = new Mark();
    const run = new Agent({ nodes: [composite({ config: { middlewares: [mark] }, outputMailbox: "out" })] }).start(newTask());
    const { nodes: results } = await run.outcome;
    expect(mark.seen).toEqual([{ ...success("in"), nodes: { in: { status: "success", results: [success("in")] } } }]);
    expect(results.graph).toMatchObject({ status: "success", results: [{ marked: 1, result: "in" }] });
    expect(await run.values.peekMailbox("out")).toMatchObject([{ results: [{ marked: 1 }] }]);
  });

  it("see no result of a graph that failed, and fail one that succeeded", async () => {
    const mark = new Mark();
    const broken = await new Agent({ nodes: [composite({ config: { middlewares: [mark] }, ...once }, [failing("in")])] }).runTask(
      newTask(),
    );
    expect([mark.seen, broken.status]).toEqual([[], "FAILED"]);
    class Veto extends Middleware {
      override async process(): Promise<ModuleResult> {
        throw new TypeError("not allowed");
      }
    }
    const { status, errors } = await new Agent({ nodes: [composite({ config: { middlewares: [new Veto()] }, ...once })] }).runTask(
      newTask(),
    );
    expect(status).toBe("FAILED");
    expect(errors).toMatchObject([{ node: "graph", error: "not allowed", name: "TypeError" }]);
  });

  it("are asked again with each attempt, which runs the graph again", async () => {
    const log: string[] = [];
    class Flaky extends Middleware {
      override async process(data: ModuleResult): Promise<ModuleResult> {
        log.push("asked");
        if (log.filter((entry) => entry === "asked").length === 1) throw new Error("once more");
        return data;
      }
    }
    const inner = nodeOf("in", [], () => {
      log.push("in");
      return success();
    });
    const { status } = await new Agent({ nodes: [composite({ config: { middlewares: [new Flaky()] } }, [inner])] }).runTask(newTask());
    expect([status, log]).toEqual(["COMPLETE", ["in", "asked", "in", "asked"]]);
  });

  it("end by the node's time limit, and by a cancel", async () => {
    class Hangs extends Middleware {
      override process(): Promise<ModuleResult> {
        this.entered();
        return new Promise(() => {});
      }
      entered: () => void = () => {};
    }
    const late = composite({ config: { middlewares: [new Hangs()], timeoutMs: 20 }, ...once });
    const { task } = await new Agent({ abortGraceMs: 1, nodes: [late] }).runTask(newTask());
    expect(task.error).toBe('Node "graph" timed out after 20 ms');
    const hangs = new Hangs();
    const run = new Agent({ abortGraceMs: 1, nodes: [composite({ config: { middlewares: [hangs] } })] }).start(newTask());
    hangs.entered = () => void run.cancel("enough");
    expect((await run.outcome).task.error).toContain("enough");
  });

  it("run again after a restore, and not the graph before them", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const log: string[] = [];
    class Saves extends Middleware {
      override async process(data: ModuleResult): Promise<ModuleResult> {
        log.push("filtered");
        await this.save();
        return { ...data, marked: true };
      }
      save: () => Promise<unknown> = async () => {};
    }
    const saves = new Saves();
    const inner = nodeOf("in", [], () => {
      log.push("in");
      return success();
    });
    const agent = new Agent({ store, snapshot: "NEVER", nodes: [within(1, composite({ config: { middlewares: [saves] } }, [inner]))] });
    const run = agent.start(newTask());
    saves.save = () => run.snapshot();
    await run.outcome;
    saves.save = async () => {};
    const [ref] = await snapshotsOf(store, run.task.id);
    log.length = 0;
    const { status, nodes: results } = await agent.runFromSnapshot(ref as never);
    expect([status, log]).toEqual(["COMPLETE", ["filtered"]]);
    expect(JSON.stringify(results)).toContain('"marked":true');
  });
});

describe("context of a composite", () => {
  it("reaches the modules of its graph, overlaid by what is closer to them", async () => {
    const seen: unknown[] = [];
    const look = moduleOf(
      "look",
      ({ config }) => {
        seen.push(config.context);
        return success();
      },
      { config: { context: { own: 3 } } },
    );
    const inner = new Node({ name: "in", modules: [look], config: { context: { tone: "loud", own: 2, own2: 2 } } });
    const plain = nodeOf("plain", [], ({ config }) => {
      seen.push(config.context);
      return success();
    });
    const outer = new Node({
      name: "outer",
      nodes: [composite({ config: { context: { tone: "calm", own: 1 } } }, [inner, plain])],
      config: { context: { far: true } },
    });
    await new Agent({ nodes: [outer] }).runTask(newTask());
    expect(seen).toEqual([
      { far: true, tone: "loud", own: 3, own2: 2 },
      { far: true, tone: "calm", own: 1 },
    ]);
  });
});

describe("options that would have no effect", () => {
  it("are refused, naming them", () => {
    for (const init of [{ nodeConfig: { parallel: true } }, { config: { stopOnSuccess: true } }]) {
      expect(() => composite(init)).toThrow(
        expect.objectContaining({ code: "invalid-options", message: expect.stringMatching(/parallel|stopOnSuccess/) }),
      );
    }
    expect(() => nodeOf("flat", [], undefined, { nodeConfig: { maxTotalIterations: 3 } })).toThrow(/maxTotalIterations/);
  });
});

describe("a nested graph that is restored", () => {
  /** `x` is stored before `y`, which fails in the restored run. */
  const agentOf = (store: MemoryStore, options: object, log: string[], fails = true): Agent =>
    new Agent({
      cache: new MemoryCache(),
      store,
      snapshot: "NEVER",
      ...options,
      nodes: [
        within(
          2,
          new Node({
            name: "inner",
            ...once,
            nodes: [
              nodeOf("x", [], () => {
                log.push("x");
                return success();
              }),
              nodeOf(
                "y",
                ["x"],
                () => {
                  log.push("y");
                  return fails ? { status: "error", error: "boom" } : success();
                },
                { ...once, snapshot: "ALWAYS" },
              ),
              nodeOf("z", ["y"]),
            ],
          }),
          once,
        ),
      ],
    });

  it("takes the mailboxes of the agent that restores it", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const task = newTask();
    await agentOf(store, { errorMailbox: "old" }, []).runTask(task);
    const [ref] = await snapshotsOf(store, task.id);
    const again = agentOf(store, { errorMailbox: "new" }, []);
    await again.runFromSnapshot(ref as never);
    expect([(await again.cache.peekMailbox("old")).length, (await again.cache.peekMailbox("new")).length]).toEqual([0, 4]);
  });

  it.each([Number.POSITIVE_INFINITY, 50])("takes the limit of iterations of the agent that restores it: %d", async (maxTotalIterations) => {
    const store = new MemoryStore({ keep: 10_000 });
    const task = newTask();
    const log: string[] = [];
    await agentOf(store, { maxTotalIterations }, [], false).runTask(task);
    const [ref] = await snapshotsOf(store, task.id);
    const { status, errors } = await agentOf(store, { maxTotalIterations }, log, false).runFromSnapshot(ref as never);
    expect([status, errors, log]).toEqual(["COMPLETE", [], ["y"]]);
    const strict = await agentOf(store, { maxTotalIterations: 1 }, [], false).runFromSnapshot(ref as never);
    expect(strict.errors.map(({ code }) => code)).toContain("max-iterations");
  });

  it("stores no more snapshots where the agent that restores it wants none", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const task = newTask();
    await agentOf(store, {}, [], false).runTask(task);
    const refs = await snapshotsOf(store, task.id);
    await agentOf(store, { autoSnapshot: false }, [], false).runFromSnapshot(refs[0] as never);
    expect(await snapshotsOf(store, task.id)).toEqual(refs);
  });
});
