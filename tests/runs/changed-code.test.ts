/** Code that changes under a stored run: what fits goes on, what does not is refused by name, or mended. */
import {
  Agent,
  type AgentEvent,
  type AgentOptions,
  FlowControlModule,
  MemoryStore,
  type Migration,
  Node,
  type RunStore,
  Runs,
} from "asimov-agents";
import { applyEvents } from "asimov-agents/view";
import { describe, expect, it } from "vitest";
import { aborted, deferred, failing, moduleOf, nodeOf, success, within } from "../run/support.ts";
import { overTheWire } from "../support/told.ts";
import { all, allStores, opening, taskOf } from "./stores.ts";

interface Shape {
  name: string;
  after?: string[];
  modules?: string[];
}

/** Nodes that log what runs; the one that `stays` names works until it is aborted. */
function graphOf(shapes: readonly Shape[], log: string[] = [], stays?: string): { nodes: Node[]; entered: Promise<void> } {
  const entered = deferred();
  const nodes = shapes.map(({ name, after = [], modules = [name] }) => {
    const work = (module: string) =>
      moduleOf(module, async ({ idempotencyKey, signal, values }) => {
        log.push(idempotencyKey);
        await values.set(`seen ${name}`, true);
        await values.set(`@odd: 100% ${name}`, [name]);
        if (name === stays) {
          entered.resolve();
          await aborted(signal);
          signal.throwIfAborted();
        }
        return success(module);
      });
    return new Node({ name, dependencies: after, modules: modules.map(work) });
  });
  return { nodes, entered: entered.promise };
}

const CHAIN: readonly Shape[] = [{ name: "a" }, { name: "b", after: ["a"] }, { name: "c", after: ["b"] }, { name: "d", after: ["c"] }];

/** Stored with `a` done and `b` under way. */
async function parkAtB(store: RunStore, shapes = CHAIN): Promise<void> {
  const { nodes, entered } = graphOf(shapes, [], "b");
  const run = new Agent({ name: "changing", version: "1", store, nodes }).start(taskOf("t"));
  await entered;
  await run.park();
}

const codeOf = (options: AgentOptions): Agent => new Agent({ name: "changing", version: "2", ...options });

