/** Runs that failed in nested graphs, retried: at any depth what succeeded stands, and what failed goes on under its keys. */
import { Agent, type AgentOptions, MemoryStore, Node, type NodeInit, type RunStore, Runs } from "asimov-agents";
import { applyEvents } from "asimov-agents/view";
import { describe, expect, it } from "vitest";
import { aborted, deciding, deferred, failure, nodeOf, success } from "../run/support.ts";
import { overTheWire } from "../support/told.ts";
import { all, taskOf } from "./stores.ts";

const ONCE: Partial<NodeInit> = { nodeConfig: { retryOnFailure: false } };

/** A run to its end, then retried with the nodes as they are by then. */
class Tried {
  readonly log: string[] = [];
  readonly store: RunStore;
  readonly #nodes: (tried: Tried) => Node[];
  readonly #options: AgentOptions;
  isBroken = true;

  constructor(nodes: (tried: Tried) => Node[], options: AgentOptions = {}) {
    this.store = options.store ?? new MemoryStore();
    this.#nodes = nodes;
    this.#options = options;
  }

  get agent(): Agent {
    return new Agent({ ...this.#options, store: this.store, nodes: this.#nodes(this) });
  }

  /** Notes its key and attempt. */
  node(name: string, after: string[] = [], fails: () => boolean = () => false, init: Partial<NodeInit> = {}): Node {
    const work = ({ idempotencyKey, node }: { idempotencyKey: string; node: { attempt: number } }) => {
      this.log.push(`${idempotencyKey} ${node.attempt}`);
      return fails() ? failure("broken") : success(name);
    };
    return nodeOf(name, after, work, { ...ONCE, ...init });
  }

  async retry(options: { nodes?: string[]; keys?: "same" | "new" } = {}) {
    this.log.length = 0;
    const run = await this.agent.retry("t", options);
    const outcome = await run.outcome;
    const runs = new Runs(this.store);
    const view = await runs.get("t");
    // Whoever looks sees the same, from a live run, from the store, and from the events.
    expect(view).toEqual(overTheWire(run.view()));
    expect(applyEvents(await runs.at("t", 1), await all(runs.events("t")))).toEqual(view);
    return outcome;
  }
}

/** `ok → bad → after`, and `beside`, within so many graphs; `last` depends on the outermost. */
function deep(tried: Tried, depth: number, init: Partial<NodeInit> = ONCE): Node[] {
  let inner = [tried.node("ok"), tried.node("bad", ["ok"], () => tried.isBroken), tried.node("after", ["bad"]), tried.node("beside")];
  for (let level = depth; level > 0; level--) inner = [new Node({ name: `in ${level}`, nodes: inner, ...init }), tried.node(`by ${level}`)];
  return [...inner, tried.node("last", ["in 1"])];
}

const keyIn = (depth: number, name: string, attempt: number): string =>
  `t/${Array.from({ length: depth }, (_, level) => `in%20${level + 1}.1/`).join("")}${name}.1/${name} ${attempt}`;

describe.each([1, 2, 3])("a run that failed %i graphs deep, retried", (depth) => {
  it("runs in them only what failed and what that blocked, under the same keys", async () => {
    const tried = new Tried((all) => deep(all, depth));
    expect(await tried.agent.runTask(taskOf("t"))).toMatchObject({ status: "PARTIAL" });
    tried.isBroken = false;
    const outcome = await tried.retry();
    expect(outcome).toMatchObject({ status: "COMPLETE", failedChains: [], executions: { "in 1": 1, last: 1 } });
    expect(tried.log).toEqual([keyIn(depth, "bad", 2), keyIn(depth, "after", 1), "t/last.1/last 1"]);
    const path = Array.from({ length: depth }, (_, level) => `in ${level + 1}`);
    const found = path.reduce<Record<string, unknown>>((results, name) => results[name] as Record<string, unknown>, outcome.results);
    expect(found).toEqual({ after: "after", beside: "beside" });
  });

  it("fails once more where nothing is mended, and goes on the next time", async () => {
    const tried = new Tried((all) => deep(all, depth));
    await tried.agent.runTask(taskOf("t"));
    expect(await tried.retry()).toMatchObject({ status: "PARTIAL" });
    expect(tried.log).toEqual([keyIn(depth, "bad", 2)]);
    tried.isBroken = false;
    expect(await tried.retry()).toMatchObject({ status: "COMPLETE" });
    expect(tried.log).toEqual([keyIn(depth, "bad", 3), keyIn(depth, "after", 1), "t/last.1/last 1"]);
  });

  it("does so in a fork of the failed run, under the fork's keys", async () => {
    const tried = new Tried((all) => deep(all, depth));
    await tried.agent.runTask(taskOf("first"));
    await (await tried.agent.fork("first", { taskId: "t" })).outcome;
    tried.isBroken = false;
    expect(await tried.retry()).toMatchObject({ status: "COMPLETE" });
    expect(tried.log).toEqual([keyIn(depth, "bad", 2), keyIn(depth, "after", 1), "t/last.1/last 1"]);
  });

  it("begins the whole graph anew in another visit where new keys are asked for", async () => {
    const tried = new Tried((all) => deep(all, depth));
    await tried.agent.runTask(taskOf("t"));
    tried.isBroken = false;
    expect(await tried.retry({ keys: "new" })).toMatchObject({ status: "COMPLETE", executions: { "in 1": 2 } });
    expect(tried.log).toContain(keyIn(depth, "ok", 1).replace("in%201.1", "in%201.2"));
  });
});

describe("a nested graph whose run is retried", () => {
  it.each([{}, { backoff: { initialMs: 1 } }])(
    "goes on in the attempts that follow, too, where in a visit that is not retried each begins anew (%o)",
    async (config) => {
      const tried = new Tried((all) => deep(all, 2, { nodeConfig: { maxRetries: 2, ...config } }));
      await tried.agent.runTask(taskOf("t"));
      expect(tried.log.filter((key) => key.includes("/ok."))).toHaveLength(4);
      // Two attempts of the outer graph, two of the inner one in each, and one of the node.
      expect(await tried.retry()).toMatchObject({ status: "PARTIAL" });
      expect(tried.log).toEqual([2, 3, 4, 5].map((attempt) => keyIn(2, "bad", attempt)));
      tried.isBroken = false;
      expect(await tried.retry()).toMatchObject({ status: "COMPLETE" });
      expect(tried.log).toEqual([keyIn(2, "bad", 6), keyIn(2, "after", 1), "t/last.1/last 1"]);
    },
  );

  it("goes on where it was cut off by a cancel, by its time limit, or by a limit of the whole run", async () => {
    for (const how of ["cancel", "time", "iterations"] as const) {
      const entered = deferred();
      const tried = new Tried(
        (all) => [
          new Node({
            name: "outer",
            nodeConfig: { retryOnFailure: false },
            config: how === "time" ? { timeoutMs: 20 } : {},
            nodes: [
              all.node("ok"),
              nodeOf("slow", ["ok"], async ({ signal, idempotencyKey }) => {
                all.log.push(idempotencyKey);
                entered.resolve();
                if (!all.isBroken) return success("slow");
                await aborted(signal);
                signal.throwIfAborted();
              }),
            ],
          }),
          ...(how === "iterations"
            ? [nodeOf("a", [], undefined, { nodeConfig: { maxVisits: 0 } }), deciding("b", ["a"], () => (all.isBroken ? "a" : null))]
            : []),
        ],
        { maxTotalIterations: 40 },
      );
      const run = tried.agent.start(taskOf("t"));
      if (how === "cancel") {
        await entered.promise;
        await run.cancel();
      }
      expect(await run.outcome).toMatchObject({ status: "FAILED" });
      tried.isBroken = false;
      expect(await tried.retry()).toMatchObject({ status: "COMPLETE" });
      expect(tried.log).toEqual(["t/outer.1/slow.1/slow"]);
    }
  });

  it("has a limit of its own that it hit granted once more", async () => {
    let visits = 0;
    const tried = new Tried((all) => [
      new Node({
        name: "outer",
        nodeConfig: { retryOnFailure: false, maxTotalIterations: 8 },
        nodes: [
          all.node("ok"),
          nodeOf("a", [], undefined, { nodeConfig: { maxVisits: 0 } }),
          deciding("b", ["a"], () => (++visits % 7 === 0 ? null : "a")),
        ],
      }),
    ]);
    expect(await tried.agent.runTask(taskOf("t"))).toMatchObject({ status: "FAILED" });
    expect(visits).toBe(4);
    expect(await tried.retry()).toMatchObject({ status: "COMPLETE" });
    expect(visits).toBe(7);
    expect(tried.log).toEqual([]);
  });

  it("stands where only its middlewares failed: they get what it gave", async () => {
    const tried = new Tried((all) => [
      new Node({
        name: "outer",
        nodes: [all.node("ok")],
        nodeConfig: { retryOnFailure: false },
        config: {
          middlewares: [
            {
              process: async (result) => {
                if (all.isBroken) throw new Error("broken");
                return { ...result, result: `filtered ${result.result as string}` };
              },
            },
          ],
        },
      }),
    ]);
    await tried.agent.runTask(taskOf("t"));
    tried.isBroken = false;
    expect(await tried.retry()).toMatchObject({ status: "COMPLETE", results: { outer: "filtered ok" } });
    expect(tried.log).toEqual([]);
  });

  it("is kept as it was left by a retry of other nodes, and by one that was put down before it began", async () => {
    const tried = new Tried((all) => [...deep(all, 2), all.node("other", [], () => all.isBroken)]);
    await tried.agent.runTask(taskOf("t"));
    tried.isBroken = false;
    expect(await tried.retry({ nodes: ["other"] })).toMatchObject({ status: "PARTIAL", failedChains: [["in 1", "last"]] });
    expect(tried.log).toEqual(["t/other.1/other 2"]);
    tried.log.length = 0;
    const run = await tried.agent.retry("t");
    await run.park();
    await expect(run.outcome).rejects.toMatchObject({ code: "run-parked" });
    expect(await (await tried.agent.resume("t")).outcome).toMatchObject({ status: "COMPLETE" });
    expect(tried.log).toEqual([keyIn(2, "bad", 2), keyIn(2, "after", 1), "t/last.1/last 1"]);
  });

  it("is refused where what it has visited is not as it was, and nothing has happened then", async () => {
    const nodes = (tried: Tried, modules: string): Node[] => [
      new Node({
        name: "outer",
        nodeConfig: { retryOnFailure: false },
        nodes: [tried.node("ok"), nodeOf("bad", ["ok"], () => failure("broken"), ONCE), nodeOf(modules)],
      }),
    ];
    const tried = new Tried((all) => nodes(all, "one"));
    await tried.agent.runTask(taskOf("t"));
    const before = await new Runs(tried.store).get("t");
    await expect(new Agent({ store: tried.store, nodes: nodes(tried, "two") }).retry("t")).rejects.toMatchObject({
      code: "snapshot-other-graph",
      message: expect.stringContaining('in "outer": node "one" of the snapshot is not in the agent\'s graph'),
    });
    expect(await new Runs(tried.store).get("t")).toEqual(before);
    expect((await tried.store.read("t"))?.lease).toBeNull();
  });

  it("goes on in a graph of hundreds of nodes, and leaves out those that stood", async () => {
    const names = Array.from({ length: 600 }, (_, place) => `n${place}`);
    const nodes = (all: Tried) => [
      new Node({
        name: "outer",
        nodeConfig: { retryOnFailure: false },
        nodes: names.map((name) => all.node(name, [], () => all.isBroken && name === "n300")),
      }),
    ];
    const tried = new Tried(nodes, { store: new MemoryStore({ keepEvents: 10_000 }) });
    await tried.agent.runTask(taskOf("t"));
    tried.isBroken = false;
    expect(await tried.retry()).toMatchObject({ status: "COMPLETE" });
    expect(tried.log).toEqual(["t/outer.1/n300.1/n300 2"]);
  });
});