describe.each(allStores())("a run of a %s store whose code has changed", (_, make) => {
  const open = opening(make);

  it("goes on where all that it has visited is as it was, and says what is not", async () => {
    const store = open();
    await parkAtB(store);
    const log: string[] = [];
    // `c` is made of something else, `d` is gone, `e` and `f` are new, and `c` depends on them, too.
    const now = [
      { name: "e" },
      { name: "a" },
      { name: "c", after: ["b", "f"], modules: ["c1", "c2"] },
      { name: "b", after: ["a"] },
      { name: "f", after: ["a"] },
    ];
    const run = await codeOf({ store, nodes: graphOf(now, log).nodes }).resume("t");
    const events: AgentEvent[] = [];
    for await (const event of run.events()) events.push(event);
    const outcome = await run.outcome;
    expect(outcome).toMatchObject({ status: "COMPLETE", results: { a: "a", b: "b", c: { c1: "c1", c2: "c2" }, e: "e", f: "f" } });
    expect(log.toSorted()).toEqual(["t/b.1/b", "t/c.1/c1", "t/c.1/c2", "t/e.1/e", "t/f.1/f"]);
    expect(log.indexOf("t/c.1/c1")).toBeGreaterThan(log.indexOf("t/f.1/f"));
    const changed = (await all(new Runs(store).events("t"))).filter(({ type }) => type === "graph.changed");
    expect(changed).toMatchObject([
      {
        changes: [
          'node "c" depended on "b" and depends on "b", "f" now',
          'node "c" was made of "c" and is made of "c1", "c2" now',
          'node "d" of the snapshot is not in the agent\'s graph',
          'node "e" of the agent\'s graph is not in the snapshot',
          'node "f" of the agent\'s graph is not in the snapshot',
        ],
      },
    ]);
    const view = await new Runs(store).get("t");
    expect(view).toEqual(overTheWire(run.view()));
    expect(view.graph.nodes.map(({ name }) => name)).toEqual(["e", "a", "c", "b", "f"]);
    expect(applyEvents(undefined, await all(new Runs(store).events("t")))).toEqual(view);
    expect(await store.read("t")).toMatchObject({ version: "2" });
    expect([view.version, (await new Runs(store).at("t", 1)).version]).toEqual(["2", "1"]);
  });

  it.each([
    ["other names", [{ name: "x" }, { name: "y", after: ["x"] }]],
    ["a node before the first", [{ name: "x" }, { name: "a", after: ["x"] }, { name: "b", after: ["a"] }]],
    ["one more", [...CHAIN, { name: "last", after: ["d"] }]],
    ["one fewer", CHAIN.slice(1).map(({ name }, place) => (place === 0 ? { name } : { name, after: [CHAIN[place]?.name as string] }))],
  ])("runs all of the newer code where it had begun with none (%s)", async (_change, now) => {
    const store = open();
    await parkAtB(store);
    const log: string[] = [];
    const agent = codeOf({ store, nodes: graphOf(now, log).nodes });
    const results = Object.fromEntries(now.map(({ name }) => [name, name]));
    const forked = await agent.fork("t", { generation: 1, taskId: "forked" });
    expect(await forked.outcome).toMatchObject({ status: "COMPLETE", results });
    expect(forked.view()).toMatchObject({ version: "2" });
    expect(await agent.runFromSnapshot({ taskId: "t", generation: 1 })).toMatchObject({ status: "COMPLETE", results });
    const order = now.map(({ name }) => `${name}.1/${name}`);
    expect(log).toEqual([...order.map((key) => `forked/${key}`), ...order.map((key) => `t/${key}`)]);
    expect(await new Runs(store).get("t")).toMatchObject({ status: "COMPLETE" });
  });

  it("can be put down and taken up again by the newer code", async () => {
    const store = open();
    await parkAtB(store);
    const now = [{ name: "new" }, ...CHAIN.slice(0, 3), { name: "last", after: ["c", "new"] }];
    const second = graphOf(now, [], "c");
    const run = await codeOf({ store, nodes: second.nodes }).resume("t");
    for await (const event of run.events({ from: 1 })) if (event.type === "module.started" && event.node === "b") break;
    await run.park();
    const log: string[] = [];
    const third = await codeOf({ store, nodes: graphOf(now, log).nodes }).resume("t");
    expect(await third.outcome).toMatchObject({ status: "COMPLETE", executions: { a: 1, b: 1, c: 1, last: 1, new: 1 } });
    expect(log).not.toContain("t/a.1/a");
    expect((await all(new Runs(store).events("t"))).filter(({ type }) => type === "graph.changed")).toHaveLength(1);
  });

  it("is of the version that went on with it last: what mends it a second time is told so", async () => {
    const store = open();
    await parkAtB(store);
    const seen: string[] = [];
    const under = (version: string, shapes: readonly Shape[], rename?: [string, string], log: string[] = []) => {
      const { nodes } = graphOf(shapes, log, version === "4" ? undefined : "b");
      const migrate = (run: Migration): void => {
        seen.push(run.version);
        if (rename !== undefined) run.rename(...rename);
      };
      return new Agent({ name: "changing", version, store, nodes, migrate });
    };
    const atB = async (agent: Agent): Promise<void> => {
      const run = await agent.resume("t");
      for await (const { type } of run.events({ from: run.view().seq + 1 })) if (type === "module.started") break;
      await run.park();
    };
    const chain = (first: string): Shape[] => [
      { name: first, modules: ["a"] },
      { name: "b", after: [first] },
    ];
    await atB(under("2", chain("first"), ["a", "first"]));
    const runs = new Runs(store);
    expect((await runs.get("t")).version).toBe("2");
    // Fits as it is: nobody mends it, and it is newer code that goes on with it all the same.
    await atB(under("3", chain("first")));
    expect((await runs.get("t")).version).toBe("3");
    const run = await under("4", chain("start"), ["first", "start"]).resume("t");
    expect(await run.outcome).toMatchObject({ status: "COMPLETE", results: { start: "a", b: "b" } });
    expect(seen).toEqual(["1", "3"]);
    const view = await runs.get("t");
    expect([view.version, run.view().version]).toEqual(["4", "4"]);
    expect(applyEvents(undefined, await all(runs.events("t")))).toEqual(view);
    expect((await runs.at("t", 1)).version).toBe("1");
    // From an older generation, and as another run, it is of the code that does it.
    const other = new Agent({ name: "other", version: "5", store, nodes: graphOf(chain("start")).nodes });
    const forked = await other.fork("t", { taskId: "forked" });
    await forked.outcome;
    expect([forked.view().agent, forked.view().version]).toEqual(["other", "5"]);
    const forkedView = await runs.get("forked");
    expect([forkedView.agent, forkedView.version]).toEqual(["other", "5"]);
    expect(applyEvents(undefined, await all(runs.events("forked")))).toEqual(forkedView);
  });

  it("is refused with each difference where what it has visited is not as it was", async () => {
    const store = open();
    await parkAtB(store);
    const refused = async (shapes: readonly Shape[]): Promise<string> => {
      const error: Error & { code?: string } = await codeOf({ store, nodes: graphOf(shapes).nodes })
        .resume("t")
        .then(
          () => new Error("it was accepted"),
          (thrown) => thrown,
        );
      expect(error.code).toBe("snapshot-other-graph");
      return error.message;
    };
    expect(await refused([{ name: "x" }, { name: "b" }])).toMatch(
      /node "a" of the snapshot is not in.*node "b" depended on "a" and depends on none now/,
    );
    expect(await refused([{ name: "a" }, { name: "b", after: ["a"], modules: ["other"] }])).toMatch(
      /node "b" was made of "b" and is made of "other" now/,
    );
    const more = await refused([{ name: "a" }, { name: "b", after: ["a"], modules: ["b", "c"] }]);
    expect(more).toMatch(/node "b" was made of "b" and is made of "b", "c" now/);
    expect(more, "once").not.toContain("of the kinds");
    const flow = new FlowControlModule({ name: "a", flowConfig: { decisions: [] } });
    const kinds = codeOf({ store, nodes: [new Node({ name: "a", modules: [flow] }), ...graphOf(CHAIN).nodes.slice(1)] });
    await expect(kinds.resume("t")).rejects.toMatchObject({
      message: expect.stringContaining('node "a" was of the kinds EXECUTOR and is of the kinds FLOW_CONTROL now'),
    });
    // Refused, it is as it was, and nobody's.
    expect(await (await codeOf({ store, nodes: graphOf(CHAIN).nodes }).resume("t")).outcome).toMatchObject({ status: "COMPLETE" });
  });

  it("is mended by its agent: nodes renamed, dropped and visited again, values changed", async () => {
    const store = open();
    await parkAtB(store);
    const log: string[] = [];
    const now = [
      { name: "first", modules: ["a"] },
      { name: "b", after: ["first"], modules: ["b1", "b2"] },
      { name: "c", after: ["b"] },
    ];
    const seen: unknown[] = [];
    const migrate = (run: Migration): void => {
      seen.push(run.version, run.values.get("seen a"), run.values.get("nothing"), run.values.get("@odd: 100% a"));
      run.values.delete("@odd: 100% a");
      run.rename("a", "first");
      run.rerun("b");
      run.values.set("mended", { by: "hand" });
      run.values.delete("seen a");
    };
    const run = await codeOf({ store, nodes: graphOf(now, log).nodes, migrate }).resume("t");
    expect(await run.outcome).toMatchObject({
      status: "COMPLETE",
      results: { first: "a", b: { b1: "b1", b2: "b2" }, c: "c" },
      executions: { first: 1, b: 2, c: 1 },
    });
    expect(seen).toEqual(["1", true, undefined, ["a"]]);
    expect(log).toEqual(["t/b.2/b1", "t/b.2/b2", "t/c.1/c"]);
    expect(await run.values.getAll()).toMatchObject({ mended: { by: "hand" }, "seen b": true });
    const keys = await run.values.keys();
    expect([keys.has("seen a"), keys.has("@odd: 100% a"), keys.has("@odd: 100% b")]).toEqual([false, false, true]);
    const view = await new Runs(store).get("t");
    expect(view).toEqual(overTheWire(run.view()));
    expect(view.nodes.first).toMatchObject({ status: "COMPLETE", result: "a" });
    expect(applyEvents(undefined, await all(new Runs(store).events("t")))).toEqual(view);
  });

  it("is mended by dropping a node that it was in, and refused where that is not enough", async () => {
    const store = open();
    await parkAtB(store);
    const now = graphOf([{ name: "a" }, { name: "z", after: ["a"] }]).nodes;
    const half = codeOf({ store, nodes: now, migrate: () => {} });
    await expect(half.resume("t")).rejects.toMatchObject({ code: "snapshot-other-graph" });
    const wrong = codeOf({ store, nodes: now, migrate: (run) => run.drop("nobody") });
    await expect(wrong.resume("t")).rejects.toMatchObject({ code: "snapshot-migrate", message: expect.stringContaining('"nobody"') });
    const run = await codeOf({ store, nodes: now, migrate: (mended) => mended.drop("b") }).resume("t");
    expect(await run.outcome).toMatchObject({ status: "COMPLETE", results: { a: "a", z: "z" }, executions: { a: 1, z: 1 } });
    expect(await new Runs(store).get("t")).toEqual(overTheWire(run.view()));
  });
});

describe("a run whose nested graph has changed", () => {
  const entered = () => deferred();
  const stay = (arrived: { resolve(): void }) =>
    nodeOf("inner", [], async ({ signal }) => {
      arrived.resolve();
      await aborted(signal);
      signal.throwIfAborted();
    });

  it("goes on in it where it fits, and with new nodes in it", async () => {
    const store = new MemoryStore();
    const arrived = entered();
    const run = new Agent({ store, nodes: [new Node({ name: "outer", nodes: [stay(arrived), nodeOf("gone", ["inner"])] })] }).start(
      taskOf("t"),
    );
    await arrived.promise;
    await run.park();
    const now = [new Node({ name: "outer", nodes: [nodeOf("fresh"), nodeOf("inner")] })];
    const later = await new Agent({ store, nodes: now }).resume("t");
    expect(await later.outcome).toMatchObject({ status: "COMPLETE", results: { outer: { fresh: "fresh", inner: "inner" } } });
    expect(await new Runs(store).get("t")).toEqual(overTheWire(later.view()));
  });

  it("does not care what an ended composite was made of, nor of chains that failed", async () => {
    const store = new MemoryStore();
    const arrived = entered();
    const nodes = (isNew: boolean) => [
      within(1, nodeOf(isNew ? "other" : "leaf")),
      failing("broken"),
      nodeOf("blocked", ["broken"]),
      ...(isNew ? [nodeOf("also blocked", ["broken", "inner"])] : []),
    ];
    const run = new Agent({
      store,
      nodes: [...nodes(false), new Node({ name: "inner", dependencies: ["around 1"], modules: [...stay(arrived).modules] })],
    }).start(taskOf("t"));
    await arrived.promise;
    for await (const event of run.events({ from: 1 })) if (event.type === "node.blocked") break;
    await run.park();
    const later = await new Agent({ store, nodes: [...nodes(true), nodeOf("inner", ["around 1"])] }).resume("t");
    expect(await later.outcome).toMatchObject({
      status: "PARTIAL",
      failedChains: [["broken", "blocked", "also blocked"]],
      results: { "around 1": "leaf", inner: "inner" },
    });
    expect(await new Runs(store).get("t")).toEqual(overTheWire(later.view()));
  });

  /** `outer` holds `deep`, in which one node has ended and one works. */
  const nested = (names: { outer: string; done: string }, log: string[], arrived?: { resolve(): void }) => [
    new Node({
      name: names.outer,
      nodes: [
        new Node({
          name: "deep",
          nodes: [
            nodeOf(names.done, [], ({ idempotencyKey }) => success(log.push(idempotencyKey))),
            nodeOf("works", [names.done], async ({ signal, idempotencyKey }) => {
              log.push(idempotencyKey);
              if (arrived === undefined) return success("works");
              arrived.resolve();
              await aborted(signal);
              signal.throwIfAborted();
            }),
          ],
        }),
      ],
    }),
    nodeOf("last", [names.outer]),
  ];

  async function parked(store: RunStore, nodes: (arrived: { resolve(): void }) => Node[], options: AgentOptions = {}): Promise<void> {
    const arrived = entered();
    const run = new Agent({ store, nodes: nodes(arrived), ...options }).start(taskOf("t"));
    await arrived.promise;
    await run.park();
  }

  it("is refused by its path, and mended by a visit anew of what it is nested in, also when it is put down again", async () => {
    const store = new MemoryStore();
    await parked(store, (arrived) => nested({ outer: "outer", done: "done" }, [], arrived));
    const changed = (log: string[], arrived?: { resolve(): void }) => nested({ outer: "outer", done: "other" }, log, arrived);
    await expect(new Agent({ store, nodes: changed([]) }).resume("t")).rejects.toMatchObject({
      code: "snapshot-other-graph",
      message: expect.stringContaining('in "outer" → "deep": node "done" of the snapshot is not in the agent\'s graph'),
    });
    const migrate = (run: Migration) => run.rerun("outer");
    const made = (log: string[], arrived?: { resolve(): void }) => [
      new Node({ name: "outer", nodes: [...(changed(log, arrived)[0] as Node).nodes, nodeOf("more")] }),
      nodeOf("last", ["outer"]),
    ];
    const arrived = entered();
    const run = await new Agent({ store, nodes: made([], arrived), migrate }).resume("t");
    await arrived.promise;
    await run.park();
    const log: string[] = [];
    const again = await new Agent({ store, nodes: made(log) }).resume("t");
    expect(await again.outcome).toMatchObject({ status: "COMPLETE", executions: { outer: 2, last: 1 } });
    expect(log).toEqual(["t/outer.2/deep.1/works.1/works"]);
    expect(await new Runs(store).get("t")).toEqual(overTheWire(again.view()));
  });

  it("goes on under another name of what it is nested in, at any depth, and says so wherever it is told", async () => {
    const store = new MemoryStore();
    await parked(store, (arrived) => nested({ outer: "outer", done: "done" }, [], arrived));
    const log: string[] = [];
    const migrate = (run: Migration) => run.rename("outer", "around");
    const options = { nodes: nested({ outer: "around", done: "done" }, log), migrate };
    const run = await new Agent({ store, ...options }).resume("t");
    const events: AgentEvent[] = [];
    for await (const event of run.events()) events.push(event);
    expect(await run.outcome).toMatchObject({ status: "COMPLETE", executions: { around: 1, last: 1 } });
    // What works goes on under the key that it had.
    expect(log).toEqual(["t/outer.1/deep.1/works.1/works"]);
    const paths = new Set(events.map(({ graph }) => graph.join("/")));
    expect(paths).toEqual(new Set(["", "around", "around/deep"]));
    expect(await new Runs(store).get("t")).toEqual(overTheWire(run.view()));
    const stored = await store.load("t");
    expect([...(stored?.parts.keys() ?? [])].filter((name) => name.startsWith("@outer"))).toEqual([]);
  });

  it("that failed is retried under another name of what it is nested in", async () => {
    const store = new MemoryStore();
    const nodes = (outer: string, log: string[], isBroken: boolean) => [
      new Node({
        name: outer,
        nodeConfig: { retryOnFailure: false },
        nodes: [
          new Node({
            name: "deep",
            nodeConfig: { retryOnFailure: false },
            nodes: [
              nodeOf("done", [], ({ idempotencyKey }) => success(log.push(idempotencyKey))),
              isBroken ? failing("bad", ["done"]) : nodeOf("bad", ["done"], ({ idempotencyKey }) => success(log.push(idempotencyKey))),
            ],
          }),
        ],
      }),
    ];
    await new Agent({ store, nodes: nodes("outer", [], true) }).runTask(taskOf("t"));
    const log: string[] = [];
    const migrate = (run: Migration) => run.rename("outer", "around");
    const run = await new Agent({ store, nodes: nodes("around", log, false), migrate }).retry("t");
    const events: AgentEvent[] = [];
    for await (const event of run.events()) events.push(event);
    expect(await run.outcome).toMatchObject({ status: "COMPLETE", executions: { around: 1 } });
    expect(log).toEqual(["t/outer.1/deep.1/bad.1/bad"]);
    expect(new Set(events.map(({ graph }) => graph.join("/")))).toEqual(new Set(["", "around", "around/deep"]));
    expect(await new Runs(store).get("t")).toEqual(overTheWire(run.view()));
  });
});

describe("a migrate that is wrong", () => {
  it.each<[what: string, migrate: (run: Migration) => unknown, code: string, says: string]>([
    [
      "throws",
      () => {
        throw new Error("no idea");
      },
      "snapshot-migrate",
      "no idea",
    ],
    ["renames what is not there", (run) => run.rename("nobody", "z"), "snapshot-migrate", 'holds no node "nobody"'],
    ["renames to a name that is taken", (run) => run.rename("a", "b"), "snapshot-migrate", 'holds a node "b" already'],
    ["drops what is not there", (run) => run.drop("nobody"), "snapshot-migrate", 'holds no node "nobody"'],
    ["visits again what is not there", (run) => run.rerun("nobody"), "snapshot-migrate", 'holds no node "nobody"'],
    ["sets what is no JSON", (run) => run.values.set("bad", () => 1), "snapshot-migrate", 'value "bad"'],
    ["sets the task", (run) => run.values.set("task", 1), "snapshot-migrate", "task"],
    ["answers later", async () => {}, "snapshot-migrate", "a promise"],
    ["renames to what the code does not hold", (run) => run.rename("a", "y"), "snapshot-other-graph", 'node "y" of the snapshot'],
    ["drops what a visited node depends on", (run) => run.rename("b", "z"), "snapshot-other-graph", 'node "a" of the snapshot'],
  ])("that %s is refused, and the run stays as it was", async (_what, migrate, code, says) => {
    const store = new MemoryStore();
    await parkAtB(store);
    const before = await new Runs(store).get("t");
    const nodes = graphOf([{ name: "z" }]).nodes;
    await expect(codeOf({ store, nodes, migrate: migrate as (run: Migration) => void }).resume("t")).rejects.toMatchObject({
      code,
      message: expect.stringContaining(says),
    });
    expect(await new Runs(store).get("t")).toEqual(before);
    expect(await (await codeOf({ store, nodes: graphOf(CHAIN).nodes }).resume("t")).outcome).toMatchObject({ status: "COMPLETE" });
  });
});
